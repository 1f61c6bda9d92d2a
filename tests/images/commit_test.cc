#include "images/commit.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "images/journal.h"
#include "tests/support/expect_error.h"
#include "tests/support/kernel_calls.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

using Bytes = std::vector<std::byte>;

// What a disk shall become: every byte, and all of it said to be changed.
class Wanted : public MemorySource {
 public:
  using MemorySource::MemorySource;
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override {
    return {{offset, length, false, true}};
  }
};

// Volumes in memory that survive a crash, and the crash: the nth write or sync is the last, and
// half done. Until the machine is started again nothing works. Or it was a mere fault, and then the
// next call works again.
struct Machine {
  std::map<std::string, Bytes> volumes;
  int calls_until_crash = -1;
  bool recovers_at_once = false;
  bool down = false;

  // True for the call in the middle of which it happens.
  bool crashes_now() {
    if (down) {
      throw Error(ErrorKind::image_io, "down");
    }
    const bool crash = calls_until_crash >= 0 && calls_until_crash-- == 0;
    down = crash && !recovers_at_once;
    return crash;
  }
  void start_again() {
    down = false;
    calls_until_crash = -1;
  }
};

class MemoryWriter : public VolumeWriter {
 public:
  MemoryWriter(Machine& machine, std::string name) : machine_(machine), name_(std::move(name)) {}
  uint64_t size() const override { return machine_.volumes[name_].size(); }
  const std::string& name() const override { return name_; }
  void read(uint64_t offset, std::span<std::byte> into) override {
    std::copy_n(machine_.volumes[name_].begin() + static_cast<ptrdiff_t>(offset), into.size(),
                into.begin());
  }
  void reserve(uint64_t /*offset*/, uint64_t /*length*/) override {}
  void write(uint64_t offset, std::span<const std::byte> from) override {
    const bool crash = machine_.crashes_now();
    const size_t bytes = crash ? from.size() / 1024 * 512 : from.size();
    std::copy_n(from.begin(), bytes,
                machine_.volumes[name_].begin() + static_cast<ptrdiff_t>(offset));
    if (crash) {
      throw Error(ErrorKind::image_io, "crash");
    }
  }
  void sync() override {
    if (machine_.crashes_now()) {
      throw Error(ErrorKind::image_io, "crash");
    }
  }

 private:
  Machine& machine_;
  std::string name_;
};

class Commit : public testing::Test {
 protected:
  Commit() {
    for (const std::string name : {"/a", "/b"}) {
      before.volumes[name] = mixed_disk(3 * kBlockSize + 1024, name == "/a" ? 1 : 2);
      Bytes wanted = before.volumes[name];
      for (size_t at = 9000; at < wanted.size(); at += 70000) {
        std::fill_n(wanted.begin() + static_cast<ptrdiff_t>(at),
                    std::min<size_t>(9000, wanted.size() - at), std::byte{0x5A});
      }
      after.volumes[name] = wanted;
      sources.push_back(std::make_unique<Wanted>(wanted));
      inputs.push_back({{"disk", name, "raw", wanted.size()}, sources.back().get()});
    }
  }
  CommitOptions options_for(Machine& machine) const {
    CommitOptions options{.journal = directory / "journal"};
    options.open_writer = [&machine](const Volume& volume) {
      return std::make_unique<MemoryWriter>(machine, volume.path);
    };
    return options;
  }

  const TemporaryDirectory directory;
  Machine before;
  Machine after;
  std::vector<std::unique_ptr<Wanted>> sources;
  std::vector<CommitInput> inputs;
};

TEST_F(Commit, WritesWhatDiffersAndRemovesTheJournal) {
  Machine machine = before;
  const CommitResult result = commit_inputs(inputs, options_for(machine));
  EXPECT_EQ(machine.volumes, after.volumes);
  EXPECT_TRUE(directory.names().empty());
  EXPECT_LT(result.bytes_written, 2 * 23 * 20480U);
}

TEST_F(Commit, NothingToDoLeavesNoJournal) {
  Machine machine = after;
  EXPECT_EQ(commit_inputs(inputs, options_for(machine)).blocks_written, 0U);
  EXPECT_TRUE(directory.names().empty());
}

