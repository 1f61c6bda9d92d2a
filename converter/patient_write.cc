#include "converter/patient_write.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

namespace rehost {

// A pipe gets only what it has room for, in pieces that the kernel writes whole.
Written write_patiently(int fd, std::string_view text, int patience) {
  constexpr size_t kPiece = 4096;  // PIPE_BUF
  size_t done = 0;
  while (done < text.size()) {
    pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
    const int count = poll(&ready, 1, patience);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count == 0) {
      return done == 0 ? Written::nothing : Written::broken;
    }
    const ssize_t n = ::write(fd, text.data() + done, std::min(kPiece, text.size() - done));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
      continue;
    }
    if (n <= 0) {
      return Written::broken;
    }
    done += static_cast<size_t>(n);
  }
  return Written::whole;
}

void write_to_stderr(std::string_view text) {
  constexpr int kPatience = 1000;  // milliseconds: little of the ten seconds of a SIGTERM
  static std::mutex mutex;
  static bool waiting = false;
  const std::lock_guard lock(mutex);
  waiting = write_patiently(STDERR_FILENO, text, waiting ? 0 : kPatience) != Written::whole;
}

}  // namespace rehost
