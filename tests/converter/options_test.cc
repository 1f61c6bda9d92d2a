#include "converter/options.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "converter/core/error.h"
#include "tests/support/source_dir.h"

namespace rehost {
namespace {

std::string complaint(const std::vector<std::string>& arguments) {
  try {
    parse_options(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "accepted";
}

TEST(Options, TakesSourcesInTheirOrder) {
  const Options options = parse_options({"convert", "b.raw", "--output", "out", "a.raw"});
  EXPECT_EQ(options.command, Command::convert);
  EXPECT_EQ(options.sources, (std::vector<std::string>{"b.raw", "a.raw"}));
  EXPECT_EQ(options.output, "out");
  EXPECT_FALSE(options.target.initramfs);
}

TEST(Options, UnderstandsStrategiesAndNetworkModes) {
  const Options options =
      parse_options({"plan", "--initramfs=append", "--network", "keep", "disk.raw"});
  EXPECT_EQ(options.target.initramfs, InitramfsStrategy::append);
  EXPECT_EQ(options.target.network, NetworkMode::keep);
}

TEST(Options, KeepNamesRowsOfTheTable) {
  const Options options = parse_options({"plan", "--keep", "vmware", "--keep=cloud-init", "a"});
  EXPECT_EQ(options.target.keep, (std::vector<std::string>{"vmware", "cloud-init"}));
  EXPECT_EQ(parse_options({"plan", "--keep", "all", "a"}).target.keep,
            std::vector<std::string>{"all"});
  EXPECT_TRUE(parse_options({"plan", "a"}).target.keep.empty());
  const std::string refused = complaint({"plan", "--keep", "vmwear", "a"});
  EXPECT_NE(refused.find("--keep cannot be 'vmwear'"), std::string::npos) << refused;
  EXPECT_NE(refused.find("all, vmware, virtualbox"), std::string::npos) << refused;
}

TEST(Options, TakesADefaultKernel) {
  EXPECT_EQ(parse_options({"plan", "a"}).target.default_kernel, "");
  EXPECT_EQ(parse_options({"plan", "a", "--default-kernel", "6.1.0-9"}).target.default_kernel,
            "6.1.0-9");
  EXPECT_NE(complaint({"plan", "a", "--default-kernel", ""}).find("RELEASE"), std::string::npos);
}

TEST(Options, OfRunAreAboutTheWorker) {
  const Options options = parse_options({"run", "--job", "-", "--job-root", "jobs", "--events",
                                         "fd:3", "--quiet", "--appliance", "stock"});
  EXPECT_EQ(options.appliance, "stock");
  EXPECT_EQ(options.command, Command::run);
  EXPECT_EQ(options.run.job, "-");
  EXPECT_EQ(options.run.job_root, "jobs");
  EXPECT_EQ(options.events, "fd:3");
  EXPECT_TRUE(options.quiet && !options.run.validate);
  EXPECT_EQ(parse_options({"run", "--jobs", "d", "--parallel", "3"}).run.parallel, 3);
  const std::string help = help_text("run");
  EXPECT_NE(help.find("--job-root"), std::string::npos);
  EXPECT_EQ(help.find("--initramfs"), std::string::npos) << "the job says it";
}

TEST(Options, OfConvertDoNotGoWithRun) {
  EXPECT_NE(complaint({"run", "--job", "a", "--strict"}).find("--strict does not go with run"),
            std::string::npos);
  EXPECT_NE(complaint({"run", "--job", "a", "disk.raw"}).find("'disk.raw'"), std::string::npos);
  EXPECT_NE(complaint({"run"}).find("one of --job FILE|- and --jobs DIR"), std::string::npos);
  EXPECT_NE(complaint({"run", "--job", "a", "--jobs", "b"}).find("one of"), std::string::npos);
  EXPECT_NE(complaint({"run", "--job", "a", "--parallel", "2"}).find("--parallel"),
            std::string::npos);
  EXPECT_NE(complaint({"plan", "--job", "a", "disk.raw"}).find("--job belongs to run"),
            std::string::npos);
}

TEST(Options, EventsOnStdoutAreAloneThere) {
  EXPECT_EQ(parse_options({"convert", "a", "--in-place", "--events", "-"}).events, "-");
  EXPECT_EQ(parse_options({"manifest", "a", "--manifest", "m", "--events", "-"}).events, "-");
  for (const char* command : {"inspect", "check", "plan", "manifest"}) {
    EXPECT_NE(complaint({command, "a", "--events", "-"}).find("--events -"), std::string::npos);
  }
}

TEST(Options, NameWhatIsWrong) {
  EXPECT_NE(complaint({}).find("no command"), std::string::npos);
  EXPECT_NE(complaint({"destroy", "a"}).find("'destroy'"), std::string::npos);
  EXPECT_NE(complaint({"plan", "--frobnicate", "a"}).find("frobnicate"), std::string::npos);
  EXPECT_NE(complaint({"plan"}).find("SOURCE"), std::string::npos);
  EXPECT_NE(complaint({"plan", "--initramfs", "magic", "a"}).find("repack"), std::string::npos);
  EXPECT_NE(complaint({"plan", "--source-format", "iso", "a"}).find("qcow2"), std::string::npos);
  EXPECT_NE(complaint({"list", "everything"}).find("fixes"), std::string::npos);
  EXPECT_NE(complaint({"plan", "--output"}).find("output"), std::string::npos);
}

TEST(Options, TakesSeveralBundlesAndAGeneration) {
  const Options options = parse_options(
      {"plan", "--driver-bundle", "a", "--driver-bundle=b", "--nitro-generation", "5", "disk.raw"});
  EXPECT_EQ(options.driver_bundles, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(options.target.nitro_generation, 5);
  EXPECT_EQ(options.sources, (std::vector<std::string>{"disk.raw"}));
  EXPECT_FALSE(parse_options({"plan", "disk.raw"}).target.nitro_generation);
  for (const char* wrong : {"1", "0", "-5", "100", "five"}) {
    EXPECT_NE(complaint({"plan", "--nitro-generation", wrong, "a"}).find("nitro-generation"),
              std::string::npos)
        << wrong;
  }
}

TEST(Options, DriversHasActionsOfItsOwn) {
  const Options add = parse_options({"drivers", "add", "bundle", "ena.ko", "nvme.ko"});
  EXPECT_EQ(add.command, Command::drivers);
  EXPECT_EQ(add.drivers_action, DriversAction::add);
  EXPECT_EQ(add.driver_bundles, (std::vector<std::string>{"bundle"}));
  EXPECT_EQ(add.modules, (std::vector<std::string>{"ena.ko", "nvme.ko"}));
  const Options list = parse_options({"drivers", "list", "--driver-bundle", "a", "b", "--json"});
  EXPECT_EQ(list.drivers_action, DriversAction::list);
  EXPECT_EQ(list.driver_bundles, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(list.json);
  EXPECT_NE(complaint({"drivers"}).find("verify"), std::string::npos);
  EXPECT_NE(complaint({"drivers", "verify"}).find("DIR"), std::string::npos);
  EXPECT_NE(complaint({"drivers", "add", "bundle"}).find("module files"), std::string::npos);
}

TEST(Options, ConvertWantsOneKindOfOutput) {
  EXPECT_NE(complaint({"convert", "a"}).find("--in-place"), std::string::npos);
  EXPECT_NE(complaint({"convert", "a", "--in-place", "--output", "d"}).find("one of"),
            std::string::npos);
  EXPECT_NE(complaint({"convert", "a", "--in-place", "--format", "vmdk"}).find("--output"),
            std::string::npos);
  EXPECT_NE(complaint({"convert", "a", "--output", "d", "--format", "vdi"}).find("list formats"),
            std::string::npos);
  EXPECT_NE(complaint({"convert", "a", "b", "--output-disk", "d"}).find("once for each"),
            std::string::npos);
  EXPECT_EQ(complaint({"convert", "a", "--output", "d", "--format", "delta"}), "accepted");
  EXPECT_NE(complaint({"plan", "a", "--in-place"}).find("convert"), std::string::npos);
}

TEST(Options, ManifestsAreOfOneDisk) {
  EXPECT_NE(complaint({"manifest", "a", "b"}).find("one SOURCE"), std::string::npos);
  EXPECT_NE(complaint({"verify", "a"}).find("--manifest FILE"), std::string::npos);
  EXPECT_NE(complaint({"plan", "a", "--manifest", "m"}).find("belongs to"), std::string::npos);
  EXPECT_NE(complaint({"apply-delta", "a"}).find("DELTA"), std::string::npos);
  EXPECT_EQ(complaint({"verify", "a", "--manifest", "m", "--json"}), "accepted");
}

TEST(Options, AbbreviationsAreNoOptions) {
  EXPECT_NE(complaint({"plan", "--js", "a"}), "accepted");
}

TEST(Options, EveryCommandHasHelpWithAnExample) {
  for (const char* command :
       {"inspect", "check", "plan", "convert", "commit", "rollback", "drivers", "list"}) {
    const std::string text = help_text(command);
    EXPECT_NE(text.find("Example:\n  rehost " + std::string(command)), std::string::npos)
        << command;
  }
  EXPECT_THROW(help_text("destroy"), Error);
}

TEST(Options, TheManualKnowsEveryOption) {
  std::ifstream in(in_source_dir("docs/rehost.1"));
  std::string manual(std::istreambuf_iterator<char>(in), {});
  std::string plain;
  for (const char c : manual) {
    if (c != '\\') {
      plain += c;
    }
  }
  for (const std::string& name : option_names()) {
    EXPECT_NE(plain.find("--" + name), std::string::npos) << "docs/rehost.1 lacks --" << name;
    EXPECT_NE(help_text("").find("--" + name), std::string::npos)
        << "rehost --help lacks --" << name;
  }
}

}  // namespace
}  // namespace rehost
