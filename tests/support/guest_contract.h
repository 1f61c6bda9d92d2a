// What every Guest promises, as one suite of tests that runs on the fake and on the appliance, so
// that the fake cannot drift. A Maker has `static Guest& guest()`: any guest with a writable root
// that holds nothing but /prepared/first and /prepared/second, one file ("linked") with two names;
// every test works in a directory of its own.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "converter/core/error.h"
#include "converter/core/guest.h"

namespace rehost {

template <typename Maker>
class GuestContract : public testing::Test {
 protected:
  Guest& guest() { return Maker::guest(); }
  GuestPath here(const std::string& relative) {
    const testing::TestInfo* info = testing::UnitTest::GetInstance()->current_test_info();
    const GuestPath directory = GuestPath("/") / info->name();
    guest().make_directories(directory);
    return directory / relative;
  }
};

TYPED_TEST_SUITE_P(GuestContract);

TYPED_TEST_P(GuestContract, WhatIsAbsentIsAbsent) {
  const GuestPath path = this->here("nothing");
  EXPECT_FALSE(this->guest().stat(path));
  EXPECT_FALSE(this->guest().read(path));
  EXPECT_FALSE(this->guest().read_range(path, 0, 10));
  EXPECT_FALSE(this->guest().read_link(path));
  EXPECT_TRUE(this->guest().list(path).empty());
}

TYPED_TEST_P(GuestContract, ReadsBackEveryByte) {
  const GuestPath path = this->here("file");
  std::string bytes;
  for (int i = 0; i < 3000; ++i) {
    bytes += static_cast<char>(i % 256);
  }
  this->guest().write(path, bytes, 0640);
  EXPECT_EQ(this->guest().read(path), bytes);
  EXPECT_EQ(this->guest().read_range(path, 2990, 100), bytes.substr(2990));
  EXPECT_EQ(this->guest().read_range(path, 5000, 10), "");
  const FileStat stat = *this->guest().stat(path);
  EXPECT_EQ(stat.type, FileType::regular);
  EXPECT_EQ(stat.mode, 0640U);
  EXPECT_EQ(stat.size, 3000U);
}

TYPED_TEST_P(GuestContract, FilesBeyondOneMessageArriveWhole) {
  const GuestPath path = this->here("large");
  const std::string bytes(5'000'000, 'x');
  this->guest().write(path, bytes, 0600);
  this->guest().append(path, "end");
  EXPECT_EQ(this->guest().read(path, 6'000'000), bytes + "end");
  EXPECT_EQ(this->guest().read_range(path, 0, 4'500'000)->size(), 4'500'000U);
}

TYPED_TEST_P(GuestContract, WritingAgainKeepsTheMode) {
  const GuestPath path = this->here("file");
  this->guest().write(path, "old", 0600);
  this->guest().write(path, "new and longer", 0644);
  EXPECT_EQ(this->guest().stat(path)->mode, 0600U);
  this->guest().write(path, "n", 0644);
  EXPECT_EQ(this->guest().read(path), "n");
}

TYPED_TEST_P(GuestContract, RefusesToReadMoreThanTheCap) {
  const GuestPath path = this->here("file");
  this->guest().write(path, std::string(101, 'x'), 0644);
  EXPECT_THROW(this->guest().read(path, 100), Error);
  EXPECT_EQ(this->guest().read(path, 101)->size(), 101U);
}

TYPED_TEST_P(GuestContract, StatDoesNotFollowTheLastLinkAndReadDoes) {
  this->guest().write(this->here("target"), "text", 0644);
  this->guest().symlink(this->here("link"), "target");
  EXPECT_EQ(this->guest().stat(this->here("link"))->type, FileType::symlink);
  EXPECT_EQ(this->guest().read_link(this->here("link")), "target");
  EXPECT_EQ(this->guest().read(this->here("link")), "text");
}

TYPED_TEST_P(GuestContract, WritesThroughALinkAndLeavesItALink) {
  this->guest().write(this->here("target"), "text", 0644);
  this->guest().symlink(this->here("link"), this->here("target").str());
  this->guest().write(this->here("link"), "changed", 0644);
  EXPECT_EQ(this->guest().read_link(this->here("link")), this->here("target").str());
  EXPECT_EQ(this->guest().read(this->here("target")), "changed");
}

TYPED_TEST_P(GuestContract, LinksNeverLeaveTheGuest) {
  this->guest().symlink(this->here("up"), "../../../../../../../../etc/hostname");
  this->guest().symlink(this->here("round"), "round");
  EXPECT_FALSE(this->guest().read(this->here("up")));
  EXPECT_FALSE(this->guest().read(this->here("round")));
  EXPECT_FALSE(resolve(this->guest(), this->here("round")));
}

TYPED_TEST_P(GuestContract, LooksThroughLinkedDirectories) {
  this->guest().make_directories(this->here("usr/lib"));
  this->guest().symlink(this->here("lib"), "usr/lib");
  this->guest().write(this->here("lib/file"), "text", 0644);
  EXPECT_EQ(this->guest().read(this->here("usr/lib/file")), "text");
  EXPECT_EQ(this->guest().stat(this->here("lib/file"))->type, FileType::regular);
  ASSERT_EQ(this->guest().list(this->here("lib")).size(), 1U);
  EXPECT_EQ(resolve(this->guest(), this->here("lib/file")), this->here("usr/lib/file"));
}

TYPED_TEST_P(GuestContract, ListsSortedWithTypes) {
  this->guest().make_directories(this->here("b"));
  this->guest().write(this->here("c"), "1", 0644);
  this->guest().symlink(this->here("a"), "c");
  const std::vector<DirectoryEntry> entries = this->guest().list(this->here(""));
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[0].stat.type, FileType::symlink);
  EXPECT_EQ(entries[1].stat.type, FileType::directory);
  EXPECT_EQ(entries[2].stat.size, 1U);
}