TEST_F(Commit, KilledAtAnyWriteItIsFinishedByRunningItAgain) {
  int calls = 0;
  for (bool crashed = true; crashed; ++calls) {
    Machine machine = before;
    machine.calls_until_crash = calls;
    try {
      commit_inputs(inputs, options_for(machine));
      crashed = false;
    } catch (const Error&) {
      machine.start_again();
      finish_commit(options_for(machine));
    }
    EXPECT_EQ(machine.volumes, after.volumes);
    EXPECT_TRUE(directory.names().empty());
  }
  EXPECT_GT(calls, 40);
}

TEST_F(Commit, KilledAtAnyWriteItIsUndoneByRollback) {
  for (int calls = 0; calls < 40; ++calls) {
    Machine machine = before;
    machine.calls_until_crash = calls;
    EXPECT_THROW(commit_inputs(inputs, options_for(machine)), Error);
    // The first rollback is killed as well.
    machine.start_again();
    machine.calls_until_crash = calls / 2;
    try {
      roll_back_commit(options_for(machine));
    } catch (const Error&) {
      machine.start_again();
      roll_back_commit(options_for(machine));
    }
    EXPECT_EQ(machine.volumes, before.volumes);
    EXPECT_TRUE(directory.names().empty());
  }
}

TEST_F(Commit, AWriteThatFailsOnceIsUndoneAtOnce) {
  for (int calls = 0; calls < 40; ++calls) {
    Machine machine = before;
    machine.recovers_at_once = true;
    machine.calls_until_crash = calls;
    EXPECT_ERROR(ErrorKind::image_io, "has been undone",
                 commit_inputs(inputs, options_for(machine)));
    EXPECT_EQ(machine.volumes, before.volumes);
    EXPECT_TRUE(directory.names().empty());
  }
}

TEST_F(Commit, WhatCannotBeUndoneKeepsItsJournalAndSaysSo) {
  Machine machine = before;
  machine.calls_until_crash = 5;
  EXPECT_ERROR(ErrorKind::image_io, "finish with rehost commit or undo with rehost rollback",
               commit_inputs(inputs, options_for(machine)));
  EXPECT_EQ(directory.names(), std::vector<std::string>{"journal"});
}

TEST_F(Commit, ASectorThatIsNeitherIsAConflictAndNothingIsWritten) {
  Machine machine = before;
  machine.calls_until_crash = 3;
  EXPECT_THROW(commit_inputs(inputs, options_for(machine)), Error);
  machine.start_again();
  machine.volumes["/b"][9000 + 70000 * 2 + 700] = std::byte{0x11};  // in the last volume
  const Machine disturbed = machine;
  EXPECT_ERROR(ErrorKind::plan_conflict, "somebody else", finish_commit(options_for(machine)));
  EXPECT_ERROR(ErrorKind::plan_conflict, "somebody else", roll_back_commit(options_for(machine)));
  EXPECT_EQ(machine.volumes, disturbed.volumes);
  EXPECT_EQ(directory.names(), std::vector<std::string>{"journal"});
}

TEST_F(Commit, AnUnfinishedJournalIsNotOverwritten) {
  Machine machine = before;
  machine.calls_until_crash = 3;
  EXPECT_THROW(commit_inputs(inputs, options_for(machine)), Error);
  EXPECT_ERROR(ErrorKind::plan_conflict, "rehost rollback",
               commit_inputs(inputs, options_for(machine)));
  EXPECT_EQ(JournalReader(directory / "journal").volumes()[1].path, "/b");
}

// Or a power cut brings it back, and without its marks.
TEST_F(Commit, AJournalThatIsGivenUpIsGoneForGood) {
  Machine machine = before;
  CommitOptions options = options_for(machine);
  size_t opened = 0;
  const OpenVolumeWriter open = options.open_writer;
  options.open_writer = [&opened, &open](const Volume& volume) {
    if (++opened == 3) {  // after the journal was made
      throw Error(ErrorKind::image_io, "gone");
    }
    return open(volume);
  };
  bool synced = false;
  for (int call = 1; call < 10; ++call) {
    opened = 0;
    const WhenCalled watch("fsync", call, [&] {
      synced = synced || (opened == 3 && !std::filesystem::exists(options.journal));
    });
    EXPECT_ERROR(ErrorKind::image_io, "gone", commit_inputs(inputs, options));
    EXPECT_TRUE(directory.names().empty());
  }
  EXPECT_TRUE(synced);
}

