#include "bootfix/bls_entry.h"

#include <gtest/gtest.h>

#include "tests/bootfix/loaders.h"

namespace rehost {
namespace {

using testing::bls_path;

std::vector<std::string> ids(const std::vector<BlsEntry>& entries) {
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (const BlsEntry& entry : entries) {
    names.push_back(entry.id);
  }
  return names;
}

std::vector<std::string> sorted_ids(const std::vector<std::string>& names) {
  MemoryGuest guest;
  for (const std::string& name : names) {
    guest.add_file("/boot/loader/entries/" + name + ".conf", "linux /vmlinuz\n");
  }
  std::vector<BlsEntry> entries = read_bls_entries(guest, GuestPath("/boot"));
  sort_as_blscfg(entries);
  return ids(entries);
}

TEST(BlsEntry, ReadsKeysAndValues) {
  const std::vector<BlsField> fields = parse_bls_fields(
      "title      Debian GNU/Linux 12 (bookworm)\n# a comment\n\nsort-key   debian\noptions "
      "\troot=x  ro \ninitrd\t/a\ninitrd /b /c\nalone\n");
  ASSERT_EQ(fields.size(), 5u);
  EXPECT_EQ(fields[0].key, "title");
  EXPECT_EQ(fields[0].value, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(fields[2].value, "root=x  ro");
  EXPECT_EQ(fields[4].value, "/b /c");
}

TEST(BlsEntry, HasAnIdWithoutTheBootCounter) {
  MemoryGuest guest;
  for (const char* name : {"a-6.1+3", "b-6.1+0-3", "c+debug", "d-6.1+1-2"}) {
    guest.add_file("/efi/loader/entries/" + std::string(name) + ".conf", "linux /l\n");
  }
  guest.add_file("/efi/loader/entries/.hidden.conf", "linux /l\n");
  guest.add_file("/efi/loader/entries/entries.srel", "type1\n");
  const std::vector<BlsEntry> entries = read_bls_entries(guest);
  EXPECT_EQ(ids(entries), (std::vector<std::string>{"a-6.1", "b-6.1", "c+debug", "d-6.1"}));
  EXPECT_FALSE(entries[0].out_of_tries);
  EXPECT_TRUE(entries[1].out_of_tries);
  EXPECT_FALSE(entries[3].out_of_tries);
}

TEST(BlsEntry, JoinsWordsOfSeveralLines) {
  BlsEntry entry;
  entry.fields = parse_bls_fields("initrd /ucode.img\ninitrd /initrd $tuned_initrd\n");
  EXPECT_EQ(entry.words("initrd"),
            (std::vector<std::string>{"/ucode.img", "/initrd", "$tuned_initrd"}));
  EXPECT_EQ(entry.value("options"), "");
}

TEST(BlsEntry, VersionsCompareAsRpmComparesThem) {
  EXPECT_EQ(compare_rpm_versions("553.16.1.el8_10", "553.16.1.el8_10"), 0);
  EXPECT_LT(compare_rpm_versions("513.el8", "553.16.1.el8_10"), 0);
  EXPECT_GT(compare_rpm_versions("553.100.1", "553.99.1"), 0);
  EXPECT_GT(compare_rpm_versions("1.0", "1.0~rc1"), 0);
  EXPECT_LT(compare_rpm_versions("1.0~rc1", "1.0~rc2"), 0);
  EXPECT_GT(compare_rpm_versions("1.1", "1.a"), 0);
  EXPECT_EQ(compare_rpm_versions("1.05", "1.5"), 0);
  EXPECT_GT(compare_rpm_versions("1.5.1", "1.5"), 0);
  EXPECT_EQ(compare_rpm_versions("1.5.", "1-5"), 0);
}

TEST(BlsEntry, SortsAsBlscfgDoes) {
  EXPECT_EQ(
      sorted_ids({"ffff-5.14.0-70.el9.x86_64", "ffff-0-rescue", "ffff-5.14.0-362.el9.x86_64",
                  "ffff-5.14.0-362.24.1.el9_3.x86_64"}),
      (std::vector<std::string>{"ffff-5.14.0-362.24.1.el9_3.x86_64", "ffff-5.14.0-362.el9.x86_64",
                                "ffff-5.14.0-70.el9.x86_64", "ffff-0-rescue"}));
}

TEST(BlsEntry, ExpandsVariables) {
  const std::map<std::string, std::string> variables = {{"kernelopts", "root=x ro"}, {"a_1", "A"}};
  EXPECT_EQ(expand_variables("$kernelopts q $tuned_params", variables), "root=x ro q ");
  EXPECT_EQ(expand_variables("${kernelopts}${a_1}", variables), "root=x roA");
  EXPECT_EQ(expand_variables("$", variables), "");
  EXPECT_EQ(expand_variables("${a_1", variables), "A");
}

ArgumentRules rules_for(const NameMap& names) {
  ArgumentRules rules;
  rules.names = &names;
  rules.own_root = "UUID=mine";
  rules.io_timeout = "nvme_core.io_timeout=4294967295";
  return rules;
}

TEST(BlsEntry, OptionsAreAdaptedAndAllElseStays) {
  const Inspection inspection = testing::two_disks();
  const NameMap names(inspection);
  const std::string text =
      "title  A\r\nlinux /l\r\noptions   root=/dev/sda1 ro  $tuned_params \r\nx-key\ty";
  EXPECT_EQ(adapt_bls_options(text, GuestPath("/e.conf"), rules_for(names), {}).text,
            "title  A\r\nlinux /l\r\noptions   root=UUID=mine ro  $tuned_params console=tty0 "
            "console=ttyS0,115200n8 nvme_core.io_timeout=4294967295 \r\nx-key\ty");
}

TEST(BlsEntry, SeveralOptionsLinesAreOneCommandLine) {
  const Inspection inspection = testing::two_disks();
  const NameMap names(inspection);
  const std::string text =
      "linux /l\noptions root=UUID=mine\noptions console=ttyS0 nvme_core.io_timeout=4294967295\n";
  EXPECT_EQ(adapt_bls_options(text, GuestPath("/e.conf"), rules_for(names), {}).text, text);
}

TEST(BlsEntry, WithoutOptionsItTakesOverWhatItInherited) {
  const Inspection inspection = testing::two_disks();
  const NameMap names(inspection);
  const auto inherited = KernelArguments::parse("root=UUID=mine console=ttyS0");
  EXPECT_EQ(adapt_bls_options("linux /l\n", GuestPath("/e.conf"), rules_for(names), inherited).text,
            "linux /l\noptions root=UUID=mine console=ttyS0 nvme_core.io_timeout=4294967295\n");
}

TEST(BlsEntry, PathsBeginOnItsOwnFileSystem) {
  MemoryGuest guest;
  guest.add_file("/boot/vmlinuz", "k");
  guest.add_file("/boot/efi/tok/6.1/linux", "k");
  guest.add_file(bls_path("6.1", "/boot/efi"), "linux /tok/6.1/linux\n");
  const BlsEntry entry = read_bls_entries(guest).at(0);
  EXPECT_EQ(file_of_entry(guest, entry, "/tok/6.1/linux"), GuestPath("/boot/efi/tok/6.1/linux"));
  EXPECT_EQ(file_of_entry(guest, entry, "/nowhere"), std::nullopt);
}

TEST(BlsEntry, NothingBreaksOnATruncatedFile) {
  const Inspection inspection = testing::two_disks();
  const NameMap names(inspection);
  const std::string text = testing::bls_text("6.1", "root=/dev/sda1 \"a b\" $kernelopts -- x");
  for (size_t length = 0; length <= text.size(); ++length) {
    const auto once =
        adapt_bls_options(text.substr(0, length), GuestPath("/e"), rules_for(names), {}).text;
    EXPECT_EQ(adapt_bls_options(once, GuestPath("/e"), rules_for(names), {}).text, once) << length;
  }
}

}  // namespace
}  // namespace rehost
