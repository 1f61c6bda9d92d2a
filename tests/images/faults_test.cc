// The kernel says no, or kills, at every call that writes, one after the other: afterwards what was
// there is as it was, or the new is there whole.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "images/commit.h"
#include "images/copier.h"
#include "images/delta.h"
#include "images/formats.h"
#include "images/journal.h"
#include "images/raw.h"
#include "tests/support/expect_error.h"
#include "tests/support/kernel_calls.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

using Bytes = std::vector<std::byte>;

constexpr size_t kDiskSize = 3 * kBlockSize / 2 + 512;

// Every byte said to be changed.
class Changed : public MemorySource {
 public:
  using MemorySource::MemorySource;
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override {
    return {{offset, length, false, true}};
  }
};

std::string as_text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A disk and what it becomes.
Bytes disk_before(uint32_t seed, size_t size = kDiskSize) {
  return mixed_disk(size, seed);
}
Bytes disk_after(uint32_t seed, size_t size = kDiskSize) {
  Bytes bytes = disk_before(seed, size);
  for (size_t at = 9000; at < bytes.size(); at += 70000) {
    std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(at),
                std::min<size_t>(9000, bytes.size() - at), std::byte{0x5A});
  }
  return bytes;
}

// One way to make a file, OUT in a directory.
struct Writing {
  std::string name;
  std::function<void(const SinkRequest&)> write;
};

std::vector<Writing> writings() {
  std::vector<Writing> all;
  for (const ImageFormat& row : image_formats()) {
    if (row.open_sink == nullptr) {
      continue;
    }
    const std::string name(row.name);
    all.push_back({name, [name](const SinkRequest& request) {
                     const MemorySource source(disk_before(7));
                     const auto sink = open_sink(name, request);
                     copy_image(source, *sink, {.threads = 1});
                   }});
  }
  all.push_back({"delta", [](const SinkRequest& request) {
                   PartialFile file(request);
                   write_delta(MemorySource(disk_before(7)), Changed(disk_after(7)), file);
                 }});
  all.push_back({"manifest", [](const SinkRequest& request) {
                   write_manifest(request.path, hash_image(MemorySource(disk_before(7))));
                 }});
  all.push_back({"journal", [](const SinkRequest& request) {
                   JournalWriter journal(request.path, {{"disk0", "/a", "raw", kDiskSize}});
                   journal.add(0, 0, Bytes(4096), Bytes(4096, std::byte{1}));
                   journal.finish();
                 }});
  return all;
}

std::ostream& operator<<(std::ostream& out, const Writing& writing) {
  return out << writing.name;
}

class EveryWriter : public testing::TestWithParam<Writing> {
 protected:
  SinkRequest request() const { return {.path = directory / "out", .size = kDiskSize}; }
  const TemporaryDirectory directory;
};

TEST_P(EveryWriter, FailsWithTheKernelsReasonAtAnyCallAndLeavesNothing) {
  for (const Fault fault : {Fault::once, Fault::onwards}) {
    for (const int reason : {ENOSPC, EIO}) {
      std::set<std::string> failed;
      for (int call = 1;; ++call) {
        const FailingCall failing(call, reason, fault);
        try {
          GetParam().write(request());
          failed.insert(failing.failed());
          if (failing.failed().empty()) {
            break;
          }
          // Everything was synced before it was closed.
          EXPECT_EQ(failing.failed(), "close") << "a fault was not noticed";
          EXPECT_EQ(directory.names(), std::vector<std::string>{"out"});
          std::filesystem::remove(directory / "out");
          continue;
        } catch (const Error& error) {
          // A place where no file can be made is the worker's trouble, whatever the reason.
          const bool environment = reason == ENOSPC || (failing.failed() == "open" && call == 1);
          EXPECT_EQ(error.kind(), environment ? ErrorKind::environment : ErrorKind::image_io);
          EXPECT_NE(std::string(error.what()).find(errno_text(reason)), std::string::npos)
              << error.what();
        }
        failed.insert(failing.failed());
        EXPECT_TRUE(directory.names().empty()) << failing.failed() << " " << call;
      }
      EXPECT_TRUE(std::filesystem::remove(directory / "out"));
      for (const char* name : {"open", "ftruncate", "pwrite", "fsync", "renameat2"}) {
        EXPECT_TRUE(failed.contains(name)) << name;
      }
      EXPECT_TRUE(failed.contains("close") || fault == Fault::onwards);
    }
  }
}

