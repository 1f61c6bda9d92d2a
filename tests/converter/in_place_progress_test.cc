#include "converter/in_place.h"

#include <gtest/gtest.h>

#include <fstream>

#include "images/journal.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

class ProgressRecord : public EventSink {
 public:
  void on(const Event& event) override {
    if (const auto* progress = std::get_if<Progress>(&event)) {
      all.push_back(*progress);
    }
  }
  std::vector<Progress> all;
};

TEST(InPlaceProgress, ProgressOfRecoveryIsOnePhaseWithOneTotal) {
  const TemporaryDirectory directory;
  std::vector<Volume> volumes;
  std::vector<std::filesystem::path> manifests;
  for (const std::string name : {"disk0", "disk1"}) {
    const auto bytes = mixed_disk(3 * kBlockSize, 1);
    const std::filesystem::path path = directory.path() / (name + ".raw");
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    volumes.push_back({name, path.string(), "raw", bytes.size()});
    manifests.push_back(directory.path() / (name + ".manifest"));
  }
  const std::filesystem::path path = volumes[0].path + ".rehost-journal";
  JournalWriter journal(path, volumes, manifests);
  for (size_t i = 0; i < volumes.size(); ++i) {
    const auto before = mixed_disk(3 * kBlockSize, 1);
    journal.add(i, 0, std::span(before).first(4096), std::vector<std::byte>(4096, std::byte{7}));
  }
  journal.finish();

  ProgressRecord events;
  Report report;
  recover(volumes, path, Recovery::finish, {}, events, {}, report);
  ASSERT_GE(events.all.size(), 4U);
  uint64_t last = 0;
  for (const Progress& progress : events.all) {
    EXPECT_EQ(progress.phase, "recover");
    EXPECT_EQ(progress.total, 2 * 4096 + 6 * kBlockSize);
    EXPECT_GE(progress.done, last);
    last = progress.done;
  }
  EXPECT_EQ(last, events.all.back().total);
  EXPECT_TRUE(std::filesystem::exists(manifests[1]));
}

}  // namespace
}  // namespace rehost
