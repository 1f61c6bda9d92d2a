#include "converter/bundle_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "converter/core/error.h"
#include "drivers/codec.h"
#include "tests/drivers/bundles.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

const std::string kIn = std::string(kRelease) + "/";

class BundleDirectory : public ::testing::Test {
 protected:
  // A module file beside the bundle.
  std::string module(const std::string& name, std::vector<std::string> fields = {}) {
    fields.insert(fields.begin(), "name=" + module_name(name));
    return directory.write(name, module_for(kRelease, std::move(fields)));
  }

  void change_manifest(const std::function<void(Json&)>& change) {
    Json manifest = Json::parse(content_of(bundle + "/manifest.json"));
    change(manifest);
    std::ofstream(bundle + "/manifest.json") << manifest.dump();
  }

  std::string problem() const {
    std::string content;
    return read_entry(bundle, read_bundle_manifest(bundle).modules.at(0), content);
  }

  TemporaryDirectory directory;
  std::string bundle = directory / "bundle";
};

TEST_F(BundleDirectory, TakesInModulesAndGivesThemBack) {
  const std::string ena = module("ena.ko", {"version=2.13.0g"});
  const std::string core = module("nvme-core.ko");
  EXPECT_EQ(add_to_bundle(bundle, {core, ena}).size(), 2u);
  const BundleManifest manifest = read_bundle_manifest(bundle);
  ASSERT_EQ(manifest.modules.size(), 2u);
  const BundleEntry& entry = manifest.modules[0];
  EXPECT_EQ(entry.file, kIn + "ena.ko");
  EXPECT_EQ(entry.release, kRelease);
  EXPECT_EQ(entry.version, "2.13.0g");
  EXPECT_EQ(entry.license, "GPL");
  EXPECT_EQ(entry.vermagic, vermagic_of(kRelease));
  EXPECT_EQ(entry.architecture, "x86_64");
  EXPECT_EQ(manifest.modules[1].name, "nvme_core");
  const auto modules = load_bundled_modules({bundle}, {std::string(kRelease), "other"});
  ASSERT_EQ(modules.size(), 2u);
  EXPECT_EQ(modules[0].content, content_of(ena));
  EXPECT_EQ(modules[1].content, content_of(core));
  EXPECT_TRUE(load_bundled_modules({bundle}, {"other"}).empty());
  EXPECT_TRUE(unlisted_modules(bundle, manifest).empty());
}

TEST_F(BundleDirectory, KeepsPackedModulesAsTheyAre) {
  const std::string packed =
      directory.write("ena.ko.xz", compress(Codec::xz, module_for(kRelease, {"name=ena"})));
  EXPECT_EQ(add_to_bundle(bundle, {packed}).at(0).file, kIn + "ena.ko.xz");
  EXPECT_EQ(load_bundled_modules({bundle}, {std::string(kRelease)}).at(0).content,
            content_of(packed));
}

TEST_F(BundleDirectory, AddingTwiceAddsOnceAndMendsDamage) {
  const std::string ena = module("ena.ko");
  add_to_bundle(bundle, {ena});
  EXPECT_TRUE(add_to_bundle(bundle, {ena}).empty());
  fs::remove(bundle + "/" + kIn + "ena.ko");
  EXPECT_NE(problem(), "");
  EXPECT_EQ(add_to_bundle(bundle, {ena}).size(), 1u);
  EXPECT_EQ(problem(), "");
  EXPECT_EQ(read_bundle_manifest(bundle).modules.size(), 1u);
}

TEST_F(BundleDirectory, RefusesADifferentModuleUnderOneName) {
  add_to_bundle(bundle, {module("ena.ko", {"version=1"})});
  const std::string before = content_of(bundle + "/manifest.json");
  EXPECT_ERROR(ErrorKind::usage, "another ena",
               add_to_bundle(bundle, {module("nvme.ko"), module("ena.ko", {"version=2"})}));
  EXPECT_EQ(content_of(bundle + "/manifest.json"), before);
  EXPECT_FALSE(fs::exists(bundle + "/" + kIn + "nvme.ko")) << "nothing of a refused call stays";
}

