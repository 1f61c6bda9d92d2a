#include "bootfix/selinux.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/support/memory_guest.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

// Lines of Fedora's targeted policy, in its order.
constexpr std::string_view kPolicy =
    "/.*\tsystem_u:object_r:default_t:s0\n"
    "/[^/]+\t--\tsystem_u:object_r:etc_runtime_t:s0\n"
    "/etc(/.*)?\tsystem_u:object_r:etc_t:s0\n"
    "/usr(/.*)?\tsystem_u:object_r:usr_t:s0\n"
    "/var(/.*)?\tsystem_u:object_r:var_t:s0\n"
    "/var/lib(/.*)?\tsystem_u:object_r:var_lib_t:s0\n"
    "/boot(/.*)?\tsystem_u:object_r:boot_t:s0\n"
    "/boot/initrd\\.img.*\t-l\tsystem_u:object_r:boot_t:s0\n"
    "/mnt(/[^/]*)?\t-d\tsystem_u:object_r:mnt_t:s0\n"
    "/mnt/[^/]*/.*\t<<none>>\n"
    "/usr/lib/systemd/system(/.*)?\tsystem_u:object_r:systemd_unit_file_t:s0\n"
    "/usr/lib/systemd/system/chronyd.*\t--\tsystem_u:object_r:chronyd_unit_file_t:s0\n"
    "/etc/udev/rules.d(/.*)?\tsystem_u:object_r:udev_rules_t:s0\n"
    "/etc/shadow.*\t--\tsystem_u:object_r:shadow_t:s0\n"
    "/\\.autorelabel\t--\tsystem_u:object_r:etc_runtime_t:s0\n"
    "/etc/localtime\tsystem_u:object_r:locale_t:s0\n";
constexpr std::string_view kSubsDist =
    "/etc/systemd/system /usr/lib/systemd/system\n"
    "/lib /usr/lib\n"
    "/run /var/run\n";

FileContexts policy(std::string_view local = "") {
  return FileContexts({kPolicy, "", local}, "", kSubsDist);
}
std::string context(const FileContexts& contexts, std::string_view path,
                    FileType type = FileType::regular) {
  const LabelLookup label = contexts.label_for(GuestPath(path), type);
  return label.problem.empty() ? label.context : "problem: " + label.problem;
}

TEST(SelinuxConfig, ReadsTheFirstLineAndSpacesBehind) {
  EXPECT_TRUE(parse_selinux_config("SELINUX=enforcing\nSELINUXTYPE=targeted\n").on);
  EXPECT_TRUE(parse_selinux_config("# comment\nSELINUX=Permissive   \t\n").on);
  EXPECT_TRUE(parse_selinux_config("SELINUX= enforcing\r\nSELINUXTYPE=mls \n").on);
  EXPECT_EQ(parse_selinux_config("SELINUX= enforcing\nSELINUXTYPE=mls \r\n").type, "mls");
}

TEST(SelinuxConfig, IsOffWhenTheGuestSaysSoOrNothing) {
  EXPECT_FALSE(parse_selinux_config("SELINUX=disabled\nSELINUX=enforcing\n").on);
  EXPECT_FALSE(parse_selinux_config("#SELINUX=enforcing\nXSELINUX=enforcing\n").on);
  EXPECT_FALSE(parse_selinux_config("").on);
  EXPECT_EQ(parse_selinux_config("").type, "targeted");
}

TEST(FileContexts, TheLastMatchingLineWins) {
  EXPECT_EQ(context(policy(), "/var/lib/rehost/set-aside"), "system_u:object_r:var_lib_t:s0");
  EXPECT_EQ(context(policy(), "/etc/udev/rules.d/70-x.rules"), "system_u:object_r:udev_rules_t:s0");
  EXPECT_EQ(context(policy(), "/opt/x"), "system_u:object_r:default_t:s0");
}

