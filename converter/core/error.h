// The one error type that stops a job, and the table of its kinds.
//
// A kind decides the exit code and whether trying again may help; the sentence names the thing, the
// act and the reason, and says what to do. README.md carries the same table and a test compares the
// two.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace rehost {

enum class ErrorKind {
  internal,
  usage,
  unsupported_guest,
  guest_damaged,
  plan_conflict,
  environment,
  image_io,
  verification,
  cancelled,
};

// One row of the error table. `retryable` answers: may the same job succeed when it is run again
// unchanged?
struct ErrorKindRow {
  ErrorKind kind;
  std::string_view name;
  int exit_code;
  bool retryable;
  std::string_view meaning;
};

// Every kind, in the order of exit codes.
std::span<const ErrorKindRow> error_kinds();
const ErrorKindRow& describe(ErrorKind kind);

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& sentence) : std::runtime_error(sentence), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// "No such file or directory" for an errno value, safe in threads.
std::string errno_text(int error_number);

}  // namespace rehost
