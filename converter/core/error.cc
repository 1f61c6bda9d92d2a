#include "converter/core/error.h"

#include <cassert>
#include <system_error>

namespace rehost {
namespace {

constexpr ErrorKindRow kErrorKinds[] = {
    {ErrorKind::internal, "internal", 1, false, "an unexpected exception: a bug in rehost"},
    {ErrorKind::usage, "usage", 2, false, "a bad option or job file"},
    {ErrorKind::unsupported_guest, "unsupported-guest", 3, false,
     "no operating system rehost can convert"},
    {ErrorKind::guest_damaged, "guest-damaged", 4, false,
     "a file system or a file of the guest is malformed"},
    {ErrorKind::plan_conflict, "plan-conflict", 5, true, "the guest changed under the plan"},
    {ErrorKind::environment, "environment", 6, true,
     "the worker lacks something: appliance, memory, disk space"},
    {ErrorKind::image_io, "image-io", 7, true, "a disk image cannot be read or written"},
    {ErrorKind::verification, "verification", 8, false, "finished, but the result would not boot"},
    {ErrorKind::cancelled, "cancelled", 9, true, "stopped by a signal"},
};

}  // namespace

std::span<const ErrorKindRow> error_kinds() {
  return kErrorKinds;
}

const ErrorKindRow& describe(ErrorKind kind) {
  for (const ErrorKindRow& row : kErrorKinds) {
    if (row.kind == kind) {
      return row;
    }
  }
  assert(false && "every ErrorKind has a row");
  return kErrorKinds[0];
}

std::string errno_text(int error_number) {
  return std::generic_category().message(error_number);
}

}  // namespace rehost
