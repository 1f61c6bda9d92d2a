// What is happening while it happens. Producers state facts and never format them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "converter/core/edit.h"

namespace rehost {

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
};

using Event =
    std::variant<PhaseStarted, PhaseFinished, Progress, EditApplied, WarningRaised, Finished>;

class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on(const Event& event) = 0;
};

}  // namespace rehost
