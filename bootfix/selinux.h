// SELinux: is it on, and which label does the guest's own policy give to a path. A file that is
// made from outside gets no label, and an enforcing guest treats it as if nobody may read it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "converter/core/guest.h"

namespace rehost {

// /etc/selinux/config, as libselinux reads it (selinux_config(5), selinux_getenforcemode(3)): the
// first SELINUX= line at the start of a line that begins with a mode counts, in any case.
struct SelinuxConfig {
  bool on = false;   // enforcing or permissive: files need labels
  std::string type;  // SELINUXTYPE, the directory below /etc/selinux: "targeted", "default", "mls"
};
SelinuxConfig parse_selinux_config(std::string_view text);
SelinuxConfig read_selinux_config(const GuestView& guest);  // off when there is no such file

// One line of file_contexts(5): a regular expression, the type of file it is for, a context.
struct FileContext {
  std::string regex;
  std::optional<FileType> type;  // nullopt: any
  std::string context;           // "<<none>>": leave such a file as it is
  std::string prefix;            // bytes that every path it can match begins with
};

struct LabelLookup {
  std::string context;  // empty: the policy gives it none
  std::string problem;  // not empty: it cannot be told, and why
};

// What the guest's policy says of its files: file_contexts, .homedirs, .local, .subs and .subs_dist
// of selabel_file(5). The regular expressions are the guest's: they are matched with PCRE2 under
// limits on their length, depth and backtracking, and one that goes over them is a problem, never
// an endless search.
class FileContexts {
 public:
  // The texts in the order of precedence, lowest first; substitutions are pairs of path prefixes.
  using Substitutions = std::vector<std::pair<std::string, std::string>>;
  FileContexts(const std::vector<std::string_view>& texts, std::string_view subs,
               std::string_view subs_dist);

  // The last matching line wins; lines without metacharacters win over all others, wherever they
  // stand (libselinux, label_file.c: "Move exact pathname specifications to the end").
  // `path` has its links resolved, as setfiles(8) would meet it.
  LabelLookup label_for(const GuestPath& path, FileType type) const;
  size_t size() const { return specs_.size(); }

 private:
  std::vector<FileContext> specs_;  // in the order of libselinux: exact ones last
  Substitutions subs_;              // .subs, applied first
  Substitutions subs_dist_;
};

// nullopt: no readable policy of this type: no file_contexts, or one too large to be true.
std::optional<FileContexts> read_file_contexts(const GuestView& guest, std::string_view type);

}  // namespace rehost