TEST_F(BundleDirectory, RefusesFilesThatAreNoModules) {
  const auto refused = [&](const std::string& name, const std::string& content,
                           const std::string& why) {
    EXPECT_ERROR(ErrorKind::usage, why, add_to_bundle(bundle, {directory.write(name, content)}));
    EXPECT_FALSE(fs::exists(bundle));
  };
  refused("ena.ko", "text", "no ELF");
  refused("ena.txt", module_for(kRelease, {}), "no name of a module");
  refused("ena.ko", make_module({"license=GPL"}), "vermagic");
  refused("ena.ko", make_module({"license=GPL", "vermagic=../../etc SMP "}), "vermagic");
  refused("ena.ko", make_module({"vermagic=" + vermagic_of(kRelease)}), "license");
  refused("ena.ko", module_for(kRelease, {"name=nvme"}), "another name");
  refused("ena.ko", module_for(kRelease, {"version=\x1b[2J"}), "no text");
  EXPECT_ERROR(ErrorKind::usage, "nothing.ko", add_to_bundle(bundle, {directory / "nothing.ko"}));
}

TEST_F(BundleDirectory, NoticesEveryChangeOfAFileOrItsRow) {
  add_to_bundle(bundle, {module("ena.ko", {"version=2.13.0g"})});
  const std::string manifest = content_of(bundle + "/manifest.json");
  for (const char* field : {"version", "license", "vermagic", "architecture"}) {
    change_manifest([&](Json& json) { json["modules"][0][field] = "other"; });
    EXPECT_NE(problem().find(field), std::string::npos) << problem();
    std::ofstream(bundle + "/manifest.json") << manifest;
  }
  change_manifest([](Json& json) { json["modules"][0]["size"] = 5; });
  EXPECT_NE(problem().find("bytes"), std::string::npos) << problem();
  std::ofstream(bundle + "/manifest.json") << manifest;
  EXPECT_EQ(problem(), "");
  std::ofstream(bundle + "/" + kIn + "ena.ko", std::ios::app) << "x";
  EXPECT_NE(problem().find("SHA-256"), std::string::npos) << problem();
  EXPECT_ERROR(ErrorKind::usage, "SHA-256",
               load_bundled_modules({bundle}, {std::string(kRelease)}));
  EXPECT_TRUE(load_bundled_modules({bundle}, {"another-kernel"}).empty());
}

TEST_F(BundleDirectory, RefusesManifestsThatAreWrong) {
  add_to_bundle(bundle, {module("ena.ko")});
  const std::string good = content_of(bundle + "/manifest.json");
  const auto refused = [&](const std::string& why, const std::function<void(Json&)>& change) {
    change_manifest(change);
    EXPECT_ERROR(ErrorKind::usage, why, read_bundle_manifest(bundle));
    std::ofstream(bundle + "/manifest.json") << good;
  };
  refused("version must be 1", [](Json& json) { json["version"] = 2; });
  refused("version must be 1", [](Json& json) { json.erase("version"); });
  refused("surprise", [](Json& json) { json["surprise"] = 1; });
  refused("modules must be a list", [](Json& json) { json["modules"] = "none"; });
  refused("modules[0] must be an object", [](Json& json) { json["modules"][0] = 7; });
  refused("modules[0].surprise", [](Json& json) { json["modules"][0]["surprise"] = ""; });
  refused("modules[0].license", [](Json& json) { json["modules"][0].erase("license"); });
  refused("modules[0].sha256", [](Json& json) { json["modules"][0]["sha256"] = "ABC"; });
  refused("modules[0].size", [](Json& json) { json["modules"][0]["size"] = -1; });
  refused("modules[0].size", [](Json& json) { json["modules"][0]["size"] = 1ull << 40; });
  refused("modules[0].name", [](Json& json) { json["modules"][0]["name"] = "nvme"; });
  refused("second ena", [](Json& json) { json["modules"].push_back(json["modules"][0]); });
  for (const char* release : {"", "..", "a/b", "/etc", ".hidden", "a b", "a\n"}) {
    refused("modules[0].release", [&](Json& json) {
      json["modules"][0]["release"] = release;
      json["modules"][0]["file"] = std::string(release) + "/ena.ko";
    });
  }
  const std::vector<std::string> elsewhere{"ena.ko",
                                           kIn + "../../../etc/shadow",
                                           kIn + "sub/ena.ko",
                                           kIn + "ena.so",
                                           kIn,
                                           "/etc/ena.ko",
                                           "other/ena.ko"};
  for (const std::string& file : elsewhere) {
    refused("modules[0].file", [&](Json& json) { json["modules"][0]["file"] = file; });
  }
  for (size_t length = 0; length < good.size() - 2; length += 11) {
    EXPECT_ERROR(ErrorKind::usage, "cut short",
                 parse_bundle_manifest(std::string_view(good).substr(0, length), "cut short"));
  }
}

