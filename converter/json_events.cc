#include "converter/json_events.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>

#include "converter/core/error.h"

namespace rehost {
namespace {

using Json = nlohmann::ordered_json;

struct Describe {
  Json& json;
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
    json["sentence"] = e.sentence;
  }
};

FileDescriptor open_destination(const std::string& destination) {
  int fd = -1;
  if (destination.starts_with("fd:")) {
    int number = -1;
    const char* end = destination.data() + destination.size();
    const auto [stop, error] = std::from_chars(destination.data() + 3, end, number);
    if (error != std::errc() || stop != end || number < 0) {
      throw Error(
          ErrorKind::usage,
          fmt::format("--events {}: fd: wants the number of an open descriptor", destination));
    }
    const int flags = fcntl(number, F_GETFL);
    if (flags == -1 || (flags & O_ACCMODE) == O_RDONLY) {
      throw Error(ErrorKind::usage,
                  fmt::format("--events {}: the descriptor is not open for writing", destination));
    }
    fd = fcntl(number, F_DUPFD_CLOEXEC, 3);
  } else {
    fd = open(destination.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  }
  if (fd == -1) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot write events to {}: {}", destination, errno_text(errno)));
  }
  return FileDescriptor(fd);
}

bool write_all(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return false;
    }
    done += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

std::string event_json(const Event& event, uint64_t sequence, const std::string& time) {
  Json json{{"version", 1}, {"sequence", sequence}, {"time", time}};
  std::visit(Describe{json}, event);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

JsonEvents::JsonEvents(const std::string& destination) : file_(open_destination(destination)) {}

void JsonEvents::on(const Event& event) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kBetweenProgress = std::chrono::milliseconds(500);
  if (const auto* progress = std::get_if<Progress>(&event)) {
    if (progress->done != progress->total && Clock::now() - last_progress_ < kBetweenProgress) {
      return;
    }
    last_progress_ = Clock::now();
  }
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto milliseconds = now.time_since_epoch().count() % 1000;
  const std::string time = fmt::format("{:%Y-%m-%dT%H:%M}:{:02d}.{:03d}Z",
                                       fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                                       now.time_since_epoch().count() / 1000 % 60, milliseconds);
  broken_ = broken_ || !write_all(file_.get(), event_json(event, sequence_++, time) + "\n");
}

}  // namespace rehost
