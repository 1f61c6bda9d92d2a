#include "bootfix/crypttab.h"

#include <gtest/gtest.h>

#include "tests/bootfix/guests.h"
#include "tests/bootfix/plans.h"

namespace rehost {
namespace {

using testing::codes;
using testing::machine_with;
using testing::partition_of;

Inspection machine() {
  return machine_with({partition_of(0, 1, "ext4", "root"),
                       partition_of(0, 2, "crypto_LUKS", "luks"), partition_of(0, 3, "", "")});
}

std::string stabilised(std::string_view text) {
  return stabilise_crypttab(text, machine()).text;
}

TEST(Crypttab, NamesEncryptedDevicesByUuid) {
  EXPECT_EQ(stabilised("# crypt\nsda2_crypt\t/dev/sda2  none luks,discard\n"),
            "# crypt\nsda2_crypt\tUUID=luks  none luks,discard\n");
}

TEST(Crypttab, SwapWithARandomKeyIsNamedByItsPartition) {
  EXPECT_EQ(stabilised("cswap /dev/sda3 /dev/urandom swap,cipher=aes-xts-plain64\n"),
            "cswap PARTUUID=d9852700-03 /dev/urandom swap,cipher=aes-xts-plain64\n");
}

TEST(Crypttab, ADiskNotGivenMustNotStopTheBoot) {
  const CrypttabRewrite rewrite =
      stabilise_crypttab("a /dev/sdb1\nb /dev/sdb2 none\nc /dev/sdb3 none luks\n", machine());
  EXPECT_EQ(rewrite.text,
            "a /dev/sdb1 none nofail\nb /dev/sdb2 none nofail\nc /dev/sdb3 none luks,nofail\n");
  EXPECT_EQ(rewrite.warnings.size(), 3u);
  EXPECT_EQ(rewrite.warnings[0].code, "crypttab-disk-not-given");
}

TEST(Crypttab, ADeviceThatIsNotEncryptedIsNotTakenForIt) {
  const CrypttabRewrite rewrite = stabilise_crypttab("x /dev/sda1 none luks\n", machine());
  EXPECT_EQ(rewrite.text, "x /dev/sda1 none luks,nofail\n");
  EXPECT_EQ(codes(rewrite.warnings), std::vector<std::string>{"crypttab-device-unknown"});
}

TEST(Crypttab, LeavesWhatIsStable) {
  const std::string text = "root UUID=luks none luks\r\n#x /dev/sda2 none\r\nlv /dev/vg/lv none";
  EXPECT_EQ(stabilised(text), text);
}

TEST(Crypttab, EditingTwiceIsEditingOnce) {
  const std::string once =
      stabilised("a /dev/sda2 none luks\nb /dev/sdz1\nc /dev/sda3 /dev/urandom swap\n");
  EXPECT_EQ(stabilised(once), once);
}

TEST(Crypttab, AnEntryThatWaitsForSomebodyIsWarnedOf) {
  const auto warned = [](const std::string& text) {
    MemoryGuest guest;
    guest.add_file("/etc/crypttab", text);
    return codes(kCrypttabFix.plan(guest, machine(), {}).warnings);
  };
  const std::vector<std::string> waits = {"crypttab-waits"};
  EXPECT_EQ(warned("data UUID=luks none luks\n"), waits);
  EXPECT_EQ(warned("data UUID=luks\n"), waits);
  EXPECT_EQ(warned("data UUID=luks - tpm2-device=auto\n"), waits);
  EXPECT_TRUE(warned("data UUID=luks /etc/keys/data.key luks\n").empty());
  EXPECT_TRUE(warned("data UUID=luks none luks,nofail\n").empty());
  EXPECT_TRUE(warned("data UUID=luks none keyscript=/usr/local/bin/key\n").empty());
  EXPECT_TRUE(warned("cswap /dev/sda3 /dev/urandom swap\n").empty());
}

}  // namespace
}  // namespace rehost
