// /etc/default/grub and /etc/default/grub.d/*.cfg: what the guest's next update-grub will write.
// They are shell scripts, sourced one after the other; the last assignment wins.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/kernel_arguments.h"
#include "bootfix/text_file.h"
#include "converter/core/fix.h"

namespace rehost {

// The files in the order in which grub-mkconfig sources them, as they are and as they shall be.
class GrubDefaults {
 public:
  explicit GrubDefaults(std::vector<TextFile> files);
  static GrubDefaults read(const GuestView& guest);

  struct SettingsFile {
    TextFile original;
    std::string content;
  };
  const std::vector<SettingsFile>& files() const { return files_; }
  bool empty() const { return files_.empty(); }

  // The value in effect, quotes taken away and variables left as written; "" when it is not set.
  // Values that are put together from earlier ones (+=, "$NAME ...") are shown as the words that
  // they add.
  std::string value(std::string_view name) const;
  // Makes `value` the one in effect: in the last assignment, or on a new line at the end of the
  // first file.
  void set(std::string_view name, std::string_view value);

  // The words of every assignment that contributes to a command line, in order.
  std::vector<KernelArguments> command_line(std::string_view name) const;
  // Cleans the words of GRUB_CMDLINE_LINUX and GRUB_CMDLINE_LINUX_DEFAULT where they stand, and
  // adds those that are missing to GRUB_CMDLINE_LINUX, which serves recovery entries too.
  void adapt_command_lines(const ArgumentRules& rules, std::vector<Warning>& warnings);

 private:
  struct Place;
  std::vector<Place> contributing(std::string_view name) const;
  void set_text(const Place& place, std::string_view text);
  void add_words(std::string_view name, const std::vector<std::string>& words);

  std::vector<SettingsFile> files_;
};

extern const Fix kGrubDefaultsFix;

}  // namespace rehost
