#include "bootfix/kernel_arguments.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::machine_with;
using testing::partition_of;

struct Adapted {
  std::string text;
  std::vector<Warning> warnings;
};

Adapted adapt(std::string_view line, ArgumentRules rules = {}) {
  const Inspection inspection =
      machine_with({partition_of(0, 1, "ext4", "root"), partition_of(0, 2, "swap", "swap")});
  const NameMap names(inspection);
  rules.names = &names;
  KernelArguments arguments = KernelArguments::parse(line);
  Adapted adapted;
  adapt_arguments(arguments, rules, "a line", adapted.warnings);
  adapted.text = arguments.text();
  // Whatever it is, doing it again changes nothing.
  KernelArguments again = KernelArguments::parse(adapted.text);
  std::vector<Warning> ignored;
  adapt_arguments(again, rules, "a line", ignored);
  EXPECT_EQ(again.text(), adapted.text);
  return adapted;
}

const ArgumentRules kTimeout = {.names = nullptr,
                                .own_root = std::nullopt,
                                .io_timeout = "nvme_core.io_timeout=4294967295",
                                .classic_interface_names = false};

TEST(KernelArguments, GivesBackEveryByte) {
  for (const std::string_view text :
       {"", " ", "ro quiet", "  ro\t quiet  ", "a=\"b c\" d", "a='b c", "a\\ b c", "\"", "\\"}) {
    EXPECT_EQ(KernelArguments::parse(text).text(), text);
  }
}

TEST(KernelArguments, KeepsQuotedWordsTogether) {
  const KernelArguments arguments = KernelArguments::parse("ro dyndbg=\"file a +p\" \"x=y z\"");
  EXPECT_EQ(arguments.size(), 3u);
  EXPECT_EQ(arguments.value(1), "file a +p");
  EXPECT_EQ(arguments.last_value("x"), "y z");
}

TEST(KernelArguments, ADashInANameIsAnUnderscore) {
  EXPECT_EQ(KernelArguments::parse("nvme-core.io_timeout=30").last_value("nvme_core.io_timeout"),
            "30");
}

TEST(KernelArguments, RemovingTheFirstWordKeepsTheSpacing) {
  KernelArguments arguments = KernelArguments::parse(" a  b c ");
  arguments.remove(0);
  EXPECT_EQ(arguments.text(), " b c ");
  arguments.remove(1);
  EXPECT_EQ(arguments.text(), " b ");
}

TEST(KernelArguments, AddsInFrontOfWhatGoesToInit) {
  KernelArguments arguments = KernelArguments::parse("ro --- single");
  arguments.add("x");
  EXPECT_EQ(arguments.text(), "ro x --- single");
}

TEST(KernelArguments, AddsInFrontOfAQuoteThatIsNeverClosed) {
  KernelArguments arguments = KernelArguments::parse("ro motto=it's fine");
  arguments.add("x");
  EXPECT_EQ(arguments.text(), "ro x motto=it's fine");
}

TEST(KernelArguments, AddsToAnEmptyLine) {
  KernelArguments arguments = KernelArguments::parse("");
  arguments.add("x");
  arguments.add("y");
  EXPECT_EQ(arguments.text(), "x y");
}

TEST(KernelArguments, AddsScreenAndSerialConsoleWhereThereWasNone) {
  EXPECT_EQ(adapt("ro quiet").text, "ro quiet console=tty0 console=ttyS0,115200n8");
}

TEST(KernelArguments, AddsTheSerialConsoleBehindOthers) {
  EXPECT_EQ(adapt("ro console=tty0").text, "ro console=tty0 console=ttyS0,115200n8");
}

TEST(KernelArguments, KeepsTheSpeedOfASerialConsole) {
  EXPECT_EQ(adapt("console=ttyS0,9600n8 ro").text, "console=ttyS0,9600n8 ro");
  EXPECT_EQ(adapt("console=tty1 console=ttyS0").text, "console=tty1 console=ttyS0");
}

TEST(KernelArguments, DropsTheConsolesOfOtherHypervisors) {
  EXPECT_EQ(adapt("console=hvc0 ro").text, "ro console=tty0 console=ttyS0,115200n8");
  EXPECT_EQ(adapt("ro console=tty0 console=xvc0").text, "ro console=tty0 console=ttyS0,115200n8");
}

TEST(KernelArguments, DropsTheClockSourcesOfOtherHypervisors) {
  EXPECT_EQ(adapt("clocksource=acpi_pm console=ttyS0 tsc=reliable").text,
            "console=ttyS0 tsc=reliable");
  EXPECT_EQ(adapt("console=ttyS0 clocksource=tsc").text, "console=ttyS0 clocksource=tsc");
}

TEST(KernelArguments, NamesRootAndResumeByUuid) {
  EXPECT_EQ(adapt("root=/dev/sda1 ro resume=/dev/sda2 console=ttyS0").text,
            "root=UUID=root ro resume=UUID=swap console=ttyS0");
}

TEST(KernelArguments, LeavesStableRoots) {
  for (const char* line : {"root=UUID=x console=ttyS0", "root=/dev/mapper/vg-root console=ttyS0",
                           "root=/dev/md0 console=ttyS0", "root=LABEL=/ console=ttyS0",
                           "root=ZFS=rpool/ROOT console=ttyS0"}) {
    EXPECT_EQ(adapt(line).text, line);
  }
}

TEST(KernelArguments, TheRootOfItsOwnKernelIsKnownWhateverItsName) {
  ArgumentRules rules;
  rules.own_root = "UUID=mine";
  EXPECT_EQ(adapt("root=/dev/sdq7 console=ttyS0", rules).text, "root=UUID=mine console=ttyS0");
}

