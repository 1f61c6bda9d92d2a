#include "drivers/module_index_edit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/drivers/samples.h"

namespace rehost {
namespace {

const ModuleIndexTexts kTexts{
    .dep = "kernel/a.ko.xz: kernel/b.ko.xz\n# odd line\nkernel/b.ko.xz:\nkernel/c.ko.xz:",
    .alias = "# Aliases\nalias pci:a* a\nalias fs-b b\nalias two words c\n",
    .symbols = "alias symbol:b_go b\nalias symbol:c_go c\n",
    .softdep = "softdep b pre: c\nsoftdep a post: c\n",
    .devname = "b b char\n",
    .builtin = "kernel/d.ko\n",
    .builtin_modinfo = ""};

TEST(ModuleIndexEdit, AddsAModuleAtTheEnd) {
  const ModuleRecord added{.name = "n",
                           .path = "updates/n.ko",
                           .dependencies = {"a", "d"},
                           .softdeps = {"pre: c"},
                           .aliases = {"pci:n*"},
                           .symbols = {"n_go"}};
  const ModuleIndexTexts texts = with_modules(kTexts, std::span(&added, 1));
  EXPECT_EQ(texts.dep, kTexts.dep + "\nupdates/n.ko: kernel/a.ko.xz kernel/b.ko.xz\n");
  EXPECT_EQ(texts.alias, kTexts.alias + "alias pci:n* n\n");
  EXPECT_EQ(texts.symbols, kTexts.symbols + "alias symbol:n_go n\n");
  EXPECT_EQ(texts.softdep, kTexts.softdep + "softdep n pre: c\n");
  EXPECT_EQ(texts.devname, kTexts.devname);
  EXPECT_EQ(texts.builtin, kTexts.builtin);
}

TEST(ModuleIndexEdit, ReplacesAModuleAndThePathsOfItInOtherLines) {
  const ModuleRecord newer{.name = "b", .path = "updates/b.ko", .dependencies = {"c"}};
  const ModuleIndexTexts texts = with_modules(kTexts, std::span(&newer, 1));
  EXPECT_EQ(texts.dep,
            "kernel/a.ko.xz: updates/b.ko kernel/c.ko.xz\n# odd line\nkernel/c.ko.xz:\n"
            "updates/b.ko: kernel/c.ko.xz\n");
  EXPECT_EQ(texts.alias, "# Aliases\nalias pci:a* a\nalias two words c\n");
  EXPECT_EQ(texts.symbols, "alias symbol:c_go c\n");
  EXPECT_EQ(texts.softdep, "softdep a post: c\n");
}

TEST(ModuleIndexEdit, DoneTwiceIsDoneOnce) {
  const ModuleRecord newer{
      .name = "b", .path = "updates/b.ko", .dependencies = {"c"}, .aliases = {"x*"}};
  const ModuleIndexTexts once = with_modules(kTexts, std::span(&newer, 1));
  const ModuleIndexTexts twice = with_modules(once, std::span(&newer, 1));
  EXPECT_EQ(once.dep, twice.dep);
  EXPECT_EQ(once.alias, twice.alias);
}

TEST(ModuleIndexEdit, StartsFromNothing) {
  const ModuleRecord added{.name = "n", .path = "updates/n.ko", .aliases = {"n*"}};
  const ModuleIndexTexts texts = with_modules({}, std::span(&added, 1));
  EXPECT_EQ(texts.dep, "updates/n.ko:\n");
  EXPECT_EQ(texts.alias, "alias n* n\n");
}

// depmod over modules of the host with nvme.ko and ena.ko moved, against our edit of the index that
// it made without them.
TEST(ModuleIndexEdit, ComesToWhatDepmodComesTo) {
  const std::string found =
      run_tool("find /lib/modules -name 'nvme.ko' | head -1 | tr -d '\\n'").output;
  const size_t cut = found.find("/kernel/");
  if (!has_tool("depmod") || cut == std::string::npos) {
    GTEST_SKIP() << "no depmod or no unpacked nvme.ko on this machine";
  }
  const std::string host = found.substr(0, cut + 1);
  const ScratchDirectory scratch;
  const auto in_tree = [&](const std::string& name) { return "lib/modules/1.0.0/" + name; };
  const auto depmod = [&] {
    ASSERT_EQ(run_tool("depmod -b " + (scratch / "") + " 1.0.0 2>/dev/null").status, 0);
  };
  const auto texts = [&] {
    const auto read = [&](const std::string& name) {
      return read_host_file(scratch / in_tree("modules." + name));
    };
    return ModuleIndexTexts{.dep = read("dep"),
                            .alias = read("alias"),
                            .symbols = read("symbols"),
                            .softdep = read("softdep"),
                            .devname = read("devname"),
                            .builtin = read("builtin"),
                            .builtin_modinfo = ""};
  };
  ModuleIndexTexts whole;
  whole.dep = read_host_file(host + "modules.dep");
  const std::vector<std::string> names{"nvme", "ena", "ext4", "nvme-fabrics"};
  const ModuleIndex index(whole);
  for (const ModuleRecord* module : index.closure(names)) {
    scratch.write(in_tree(module->path), read_host_file(host + module->path));
  }
  scratch.write(in_tree("modules.order"), read_host_file(host + "modules.order"));
  scratch.write(in_tree("modules.builtin"), read_host_file(host + "modules.builtin"));

  // The core is replaced while others depend on it; nvme is new; ena is replaced.
  std::vector<ModuleRecord> moved;
  for (const std::string name : {"nvme-core", "nvme", "ena"}) {
    const std::string bytes = read_host_file(host + index.find(name)->path);
    moved.push_back(record_of(parse_kernel_module(bytes), "updates/rehost/" + name + ".ko"));
  }
  std::filesystem::remove(scratch / in_tree(index.find("nvme")->path));
  depmod();
  const ModuleIndexTexts edited = with_modules(texts(), moved);
  for (const ModuleRecord& module : moved) {
    scratch.write(in_tree(module.path), read_host_file(host + index.find(module.name)->path));
  }
  depmod();
  const ModuleIndexTexts theirs = texts();
  const auto sorted = [](std::string_view text) {
    std::vector<std::string> lines;
    for (const std::string& line : lines_of(text)) {
      std::vector<std::string> words;
      std::istringstream in(line);
      for (std::string word; in >> word;) {
        words.push_back(word);
      }
      std::sort(words.begin(), words.end());  // several orders of dependencies are right
      lines.push_back(fmt::format("{}", fmt::join(words, " ")));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  };
  EXPECT_EQ(sorted(edited.dep), sorted(theirs.dep));
  EXPECT_EQ(sorted(edited.alias), sorted(theirs.alias));
  EXPECT_EQ(sorted(edited.symbols), sorted(theirs.symbols));
  EXPECT_EQ(sorted(edited.softdep), sorted(theirs.softdep));
}

}  // namespace
}  // namespace rehost
