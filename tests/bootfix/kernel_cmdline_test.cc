#include "bootfix/kernel_cmdline.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::debian12_inspection;
using testing::file_of;

const Target kKeep{.initramfs = std::nullopt, .network = NetworkMode::keep};
const std::string kRoot = "root=UUID=" + std::string(testing::kRootUuid);

std::string fixed(const std::string& text, const std::string& path = "/etc/kernel/cmdline") {
  MemoryGuest guest;
  guest.add_file(path, text);
  const std::span<const Fix> fixes(&kKernelCmdlineFix, 1);
  testing::expect_plan_laws(guest, debian12_inspection(), kKeep, fixes);
  return file_of(testing::converted(guest, debian12_inspection(), kKeep, fixes),
                 "/etc/kernel/cmdline");
}

TEST(KernelCmdline, IsAdapted) {
  EXPECT_EQ(fixed("root=/dev/sda1 ro rhgb quiet \n"),
            kRoot +
                " ro rhgb quiet console=tty0 console=ttyS0,115200n8 "
                "nvme_core.io_timeout=4294967295 \n");
}

TEST(KernelCmdline, MayHaveCommentsAndSeveralLines) {
  EXPECT_EQ(fixed("# root=/dev/sda1\nroot=/dev/sda1\n\nconsole=ttyS0"),
            "# root=/dev/sda1\n" + kRoot + " nvme_core.io_timeout=4294967295\n\nconsole=ttyS0");
}

TEST(KernelCmdline, ThatOfTheVendorIsCopiedNotChanged) {
  EXPECT_EQ(fixed("root=/dev/sda1 console=ttyS0\n", "/usr/lib/kernel/cmdline"),
            kRoot + " console=ttyS0 nvme_core.io_timeout=4294967295\n");
}

TEST(KernelCmdline, WithoutOneThereIsNothingToDo) {
  EXPECT_TRUE(kKernelCmdlineFix.plan(MemoryGuest(), debian12_inspection(), kKeep).edits.empty());
  EXPECT_EQ(fixed("# nothing\n"), "# nothing\n");
}

}  // namespace
}  // namespace rehost
