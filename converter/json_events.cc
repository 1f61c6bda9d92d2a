#include "converter/json_events.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <thread>

#include "converter/core/error.h"
#include "converter/patient_write.h"

namespace rehost {
namespace {

using Json = nlohmann::ordered_json;

double fraction_of(const Progress& progress) {
  return progress.total == 0 ? 1.0
                             : std::min(1.0, static_cast<double>(progress.done) /
                                                 static_cast<double>(progress.total));
}

struct Describe {
  Json& json;
  bool of_job;
  void operator()(const Started& e) const {
    json["event"] = "started";
    json["mode"] = e.mode;
    json["mgn_event"] = "CONVERSION_START";
  }
  void operator()(const PhaseStarted& e) const {
    json["event"] = "phase_started";
    json["phase"] = e.phase;
  }
  void operator()(const PhaseFinished& e) const {
    json["event"] = "phase_finished";
    json["phase"] = e.phase;
    json["seconds"] = e.seconds;
  }
  void operator()(const Progress& e) const {
    json["event"] = "progress";
    json["phase"] = e.phase;
    json["done"] = e.done;
    json["total"] = e.total;
    json["fraction"] = fraction_of(e);
  }
  void operator()(const Heartbeat& e) const {
    json["event"] = "heartbeat";
    json["phase"] = e.phase;
    json["seconds"] = e.seconds;
  }
  void operator()(const EditApplied& e) const {
    json["event"] = "edit_applied";
    json["fix"] = e.fix;
    json["summary"] = e.summary;
  }
  void operator()(const WarningRaised& e) const {
    json["event"] = "warning";
    json["code"] = e.warning.code;
    json["subject"] = e.warning.subject;
    json["sentence"] = e.warning.sentence;
  }
  void operator()(const Finished& e) const {
    json["event"] = "finished";
    json["outcome"] = e.outcome;
    json["exit_code"] = e.exit_code;
    json["retryable"] = e.retryable;
    json["sentence"] = e.sentence;
    if (of_job) {
      json["mgn_event"] = e.exit_code == 0 ? "CONVERSION_END" : "CONVERSION_FAIL";
    }
  }
};

// The reader of a FIFO may be a little later than we are; to wait for one that does not come would
// keep a signal from ending the run.
int open_soon(const std::string& path) {
  constexpr unsigned kMode = 0644;
  constexpr int kTries = 30;
  constexpr auto kPause = std::chrono::milliseconds(100);
  for (int i = 1;; ++i) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, kMode);
    if (fd != -1 || errno != ENXIO) {
      return fd;
    }
    if (i == kTries) {
      throw Error(
          ErrorKind::usage,
          fmt::format("cannot write events to {}: nobody reads it; start its reader first", path));
    }
    std::this_thread::sleep_for(kPause);
  }
}

// Not emptied while another run writes to it: a second worker on one job has nothing to say there.
int open_alone(const std::string& path) {
  const int fd = open_soon(path);
  struct stat status = {};
  if (fd == -1 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return fd;
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(fd);
    throw Error(
        ErrorKind::environment,
        fmt::format("another run writes its events to {}: wait for its end, or name another "
                    "file with --events",
                    path));
  }
  if (ftruncate(fd, 0) != 0) {
    const int error = errno;
    close(fd);
    throw Error(ErrorKind::environment,
                fmt::format("cannot empty {}: {}", path, errno_text(error)));
  }
  return fd;
}

// The number of the descriptor that it names, open for writing; nullopt when it is a file's path.
std::optional<int> named_descriptor(const std::string& destination) {
  int number = -1;
  if (destination == "-") {
    number = STDOUT_FILENO;
  } else if (destination.starts_with("fd:")) {
    const char* end = destination.data() + destination.size();
    const auto [stop, error] = std::from_chars(destination.data() + 3, end, number);
    if (error != std::errc() || stop != end || number < 0) {
      throw Error(
          ErrorKind::usage,
          fmt::format("--events {}: fd: wants the number of an open descriptor", destination));
    }
  } else {
    return std::nullopt;
  }
  const int flags = fcntl(number, F_GETFL);
  if (flags == -1 || (flags & O_ACCMODE) == O_RDONLY) {
    throw Error(ErrorKind::usage,
                fmt::format("--events {}: the descriptor is not open for writing", destination));
  }
  return number;
}

FileDescriptor open_destination(const std::string& destination) {
  const std::optional<int> number = named_descriptor(destination);
  const int fd = number ? fcntl(*number, F_DUPFD_CLOEXEC, 3) : open_alone(destination);
  if (fd == -1) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot write events to {}: {}", destination, errno_text(errno)));
  }
  return FileDescriptor(fd);
}

}  // namespace

std::string utc_now() {
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto milliseconds = now.time_since_epoch().count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M}:{:02d}.{:03d}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     now.time_since_epoch().count() / 1000 % 60, milliseconds);
}

std::string event_json(const Event& event, uint64_t sequence, const std::string& time,
                       const EventSubject* subject) {
  Json json{{"version", 1}, {"sequence", sequence}, {"time", time}};
  if (subject != nullptr) {
    json["job"] = subject->job.empty() ? Json() : Json(subject->job);
    if (!subject->labels.empty()) {
      json["labels"] = subject->labels;
    }
  }
  std::visit(Describe{json, subject != nullptr}, event);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void require_descriptor_for_events(const std::string& destination) {
  named_descriptor(destination);
}

JsonEvents::JsonEvents(const std::string& destination) : file_(open_destination(destination)) {}

bool JsonEvents::is_news(const Event& event) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kBetweenProgress = std::chrono::milliseconds(500);
  if (std::holds_alternative<PhaseStarted>(event)) {
    progress_ = 0;
    fraction_ = 0;
    last_progress_ = {};
  }
  const auto* progress = std::get_if<Progress>(&event);
  if (progress == nullptr) {
    return true;
  }
  if (progress->done < progress_ || fraction_of(*progress) < fraction_ ||
      (progress->done != progress->total && Clock::now() - last_progress_ < kBetweenProgress)) {
    return false;
  }
  progress_ = progress->done;
  fraction_ = fraction_of(*progress);
  last_progress_ = Clock::now();
  return true;
}

void JsonEvents::on(const Event& event) {
  constexpr int kPatience =
      3000;  // milliseconds: twice of it is less than the ten seconds of a SIGTERM
  if (finished_ || !is_news(event)) {
    return;
  }
  finished_ = std::holds_alternative<Finished>(event);
  // The number of an event that the reader had no room for is left out: it can see the gap.
  const std::string line =
      event_json(event, sequence_++, utc_now(), subject_ ? &*subject_ : nullptr) + "\n";
  if (broken_) {
    return;
  }
  const Written written =
      write_patiently(file_.get(), line, waiting_ && !finished_ ? 0 : kPatience);
  waiting_ = written == Written::nothing;
  broken_ = written == Written::broken;
}

}  // namespace rehost