TEST(FileContexts, AskForTheTypeOfTheFile) {
  EXPECT_EQ(context(policy(), "/etc/shadow-x"), "system_u:object_r:shadow_t:s0");
  EXPECT_EQ(context(policy(), "/etc/shadow-x", FileType::symlink), "system_u:object_r:etc_t:s0");
  EXPECT_EQ(context(policy(), "/mnt", FileType::directory), "system_u:object_r:mnt_t:s0");
  EXPECT_EQ(context(policy(), "/swapfile"), "system_u:object_r:etc_runtime_t:s0");
}

TEST(FileContexts, AnExactPathWinsWhereverItStands) {
  const FileContexts exact({"/etc/localtime\tsystem_u:object_r:locale_t:s0\n"
                            "/etc(/.*)?\tsystem_u:object_r:etc_t:s0\n"},
                           "", "");
  EXPECT_EQ(context(exact, "/etc/localtime"), "system_u:object_r:locale_t:s0");
  EXPECT_EQ(context(exact, "/etc/localtime2"), "system_u:object_r:etc_t:s0");
}

TEST(FileContexts, TheOwnersLinesWin) {
  const FileContexts own = policy("/opt/app(/.*)?\tsystem_u:object_r:usr_t:s0\n");
  EXPECT_EQ(context(own, "/opt/app/x"), "system_u:object_r:usr_t:s0");
}

TEST(FileContexts, SubstitutePrefixes) {
  EXPECT_EQ(context(policy(), "/etc/systemd/system/vmtoolsd.service", FileType::symlink),
            "system_u:object_r:systemd_unit_file_t:s0");
  EXPECT_EQ(context(policy(), "/lib/systemd/system/chronyd.service"),
            "system_u:object_r:chronyd_unit_file_t:s0");
  EXPECT_EQ(context(policy(), "/library/x"), "system_u:object_r:default_t:s0");
}

TEST(FileContexts, TheLastSubstitutionIsAskedFirstAndTheOwnersBeforeAll) {
  const FileContexts contexts({kPolicy}, "/srv/www /etc\n", "/a /usr\n/a /boot\n");
  EXPECT_EQ(context(contexts, "/a/x"), "system_u:object_r:boot_t:s0");
  EXPECT_EQ(context(contexts, "/srv/www/shadow"), "system_u:object_r:shadow_t:s0");
}

TEST(FileContexts, NoneIsNoLabelAndNoProblem) {
  EXPECT_EQ(context(policy(), "/mnt/disk/file"), "");
}

TEST(FileContexts, OptionalCharactersAreNoPartOfThePrefix) {
  const FileContexts contexts({"/etc/foos?\tu:r:a_t:s0\n/etc/b{0,1}ar\tu:r:b_t:s0\n"
                               "/x|/y\tu:r:c_t:s0\n"},
                              "", "");
  EXPECT_EQ(context(contexts, "/etc/foo"), "u:r:a_t:s0");
  EXPECT_EQ(context(contexts, "/etc/ar"), "u:r:b_t:s0");
  EXPECT_EQ(context(contexts, "/y"), "u:r:c_t:s0");
}

TEST(FileContexts, ABrokenLineMattersOnlyToPathsThatItMayMean) {
  const FileContexts contexts = policy("/var/lib/mysql([^/]*\tu:r:mysqld_t:s0\n");
  EXPECT_EQ(context(contexts, "/etc/fstab"), "system_u:object_r:etc_t:s0");
  EXPECT_NE(context(contexts, "/var/lib/mysql-files").find("no regular expression"),
            std::string::npos);
}