TEST_F(Commit, StopsBeforeTheFirstWrite) {
  std::stop_source stop;
  stop.request_stop();
  Machine machine = before;
  CommitOptions options = options_for(machine);
  options.stop = stop.get_token();
  EXPECT_ERROR(ErrorKind::cancelled, "before anything", commit_inputs(inputs, options));
  EXPECT_EQ(machine.volumes, before.volumes);
  EXPECT_TRUE(directory.names().empty());
}

TEST_F(Commit, ADamagedJournalIsNeverApplied) {
  Machine machine = before;
  machine.calls_until_crash = 0;
  EXPECT_THROW(commit_inputs(inputs, options_for(machine)), Error);
  machine.start_again();
  const std::string good = content_of(directory / "journal");
  const Machine torn = machine;
  // Every length, and a flipped byte everywhere that matters.
  for (size_t length = 0; length < good.size(); length += good.size() / 50) {
    directory.write("journal", good.substr(0, length));
    EXPECT_ERROR(ErrorKind::image_io, "journal", finish_commit(options_for(machine)));
  }
  for (size_t at = 0; at < good.size(); at += (at < 56 ? 1 : 4999)) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    if (at >= 56 && at < 4096) {
      continue;  // the empty rest of the header
    }
    directory.write("journal", bad);
    EXPECT_ERROR(ErrorKind::image_io, "", finish_commit(options_for(machine)));
  }
  EXPECT_EQ(machine.volumes, torn.volumes);
}

TEST_F(Commit, AJournalWhoseEntriesOverlapIsRefused) {
  const Bytes bytes(4096);
  JournalWriter journal(directory / "journal", {{"disk0", "/a", "raw", 1 << 20}});
  journal.add(0, 8192, bytes, bytes);
  journal.add(0, 8192 + 512, bytes, bytes);
  journal.finish();
  EXPECT_ERROR(ErrorKind::image_io, "makes no sense", JournalReader(directory / "journal"));
}

// Whoever meets one of the volumes alone must see that it is half written.
TEST_F(Commit, MarksLeadToTheJournalForAsLongAsItIsThere) {
  Machine machine = before;
  CommitOptions options = options_for(machine);
  options.marks = {directory / "b.mark"};
  machine.calls_until_crash = 7;
  EXPECT_THROW(commit_inputs(inputs, options), Error);
  EXPECT_EQ(JournalReader(directory / "b.mark").volumes().size(), 2U);
  machine.start_again();
  finish_commit(options);
  EXPECT_TRUE(directory.names().empty());

  machine = before;
  directory.write("b.mark", "a journal of its own");
  EXPECT_ERROR(ErrorKind::plan_conflict, "rehost rollback", commit_inputs(inputs, options));
  EXPECT_EQ(machine.volumes, before.volumes);
}

// Real files, a real process, killed for real at some moment.
TEST_F(Commit, ARealKillAtARandomTimeIsRecovered) {
  const auto text = [](const Bytes& bytes) {
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  std::vector<CommitInput> files = inputs;
  for (CommitInput& input : files) {
    input.volume.path = directory / input.volume.path.substr(1);
  }
  const CommitOptions options{.journal = directory / "journal"};
  for (int round = 0; round < 25; ++round) {
    directory.write("a", text(before.volumes["/a"]));
    directory.write("b", text(before.volumes["/b"]));
    const pid_t child = ::fork();
    if (child == 0) {
      commit_inputs(files, options);
      ::_exit(0);
    }
    ::usleep(static_cast<useconds_t>(round) * 300);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    if (std::filesystem::exists(directory / "journal")) {
      finish_commit(options);
    }
    const std::string a = content_of(directory / "a");
    const bool converted = a == text(after.volumes["/a"]);
    EXPECT_TRUE(converted || a == text(before.volumes["/a"]));
    EXPECT_EQ(content_of(directory / "b"),
              text(converted ? after.volumes["/b"] : before.volumes["/b"]));
  }
}

}  // namespace
}  // namespace rehost
