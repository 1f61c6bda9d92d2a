#include "drivers/cpio.h"
#include "tests/fuzz/fuzz.h"

using namespace rehost;           // NOLINT: a program of one function
using namespace rehost::testing;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = as_text(data, size);
  try {
    const CpioArchive archive = parse_cpio(bytes);
    for (const CpioEntry& entry : archive.entries) {
      cpio_content(bytes, archive, entry);
    }
    require(splice_cpio(bytes, archive, {}, {}) == bytes, "adding nothing changes nothing");
    const ArchiveEntry added{
        .path = "lib/rehost/added", .mode = kRegularFile | 0644, .content = "x"};
    const std::string changed = splice_cpio(bytes, archive, {}, {&added, 1});
    const CpioArchive again = parse_cpio(changed);
    require(again.entries.size() == archive.entries.size() + 1, "one entry more");
    require(cpio_content(changed, again, again.entries.back()) == "x",
            "which holds what it should");
  } catch (const Error&) {
    find_cpio(bytes, 0);
  }
  return 0;
}
