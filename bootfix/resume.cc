#include "bootfix/resume.h"

#include <fmt/format.h>

#include "bootfix/shell_assignments.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

FixResult plan_resume(const GuestView& guest, const Inspection& inspection, const Target&) {
  FixResult result;
  const NameMap names(inspection);
  for (const GuestPath& path : resume_files(guest)) {
    const std::optional<TextFile> file = read_text_file(guest, path);
    if (!file) {
      continue;
    }
    ResumeRewrite rewrite = stabilise_resume(file->content, file->path, names);
    plan_rewrite(result, kResumeFix.name, *file, rewrite.text,
                 "every initramfs built from it would wait for a device that EC2 does not have");
    std::move(rewrite.warnings.begin(), rewrite.warnings.end(),
              std::back_inserter(result.warnings));
  }
  return result;
}

}  // namespace

constinit const Fix kResumeFix = {
    .name = "resume",
    .heading = "Name the resume device of initramfs-tools by UUID",
    .description =
        "RESUME= in /etc/initramfs-tools becomes a UUID, or none when its swap space is not on the "
        "disks "
        "given.",
    .plan = plan_resume,
};

ResumeRewrite stabilise_resume(std::string_view text, const GuestPath& file, const NameMap& names) {
  ResumeRewrite rewrite;
  TextEdits edits;
  for (const ShellAssignment& assignment : parse_shell_assignments(text)) {
    if (assignment.name != "RESUME" || assignment.quoting == Quoting::mixed || !assignment.closed) {
      continue;
    }
    const NameMeaning meaning = names.meaning(assignment.value, "swap");
    if (const auto* found = std::get_if<FoundName>(&meaning)) {
      edits.replace(assignment.text_begin, assignment.text_end, found->stable);
    } else if (!std::holds_alternative<StableName>(meaning)) {
      edits.replace(assignment.text_begin, assignment.text_end, "none");
      rewrite.warnings.push_back(
          {.code = "resume-dropped",
           .subject = assignment.value,
           .sentence = fmt::format(
               "RESUME={} in {} names a swap space that is not on the disks given; it is "
               "none now, or every start would wait for it",
               assignment.value, file.str())});
    }
  }
  rewrite.text = edits.apply(text);
  return rewrite;
}

std::vector<GuestPath> resume_files(const GuestView& guest) {
  std::vector<GuestPath> files = {GuestPath("/etc/initramfs-tools/initramfs.conf")};
  const GuestPath directory("/etc/initramfs-tools/conf.d");
  for (const DirectoryEntry& entry : guest.list(directory)) {
    files.push_back(directory / entry.name);
  }
  return files;
}

}  // namespace rehost
