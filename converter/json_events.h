// Events for a program: one JSON object a line, versioned and numbered, to a file or a descriptor.
#pragma once

#include <chrono>
#include <string>

#include "converter/core/event.h"
#include "images/posix_file.h"

namespace rehost {

class JsonEvents : public EventSink {
 public:
  // "fd:N" (an open, writable descriptor) or a file's path. Throws Error(usage) when it cannot be
  // written.
  explicit JsonEvents(const std::string& destination);
  void on(const Event& event) override;

 private:
  FileDescriptor file_;
  uint64_t sequence_ = 0;
  std::chrono::steady_clock::time_point last_progress_;
  bool broken_ = false;  // the reader has gone: the conversion goes on without it
};

// One event as its line, without the newline. `time` is RFC 3339 in UTC.
std::string event_json(const Event& event, uint64_t sequence, const std::string& time);

}  // namespace rehost