TEST(KernelArguments, ARootThatCannotBeFoundIsWarnedOf) {
  const Adapted adapted = adapt("root=/dev/sdq7 console=ttyS0");
  EXPECT_EQ(adapted.text, "root=/dev/sdq7 console=ttyS0");
  EXPECT_EQ(testing::codes(adapted.warnings), std::vector<std::string>{"root-not-found"});
}

TEST(KernelArguments, DropsAResumeWhoseSwapIsGone) {
  const Adapted adapted = adapt("ro resume=/dev/sdb2 resume_offset=7 console=ttyS0");
  EXPECT_EQ(adapted.text, "ro console=ttyS0");
  EXPECT_EQ(testing::codes(adapted.warnings), std::vector<std::string>{"resume-dropped"});
}

TEST(KernelArguments, DropsAResumeByAUuidNobodyHas) {
  EXPECT_EQ(adapt("resume=UUID=beef console=ttyS0").text, "console=ttyS0");
}

TEST(KernelArguments, RaisesTheNvmeTimeout) {
  EXPECT_EQ(adapt("console=ttyS0", kTimeout).text, "console=ttyS0 nvme_core.io_timeout=4294967295");
  EXPECT_EQ(adapt("nvme_core.io_timeout=255 console=ttyS0", kTimeout).text,
            "nvme_core.io_timeout=4294967295 console=ttyS0");
}

TEST(KernelArguments, LowersATimeoutThatTheModuleWouldRefuse) {
  ArgumentRules rules = kTimeout;
  rules.io_timeout = "nvme.io_timeout=255";
  EXPECT_EQ(adapt("nvme.io_timeout=4294967295 console=ttyS0", rules).text,
            "nvme.io_timeout=255 console=ttyS0");
}

TEST(KernelArguments, AsksForEth0OnlyWhenToldTo) {
  ArgumentRules rules;
  rules.classic_interface_names = true;
  EXPECT_EQ(adapt("net.ifnames=1 console=ttyS0", rules).text,
            "net.ifnames=0 console=ttyS0 biosdevname=0");
  EXPECT_EQ(adapt("net.ifnames=1 console=ttyS0").text, "net.ifnames=1 console=ttyS0");
}

TEST(KernelArguments, NothingBreaksOnATruncatedLine) {
  const std::string line =
      "root=/dev/sda1 \"a b\" 'c d' e\\ f resume=/dev/sdb2 console=hvc0 nvme_core.io_timeout=30 "
      "--- x";
  for (size_t length = 0; length <= line.size(); ++length) {
    EXPECT_EQ(KernelArguments::parse(line.substr(0, length)).text(), line.substr(0, length));
    adapt(line.substr(0, length), kTimeout);
  }
}

// Clevis with Tang, a remote console in the initramfs: RHEL's installer writes them too.
TEST(KernelArguments, AddressesAndCardsOfTheOldNetworkGoFromTheInitramfs) {
  ArgumentRules rules = kTimeout;
  rules.network_by_dhcp = true;
  const auto words = [&](const std::string& line) {
    const std::string text = adapt(line, rules).text;
    return text.substr(0, text.find(" console="));
  };
  EXPECT_EQ(words("ro ip=10.0.0.5::10.0.0.1:255.255.255.0:web01:ens192:none rd.neednet=1"),
            "ro ip=dhcp rd.neednet=1");
  EXPECT_EQ(words("ip=[fd00::5]::[fd00::1]:64::ens192:none ip=ens192:dhcp ro"), "ip=dhcp ro");
  EXPECT_EQ(words("ifname=lan0:00:50:56:aa:bb:cc BOOTIF=01-00-50-56-aa-bb-cc ro"), "ro");
  EXPECT_EQ(words("ip=dhcp ro"), "ip=dhcp ro");
  EXPECT_EQ(words("ip=auto6 ro"), "ip=auto6 ro");
  const std::vector<Warning> warnings =
      adapt("ip=10.0.0.5::10.0.0.1:24::ens192:none", rules).warnings;
  ASSERT_EQ(testing::codes(warnings), std::vector<std::string>{"network-argument-set-aside"});
  EXPECT_EQ(warnings[0].sentence,
            "ip=10.0.0.5::10.0.0.1:24::ens192:none in a line is of the old network: set aside, the "
            "initramfs asks DHCP where it needs a network at all");
  EXPECT_EQ(adapt("ip=10.0.0.5::10.0.0.1:24::ens192:none").text.substr(0, 11), "ip=10.0.0.5");
}

// RHEL 6 and 7 in FIPS mode.
TEST(KernelArguments, TheBootFileSystemOfFipsIsNamedByUuid) {
  const auto words = [&](const std::string& line) {
    const std::string text = adapt(line).text;
    return text.substr(0, text.find(" console="));
  };
  EXPECT_EQ(words("fips=1 boot=/dev/sda1 ro"), "fips=1 boot=UUID=root ro");
  EXPECT_EQ(words("mount.usr=/dev/sda1 ro"), "mount.usr=UUID=root ro");
  EXPECT_EQ(words("boot=UUID=1b5e ro"), "boot=UUID=1b5e ro");
  EXPECT_EQ(words("boot=local ro"), "boot=local ro");
  EXPECT_EQ(testing::codes(adapt("boot=/dev/sda7 ro").warnings),
            std::vector<std::string>{"boot-argument-not-found"});
}

}  // namespace
}  // namespace rehost