TEST(FileContexts, AnEvilRegexIsAProblemAndNotAnEndlessSearch) {
  const FileContexts contexts = policy("/etc/(a+)+[bc]\tu:r:evil_t:s0\n");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_NE(context(contexts, "/etc/" + std::string(100, 'a')).find("too long to match"),
            std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_NE(context(policy("/etc/" + std::string(2000, 'a') + ".*\tu:r:t:s0\n"),
                    "/etc/" + std::string(2000, 'a'))
                .find("longer"),
            std::string::npos);
}

TEST(FileContexts, WhatIsNoContextIsNoLabel) {
  EXPECT_NE(context(policy("/etc/x.*\tetc_t\n"), "/etc/xy").find("no context"), std::string::npos);
}

TEST(FileContexts, AreReadForThePolicyThatIsUsed) {
  MemoryGuest guest;
  guest.add_file("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=mls\n");
  guest.add_file("/etc/selinux/mls/contexts/files/file_contexts", std::string(kPolicy));
  guest.add_file("/etc/selinux/mls/contexts/files/file_contexts.local",
                 "/etc/own.*\tsystem_u:object_r:own_t:s0\n");
  guest.add_file("/etc/selinux/mls/contexts/files/file_contexts.subs_dist", std::string(kSubsDist));
  const auto contexts = read_file_contexts(guest, read_selinux_config(guest).type);
  ASSERT_TRUE(contexts);
  EXPECT_EQ(context(*contexts, "/etc/owner"), "system_u:object_r:own_t:s0");
  EXPECT_EQ(context(*contexts, "/etc/systemd/system/x"),
            "system_u:object_r:systemd_unit_file_t:s0");
  EXPECT_FALSE(read_file_contexts(guest, "targeted"));
}

TEST(FileContexts, APolicyTooLargeToBeTrueIsNotRead) {
  MemoryGuest guest;
  const std::string base = "/etc/selinux/targeted/contexts/files/file_contexts";
  guest.add_file(base, std::string(kMaxTextBytes + 1, 'x'));
  EXPECT_FALSE(read_file_contexts(guest, "targeted"));
  std::string many;
  for (int i = 0; i < 20'001; ++i) {
    many += "/a.* u:r:t:s0\n";
  }
  guest.add_file(base, many);
  EXPECT_FALSE(read_file_contexts(guest, "targeted"));
}

// The oracle: libselinux itself, by selabel_lookup(8) of selinux-utils.
std::string lookup_of_libselinux(const std::string& file, const std::string& path, int mode) {
  const std::string command = "selabel_lookup -b file -f " + file + " -k '" + path + "' -t " +
                              std::to_string(mode) + " 2>/dev/null";
  FILE* pipe = popen(command.c_str(), "r");  // NOLINT: words of our own
  std::string said;
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) {
    said += static_cast<char>(c);
  }
  pclose(pipe);
  const size_t colon = said.find("context: ");
  const size_t begin = colon == std::string::npos ? said.size() : colon + 9;
  return said.substr(begin, said.find('\n', begin) - begin);
}

TEST(FileContexts, AgreeWithLibselinux) {
  if (std::system("command -v selabel_lookup >/dev/null") != 0) {  // NOLINT: words of our own
    GTEST_SKIP() << "there is no selabel_lookup: scripts/setup installs selinux-utils";
  }
  const TemporaryDirectory directory;
  const std::string file = directory / "file_contexts";
  const std::string local = "/opt/app(/.*)?\tsystem_u:object_r:usr_t:s0\n";
  std::ofstream(file) << kPolicy;
  std::ofstream(file + ".local") << local;
  std::ofstream(file + ".subs_dist") << kSubsDist;
  const FileContexts contexts = policy(local);
  const std::pair<FileType, int> kTypes[] = {
      {FileType::regular, S_IFREG}, {FileType::directory, S_IFDIR}, {FileType::symlink, S_IFLNK}};
  for (const std::string path : {"/",
                                 "/swapfile",
                                 "/.autorelabel",
                                 "/etc",
                                 "/etc/fstab",
                                 "/etc/shadow",
                                 "/etc/shadow-",
                                 "/etc/localtime",
                                 "/etc/systemd/system/x.service",
                                 "/lib/systemd/system/chronyd.service",
                                 "/lib",
                                 "/library",
                                 "/run/x",
                                 "/var/run/x",
                                 "/var/lib/rehost/set-aside/x",
                                 "/mnt",
                                 "/mnt/a",
                                 "/mnt/a/b",
                                 "/boot/initrd.img-6.1",
                                 "/opt/app/x",
                                 "/etc/udev/rulesXd/70-x.rules"}) {
    for (const auto& [type, mode] : kTypes) {
      EXPECT_EQ(context(contexts, path, type), lookup_of_libselinux(file, path, mode))
          << path << " " << mode;
    }
  }
}

}  // namespace
}  // namespace rehost
