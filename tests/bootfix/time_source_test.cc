#include "bootfix/time_source.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

constexpr std::string_view kServer = "server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4\n";

// RHEL 8 of Azure's marketplace.
TEST(TimeSource, TheClockOfHyperVIsReplaced) {
  EXPECT_EQ(
      chrony_for_ec2("# x\nrefclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0\nmakestep 1 3\n"),
      "# x\n# refclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0\n" + std::string(kServer) +
          "makestep 1 3\n");
}

// Images of Google Compute Engine know this server and no other.
TEST(TimeSource, GooglesServerIsReplacedOnceAndOnlyOnce) {
  const std::string before =
      "server metadata.google.internal prefer iburst\r\nserver 169.254.169.254";
  const std::string after =
      "# server metadata.google.internal prefer iburst\r\n"
      "server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4\r\n# server 169.254.169.254";
  EXPECT_EQ(chrony_for_ec2(before), after);
  EXPECT_EQ(chrony_for_ec2(after), after);
}

TEST(TimeSource, OtherSourcesStay) {
  const std::string text =
      "pool 2.debian.pool.ntp.org iburst\nrefclock PHC /dev/ptp0 poll 2\n"
      "#refclock PHC /dev/ptp_hyperv\nrefclock SHM 0\nserver metadata.example.org\n";
  EXPECT_EQ(chrony_for_ec2(text), text);
}

TEST(TimeSource, AServerThatIsThereIsNotNamedAgain) {
  EXPECT_EQ(chrony_for_ec2("server 169.254.169.123 iburst\nrefclock phc /dev/ptp_hyperv:extpps\n"),
            "server 169.254.169.123 iburst\n# refclock phc /dev/ptp_hyperv:extpps\n");
}

}  // namespace
}  // namespace rehost
