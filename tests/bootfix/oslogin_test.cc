#include "bootfix/oslogin.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

TEST(OsLogin, LeavesNsswitch) {
  EXPECT_EQ(nsswitch_without_oslogin("passwd:         files systemd cache_oslogin oslogin\n"
                                     "group:\tfiles cache_oslogin oslogin # local\n"
                                     "hosts: files dns # oslogin\nshadow: files"),
            "passwd:         files systemd\ngroup:\tfiles # local\n"
            "hosts: files dns # oslogin\nshadow: files");
}

// As guest-agent writes it: a section ahead and one behind.
TEST(OsLogin, LeavesSshd) {
  EXPECT_EQ(
      sshd_config_without_oslogin("#### Google OS Login control. Do not edit this section. ####\n"
                                  "AuthorizedKeysCommand /usr/bin/google_authorized_keys\n"
                                  "AuthorizedKeysCommandUser root\n"
                                  "#### End Google OS Login control section. ####\n"
                                  "Port 22\nPermitRootLogin no\n"
                                  "#### Google OS Login control. Do not edit this section. ####\n"
                                  "Include /var/google-users.d/*\n"
                                  "#### End Google OS Login control section. ####\n"),
      "Port 22\nPermitRootLogin no\n");
}

// As google_oslogin_control wrote it: the owner's directive as a comment behind a mark.
TEST(OsLogin, GivesBackWhatItHadCommentedOut) {
  EXPECT_EQ(sshd_config_without_oslogin("# Added by Google Compute Engine OS Login.\n"
                                        "#AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys\n"
                                        "# a comment of the owner\n"
                                        "# Added by Google Compute Engine OS Login.\n"
                                        "AuthorizedKeysCommandUser root\nPort 22\n"),
            "AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys\n# a comment of the owner\n"
            "Port 22\n");
}

TEST(OsLogin, ASectionWithoutAnEndStays) {
  const std::string text =
      "#### Google OS Login control. Do not edit this section. ####\nPort 2222\n";
  EXPECT_EQ(sshd_config_without_oslogin(text), text);
}

TEST(OsLogin, LeavesPam) {
  EXPECT_EQ(
      pam_without_oslogin("# Added by Google Compute Engine OS Login.\n"
                          "auth       [default=ignore] pam_group.so\n"
                          "@include common-auth\n"
                          "account    required     pam_nologin.so\n"
                          "\n"
                          "# Added by Google Compute Engine OS Login.\n"
                          "account    [success=ok ignore=ignore default=die] pam_oslogin_login.so\n"
                          "account    [success=ok default=ignore] pam_oslogin_admin.so\n"
                          "session    required     pam_mkhomedir.so\n"
                          "#### Google OS Login control. Do not edit this section. ####\n"
                          "session    [success=ok default=ignore] pam_mkhomedir.so\n"
                          "#### End Google OS Login control section. ####\n"
                          "account [success=bad ignore=ignore] pam_oslogin_login.so\n"),
      "@include common-auth\naccount    required     pam_nologin.so\n\n");
  const std::string own = "session required pam_mkhomedir.so\nauth required pam_group.so\n";
  EXPECT_EQ(pam_without_oslogin(own), own);
}

TEST(OsLogin, LeavesGroupConfAndHosts) {
  EXPECT_EQ(group_conf_without_oslogin("# own\n# Added by Google Compute Engine OS Login.\n"
                                       "sshd;*;*;Al0000-2400;video\nxsh; tty* ;sword;!Al0;games\n"),
            "# own\nxsh; tty* ;sword;!Al0;games\n");
  EXPECT_EQ(hosts_without_google("127.0.0.1 localhost\n"
                                 "10.128.0.2 web.c.p.internal web  # Added by Google\n"
                                 "169.254.169.254 metadata.google.internal  # Added by Google\n"
                                 "10.0.0.9 db # not Added by Google or so\n"),
            "127.0.0.1 localhost\n10.0.0.9 db # not Added by Google or so\n");
}

TEST(OsLogin, EveryOtherTextComesBackByteForByte) {
  const std::string text("a\r\n\tb\0c\n# x\nno end", 19);
  EXPECT_EQ(nsswitch_without_oslogin(text), text);
  EXPECT_EQ(sshd_config_without_oslogin(text), text);
  EXPECT_EQ(pam_without_oslogin(text), text);
  EXPECT_EQ(group_conf_without_oslogin(text), text);
  EXPECT_EQ(hosts_without_google(text), text);
}

}  // namespace
}  // namespace rehost