TEST_F(BundleDirectory, FollowsNoLinkAndWaitsForNoPipe) {
  add_to_bundle(bundle, {module("ena.ko")});
  const std::string file = bundle + "/" + kIn + "ena.ko";
  fs::rename(file, directory / "away.ko");
  fs::create_symlink(directory / "away.ko", file);
  EXPECT_NE(problem().find("symbolic link"), std::string::npos) << problem();
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0644), 0);
  EXPECT_NE(problem().find("no regular file"), std::string::npos) << problem();
  fs::remove(file);
  fs::rename(directory / "away.ko", file);
  fs::rename(bundle + "/" + std::string(kRelease), directory / "elsewhere");
  fs::create_directory_symlink(directory / "elsewhere", bundle + "/" + std::string(kRelease));
  EXPECT_NE(problem().find("symbolic link"), std::string::npos) << problem();
  EXPECT_ERROR(ErrorKind::usage, "symbolic link", add_to_bundle(bundle, {module("nvme.ko")}));
  EXPECT_FALSE(fs::exists(directory / "elsewhere/nvme.ko"));
}

TEST_F(BundleDirectory, IsNotReadBeyondItsLimits) {
  add_to_bundle(bundle, {module("ena.ko")});
  fs::resize_file(bundle + "/" + kIn + "ena.ko", kMaxBundledModuleBytes + 1);
  EXPECT_NE(problem().find("64.0 MiB"), std::string::npos) << problem();
  fs::resize_file(bundle + "/manifest.json", 17u << 20);
  EXPECT_ERROR(ErrorKind::usage, "manifest.json", read_bundle_manifest(bundle));
}

TEST_F(BundleDirectory, FindsModulesThatAreNotListed) {
  add_to_bundle(bundle, {module("ena.ko")});
  std::ofstream(bundle + "/" + kIn + "stray.ko") << "x";
  std::ofstream(bundle + "/" + kIn + "README") << "x";
  EXPECT_EQ(unlisted_modules(bundle, read_bundle_manifest(bundle)),
            (std::vector<std::string>{kIn + "stray.ko"}));
}

TEST_F(BundleDirectory, LeavesNoPartialFiles) {
  add_to_bundle(bundle, {module("ena.ko"), module("nvme.ko")});
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(bundle)) {
    files.push_back(fs::relative(entry.path(), bundle).native());
  }
  std::sort(files.begin(), files.end());
  EXPECT_EQ(files, (std::vector<std::string>{std::string(kRelease), kIn + "ena.ko", kIn + "nvme.ko",
                                             "manifest.json"}));
}

TEST(BundleManifest, ComesBackFromItsText) {
  const BundleEntry entry{.release = "5.10.0+",
                          .file = "5.10.0+/a-b.ko.zst",
                          .name = "a_b",
                          .version = "",
                          .license = "Dual \"BSD/GPL\"",
                          .vermagic = "5.10.0+ SMP ",
                          .architecture = "aarch64",
                          .sha256 = std::string(64, 'a'),
                          .size = 42};
  const std::string text = bundle_manifest_json({.modules = {entry}});
  EXPECT_EQ(parse_bundle_manifest(text, "m").modules, (std::vector<BundleEntry>{entry}));
}

}  // namespace
}  // namespace rehost
