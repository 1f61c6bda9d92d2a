#include "drivers/cpio.h"

#include <gtest/gtest.h>

#include "converter/core/error.h"
#include "tests/drivers/samples.h"

namespace rehost {
namespace {

std::vector<std::string> paths_of(const CpioArchive& archive) {
  std::vector<std::string> paths;
  for (const CpioEntry& entry : archive.entries) {
    paths.push_back(entry.path);
  }
  return paths;
}

std::string content_of(std::string_view bytes, std::string_view path) {
  const CpioArchive archive = parse_cpio(bytes);
  for (const CpioEntry& entry : archive.entries) {
    if (entry.path == path) {
      return std::string(cpio_content(bytes, archive, entry));
    }
  }
  return "(no such entry)";
}

std::string three_files() {
  return write_cpio(
      std::vector{file_entry("a", "1"), file_entry("bb", "22222"), file_entry("c", "")});
}

// Makes hard links of entries: the same inode, and so many links.
void make_hard_link(std::string& archive, size_t header, uint32_t inode) {
  archive.replace(header + 6, 8, "0000000" + std::to_string(inode));
  archive.replace(header + 6 + 8 * 4, 8, "00000002");
}

TEST(Cpio, ReadsBackWhatItWrites) {
  const std::string bytes = write_cpio(std::vector{
      directory_entry("usr"), file_entry("usr/a", "text"), link_entry("lib", "usr/lib")});
  const CpioArchive archive = parse_cpio(bytes);
  EXPECT_EQ(paths_of(archive), (std::vector<std::string>{"usr", "usr/a", "lib"}));
  EXPECT_EQ(content_of(bytes, "usr/a"), "text");
  EXPECT_EQ(content_of(bytes, "lib"), "usr/lib");
  EXPECT_EQ(archive.entries[0].mode, kDirectory | 0755);
  EXPECT_EQ(archive.entries[2].mode, kSymlink | 0777);
  EXPECT_EQ(archive.end, bytes.size());
}

TEST(Cpio, StartsEveryHeaderOnAFourByteBoundary) {
  for (size_t name = 1; name < 9; ++name) {
    for (size_t size = 0; size < 9; ++size) {
      const std::string bytes = write_cpio(std::vector{
          file_entry(std::string(name, 'n'), std::string(size, 'x')), file_entry("z", "end")});
      EXPECT_EQ(bytes.size() % 4, 0u);
      EXPECT_EQ(parse_cpio(bytes).entries[1].offset % 4, 0u);
      EXPECT_EQ(content_of(bytes, "z"), "end");
    }
  }
}

TEST(Cpio, RefusesAnArchiveCutOffAnywhere) {
  const std::string bytes = three_files();
  for (size_t length = 0; length + 3 < bytes.size(); ++length) {
    EXPECT_THROW(parse_cpio(bytes.substr(0, length)), Error) << length;
  }
  EXPECT_EQ(parse_cpio(bytes.substr(0, bytes.size() - 3)).entries.size(),
            3u);  // padding behind the trailer
}

TEST(Cpio, SurvivesAnyChangedByte) {
  const std::string bytes = three_files();
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const char change : {'\0', 'f', '9', '\xff'}) {
      std::string damaged = bytes;
      damaged[at] = change;
      try {
        parse_cpio(damaged);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::guest_damaged);
      }
    }
  }
}

TEST(Cpio, IsNotEndedByATrailerInsideAFile) {
  const std::string inner = write_cpio(std::vector{file_entry("inner", "x")});
  const std::string bytes = write_cpio(
      std::vector{file_entry("nested.cpio", inner + "TRAILER!!!"), file_entry("after", "y")});
  EXPECT_EQ(paths_of(parse_cpio(bytes)), (std::vector<std::string>{"nested.cpio", "after"}));
  const std::string spliced =
      splice_cpio(bytes, parse_cpio(bytes), {}, std::vector{file_entry("new", "z")});
  EXPECT_EQ(paths_of(parse_cpio(spliced)),
            (std::vector<std::string>{"nested.cpio", "after", "new"}));
}

TEST(Cpio, ReadsArchivesWithChecksums) {
  std::string bytes = three_files();
  const CpioArchive archive = parse_cpio(bytes);
  for (const CpioEntry& entry : archive.entries) {
    bytes[entry.offset + 5] = '2';
  }
  EXPECT_EQ(parse_cpio(bytes).entries.size(), 3u);
}

TEST(Cpio, SplicesInFrontOfTheTrailerAndKeepsEveryOtherByte) {
  const std::string bytes = three_files() + std::string(512, '\0');
  const CpioArchive archive = parse_cpio(bytes);
  const std::string spliced =
      splice_cpio(bytes, archive, {}, std::vector{file_entry("new", "content")});
  EXPECT_EQ(spliced.substr(0, archive.trailer_offset), bytes.substr(0, archive.trailer_offset));
  EXPECT_TRUE(spliced.ends_with(bytes.substr(archive.trailer_offset)));
  EXPECT_EQ(content_of(spliced, "new"), "content");
  EXPECT_EQ(splice_cpio(bytes, archive, {}, {}), bytes);
}

