#include "drivers/depmod_config.h"

#include <gtest/gtest.h>

#include "tests/drivers/samples.h"

namespace rehost {
namespace {

constexpr std::string_view kRedHat = "search updates extra built-in weak-updates\n";
constexpr std::string_view kUbuntu = "search updates ubuntu built-in\n";

DepmodConfig config_of(std::initializer_list<std::string_view> files) {
  DepmodConfig config;
  for (const std::string_view file : files) {
    config.add(file);
  }
  return config;
}

TEST(DepmodConfig, FollowsTheSearchOrder) {
  const DepmodConfig redhat = config_of({kRedHat});
  EXPECT_TRUE(redhat.prefers("extra/rehost/ena.ko", "kernel/drivers/ena.ko.xz"));
  EXPECT_TRUE(redhat.prefers("extra/rehost/ena.ko", "weak-updates/ena/ena.ko"));
  EXPECT_FALSE(redhat.prefers("extra/rehost/ena.ko", "updates/ena.ko"));
  const DepmodConfig ubuntu = config_of({kUbuntu});
  EXPECT_TRUE(ubuntu.prefers("updates/rehost/ena.ko", "kernel/drivers/ena.ko"));
  EXPECT_TRUE(ubuntu.prefers("updates/rehost/ena.ko", "ubuntu/ena.ko"));
}

TEST(DepmodConfig, WithoutASearchLineOnlyKnowsUpdates) {
  const DepmodConfig config = config_of({"# nothing\n"});
  EXPECT_TRUE(config.prefers("updates/rehost/ena.ko", "kernel/drivers/ena.ko"));
  EXPECT_TRUE(config.prefers("updates/rehost/ena.ko", "extra/ena.ko"));
  EXPECT_FALSE(config.prefers("extra/rehost/ena.ko", "kernel/drivers/ena.ko"));
}

TEST(DepmodConfig, CallsItATieWhenChanceDecides) {
  EXPECT_FALSE(config_of({kUbuntu}).prefers("updates/rehost/ena.ko", "updates/dkms/ena.ko"));
  EXPECT_FALSE(config_of({kUbuntu}).prefers("updates/dkms/ena.ko", "updates/rehost/ena.ko"));
}

TEST(DepmodConfig, LetsTheLastOverrideWin) {
  const std::string_view aws = "override ena 3.10.0-* weak-updates/ena\n";
  EXPECT_FALSE(config_of({aws, kRedHat}).prefers("extra/rehost/ena.ko", "weak-updates/ena/ena.ko"));
  const std::string ours = with_override("", "ena", "extra/rehost");
  EXPECT_EQ(ours, "override ena * extra/rehost\n");
  EXPECT_TRUE(
      config_of({aws, kRedHat, ours}).prefers("extra/rehost/ena.ko", "weak-updates/ena/ena.ko"));
  EXPECT_FALSE(
      config_of({ours, aws, kRedHat}).prefers("extra/rehost/ena.ko", "weak-updates/ena/ena.ko"));
}

TEST(DepmodConfig, AnOverrideIsAddedOnceAndKeepsTheRest) {
  const std::string once = with_override("# mine\r\nsearch x", "nvme-core", "updates/rehost");
  EXPECT_EQ(once, "# mine\r\nsearch x\noverride nvme-core * updates/rehost\n");
  EXPECT_EQ(with_override(once, "nvme-core", "updates/rehost"), once);
}

TEST(DepmodConfig, IsReadByFileNameFromAllDirectories) {
  MemoryGuest guest;
  guest.add_file("/lib/depmod.d/dist.conf", std::string(kRedHat));
  guest.add_file("/etc/depmod.d/README", "search nothing\n");
  EXPECT_TRUE(read_depmod_config(guest).prefers("extra/a.ko", "kernel/a.ko"));
  // The same name in /etc replaces it.
  guest.add_file("/etc/depmod.d/dist.conf", "search built-in extra\n");
  EXPECT_FALSE(read_depmod_config(guest).prefers("extra/a.ko", "kernel/a.ko"));
}

// The host's depmod over two files of one name, found in either order.
TEST(DepmodConfig, AgreesWithTheHostsDepmod) {
  const std::string module =
      run_tool("find /lib/modules -name 'loop.ko' | head -1 | tr -d '\\n'").output;
  if (!has_tool("depmod") || module.empty()) {
    GTEST_SKIP() << "no depmod or no unpacked loop.ko on this machine";
  }
  const std::string bytes = read_host_file(module);
  const std::string files[] = {"kernel/loop.ko",       "extra/loop.ko",
                               "updates/dkms/loop.ko", "updates/rehost/loop.ko",
                               "weak-updates/loop.ko", "extra/rehost/loop.ko"};
  const std::string configs[] = {std::string(kRedHat),
                                 std::string(kUbuntu),
                                 "# none\n",
                                 "override loop * weak-updates\n",
                                 "override loop * weak-updates\noverride loop * updates/rehost\n",
                                 "search extra/rehost built-in updates\n"};
  int compared = 0;
  for (const std::string& text : configs) {
    const DepmodConfig config = config_of({text});
    for (const std::string& a : files) {
      for (const std::string& b : files) {
        if (a == b || !config.prefers(a, b)) {
          continue;
        }
        const ScratchDirectory scratch;
        scratch.write("conf/test.conf", text);
        scratch.write("lib/modules/1.0.0/" + a, bytes);
        scratch.write("lib/modules/1.0.0/" + b, bytes);
        ASSERT_EQ(run_tool("depmod -C " + (scratch / "conf") + " -b " + (scratch / "") +
                           " 1.0.0 2>/dev/null")
                      .status,
                  0);
        EXPECT_EQ(read_host_file(scratch / "lib/modules/1.0.0/modules.dep"), a + ":\n")
            << text << b;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 40);
}

}  // namespace
}  // namespace rehost
