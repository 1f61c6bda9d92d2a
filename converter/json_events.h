// Events for a program: one JSON object a line, versioned and numbered, to a file or a descriptor.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "converter/core/event.h"
#include "images/posix_file.h"

namespace rehost {

// The job that events are about: its id, empty when it could not be read, and its labels.
struct EventSubject {
  std::string job;
  std::map<std::string, std::string> labels;
};

class JsonEvents : public EventSink {
 public:
  // "fd:N" (an open, writable descriptor), "-" for stdout, or a file's path. Throws Error(usage)
  // when it cannot be written.
  explicit JsonEvents(const std::string& destination);

  // Every event from now on names the job, and the first and the last say what MGN's job log calls
  // them.
  void set_subject(EventSubject subject) { subject_ = std::move(subject); }

  // Progress never goes back within a phase. Nothing is written after Finished.
  void on(const Event& event) override;

 private:
  bool is_news(const Event& event);

  FileDescriptor file_;
  std::optional<EventSubject> subject_;
  uint64_t sequence_ = 0;
  std::chrono::steady_clock::time_point last_progress_;
  uint64_t progress_ = 0;  // of the running phase
  double fraction_ = 0;    // of the running phase
  bool finished_ = false;
  bool waiting_ = false;  // the reader was too slow for the last event
  bool broken_ = false;   // the reader has gone: the conversion goes on without it
};

// Throws Error(usage) when it names a descriptor that is not open for writing. To be asked before
// this process opens anything itself: what is open then is the caller's.
void require_descriptor_for_events(const std::string& destination);

// One event as its line, without the newline. `time` is RFC 3339 in UTC.
std::string event_json(const Event& event, uint64_t sequence, const std::string& time,
                       const EventSubject* subject = nullptr);

// "2026-11-27T12:00:00.123Z"
std::string utc_now();

}  // namespace rehost