TEST_P(EveryWriter, KilledAtAnyCallLeavesNothingUnderTheFinalName) {
  std::string whole;
  for (const Moment moment : {Moment::before_call, Moment::after_call}) {
    for (int call = 1;; ++call) {
      const std::string killed =
          kill_at_call(call, moment, [this] { GetParam().write(request()); });
      const bool named = std::filesystem::exists(directory / "out");
      if (killed.empty()) {
        break;
      }
      if (named) {  // the rename was the last that counts
        // The directory is opened, synced and closed.
        EXPECT_TRUE(std::set<std::string>({"renameat2", "open", "fsync", "close"}).contains(killed))
            << killed;
        std::filesystem::remove(directory / "out");
      }
    }
    // What the killed ones left under the partial name is taken over, and gone.
    EXPECT_EQ(directory.names(), std::vector<std::string>{"out"});
    const std::string content = content_of(directory / "out");
    EXPECT_TRUE(whole.empty() || whole == content);
    whole = content;
    std::filesystem::remove(directory / "out");
  }
}

// A real file system that is full, for whoever may mount one.
TEST_P(EveryWriter, OnADiskThatIsFullThereIsNothingButTheReason) {
  const std::string small = directory / "small";
  std::filesystem::create_directory(small);
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=8k") != 0) {
    GTEST_SKIP() << "no tmpfs can be mounted here";
  }
  try {
    // A short manifest and a short journal fit into the first page, but not behind another file.
    std::ofstream(small + "/filler") << std::string(4096, 'x');
    GetParam().write({.path = small + "/out", .size = kDiskSize});
    EXPECT_EQ(GetParam().name, "manifest");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::environment);
    EXPECT_NE(std::string(error.what()).find(errno_text(ENOSPC)), std::string::npos)
        << error.what();
    for (const auto& entry : std::filesystem::directory_iterator(small)) {
      EXPECT_EQ(entry.path().filename(), "filler");
    }
  }
  EXPECT_EQ(::umount(small.c_str()), 0);
}

INSTANTIATE_TEST_SUITE_P(All, EveryWriter, testing::ValuesIn(writings()),
                         [](const auto& parameter) {
                           std::string name = parameter.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(UsedDisk, FailsWithTheKernelsReasonAtAnyCall) {
  const TemporaryDirectory directory;
  const SinkRequest request{.path = directory / "disk", .size = kDiskSize};
  const MemorySource source(disk_before(7));
  for (const int reason : {ENOSPC, EIO}) {
    for (int call = 1;; ++call) {
      directory.write("disk", std::string(kDiskSize, '\xEE'));
      const FailingCall failing(call, reason);
      try {
        ExistingDiskSink sink(request);
        copy_image(source, sink, {.threads = 2});
        EXPECT_EQ(failing.failed(), "");
        EXPECT_GT(call, 3);
        break;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), reason == ENOSPC ? ErrorKind::environment : ErrorKind::image_io);
        EXPECT_NE(std::string(error.what()).find(errno_text(reason)), std::string::npos);
      }
    }
    EXPECT_EQ(content_of(directory / "disk"), as_text(disk_before(7)));
  }
}

constexpr size_t kSmallDisk = 200 * 1024;  // a few calls, each of which fails in its turn

// Two raw volumes, and a delta for the first, written in place.
class InPlace : public testing::TestWithParam<bool> {
 protected:
  InPlace() {
    for (const std::string name : {"a", "b"}) {
      const uint32_t seed = name == "a" ? 1 : 2;
      before.push_back(as_text(disk_before(seed, kSmallDisk)));
      after.push_back(as_text(disk_after(seed, kSmallDisk)));
      wanted.push_back(std::make_unique<Changed>(disk_after(seed, kSmallDisk)));
      inputs.push_back({{"disk", disks / name, "raw", kSmallDisk}, wanted.back().get()});
    }
    options.journal = directory / "journal";
    if (by_delta()) {
      PartialFile file(delta, Existing::refuse);
      write_delta(MemorySource(disk_before(1, kSmallDisk)), Changed(disk_after(1, kSmallDisk)),
                  file);
      after[1] = before[1];
    } else {
      options.marks = {directory / "mark"};
    }
    start_again();
  }
  static bool by_delta() { return GetParam(); }

