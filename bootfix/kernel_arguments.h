// A kernel command line as words, and what EC2 asks of it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootfix/device_names.h"
#include "converter/core/edit.h"

namespace rehost {

// Words with the spacing between them. Untouched, text() gives back what was parsed, byte for byte.
// Quotes keep a word together, as they do for the kernel, GRUB and the shell, and stay as they are
// written.
class KernelArguments {
 public:
  static KernelArguments parse(std::string_view text);
  std::string text() const;

  size_t size() const { return words_.size(); }
  const std::string& word(size_t i) const { return words_[i].text; }  // as written
  std::string name(
      size_t i) const;  // "nvme_core.io_timeout": to the kernel a dash is an underscore
  std::string value(size_t i) const;  // without quotes; "" when there is no "="
  std::optional<std::string> last_value(std::string_view name) const;
  bool has(std::string_view name) const { return last_value(name).has_value(); }

  void replace(size_t i, std::string_view word) { words_[i].text = word; }
  void remove(size_t i);
  // At the end, but in front of "--": what follows that goes to init. Also in front of a quote that
  // is never closed, which would swallow it.
  void add(std::string_view word);

 private:
  struct Word {
    std::string space;  // in front of it
    std::string text;
  };
  std::vector<Word> words_;
  std::string tail_;  // spacing behind the last word
};

// What the command lines of a guest must say on EC2.
struct ArgumentRules {
  const NameMap* names = nullptr;  // for root= and resume=
  std::optional<std::string>
      own_root;  // what an unstable root= of this guest's own kernels becomes
  std::string
      io_timeout;  // "nvme_core.io_timeout=4294967295"; "" when the kernel's wish is not known
  bool classic_interface_names = false;  // net.ifnames=0 biosdevname=0
  bool network_by_dhcp = false;          // ip= and ifname= of the old network do not stay
};

// Rewrites what is there: root=, boot= (FIPS), mount.usr= and resume= by UUID, an NVMe timeout that
// is not what the module accepts, consoles and clock sources of other hypervisors. A resume= whose
// swap cannot be found is dropped, with a warning; so are addresses and names of cards for the
// initramfs (ip=, ifname=).
void clean_arguments(KernelArguments& arguments, const ArgumentRules& rules,
                     std::string_view subject, std::vector<Warning>& warnings);

// The words that are missing from command lines put together from `parts`, after cleaning.
std::vector<std::string> missing_arguments(const std::vector<KernelArguments>& parts,
                                           const ArgumentRules& rules);

// Both, for a command line that stands alone.
void adapt_arguments(KernelArguments& arguments, const ArgumentRules& rules,
                     std::string_view subject, std::vector<Warning>& warnings);

}  // namespace rehost
