#include "drivers/module_index.h"

#include <gtest/gtest.h>

#include <sstream>

#include "drivers/module_index_bin.h"
#include "tests/drivers/samples.h"

namespace rehost {
namespace {

std::vector<std::string> names_of(const std::vector<const ModuleRecord*>& modules) {
  std::vector<std::string> names;
  names.reserve(modules.size());
  for (const ModuleRecord* module : modules) {
    names.push_back(module->name);
  }
  return names;
}

ModuleIndex sample_index() {
  ModuleIndexTexts texts;
  texts.dep =
      "kernel/nvme-core.ko.xz: kernel/t10-pi.ko.xz kernel/crc64.ko.xz\n"
      "kernel/nvme.ko.xz: kernel/nvme-core.ko.xz kernel/t10-pi.ko.xz kernel/crc64.ko.xz\n"
      "kernel/t10-pi.ko.xz: kernel/crc64.ko.xz\n"
      "kernel/crc64.ko.xz:\n"
      "kernel/crct10dif-pclmul.ko.xz:\n"
      "kernel/crct10dif_generic.ko.xz:\n"
      "kernel/after.ko.xz:\n";
  texts.alias =
      "alias crct10dif crct10dif_pclmul\nalias crct10dif crct10dif_generic\nalias pci:v*[a-f]-x* "
      "nvme\n";
  texts.softdep = "softdep t10_pi pre: crct10dif nowhere scsi-mod post: after\n";
  texts.builtin = "kernel/drivers/scsi/scsi_mod.ko\n";
  return ModuleIndex(texts);
}

TEST(ModuleIndex, OrdersDependenciesInFrontOfTheModule) {
  EXPECT_EQ(names_of(sample_index().closure("nvme")),
            (std::vector<std::string>{"crc64", "crct10dif_pclmul", "crct10dif_generic", "t10_pi",
                                      "after", "nvme_core", "nvme"}));
}

TEST(ModuleIndex, KnowsNoDifferenceBetweenDashAndUnderscore) {
  const ModuleIndex index = sample_index();
  EXPECT_NE(index.find("nvme-core"), nullptr);
  EXPECT_EQ(index.find("nvme-core"), index.find("nvme_core"));
}

TEST(ModuleIndex, LeavesOutWhatIsBuiltIn) {
  const ModuleIndex index = sample_index();
  EXPECT_TRUE(index.is_builtin("scsi-mod"));
  EXPECT_TRUE(index.closure("scsi_mod").empty());
  EXPECT_TRUE(index.closure("no_such_module").empty());
}

TEST(ModuleIndex, IsNotCaughtByDependenciesThatGoRound) {
  ModuleIndexTexts texts;
  texts.dep = "a.ko: b.ko\nb.ko: a.ko\n";
  texts.softdep = "softdep a pre: b\nsoftdep b pre: a post: a\n";
  EXPECT_EQ(ModuleIndex(texts).closure("a").size(), 2u);
  EXPECT_FALSE(index_files(ModuleIndex(texts)).empty());
}

TEST(ModuleIndex, SurvivesNonsense) {
  ModuleIndexTexts texts;
  texts.dep = ":\n: :\nno colon\n\n\n/lib/modules/x:/\n\xff\xfe: \xff\n";
  texts.alias = "alias\nalias \nalias x\n alias x y\n";
  texts.softdep = "softdep\nsoftdep a\nsoftdep a pre:\n";
  texts.devname = "x\n";
  texts.builtin_modinfo = std::string("a.alias=\0\0=.=", 12);
  const ModuleIndex index(texts);
  EXPECT_FALSE(index_files(index).empty());
  EXPECT_FALSE(builtin_index_files(index).empty());
}

TEST(ModuleIndex, ReadsTheAbsolutePathsOfOldDepmod) {
  ModuleIndexTexts texts;
  texts.dep =
      "/lib/modules/2.6.18-8.el5/kernel/a.ko: "
      "/lib/modules/2.6.18-8.el5/kernel/b.ko\n/lib/modules/2.6.18-8.el5/kernel/b.ko:\n";
  const ModuleIndex index(texts);
  EXPECT_EQ(index.find("a")->path, "kernel/a.ko");
  EXPECT_EQ(names_of(index.closure("a")), (std::vector<std::string>{"b", "a"}));
}

TEST(ModuleIndex, CompletesDependenciesThatOnlyNameTheNextModule) {
  ModuleIndex index;  // c must come before b, and a is there twice on the way
  index.add({.name = "top", .path = "top.ko", .dependencies = {"b", "c"}});
  index.add({.name = "c", .path = "c.ko", .dependencies = {"b"}});
  index.add({.name = "b", .path = "b.ko", .dependencies = {"a"}});
  index.add({.name = "a", .path = "a.ko"});
  EXPECT_EQ(names_of(index.all_dependencies(*index.find("top"))),
            (std::vector<std::string>{"c", "b", "a"}));
  EXPECT_NE(index_files(index)[0].content.find("top.ko: c.ko b.ko a.ko\n"), std::string::npos);
}

TEST(ModuleIndex, WritesTheTextsThatItRead) {
  MemoryGuest guest;
  add_modules(guest, std::string(kRelease));
  const GuestPath directory("/usr/lib/modules/" + std::string(kRelease));
  const ModuleIndex index = load_module_index(guest, directory, IndexDetail::all, {});
  for (const IndexFile& file : index_files(index)) {
    if (const auto original = guest.read(directory / file.name, kMaxTextBytes)) {
      EXPECT_EQ(file.content, *original) << file.name;
    }
  }
}

TEST(ModuleIndex, AsksTheModulesWhereDepmodWasNeverRun) {
  MemoryGuest guest;
  add_modules(guest, std::string(kRelease));
  const GuestPath directory("/usr/lib/modules/" + std::string(kRelease));
  guest.remove(directory / "modules.dep");
  guest.add_file("/usr/lib/modules/" + std::string(kRelease) + "/updates/ena.ko",
                 make_module({"name=ena"}));
  const std::vector<std::string> wanted{"nvme", "ena", "xen-blkfront"};
  const ModuleIndex index = load_module_index(guest, directory, IndexDetail::all, wanted);
  EXPECT_EQ(names_of(index.closure("nvme")),
            (std::vector<std::string>{"t10_pi", "nvme_core", "nvme"}));
  EXPECT_EQ(index.find("ena")->path, "updates/ena.ko");
  EXPECT_EQ(index.find("nvme_core")->symbols, (std::vector<std::string>{"nvme_init_ctrl"}));
  EXPECT_EQ(index.find("ext4"), nullptr);
}

TEST(ModuleIndex, ReadsWhatBuiltInModulesSay) {
  ModuleIndexTexts texts;
  texts.builtin_modinfo =
      std::string("nvme_core.parmtype=io_timeout:uint\0nvme_core.license=GPL\0nvme.alias=x\0", 70);
  const ModuleIndex index(texts);
  EXPECT_EQ(index.builtin_info("nvme-core", "parmtype"),
            (std::vector<std::string>{"io_timeout:uint"}));
  EXPECT_TRUE(index.builtin_info("nvme", "parmtype").empty());
}

TEST(ModuleIndexBin, ReadsBackWhatItWrites) {
  const std::vector<BinEntry> entries{{"", "root", 3}, {"a", "1", 0},    {"ab", "2", 1},
                                      {"ab", "3", 2},  {"abcd", "4", 0}, {"b-c", "", 7}};
  EXPECT_EQ(read_index_bin(write_index_bin(entries)), entries);
  EXPECT_TRUE(read_index_bin(write_index_bin({})).empty());
}

TEST(ModuleIndexBin, LeavesOutKeysThatDepmodRefuses) {
  const std::string bytes =
      write_index_bin({{"\xc3\xa4", "x", 0}, {"ok", "y", 0}, {std::string(5000, 'k'), "z", 0}});
  EXPECT_EQ(read_index_bin(bytes).size(), 1u);
}

TEST(ModuleIndexBin, SurvivesDamage) {
  const std::string bytes =
      write_index_bin({{"a", "1", 0}, {"ab", "2", 1}, {"b", "3", 2}, {"bcd", "4", 0}});
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const char change : {'\0', '\x0c', '\x20', '\xff'}) {
      std::string damaged = bytes;
      damaged[at] = change;
      try {
        read_index_bin(damaged);
      } catch (const std::runtime_error&) {
      }
    }
    try {
      read_index_bin(bytes.substr(0, at));
    } catch (const std::runtime_error&) {
    }
  }
}