  void start_again() const {
    disks.write("a", before[0]);
    disks.write("b", before[1]);
  }
  void commit() const {
    if (by_delta()) {
      apply_delta(delta, inputs[0].volume, options);
    } else {
      commit_inputs(inputs, options);
    }
  }
  bool holds(const std::vector<std::string>& content) const {
    return content_of(disks / "a") == content[0] && content_of(disks / "b") == content[1];
  }
  bool journal_exists() const { return std::filesystem::exists(options.journal); }
  // No journal, and no mark anywhere.
  bool is_clean() const {
    return directory.names().empty() &&
           std::none_of(inputs.begin(), inputs.end(),
                        [](const CommitInput& input) { return mark_of(input.volume).has_value(); });
  }
  void expect_recovery(bool finish) const {
    if (finish) {
      finish_commit(options);
      EXPECT_TRUE(holds(after));
    } else {
      roll_back_commit(options);
      EXPECT_TRUE(holds(before));
    }
    EXPECT_TRUE(is_clean());
  }

  const TemporaryDirectory disks;
  const TemporaryDirectory directory;
  const TemporaryDirectory elsewhere;
  const std::string delta = elsewhere / "delta";
  std::vector<std::string> before;
  std::vector<std::string> after;
  std::vector<std::unique_ptr<Changed>> wanted;
  std::vector<CommitInput> inputs;
  CommitOptions options;
};

TEST_P(InPlace, AnyCallThatFailsOnceLeavesAllOrNothing) {
  for (const int reason : {ENOSPC, EIO}) {
    std::set<std::string> failed;
    for (int call = 1;; ++call) {
      start_again();
      const FailingCall failing(call, reason);
      try {
        commit();
        EXPECT_TRUE(holds(after));
        failed.insert(failing.failed());
        if (failing.failed().empty()) {
          break;
        }
        EXPECT_EQ(failing.failed(), "close");  // of what is synced, or was only read
      } catch (const Error& error) {
        failed.insert(failing.failed());
        // A place where no journal can be made is the worker's trouble, whatever the reason.
        const bool no_place = failing.failed() == "open" && !journal_exists();
        EXPECT_TRUE(error.kind() ==
                        (reason == ENOSPC ? ErrorKind::environment : ErrorKind::image_io) ||
                    (no_place && error.kind() == ErrorKind::environment));
        EXPECT_NE(std::string(error.what()).find(errno_text(reason)), std::string::npos)
            << error.what();
        EXPECT_TRUE(holds(before) || holds(after)) << failing.failed() << " " << call;
        if (journal_exists()) {
          // The end of a commit that is complete is the only thing that may fail behind it.
          EXPECT_TRUE(holds(after)) << failing.failed() << " " << call;
          EXPECT_NE(std::string(error.what()).find("run rehost commit"), std::string::npos)
              << error.what();
          expect_recovery(true);
        }
      }
      EXPECT_TRUE(is_clean()) << failing.failed() << " " << call;
    }
    for (const char* name : {"open", "pread", "ftruncate", "pwrite", "fallocate", "fsync", "close",
                             "renameat2", "unlink", "setxattr", "getxattr", "removexattr"}) {
      EXPECT_TRUE(failed.contains(name)) << name;
    }
    EXPECT_TRUE(by_delta() || failed.contains("symlink"));
  }
}

TEST_P(InPlace, AnyCallFromWhichOnTheDiskIsGoneIsRecovered) {
  for (const bool finish : {true, false}) {
    for (int call = 1;; ++call) {
      start_again();
      {
        const FailingCall failing(call, EIO, Fault::onwards);
        try {
          commit();
          if (failing.failed().empty()) {
            break;
          }
        } catch (const Error& error) {
          const bool told = std::string(error.what()).find("rehost rollback") != std::string::npos;
          EXPECT_TRUE(journal_exists() || !told) << error.what();
          EXPECT_TRUE(told || holds(before) || holds(after)) << error.what();
        }
      }
      if (journal_exists()) {
        expect_recovery(finish);
      }
      EXPECT_TRUE(holds(before) || holds(after)) << call;
      EXPECT_TRUE(is_clean());
    }
  }
}

