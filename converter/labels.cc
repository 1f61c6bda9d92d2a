#include "converter/labels.h"

#include <fmt/format.h>

#include <vector>

namespace rehost {
namespace {

const GuestPath& relabel_mark() {
  static const GuestPath kMark("/.autorelabel");  // systemd's and initscripts' selinux-autorelabel
  return kMark;
}

struct NewEntry {
  GuestPath path;
  FileType type;
};

// What the edit puts where nothing was. A link that replaces something is a new file as well.
std::optional<NewEntry> new_entry(const Edit& edit) {
  if (const auto* write = std::get_if<WriteFile>(&edit.action); write && !write->expects) {
    return NewEntry{write->path, FileType::regular};
  }
  if (const auto* link = std::get_if<MakeSymlink>(&edit.action)) {
    return NewEntry{link->path, FileType::symlink};
  }
  return std::nullopt;
}

}  // namespace

FileLabels::FileLabels(const GuestView& guest, const Inspection& inspection)
    : guest_(guest), inspection_(inspection) {}

bool FileLabels::keeps_labels(const GuestPath& path) const {
  const MountedFilesystem* mount = nullptr;
  for (const MountedFilesystem& mounted : inspection_.mounts) {
    if (path.is_within(mounted.where) &&
        (mount == nullptr || mounted.where.is_within(mount->where))) {
      mount = &mounted;
    }
  }
  const Filesystem* filesystem =
      mount == nullptr ? nullptr : find_filesystem(inspection_, mount->device);
  return filesystem == nullptr || filesystem->type != "vfat";
}

void FileLabels::add_label(Edit& edit, const GuestPath& path, FileType type) {
  if (!keeps_labels(path)) {
    return;
  }
  if (!policy_was_read_) {
    policy_was_read_ = true;
    const std::string policy = read_selinux_config(guest_).type;
    policy_ = read_file_contexts(guest_, policy);
    if (!policy_ && problem_.empty()) {
      problem_ = fmt::format("there is no policy that can be read in /etc/selinux/{}", policy);
    }
  }
  if (!policy_) {
    return;
  }
  const LabelLookup label = policy_->label_for(path, type);
  if (!label.problem.empty() && problem_.empty()) {
    problem_ = label.problem;
  }
  if (!label.context.empty()) {
    edit.labels.push_back({path, label.context});
  }
}

void FileLabels::add_to(Edit& edit, const GuestView& before) {
  if (!inspection_.selinux) {
    return;
  }
  if (const auto* command = std::get_if<RunInGuest>(&edit.action)) {
    if (problem_.empty()) {
      problem_ = fmt::format("{} runs in an appliance without SELinux", command->argv.at(0));
    }
    return;
  }
  const std::optional<NewEntry> entry = new_entry(edit);
  if (!entry) {
    return;
  }
  std::vector<std::string> missing;  // directories that the edit makes, the deepest first
  GuestPath parent = entry->path.parent();
  std::optional<GuestPath> at = resolve(before, parent);
  while (!at && parent != GuestPath("/")) {
    missing.emplace_back(parent.name());
    parent = parent.parent();
    at = resolve(before, parent);
  }
  GuestPath directory = at.value_or(GuestPath("/"));
  for (auto name = missing.rbegin(); name != missing.rend(); ++name) {
    directory = directory / *name;
    add_label(edit, directory, FileType::directory);
  }
  add_label(edit, directory / entry->path.name(), entry->type);
}

void FileLabels::plan_relabelling(ConversionPlan& plan) const {
  if (problem_.empty() || guest_.stat(relabel_mark())) {
    return;
  }
  plan.edits.insert(
      plan.edits.begin(),
      Edit{.fix = std::string(kLabelsFix),
           .reason = "the SELinux labels of new files are not all known: " + problem_,
           .action = WriteFile{.path = relabel_mark(), .content = "", .expects = std::nullopt}});
  plan.warnings.push_back(
      {.code = "selinux-relabel",
       .subject = relabel_mark().str(),
       .sentence = fmt::format("{}: the first boot labels every file of the guest anew, which "
                               "takes minutes or, with millions of files, hours, and then boots "
                               "once more",
                               problem_)});
}

}  // namespace rehost
