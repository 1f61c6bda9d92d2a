#include "converter/integrity.h"

#include <gtest/gtest.h>

#include "images/copier.h"
#include "tests/support/expect_error.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

class NoEvents : public EventSink {
 public:
  void on(const Event& /*event*/) override {}
};

// A disk whose last block is short, written to a disk that has so many bytes.
class ResultOnADisk : public testing::TestWithParam<uint64_t> {
 protected:
  static constexpr uint64_t kSize = 3 * kBlockSize + 4096;

  void SetUp() override {
    ASSERT_TRUE(have_program("qemu-img")) << "scripts/setup installs it";
    const std::vector<std::byte> disk = mixed_disk(kSize, 7);
    text.assign(reinterpret_cast<const char*>(disk.data()), disk.size());
    const std::string source = directory.write("source.raw", text);
    overlays.emplace_back(Volume{"disk0", source, "raw", kSize}, directory.path());
    manifests.push_back(hash_image(MemorySource(disk)));
    target = directory.write("target.raw", text + std::string(GetParam() - kSize, '\0'));
    options.command = Command::convert;
    options.sources = {source};
    options.output_disks = {target};
    options.format = "raw";
  }
  void verify() { verify_results(overlays, manifests, options, events, {}); }

  const TemporaryDirectory directory;
  std::string text;
  std::vector<Overlay> overlays;
  std::vector<BlockManifest> manifests;
  std::string target;
  Options options;
  NoEvents events;
};

TEST_P(ResultOnADisk, ReadsBackAsItWasWritten) {
  EXPECT_NO_THROW(verify());
  options.output_disks.clear();
  options.in_place = true;
  EXPECT_NO_THROW(verify());
}

TEST_P(ResultOnADisk, EveryByteOfItCounts) {
  for (const uint64_t offset : {uint64_t{0}, kSize - 1}) {
    const char other = static_cast<char>(text[offset] + 1);
    patch(target, offset, std::string_view(&other, 1));
    EXPECT_ERROR(ErrorKind::image_io, "does not read back as it was written", verify());
    patch(target, offset, text.substr(offset, 1));
  }
}

TEST_P(ResultOnADisk, OneThatHasBecomeSmallerDoesNot) {
  std::filesystem::resize_file(target, kSize - 4096);
  EXPECT_ERROR(ErrorKind::image_io, "does not read back as it was written", verify());
}

INSTANTIATE_TEST_SUITE_P(OfItsSizeOrLarger, ResultOnADisk,
                         testing::Values(3 * kBlockSize + 4096, 4 * kBlockSize,
                                         4 * kBlockSize + 512, 9 * kBlockSize));

}  // namespace
}  // namespace rehost
