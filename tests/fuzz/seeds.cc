// Writes one good input of each kind below a directory: what the fuzzers begin with.
//
//   fuzz_seeds DIRECTORY
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "drivers/codec.h"
#include "drivers/cpio.h"
#include "images/block_manifest.h"
#include "images/delta.h"
#include "images/journal.h"
#include "tests/support/memory_source.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

// A disk of which the conversion has changed the first block and cleared the second.
class ChangedDisk : public MemorySource {
 public:
  using MemorySource::MemorySource;
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override {
    return {{offset, length, false, true}};
  }
};

void write(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

void write_archives(const fs::path& directory) {
  const std::vector<ArchiveEntry> entries = {
      {.path = "lib", .mode = kDirectory | 0755, .content = ""},
      {.path = "lib/modules", .mode = kSymlink | 0777, .content = "../usr/lib/modules"},
      {.path = "init", .mode = kRegularFile | 0755, .content = "#!/bin/sh\nexec /sbin/init\n"}};
  const std::string archive = write_cpio(entries);
  write(directory / "cpio/archive", archive);
  write(directory / "initramfs/plain", archive);
  for (const Codec codec : {Codec::gzip, Codec::xz, Codec::zstd, Codec::lz4_legacy}) {
    const std::string name(to_string(codec));
    write(directory / "initramfs" / name, compress(codec, archive));
    write(directory / "initramfs" / ("microcode-" + name), archive + compress(codec, archive));
  }
}

void write_disks(const fs::path& directory) {
  std::vector<std::byte> bytes(2 * kBlockSize);
  std::fill_n(bytes.begin() + kBlockSize, 1000, std::byte{7});
  const MemorySource before(bytes);
  bytes.assign(bytes.size(), std::byte{0});
  bytes[0] = std::byte{1};
  const ChangedDisk after(bytes);
  BlockManifest manifest = BlockManifest::all_zero(bytes.size());
  manifest.blocks[0] = hash_block(std::span(bytes).first(kBlockSize));
  manifest.zero[0] = 0;
  write(directory / "manifest/one-block", print_manifest(manifest));
  fs::create_directories(directory / "delta");
  PartialFile delta(directory / "delta/two-blocks", Existing::replace);
  write_delta(before, after, delta);
  fs::create_directories(directory / "journal");
  fs::remove(directory / "journal/two-runs");
  JournalWriter journal(directory / "journal/two-runs",
                        {{"disk0", "/dev/a", "raw", bytes.size()}, {"disk1", "b", "vmdk", 512}});
  journal.add(0, 4096, std::span(bytes).first(512), std::span(bytes).subspan(512, 512));
  journal.add(1, 0, std::span(bytes).first(512), std::span(bytes).subspan(512, 512));
  journal.finish();
}

}  // namespace
}  // namespace rehost

int main(int count, char** arguments) {
  if (count != 2) {
    return 2;
  }
  rehost::write_archives(arguments[1]);
  rehost::write_disks(arguments[1]);
  return 0;
}