TYPED_TEST_P(GuestContract, RemovesTheLinkAndNotItsTarget) {
  this->guest().write(this->here("target"), "text", 0644);
  this->guest().symlink(this->here("link"), "target");
  this->guest().remove(this->here("link"));
  EXPECT_FALSE(this->guest().stat(this->here("link")));
  EXPECT_EQ(this->guest().read(this->here("target")), "text");
}

TYPED_TEST_P(GuestContract, ADirectoryIsNoFile) {
  this->guest().make_directories(this->here("directory"));
  EXPECT_FALSE(this->guest().read(this->here("directory")));
  EXPECT_THROW(this->guest().write(this->here("directory"), "x", 0644), Error);
  EXPECT_THROW(this->guest().append(this->here("absent"), "x"), Error);
}

TYPED_TEST_P(GuestContract, WritingOneHardLinkWritesThemAll) {
  const GuestPath first("/prepared/first");
  const GuestPath second("/prepared/second");
  ASSERT_EQ(this->guest().read(second), "linked");
  this->guest().write(first, "written through one name", 0644);
  EXPECT_EQ(this->guest().read(second), "written through one name");
  this->guest().append(second, ", and more");
  EXPECT_EQ(this->guest().read(first), "written through one name, and more");
  this->guest().write(first, "linked", 0644);
}

TYPED_TEST_P(GuestContract, AnEditedFileKeepsItsLabelAndANewOneHasNone) {
  const GuestPath path = this->here("file");
  this->guest().write(path, "old", 0644);
  EXPECT_EQ(this->guest().label(path), "");
  this->guest().set_label(path, "system_u:object_r:etc_t:s0");
  this->guest().write(path, "new and longer", 0600);
  this->guest().append(path, "!");
  EXPECT_EQ(this->guest().label(path), "system_u:object_r:etc_t:s0");
  this->guest().set_label(path, "system_u:object_r:shadow_t:s0:c1");
  EXPECT_EQ(this->guest().label(path), "system_u:object_r:shadow_t:s0:c1");
}

TYPED_TEST_P(GuestContract, ALinkHasALabelOfItsOwn) {
  this->guest().write(this->here("target"), "text", 0644);
  this->guest().symlink(this->here("link"), "target");
  this->guest().set_label(this->here("link"), "system_u:object_r:link_t:s0");
  EXPECT_EQ(this->guest().label(this->here("target")), "");
  EXPECT_EQ(this->guest().label(this->here("link")), "system_u:object_r:link_t:s0");
  this->guest().symlink(this->here("link"), "/dev/null");
  EXPECT_EQ(this->guest().label(this->here("link")), "") << "it is a new link";
}

TYPED_TEST_P(GuestContract, RemovesATreeAndFollowsNoLinkInIt) {
  this->guest().make_directories(this->here("outside"));
  this->guest().write(this->here("outside/file"), "text", 0644);
  this->guest().make_directories(this->here("tree/sub"));
  this->guest().write(this->here("tree/sub/file"), "text", 0644);
  this->guest().symlink(this->here("tree/link"), this->here("outside").str());
  this->guest().remove_tree(this->here("tree"));
  EXPECT_FALSE(this->guest().stat(this->here("tree")));
  EXPECT_FALSE(this->guest().stat(this->here("tree/sub/file")));
  EXPECT_EQ(this->guest().read(this->here("outside/file")), "text");
}

REGISTER_TYPED_TEST_SUITE_P(GuestContract, WhatIsAbsentIsAbsent, ReadsBackEveryByte,
                            FilesBeyondOneMessageArriveWhole, WritingAgainKeepsTheMode,
                            RefusesToReadMoreThanTheCap, StatDoesNotFollowTheLastLinkAndReadDoes,
                            WritesThroughALinkAndLeavesItALink, LinksNeverLeaveTheGuest,
                            LooksThroughLinkedDirectories, ListsSortedWithTypes,
                            RemovesTheLinkAndNotItsTarget, ADirectoryIsNoFile,
                            WritingOneHardLinkWritesThemAll,
                            AnEditedFileKeepsItsLabelAndANewOneHasNone, ALinkHasALabelOfItsOwn,
                            RemovesATreeAndFollowsNoLinkInIt);

}  // namespace rehost
