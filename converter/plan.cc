#include "converter/plan.h"

#include <fmt/format.h>

#include "converter/core/error.h"
#include "converter/core/guest_tree.h"
#include "converter/labels.h"
#include "converter/planned_guest.h"
#include "drivers/initramfs.h"

namespace rehost {

ConversionPlan make_plan(const GuestView& guest, const Inspection& inspection, const Target& target,
                         std::span<const Fix> fixes) {
  PlannedGuest planned(guest);
  ConversionPlan plan;
  FileLabels labels(guest, inspection);
  for (const Fix& fix : fixes) {
    FixResult result = fix.plan(planned, inspection, target);
    for (Edit& edit : result.edits) {
      labels.add_to(edit, planned);
      planned.pretend(edit);
      plan.edits.push_back(std::move(edit));
    }
    plan.warnings.insert(plan.warnings.end(), result.warnings.begin(), result.warnings.end());
  }
  labels.plan_relabelling(plan);
  return plan;
}

namespace {

[[noreturn]] void conflict(const GuestPath& path, std::string_view what) {
  throw Error(
      ErrorKind::plan_conflict,
      fmt::format("{} {}: it changed after the plan was made; make a new plan", path.str(), what));
}

// The hash of what stands at `path` itself: a file's content, a link's target.
std::optional<ContentHash> hash_of(const GuestView& guest, const GuestPath& path) {
  if (const std::optional<std::string> target = guest.read_link(path)) {
    return hash_content(*target);
  }
  const std::optional<std::string> content = guest.read(path, kMaxInitramfsBytes);
  return content ? std::optional(hash_content(*content)) : std::nullopt;
}

std::string expected_content(const GuestView& guest, const GuestPath& path,
                             const ContentHash& expects) {
  std::optional<std::string> content = guest.read(path, kMaxInitramfsBytes);
  if (!content || hash_content(*content) != expects) {
    conflict(path, "is not what the plan saw");
  }
  return std::move(*content);
}

struct Apply {
  Guest& guest;

  void operator()(const WriteFile& edit) const {
    if (edit.expects) {
      expected_content(guest, edit.path, *edit.expects);
    } else if (stat_target(guest, edit.path)) {
      conflict(edit.path, "was not there");
    }
    guest.make_directories(edit.path.parent());
    guest.write(edit.path, edit.content, edit.mode_if_new);
  }
  void operator()(const AppendFile& edit) const {
    expected_content(guest, edit.path, edit.expects);
    guest.append(edit.path, edit.content);
  }
  void operator()(const RemoveFile& edit) const {
    if (hash_of(guest, edit.path) != edit.expects) {
      conflict(edit.path, "is not what the plan saw");
    }
    guest.remove(edit.path);
  }
  void operator()(const RemoveTree& edit) const {
    const std::optional<TreeListing> tree = list_tree(guest, edit.path);
    if (!tree || tree->hash != edit.expects) {
      conflict(edit.path, "is not what the plan saw");
    }
    guest.remove_tree(edit.path);
  }
  void operator()(const MakeSymlink& edit) const {
    if (edit.expects ? hash_of(guest, edit.path) != edit.expects
                     : guest.stat(edit.path).has_value()) {
      conflict(edit.path, "is not what the plan saw");
    }
    guest.make_directories(edit.path.parent());
    guest.symlink(edit.path, edit.target);
  }
  void operator()(const AddToInitramfs& edit) const {
    const std::string image = expected_content(guest, edit.path, edit.expects);
    const std::string result = apply_to_initramfs(image, edit);
    if (result.starts_with(image)) {
      guest.append(edit.path, std::string_view(result).substr(image.size()));
    } else {
      guest.write(edit.path, result, 0600);
    }
  }
  void operator()(const RunInGuest& edit) const {
    const CommandResult result = guest.run(edit.argv);
    if (result.exit_status != 0) {
      constexpr size_t kTail = 400;
      const std::string tail =
          result.output.substr(result.output.size() > kTail ? result.output.size() - kTail : 0);
      throw Error(ErrorKind::guest_damaged,
                  fmt::format("the guest's own {} failed with status {}: {}",
                              fmt::join(edit.argv, " "), result.exit_status, tail));
    }
  }
};

}  // namespace

void apply_plan(Guest& guest, const ConversionPlan& plan, const std::stop_token& stop,
                const std::function<void(const Edit&)>& applied) {
  for (const Edit& edit : plan.edits) {
    if (stop.stop_requested()) {
      throw Error(ErrorKind::cancelled, "stopped by a signal before the changes were complete");
    }
    std::visit(Apply{guest}, edit.action);
    for (const FileLabel& label : edit.labels) {
      guest.set_label(label.path, label.context);
    }
    if (applied) {
      applied(edit);
    }
  }
}

}  // namespace rehost