TEST(ModuleIndexBin, IsNotCaughtByNodesThatGoRound) {
  using namespace std::string_literals;
  // The root, at 12, has one child, which is the root.
  EXPECT_THROW(
      read_index_bin("\xb0\x07\xf4\x57\x00\x02\x00\x01\x20\x00\x00\x0c"s + "aa\x20\x00\x00\x0c"s),
      std::runtime_error);
}

// depmod of the host, over a part of the host's own modules.
class Depmod : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_tool("depmod") || !std::filesystem::exists("/lib/modules")) {
      GTEST_SKIP() << "no depmod or no modules on this machine";
    }
    for (const auto& entry : std::filesystem::directory_iterator("/lib/modules")) {
      if (std::filesystem::exists(entry.path() / "modules.dep")) {
        release = entry.path().filename().string();
      }
    }
    if (release.empty()) {
      GTEST_SKIP() << "no modules on this machine";
    }
    ModuleIndexTexts texts;
    texts.dep = host("modules.dep");
    texts.alias = host("modules.alias");
    texts.symbols = host("modules.symbols");
    texts.softdep = host("modules.softdep");
    texts.devname = host("modules.devname");
    texts.builtin = host("modules.builtin");
    texts.builtin_modinfo = host("modules.builtin.modinfo");
    full_index = ModuleIndex(texts);
  }

  std::string host(const std::string& name) const {
    return read_host_file("/lib/modules/" + release + "/" + name);
  }

  ModuleIndex part_for(const std::vector<std::string>& names) const {
    std::set<std::string> wanted;
    for (const ModuleRecord* module : full_index.closure(names)) {
      wanted.insert(module->name);
    }
    ModuleIndex part;
    for (const ModuleRecord& module : full_index.modules()) {
      if (wanted.contains(module.name)) {
        part.add(module);
      }
    }
    part.set_builtin(full_index.builtin_texts().builtin,
                     full_index.builtin_texts().builtin_modinfo);
    return part;
  }

  // A tree with these modules, on which depmod was run.
  void run_depmod(const ModuleIndex& part) const {
    for (const ModuleRecord& module : part.modules()) {
      scratch.write(in_tree(module.path), host(module.path));
    }
    for (const std::string name : {"modules.order", "modules.builtin", "modules.builtin.modinfo"}) {
      scratch.write(in_tree(name), host(name));
    }
    ASSERT_EQ(run_tool("depmod -b " + (scratch / "") + " " + release + " 2>&1").status, 0);
  }

  std::string in_tree(const std::string& name) const {
    return "lib/modules/" + release + "/" + name;
  }
  std::string depmods(const std::string& name) const {
    return read_host_file(scratch / in_tree(name));
  }

  ScratchDirectory scratch;
  std::string release;
  ModuleIndex full_index;
};

