#include "images/journal.h"
#include "tests/fuzz/fuzz.h"

using namespace rehost;           // NOLINT: a program of one function
using namespace rehost::testing;  // NOLINT

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned /*seed*/) {
  size = LLVMFuzzerMutate(data, size, max_size);
  mend_table_hash(data, size, {.offset = 24, .length = 32, .hash = 40});
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  try {
    const JournalReader journal(file.path());
    journal.is_about(journal.volumes());
    for (size_t i = 0; i < journal.volumes().size(); ++i) {
      journal.beside_journal(i);
    }
    require(journal.manifests().size() == journal.volumes().size(), "one for each volume");
    for (const JournalEntry& entry : journal.entries()) {
      require(entry.volume < journal.volumes().size(), "an entry names a volume of the journal");
      require(journal.before(entry).size() == entry.length, "and holds what it says");
      require(journal.after(entry).size() == entry.length, "and holds what it says");
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