TEST(Cpio, ReplacesAnEntryAndKeepsItsNeighbours) {
  const std::string bytes = three_files();
  const std::string spliced =
      splice_cpio(bytes, parse_cpio(bytes), {1}, std::vector{file_entry("bb", "new")});
  EXPECT_EQ(paths_of(parse_cpio(spliced)), (std::vector<std::string>{"a", "c", "bb"}));
  EXPECT_EQ(content_of(spliced, "a"), "1");
  EXPECT_EQ(content_of(spliced, "bb"), "new");
}

TEST(Cpio, GivesNewEntriesInodesThatNobodyHas) {
  const std::string bytes = three_files();
  const std::string spliced = splice_cpio(bytes, parse_cpio(bytes), {},
                                          std::vector{file_entry("d", ""), file_entry("e", "")});
  std::set<uint32_t> inodes;
  for (const CpioEntry& entry : parse_cpio(spliced).entries) {
    EXPECT_TRUE(inodes.insert(entry.inode).second) << entry.path;
  }
}

TEST(Cpio, FindsTheBytesOfHardLinks) {
  std::string bytes = write_cpio(
      std::vector{file_entry("first", ""), file_entry("other", "o"), file_entry("last", "data")});
  const CpioArchive plain = parse_cpio(bytes);
  make_hard_link(bytes, plain.entries[0].offset, 7);
  make_hard_link(bytes, plain.entries[2].offset, 7);
  EXPECT_EQ(content_of(bytes, "first"), "data");
  EXPECT_EQ(content_of(bytes, "last"), "data");
  EXPECT_EQ(content_of(bytes, "other"), "o");
}

TEST(Cpio, KeepsTheBytesOfAHardLinkWhoseCarrierIsReplaced) {
  std::string bytes = write_cpio(
      std::vector{file_entry("first", ""), file_entry("other", "o"), file_entry("last", "data")});
  const CpioArchive plain = parse_cpio(bytes);
  make_hard_link(bytes, plain.entries[0].offset, 7);
  make_hard_link(bytes, plain.entries[2].offset, 7);
  const std::string spliced =
      splice_cpio(bytes, parse_cpio(bytes), {2}, std::vector{file_entry("last", "new")});
  EXPECT_EQ(content_of(spliced, "first"), "data");
  EXPECT_EQ(content_of(spliced, "other"), "o");
  EXPECT_EQ(content_of(spliced, "last"), "new");
}

TEST(Cpio, FindsAnArchiveBehindGarbage) {
  const std::string archive = three_files();
  const std::string broken = archive.substr(0, 120);
  const std::string bytes = "garbage!" + broken + std::string(4, 'x') + archive;
  const std::optional<CpioArchive> found = find_cpio(bytes, 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->offset, bytes.size() - archive.size());
  EXPECT_FALSE(find_cpio("x" + archive, 0)) << "not on a four-byte boundary";
  EXPECT_FALSE(find_cpio("", 0));
}

TEST(Cpio, LooksBehindManyBrokenHeadersInReasonableTime) {
  std::string bytes;
  const std::string header = write_cpio(std::vector{file_entry("a", "")}).substr(0, 112);
  for (int i = 0; i < 20000; ++i) {
    bytes += header;
  }
  EXPECT_FALSE(find_cpio(bytes, 0));
}

TEST(Cpio, IsReadByTheCpioTool) {
  if (!has_tool("cpio")) {
    GTEST_SKIP() << "cpio is not installed";
  }
  const ScratchDirectory scratch;
  const std::string bytes = three_files();
  const std::string file = scratch.write(
      "a.cpio", splice_cpio(bytes, parse_cpio(bytes), {0},
                            std::vector{directory_entry("d"), file_entry("d/e", "text")}));
  const ToolResult listing = run_tool("cpio -t --quiet < " + file);
  EXPECT_EQ(listing.status, 0);
  EXPECT_EQ(listing.output, "bb\nc\nd\nd/e\n");
}

TEST(Cpio, ReadsWhatTheCpioToolWrites) {
  if (!has_tool("cpio")) {
    GTEST_SKIP() << "cpio is not installed";
  }
  const ScratchDirectory scratch;
  scratch.write("tree/a", "text");
  const std::string tree = scratch / "tree";
  const std::string bytes =
      run_tool("cd " + tree +
               " && ln a b && ln -s a c && find . | LC_ALL=C sort | cpio -o -H newc --quiet")
          .output;
  EXPECT_EQ(content_of(bytes, "a"), "text");
  EXPECT_EQ(content_of(bytes, "b"), "text");
  EXPECT_EQ(content_of(bytes, "c"), "a");
  EXPECT_EQ(splice_cpio(bytes, parse_cpio(bytes), {}, {}), bytes);
}

}  // namespace
}  // namespace rehost