const std::vector<std::string> kSome{"nvme",  "ena",        "ext4", "xen-blkfront", "xfs",
                                     "btrfs", "virtio-net", "loop", "usb-storage",  "fuse"};

// Path and dependencies of each line; several orders of the dependencies are right, and depmod's
// depends on modules that are not in the part.
std::set<std::set<std::string>> dependency_sets(std::string_view text) {
  std::set<std::set<std::string>> sets;
  for (const std::string& line : lines_of(text)) {
    std::istringstream words(line);
    sets.emplace(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>());
  }
  return sets;
}

TEST_F(Depmod, WritesTheSameFilesForAPartOfTheModules) {
  const ModuleIndex part = part_for(kSome);
  run_depmod(part);
  std::vector<IndexFile> files = index_files(part);
  std::vector<IndexFile> builtin = builtin_index_files(part);
  files.insert(files.end(), builtin.begin(), builtin.end());
  for (const IndexFile& file : files) {
    const std::string theirs = depmods(file.name);
    if (file.name == "modules.dep") {
      EXPECT_EQ(dependency_sets(file.content), dependency_sets(theirs));
    } else if (file.name == "modules.dep.bin") {
      EXPECT_EQ(file.content.size(), theirs.size());
    } else if (file.name == "modules.symbols") {  // in the order of a hash table
      std::vector<std::string> ours_sorted = lines_of(file.content);
      std::vector<std::string> theirs_sorted = lines_of(theirs);
      std::sort(ours_sorted.begin(), ours_sorted.end());
      std::sort(theirs_sorted.begin(), theirs_sorted.end());
      EXPECT_EQ(ours_sorted, theirs_sorted);
    } else {
      EXPECT_TRUE(file.content == theirs) << file.name;
    }
  }
}

TEST_F(Depmod, WritesTheSameFilesForAllModulesOfTheHost) {
  for (const IndexFile& file : index_files(full_index)) {
    if (file.name.ends_with(".bin") || file.name == "modules.dep") {
      EXPECT_TRUE(file.content == host(file.name)) << file.name;
    }
  }
}

TEST_F(Depmod, IsMatchedByWhatTheModulesSayThemselves) {
  const ModuleIndex part = part_for(kSome);
  run_depmod(part);
  ModuleIndex asked;
  for (const ModuleRecord& module : part.modules()) {
    asked.add(record_of(parse_kernel_module(host(module.path)), module.path));
  }
  for (const IndexFile& file : index_files(asked)) {
    if (file.name == "modules.alias.bin" || file.name == "modules.symbols.bin" ||
        file.name == "modules.softdep") {
      EXPECT_TRUE(file.content == depmods(file.name)) << file.name;
    }
  }
}

TEST_F(Depmod, IsNotNeededForModprobe) {
  const ModuleIndex part = part_for(kSome);
  for (const ModuleRecord& module : part.modules()) {
    scratch.write(in_tree(module.path), host(module.path));
  }
  std::vector<IndexFile> files = index_files(part);
  std::vector<IndexFile> builtin = builtin_index_files(part);
  files.insert(files.end(), builtin.begin(), builtin.end());
  for (const IndexFile& file : files) {
    scratch.write(in_tree(file.name), file.content);
  }
  for (const std::string name : {"nvme", "ena", "ext4"}) {
    const std::string options = " -S " + release + " --show-depends " + name + " 2>&1";
    const ToolResult ours = run_tool("modprobe -d " + (scratch / "") + options);
    EXPECT_EQ(ours.status, 0) << ours.output;
    std::set<std::string> loaded;
    for (const std::string& line : lines_of(ours.output)) {
      loaded.insert(module_name(line.substr(0, line.find_last_not_of(' ') + 1)));
    }
    std::set<std::string> closure;
    for (const ModuleRecord* module : full_index.closure(name)) {
      closure.insert(module->name);
    }
    EXPECT_EQ(loaded, closure);
  }
}

}  // namespace
}  // namespace rehost
