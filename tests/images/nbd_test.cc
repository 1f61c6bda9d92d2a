#include "images/nbd.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "images/child_process.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

// Long before anybody loses patience; no test measures how soon.
constexpr auto kAMoment = std::chrono::milliseconds(300);

class SilentServer : public testing::Test {
 protected:
  void SetUp() override { let_nbd_obey(stop.get_token()); }
  void TearDown() override { let_nbd_obey({}); }

  std::string socket() const { return directory / "nbd.sock"; }
  std::string uri() const { return "nbd+unix:///?socket=" + socket(); }
  // As SIGTERM does it, from another thread.
  std::jthread stop_in_a_moment() {
    return std::jthread([this] {
      std::this_thread::sleep_for(kAMoment);
      stop.request_stop();
    });
  }

  const TemporaryDirectory directory;
  std::stop_source stop;
};

TEST_F(SilentServer, IsNotWaitedForAtItsGreeting) {
  const FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, socket().c_str());  // NOLINT: a short path
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);  // connections are taken, and nothing is said
  const std::jthread stopping = stop_in_a_moment();
  EXPECT_ERROR(ErrorKind::cancelled, "connect to", NbdSource{uri()});
}

TEST_F(SilentServer, IsNotWaitedForWhenItFallsSilentLater) {
  REHOST_NEEDS_QEMU();
  const std::string disk = directory.write("disk.raw", std::string(1 << 20, 'x'));
  ChildProcess server({"qemu-nbd", "-r", "-t", "-e", "8", "-f", "raw", "-k", socket(), disk});
  while (server.running() && !std::filesystem::exists(socket())) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const NbdSource source(uri());
  std::vector<std::byte> bytes(1 << 20);
  source.read(0, bytes);
  EXPECT_EQ(bytes[4711], std::byte{'x'});
  ::kill(server.pid(), SIGSTOP);
  {
    const std::jthread stopping = stop_in_a_moment();
    EXPECT_ERROR(ErrorKind::cancelled, "read 1048576 bytes", source.read(0, bytes));
  }
  // Whoever comes next does not begin to wait, and nothing is put where the bytes were to go.
  EXPECT_ERROR(ErrorKind::cancelled, "map", source.extents(0, 1 << 20));
  ::kill(server.pid(), SIGCONT);
  let_nbd_obey({});
  EXPECT_ERROR(ErrorKind::cancelled, "stopped", source.read(0, bytes));
}

}  // namespace
}  // namespace rehost
