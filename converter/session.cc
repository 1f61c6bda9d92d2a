#include "converter/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "converter/logging.h"
#include "converter/patient_write.h"
#include "converter/printable.h"

namespace rehost {
namespace {

// What this process and those that it has waited for, appliances too, have read; none where the
// kernel does not count.
std::optional<uint64_t> bytes_read_so_far() {
  std::ifstream in("/proc/self/io");
  std::string name;
  uint64_t bytes = 0;
  if (in >> name >> bytes && name == "rchar:") {
    return bytes;
  }
  return std::nullopt;
}

}  // namespace

void Listeners::Fan::on(const Event& event) {
  if (terminal) {
    terminal->on(event);
  }
  if (log) {
    log_event(event);
  }
  if (json) {
    json->on(event);
  }
}

Listeners::Listeners(const Options& options) {
  constexpr auto kSilence = std::chrono::seconds(10);
  if (!options.quiet) {
    const bool terminal = isatty(STDERR_FILENO) == 1;
    fan_.terminal.emplace(write_to_stderr, terminal ? TerminalStyle::bar : TerminalStyle::lines);
  }
  if (!options.events.empty()) {
    fan_.json.emplace(options.events);
  }
  fan_.log = !options.log_file.empty();
  heartbeat_.emplace(fan_, kSilence);
}

void Listeners::set_subject(const EventSubject& subject) {
  if (fan_.json) {
    fan_.json->set_subject(subject);
  }
}

void conclude(Report& report, ErrorKind kind, const std::string& sentence) {
  const ErrorKindRow& row = describe(kind);
  report.outcome = row.name;
  report.exit_code = row.exit_code;
  report.retryable = row.retryable;
  report.error = sentence;
}

void conclude(Report& report, const std::function<void()>& act) {
  try {
    act();
    report.outcome = "done";
    report.exit_code = 0;
    report.retryable = false;
    report.error.clear();
  } catch (const Error& error) {
    conclude(report, error.kind(), error.what());
  } catch (const std::bad_alloc&) {
    conclude(report, ErrorKind::environment, "out of memory: give the worker more");
  } catch (const std::exception& error) {
    conclude(report, ErrorKind::internal,
             fmt::format("{} (this is a bug in rehost)", error.what()));
  }
}

Finished finished(const Report& report, const std::string& last_sentence) {
  return {report.outcome, report.exit_code, report.exit_code == 0 ? last_sentence : report.error,
          report.retryable};
}

void complain(const Report& report, const Options& options) {
  if (options.quiet && report.exit_code != 0) {
    write_to_stderr(printable(fmt::format("rehost: {}: {}\n", report.outcome, report.error)));
  }
}

Stopwatch::Stopwatch(Report& report) : report_(report) {
  report.started = utc_now();
}

void Stopwatch::stop() {
  report_.finished = utc_now();
  report_.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  report_.bytes_read = bytes_read_so_far();
}

}  // namespace rehost
