// SELinux labels for what a conversion makes. Files that are edited in place keep theirs; a new
// file, directory or link gets the label of the guest's own policy, right after the edit that makes
// it, so that the first boot finds nothing to relabel.
#pragma once

#include <optional>
#include <string>

#include "bootfix/selinux.h"
#include "converter/core/edit.h"
#include "converter/core/inspection.h"

namespace rehost {

// The name in the plan of the edit that asks for a relabelling, and its heading.
inline constexpr std::string_view kLabelsFix = "selinux-labels";
inline constexpr std::string_view kLabelsHeading =
    "Relabel the guest for SELinux at its first boot";

class FileLabels {
 public:
  FileLabels(const GuestView& guest, const Inspection& inspection);

  // Fills in the labels of what `edit` will make in the guest as it is `before`. FAT keeps no
  // labels: nothing is set there.
  void add_to(Edit& edit, const GuestView& before);

  // Where a label could not be told, or a command of the guest has made files out of SELinux's
  // sight: /.autorelabel, as the first edit of the plan (a conversion that is stopped anywhere and
  // planned again must not lose it), and the warning that it makes the first boot minutes longer.
  void plan_relabelling(ConversionPlan& plan) const;

 private:
  void add_label(Edit& edit, const GuestPath& path, FileType type);
  bool keeps_labels(const GuestPath& path) const;

  const GuestView& guest_;
  const Inspection& inspection_;
  bool policy_was_read_ = false;
  std::optional<FileContexts> policy_;
  std::string problem_;  // the first one; empty: every label is known
};

}  // namespace rehost
