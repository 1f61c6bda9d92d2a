// Entries of the Boot Loader Specification, type #1: /boot/loader/entries/*.conf and the like on an
// ESP (systemd.io/BOOT_LOADER_SPECIFICATION). GRUB reads them with `blscfg` (Fedora, RHEL 8 and
// later, with keys of its own: grub_users, grub_arg, grub_class), systemd-boot by itself.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/kernel_arguments.h"
#include "converter/core/guest.h"

namespace rehost {

// A "key value" line.
struct BlsField {
  std::string key;
  std::string value;       // without the blanks around it
  size_t value_begin = 0;  // as written; to the end of the line, blanks included
  size_t value_end = 0;
};
// Comments and blank lines are no fields. Keys that are not known are fields like all others.
std::vector<BlsField> parse_bls_fields(std::string_view text);

// One file.
struct BlsEntry {
  GuestPath file;       // links resolved
  GuestPath partition;  // where the file system of the entry is mounted: its paths begin there
  std::string id;       // the file's name without ".conf" and without a boot counter ("+3-1")
  bool out_of_tries = false;  // "+0" or "+0-3": systemd-boot takes it last
  std::string text;
  std::vector<BlsField> fields;

  std::string value(std::string_view key) const;  // the first; "" when there is none
  // All words of all lines of this key: `initrd /a /b`, or two lines.
  std::vector<std::string> words(std::string_view key) const;
};

// Entries of every place there is, each once: /boot (a file system of its own or not), /boot/efi
// and /efi. In no particular order.
std::vector<BlsEntry> read_bls_entries(const GuestView& guest);
// Those of one of these places.
std::vector<BlsEntry> read_bls_entries(const GuestView& guest, const GuestPath& partition);

// GRUB's order: names of files as NAME-VERSION-RELEASE, each part as rpm compares versions, the
// newest first. "ID-0-rescue" is the oldest of its machine.
void sort_as_blscfg(std::vector<BlsEntry>& entries);
// rpmvercmp: digits as numbers, letters as text, "~" before everything. Negative: `a` is older.
int compare_rpm_versions(std::string_view a, std::string_view b);

// "$kernelopts", "${kernelopts}" and "$tuned_params" replaced; a variable that is not set is
// nothing, as in GRUB.
std::string expand_variables(std::string_view text,
                             const std::map<std::string, std::string>& variables);

// The file that a path in an entry means.
std::optional<GuestPath> file_of_entry(const GuestView& guest, const BlsEntry& entry,
                                       std::string_view path);

struct BlsRewrite {
  std::string text;
  std::vector<Warning> warnings;
};
// The options as EC2 needs them. `inherited` is the command line that variables add to them; with
// no options line at all it stands in for them. What is missing goes to the first options line; all
// other lines come back byte for byte.
BlsRewrite adapt_bls_options(std::string_view text, const GuestPath& file,
                             const ArgumentRules& rules, const KernelArguments& inherited);
// For a kernel of another system: its devices named anew, and no more.
BlsRewrite clean_bls_options(std::string_view text, const GuestPath& file,
                             const ArgumentRules& rules);

}  // namespace rehost
