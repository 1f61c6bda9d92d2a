#include "bootfix/sysconfig_bootloader.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

const Target kKeep{.initramfs = std::nullopt, .network = NetworkMode::keep};

std::string fixed(const std::string& text) {
  MemoryGuest guest;
  guest.add_file("/etc/sysconfig/bootloader", text);
  const Inspection inspection = testing::debian12_inspection();
  const std::span<const Fix> fixes(&kSysconfigBootloaderFix, 1);
  testing::expect_plan_laws(guest, inspection, kKeep, fixes);
  return testing::file_of(testing::converted(guest, inspection, kKeep, fixes),
                          "/etc/sysconfig/bootloader");
}

TEST(SysconfigBootloader, GivesNextKernelsTheirArguments) {
  EXPECT_EQ(fixed("## Type: string\nLOADER_TYPE=\"grub\"\nDEFAULT_APPEND=\"resume=/dev/sda2 "
                  "splash=silent showopts\"\nXEN_APPEND=\"\"\n"),
            "## Type: string\nLOADER_TYPE=\"grub\"\nDEFAULT_APPEND=\"resume=UUID=" +
                std::string(testing::kSwapUuid) +
                " splash=silent showopts console=tty0 console=ttyS0,115200n8 "
                "nvme_core.io_timeout=4294967295\"\nXEN_APPEND=\"\"\n");
}

TEST(SysconfigBootloader, LeavesEmptyAndComposedValues) {
  for (const std::string text : {"DEFAULT_APPEND=\"\"\n", "FAILSAFE_APPEND=\"a\"$B\n",
                                 "DEFAULT_APPEND=\"never closed\n", "# DEFAULT_APPEND=\"x\"\n"}) {
    EXPECT_EQ(fixed(text), text);
  }
}

}  // namespace
}  // namespace rehost