// At every call of a commit: the journal's creation, each of its writes, its sync and rename, the
// volumes' writes and syncs, the journal's removal. The recovery is killed, too, once, at any of
// its calls.
TEST_P(InPlace, KilledAtAnyCallItIsFinishedOrUndone) {
  std::set<std::string> killed_at;
  int recoveries = 0;
  for (const Moment moment : {Moment::before_call, Moment::after_call}) {
    for (int call = 1;; ++call) {
      start_again();
      const std::string killed = kill_at_call(call, moment, [this] { commit(); });
      killed_at.insert(killed);
      if (journal_exists()) {
        const bool finish = ++recoveries % 2 == 0;
        kill_at_call(recoveries / 2 % 30 + 1, moment, [this, finish] {
          finish ? finish_commit(options) : roll_back_commit(options);
        });
        if (journal_exists()) {
          expect_recovery(finish);
        }
      }
      EXPECT_TRUE(holds(before) || holds(after)) << killed << " " << call;
      if (killed.empty()) {
        EXPECT_TRUE(holds(after));
        break;
      }
      // Whatever is left does not stand in the way of the next.
      if (holds(before)) {
        commit();
        EXPECT_TRUE(holds(after)) << killed << " " << call;
        EXPECT_TRUE(is_clean());
      }
    }
  }
  EXPECT_GT(recoveries, 10);
  for (const char* name : {"open", "pread", "ftruncate", "pwrite", "fallocate", "fsync", "close",
                           "renameat2", "unlink", "setxattr", "removexattr"}) {
    EXPECT_TRUE(killed_at.contains(name)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, InPlace, testing::Values(false, true), [](const auto& parameter) {
  return parameter.param ? "ApplyDelta" : "TwoVolumes";
});

// What is sparse needs room when it is written: asked for before the first byte.
TEST(InPlaceOnAFullDisk, ASparseVolumeIsRefusedUntouched) {
  const TemporaryDirectory directory;
  const TemporaryDirectory elsewhere;
  if (::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "no tmpfs can be mounted here";
  }
  const std::string disk = directory.sparse("disk.raw", kDiskSize);
  const Changed wanted(Bytes(kDiskSize, std::byte{1}));
  const Volume volume{"disk0", disk, "raw", kDiskSize};
  EXPECT_ERROR(ErrorKind::environment, "make room",
               commit_inputs({{volume, &wanted}}, {.journal = elsewhere / "journal"}));
  EXPECT_EQ(content_of(disk), std::string(kDiskSize, '\0'));
  EXPECT_TRUE(elsewhere.names().empty());
  EXPECT_EQ(::umount(directory.path().c_str()), 0);
}

TEST(InPlaceOnAnotherDisk, AJournalDoesNotFitAVolumeOfTheSameSizeAndName) {
  const TemporaryDirectory directory;
  const std::string disk = directory.write("disk.raw", as_text(disk_before(1)));
  const Volume volume{"disk0", disk, "raw", kDiskSize};
  const CommitOptions options{.journal = directory / "journal"};
  const Changed wanted(disk_after(1));
  // Killed when the journal has its name.
  int call = 1;
  while (!std::filesystem::exists(options.journal)) {
    ASSERT_NE(kill_at_call(call++, Moment::after_call,
                           [&] {
                             commit_inputs({{volume, &wanted}}, options);
                           }),
              "");
  }
  const std::string other = as_text(disk_before(99));
  directory.write("disk.raw", other);
  EXPECT_ERROR(ErrorKind::plan_conflict, "somebody else", finish_commit(options));
  EXPECT_ERROR(ErrorKind::plan_conflict, "somebody else", roll_back_commit(options));
  EXPECT_EQ(content_of(disk), other);
  directory.write("disk.raw", other.substr(0, 1 << 19));
  EXPECT_ERROR(ErrorKind::plan_conflict, "not the volume of this journal", finish_commit(options));
  std::filesystem::remove(disk);
  EXPECT_ERROR(ErrorKind::usage, "cannot open", roll_back_commit(options));
  EXPECT_TRUE(std::filesystem::exists(options.journal));
}

}  // namespace
}  // namespace rehost
