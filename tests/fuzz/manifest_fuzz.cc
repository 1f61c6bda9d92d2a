#include "images/block_manifest.h"
#include "tests/fuzz/fuzz.h"

using namespace rehost;           // NOLINT: a program of one function
using namespace rehost::testing;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text(data, size);
  try {
    const BlockManifest manifest = parse_manifest(text, "fuzz");
    require(print_manifest(manifest) == text, "what is accepted has one form");
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
