// What every run has, whatever it does: listeners for its events, and an end that is put into its
// report.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "converter/core/error.h"
#include "converter/core/event.h"
#include "converter/heartbeat_events.h"
#include "converter/json_events.h"
#include "converter/options.h"
#include "converter/report.h"
#include "converter/terminal_events.h"

namespace rehost {

// The terminal and --events, with heartbeats.
class Listeners : public EventSink {
 public:
  // Throws Error(usage) when --events cannot be written.
  explicit Listeners(const Options& options);
  void on(const Event& event) override { heartbeat_->on(event); }
  // See JsonEvents.
  void set_subject(const EventSubject& subject);

 private:
  struct Fan : public EventSink {
    std::optional<TerminalEvents> terminal;
    std::optional<JsonEvents> json;
    bool log = false;
    void on(const Event& event) override;
  };
  Fan fan_;
  std::optional<HeartbeatEvents> heartbeat_;  // the last to be made and the first to go
};

// Runs it, and puts its outcome into the report. The only place, beside the copier's threads and
// main, that catches.
void conclude(Report& report, const std::function<void()>& act);
void conclude(Report& report, ErrorKind kind, const std::string& sentence);

// When it began, how long it took, what was read.
class Stopwatch {
 public:
  explicit Stopwatch(Report& report);
  void stop();

 private:
  Report& report_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

Finished finished(const Report& report, const std::string& last_sentence);

// With --quiet the terminal has heard nothing of an error.
void complain(const Report& report, const Options& options);

}  // namespace rehost
