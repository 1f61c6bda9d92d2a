#include "bootfix/resume.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

ResumeRewrite rewrite(std::string_view text) {
  const Inspection inspection = testing::two_disks();
  return stabilise_resume(text, GuestPath("/etc/initramfs-tools/conf.d/resume"),
                          NameMap(inspection));
}

const std::string kByUuid = "RESUME=UUID=" + std::string(testing::kSwapUuid);

TEST(Resume, NamesTheSwapByUuid) {
  EXPECT_EQ(rewrite("RESUME=/dev/sda2\n").text, kByUuid + "\n");
  EXPECT_EQ(rewrite("# x\r\nRESUME=\"/dev/sda2\"").text,
            "# x\r\nRESUME=\"UUID=" + std::string(testing::kSwapUuid) + "\"");
}

TEST(Resume, ASwapNotGivenIsNone) {
  const ResumeRewrite result = rewrite("RESUME=/dev/sdc2\n");
  EXPECT_EQ(result.text, "RESUME=none\n");
  EXPECT_EQ(testing::codes(result.warnings), std::vector<std::string>{"resume-dropped"});
}

TEST(Resume, AUuidNobodyHasIsNone) {
  EXPECT_EQ(rewrite("RESUME=UUID=beef\n").text, "RESUME=none\n");
}

TEST(Resume, AFileSystemIsNoSwap) {
  EXPECT_EQ(rewrite("RESUME=/dev/sda1\n").text, "RESUME=none\n");
}

TEST(Resume, LeavesWhatIsStable) {
  for (const std::string& text :
       {kByUuid, std::string("RESUME=none\n"), std::string("RESUME=auto\n"),
        std::string("RESUME=\n"), std::string("RESUME=/dev/mapper/swap\n"),
        std::string("RESUME=$(find-swap)\n"), std::string("#RESUME=/dev/sda2\n")}) {
    EXPECT_EQ(rewrite(text).text, text);
  }
}

TEST(Resume, ConvertsTheDebianGuest) {
  testing::expect_plan_laws(testing::debian12(), testing::debian12_inspection(), Target{},
                            std::span(&kResumeFix, 1));
  const MemoryGuest after = testing::converted(testing::debian12(), testing::debian12_inspection(),
                                               Target{}, std::span(&kResumeFix, 1));
  EXPECT_EQ(testing::file_of(after, "/etc/initramfs-tools/conf.d/resume"), kByUuid + "\n");
}

}  // namespace
}  // namespace rehost
