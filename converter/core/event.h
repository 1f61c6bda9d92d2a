// What is happening while it happens. Producers state facts and never format them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "converter/core/edit.h"

namespace rehost {

// The first event of a job; other commands have none.
struct Started {
  std::string mode;  // "test" or "cutover"
};
struct PhaseStarted {
  std::string phase;
};
struct PhaseFinished {
  std::string phase;
  double seconds = 0;
};
// Completed work of the running phase; `done` never goes back.
struct Progress {
  std::string phase;
  uint64_t done = 0;
  uint64_t total = 0;
};
// The running phase has said nothing for a while, and is at work all the same.
struct Heartbeat {
  std::string phase;
  double seconds = 0;  // since it began
};
struct EditApplied {
  std::string fix;
  std::string summary;
};
struct WarningRaised {
  Warning warning;
};
// The last event of every run.
struct Finished {
  std::string outcome;  // "done", or the name of the error kind
  int exit_code = 0;
  std::string sentence;
  bool retryable = false;
};

using Event = std::variant<Started, PhaseStarted, PhaseFinished, Progress, Heartbeat, EditApplied,
                           WarningRaised, Finished>;

class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on(const Event& event) = 0;
};

}  // namespace rehost
