#include "converter/in_place.h"

#include <gtest/gtest.h>

#include "converter/conversion.h"
#include "images/block_manifest.h"
#include "images/copier.h"
#include "images/journal.h"
#include "images/marks.h"
#include "images/probe.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

using Bytes = std::vector<std::byte>;

class Warnings : public EventSink {
 public:
  void on(const Event& event) override {
    if (const auto* raised = std::get_if<WarningRaised>(&event)) {
      codes.push_back(raised->warning.code);
    }
  }
  std::vector<std::string> codes;
};

// A disk whose conversion in place was killed before its first write.
class InPlace : public testing::Test {
 protected:
  InPlace() {
    disk = {"disk0", directory.write("disk.raw", std::string(kBytes, 'a')), "raw", kBytes};
    journal = default_journal_path(disk);
    manifest = directory / "rehost-disk.manifest";
  }
  void interrupt(const std::vector<std::filesystem::path>& manifests) {
    JournalWriter writer(journal, {disk}, manifests);
    writer.add(0, 4096, Bytes(512, std::byte{'a'}), Bytes(512, std::byte{'X'}));
    writer.finish();
    put_marks(journal, {}, {disk});
  }

  static constexpr uint64_t kBytes = 1 << 20;
  const TemporaryDirectory directory;
  Volume disk;
  std::filesystem::path journal;
  std::filesystem::path manifest;
  Warnings events;
  Report report;
};

TEST_F(InPlace, AReplicaThatHasJustBeenFinishedIsNotToBeCopiedAgain) {
  write_manifest(directory / "source.manifest", hash_image(*open_volume(disk), {}));
  interrupt({manifest});
  Options options;
  options.command = Command::convert;
  options.sources = {disk.path};
  options.source_format = "raw";
  options.source_manifests = {directory / "source.manifest"};
  options.in_place = true;
  options.report = directory / "report.json";
  options.work_dir = directory.path();
  options.appliance = directory / "no-appliance";
  // It goes on to the launch.
  EXPECT_ERROR(ErrorKind::environment, "no-appliance", run_conversion(options, events, {}, report));
  EXPECT_FALSE(std::filesystem::exists(journal));
  EXPECT_TRUE(std::filesystem::exists(manifest));
}

// As mv does it across file systems: another inode, the attribute goes along.
TEST_F(InPlace, ADiskThatWasMovedAloneSaysHowItIsKnownAgain) {
  interrupt({});
  std::filesystem::create_directory(directory / "far");
  Volume moved = disk;
  moved.path = directory / "far/disk.raw";
  ASSERT_EQ(shell("cp --preserve=xattr " + disk.path + " " + moved.path), 0);
  std::filesystem::remove(disk.path);
  EXPECT_ERROR(ErrorKind::plan_conflict, "moved back, or the journal beside it",
               left_behind_journal({moved}));
  std::filesystem::rename(journal, moved.path + ".rehost-journal");
  EXPECT_EQ(left_behind_journal({moved}), moved.path + ".rehost-journal");
}

TEST_F(InPlace, ARollbackSpeaksOfTheManifestOfWhatIsNoMore) {
  interrupt({manifest});
  recover({disk}, journal, Recovery::undo, {}, events, {}, report);
  EXPECT_TRUE(events.codes.empty());

  interrupt({manifest});
  write_manifest(manifest, hash_image(*open_volume(disk), {}));
  recover({disk}, journal, Recovery::undo, {}, events, {}, report);
  EXPECT_EQ(events.codes, std::vector<std::string>{"manifest-of-undone"});
}

// Who finishes it may be root, and the disk and its journal from anybody.
TEST_F(InPlace, AnOwedManifestIsWrittenOnlyWhereItIsExpected) {
  const TemporaryDirectory elsewhere;
  const std::string precious = elsewhere.write("web.manifest", "precious");
  interrupt({precious});
  recover({disk}, journal, Recovery::finish, directory / "report.json", events, {}, report);
  EXPECT_EQ(content_of(precious), "precious");
  EXPECT_EQ(report.outputs[0].manifest, "");
  EXPECT_EQ(events.codes, std::vector<std::string>{"manifest-not-written"});
  EXPECT_FALSE(std::filesystem::exists(journal));

  interrupt({precious});
  recover({disk}, journal, Recovery::finish, elsewhere / "report.json", events, {}, report);
  EXPECT_NE(content_of(precious), "precious");
  EXPECT_EQ(report.outputs[0].manifest, precious);
}

}  // namespace
}  // namespace rehost
