#include "converter/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "converter/core/error.h"
#include "converter/fixes.h"
#include "converter/html_diff.h"
#include "converter/html_parts.h"
#include "converter/html_style.h"
#include "converter/html_text.h"
#include "converter/instance_types.h"
#include "converter/labels.h"
#include "images/posix_file.h"

namespace rehost {
namespace {

constexpr size_t kMostEdits = 500;  // of one page: the JSON report has all of them
constexpr size_t kMostNotes = 500;

struct Page {
  const JobFacts& job;
  const Report& report;

  bool is_done() const { return report.exit_code == 0; }
  // What is known of the guest as it is at the end.
  const std::vector<CheckAnswer>& answers() const {
    return report.check_after.empty() ? report.check_before : report.check_after;
  }
};

std::string_view firmware_name(Firmware firmware) {
  return firmware == Firmware::uefi ? "UEFI" : "BIOS";
}

std::string title_of(const Page& page) {
  if (!page.job.id.empty()) {
    return page.job.id;
  }
  const auto& inspection = page.report.inspection;
  return inspection && !inspection->volumes.empty() ? inspection->volumes.front().path
                                                    : page.report.command;
}

// ---- on top

std::string banner(const Page& page) {
  const Report& report = page.report;
  if (!page.is_done()) {
    return fmt::format(
        "<div class=\"banner bad\"><p><strong>Not done: {}</strong></p><p>{}</p><p "
        "class=\"small\">{} Exit status {}.</p></div>\n",
        html_text(report.outcome), html_text(report.error),
        report.retryable ? "Running the same job again may help."
                         : "Running the same job again does not help until this is mended.",
        report.exit_code);
  }
  const size_t warnings = report.warnings.size();
  const std::string what = report.command == "convert" || report.command == "run"
                               ? "Converted: this machine is ready to be started on EC2"
                               : fmt::format("Done: {}", report.command);
  return fmt::format(
      "<div class=\"banner {}\"><p><strong>{}</strong></p><p>{}</p></div>\n",
      warnings == 0 ? "good" : "doubt", html_text(what),
      warnings == 0 ? std::string("Nothing was left undone.")
                    : fmt::format("{} to look at: <a href=\"#undone\">what was left undone</a>.",
                                  count_of(warnings, "warning")));
}

std::string default_kernel(const Inspection& inspection) {
  for (const KernelImage& kernel : inspection.kernels) {
    if (kernel.is_default) {
      return kernel.release;
    }
  }
  return "not known";
}

std::string target_words(const JobFacts& job) {
  const std::string name = instance_type_of(job.launch);
  if (name.empty()) {
    return "";
  }
  const std::optional<InstanceType> type = find_instance_type(name);
  return type ? fmt::format("{}, {}", name, describe(*type))
              : name + ", of which rehost knows nothing";
}

std::string at_a_glance(const Page& page) {
  DefinitionList list;
  if (page.report.inspection) {
    const Inspection& found = *page.report.inspection;
    uint64_t bytes = 0;
    for (const Volume& volume : found.volumes) {
      bytes += volume.size;
    }
    list.add("System", found.os.pretty_name);
    list.add("Machine",
             fmt::format("{}, starts by {}", found.architecture, firmware_name(found.firmware)));
    list.add("Kernel that starts", default_kernel(found));
    list.add("Disks",
             fmt::format("{}, {}", count_of(found.volumes.size(), "disk"), human_bytes(bytes)));
  }
  list.add("Mode", page.job.mode);
  list.add("To be launched as", target_words(page.job));
  uint64_t written = 0;
  for (const OutputVolume& output : page.report.outputs) {
    written += output.bytes_written;
  }
  if (!page.report.outputs.empty()) {
    list.add("Written", human_bytes(written));
  }
  return list.html();
}

// ---- what was found

std::string filesystem_rows(const Inspection& found, const std::optional<size_t>& volume) {
  Table table({"Device", "Type", "Size", "UUID", "Label", "Mounted at"}, {2});
  for (const Filesystem& filesystem : found.filesystems) {
    if (filesystem.volume != volume) {
      continue;
    }
    std::string where;
    for (const MountedFilesystem& mounted : found.mounts) {
      if (mounted.device == filesystem.device) {
        where += (where.empty() ? "" : ", ") + mounted.where.str();
      }
    }
    table.add({filesystem.device.str(), filesystem.type.empty() ? "unknown" : filesystem.type,
               filesystem.size == 0 ? "" : human_bytes(filesystem.size), filesystem.uuid,
               filesystem.label, where});
  }
  return table.html();
}

std::string disks_html(const Inspection& found) {
  std::string out;
  for (const Disk& disk : found.disks) {
    const Volume& volume = found.volumes.at(disk.volume);
    out += fmt::format(
        "<h3>{}</h3>\n<p class=\"soft small\">{}; {}, {}, {}{}</p>\n", html_text(volume.id),
        html_text(volume.path), html_text(volume.format), human_bytes(volume.size),
        disk.partition_table.empty() ? "no partition table" : html_text(disk.partition_table),
        disk.grub_in_boot_sector ? ", GRUB in the boot sector" : "");
    out += filesystem_rows(found, disk.volume);
  }
  const bool other = std::any_of(found.filesystems.begin(), found.filesystems.end(),
                                 [](const Filesystem& filesystem) { return !filesystem.volume; });
  if (other) {
    out += "<h3>Logical volumes and arrays</h3>\n" + filesystem_rows(found, std::nullopt);
  }
  for (const MdArray& array : found.arrays) {
    out += fmt::format("<p class=\"small\">{}: {} with {} of {} members{}</p>\n",
                       html_text(array.device.str()), html_text(array.level), array.members.size(),
                       array.member_count, array.degraded() ? ", degraded" : "");
  }
  return out;
}

std::string kernels_html(const Inspection& found) {
  Table table({"Kernel", "Initramfs", "Starts", "Lacks"}, {});
  for (const KernelImage& kernel : found.kernels) {
    table.add({kernel.release, kernel.initramfs ? kernel.initramfs->str() : "none",
               kernel.is_default ? "by default" : "",
               fmt::format("{}", fmt::join(kernel.lacking_drivers, ", "))});
  }
  return found.kernels.empty() ? "<p>No kernel.</p>\n" : "<h3>Kernels</h3>\n" + table.html();
}

std::string found_html(const Page& page) {
  std::string out = "<h2 id=\"found\">What was found</h2>\n";
  if (!page.report.inspection) {
    return out + "<p>The run ended before the disks had been looked at.</p>\n";
  }
  return out + disks_html(*page.report.inspection) + kernels_html(*page.report.inspection);
}

// ---- what changed

std::string heading_of(const std::string& name) {
  for (const Fix& fix : all_fixes()) {
    if (fix.name == name) {
      return std::string(fix.heading);
    }
  }
  return name == kLabelsFix ? std::string(kLabelsHeading) : name;
}

std::string changed_html(const Page& page) {
  const std::vector<ReportedEdit>& edits = page.report.edits;
  const bool written = page.is_done() && !page.report.outputs.empty();
  std::string out = fmt::format("<h2 id=\"changed\">{}</h2>\n",
                                written ? "What changed" : "What was to be changed");
  if (edits.empty()) {
    return out + "<p>Nothing.</p>\n";
  }
  if (!written) {
    out += "<p class=\"soft\">This run left no converted disk: what follows was planned.</p>\n";
  }
  DiffRoom room;
  std::string fix;
  for (size_t i = 0; i < std::min(edits.size(), kMostEdits); ++i) {
    const ReportedEdit& edit = edits[i];
    if (edit.fix != fix) {
      fix = edit.fix;
      out += fmt::format("<h3>{}</h3>\n", html_text(heading_of(fix)));
    }
    out += fmt::format(
        "<details open><summary><code>{}</code> <span class=\"soft\">{}</span></summary>\n{}"
        "</details>\n",
        html_text(edit.summary), html_text(edit.reason), html_diff(edit.diff, room));
  }
  return out + more_html(edits.size(), kMostEdits);
}

// ---- what happens at boot

const CheckAnswer* find_answer(const std::vector<CheckAnswer>& answers, std::string_view question) {
  const auto answer = std::find_if(answers.begin(), answers.end(), [&](const CheckAnswer& known) {
    return known.question == question;
  });
  return answer == answers.end() ? nullptr : &*answer;
}

std::string verdict_html(const CheckAnswer* answer) {
  if (answer == nullptr) {
    return "";
  }
  switch (answer->verdict) {
    case Verdict::yes:
      return "<span class=\"verdict good\">yes</span>";
    case Verdict::no:
      return fmt::format("<span class=\"verdict {}\">no</span>",
                         answer->required ? "bad" : "doubt");
    case Verdict::cannot_tell:
      return "<span class=\"verdict doubt\">cannot tell</span>";
  }
  return "";
}

std::string boot_html(const Page& page) {
  std::string out = "<h2 id=\"boot\">What will happen at boot</h2>\n";
  const Report& report = page.report;
  if (report.check_before.empty() || !report.inspection) {
    return out + "<p>The run ended before this was asked.</p>\n";
  }
  const bool both = !report.check_after.empty();
  out +=
      fmt::format("<p>EC2 starts {} by {}. {}</p>\n",
                  html_text(page.job.launch.boot_volume < report.inspection->volumes.size()
                                ? report.inspection->volumes[page.job.launch.boot_volume].id
                                : "the boot volume"),
                  firmware_name(firmware_of(page.job.launch, *report.inspection)),
                  both ? "These questions were asked of the disks as they came and of the result:"
                       : "These questions were asked of the disks as they are:");
  Table table(both ? std::vector<std::string>{"", "Before", "Now", "Because"}
                   : std::vector<std::string>{"", "Now", "Because"},
              {}, "questions");
  for (const CheckAnswer& answer : page.answers()) {
    std::vector<std::string> cells{html_text(answer.sentence)};
    if (both) {
      cells.push_back(verdict_html(find_answer(report.check_before, answer.question)));
    }
    cells.push_back(verdict_html(&answer));
    cells.push_back(html_text(answer.detail));
    table.add_html(cells);
  }
  return out + table.html();
}

// ---- what was left undone

std::string note_html(const std::string& sentence, const std::string& small) {
  return fmt::format("<li>{} <code>{}</code></li>\n", html_text(sentence), html_text(small));
}

std::string notes_html(std::string_view heading, const std::vector<std::string>& notes) {
  if (notes.empty()) {
    return "";
  }
  std::string out = fmt::format("<h3>{}</h3>\n<ul class=\"notes\">\n", heading);
  for (size_t i = 0; i < std::min(notes.size(), kMostNotes); ++i) {
    out += notes[i];
  }
  return out + "</ul>\n" + more_html(notes.size(), kMostNotes);
}

std::string undone_html(const Page& page) {
  std::vector<std::string> set_aside;
  std::vector<std::string> unknown;
  std::vector<std::string> not_so;
  std::vector<std::string> other;
  for (const CheckAnswer& answer : page.answers()) {
    if (answer.verdict == Verdict::cannot_tell) {
      unknown.push_back(note_html(answer.sentence + " " + answer.detail, answer.question));
    } else if (answer.verdict == Verdict::no) {
      not_so.push_back(note_html(answer.sentence + " No: " + answer.detail, answer.question));
    }
  }
  for (const Warning& warning : page.report.warnings) {
    if (warning.code.starts_with("cannot-tell-")) {
      continue;  // an answer, above
    }
    std::vector<std::string>& notes = warning.code == "network-set-aside" ? set_aside : other;
    notes.push_back(note_html(warning.sentence, warning.code + " " + warning.subject));
  }
  std::string out = "<h2 id=\"undone\">What was left undone</h2>\n";
  const std::string notes = notes_html("Answered no", not_so) +
                            notes_html("Nobody could tell", unknown) +
                            notes_html("Network settings that were set aside", set_aside) +
                            notes_html("To look at", other);
  return out + (notes.empty() ? "<p>Nothing.</p>\n" : notes);
}

// ---- what comes next

std::string volumes_html(const Page& page) {
  Table table({"Disk", "On EC2", "Size", "Type", "Stands for"}, {2});
  const Inspection& found = *page.report.inspection;
  for (const MappedVolume& volume : map_volumes(page.job.launch, found)) {
    std::string type = volume.type;
    if (volume.disk != nullptr && volume.disk->iops) {
      type += fmt::format(", {} IOPS", *volume.disk->iops);
    }
    if (volume.disk != nullptr && volume.disk->throughput) {
      type += fmt::format(", {} MiB/s", *volume.disk->throughput);
    }
    const bool has_output = volume.volume < page.report.outputs.size();
    table.add({has_output ? page.report.outputs[volume.volume].path
                          : found.volumes.at(volume.volume).path,
               volume.device, fmt::format("{} GiB", volume.gib), type,
               snapshot_mark(volume.volume)});
  }
  return table.html();
}

std::string next_html(const Page& page) {
  if (!page.is_done() || !page.report.inspection || page.report.outputs.empty()) {
    return "";
  }
  const std::string prefix = html_text(page.job.file_prefix);
  std::string out = "<h2 id=\"next\">What comes next</h2>\n" + volumes_html(page) + "<ol>\n";
  out += fmt::format(
      "<li>Make a snapshot of each disk, and put its id in the place of the disk's mark in "
      "<code>{0}register-image.json</code>.</li>\n<li><code>aws ec2 register-image "
      "--cli-input-json file://{0}register-image.json</code></li>\n",
      prefix);
  if (const auto& blueprint = page.job.launch.blueprint) {
    out += fmt::format(
        "<li>Put the image's id in the place of <code>{1}</code> in "
        "<code>{0}run-instances.json</code>.</li>\n<li><code>aws ec2 run-instances "
        "--cli-input-json file://{0}run-instances.json</code></li>\n",
        prefix, kImageMark);
    if (blueprint->initial_state == InitialState::stopped) {
      out +=
          "<li>The machine is to be stopped: EC2 cannot launch it so. Stop it once it "
          "runs.</li>\n";
    }
  }
  return out + "</ol>\n";
}

// ---- results and timings

std::string results_html(const Page& page) {
  if (page.report.outputs.empty()) {
    return "";
  }
  Table table({"Result", "Size", "Changed", "Written", "Hash of its hashes"}, {1, 2, 3});
  for (const OutputVolume& output : page.report.outputs) {
    table.add({output.path, human_bytes(output.size), human_bytes(output.bytes_changed),
               human_bytes(output.bytes_written), output.manifest_root});
  }
  return "<h2 id=\"results\">Results</h2>\n" + table.html();
}

std::string timings_html(const Page& page) {
  const auto& phases = page.report.phases;
  if (phases.empty()) {
    return "";
  }
  const double total =
      std::accumulate(phases.begin(), phases.end(), 0.0,
                      [](double sum, const auto& phase) { return sum + phase.second; });
  Table table({"Phase", "Seconds", ""}, {1});
  for (const auto& [phase, seconds] : phases) {
    table.add_html({html_text(phase), fmt::format("{:.1f}", seconds),
                    bar_html(total > 0 ? seconds / total : 0)});
  }
  table.add_html({"all", fmt::format("{:.1f}", total), ""});
  return "<h2 id=\"timings\">How long it took</h2>\n" + table.html();
}

std::string navigation(const Page& page) {
  const Report& report = page.report;
  std::string out = "<nav><ul>\n<li><a href=\"#found\">What was found</a></li>\n";
  out += fmt::format("<li><a href=\"#changed\">{}</a></li>\n",
                     count_of(report.edits.size(), "change"));
  out += "<li><a href=\"#boot\">What will happen at boot</a></li>\n";
  out += fmt::format("<li><a href=\"#undone\">{}</a></li>\n",
                     count_of(report.warnings.size(), "warning"));
  return out + "</ul></nav>\n";
}

std::string head(const Page& page) {
  // Nothing is loaded from anywhere, whatever should have found its way into the page.
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}: rehost</title>\n<style>{}</style>\n</head>\n",
      html_text(title_of(page)), kReportStyle);
}

}  // namespace

std::string report_html(const JobFacts& job, const Report& report) {
  const Page page{job, report};
  std::string out = head(page);
  out += fmt::format("<body>\n<header>\n<h1>{}</h1>\n", html_text(title_of(page)));
  out += banner(page) + at_a_glance(page) + navigation(page) + "</header>\n<main>\n";
  for (const auto& section :
       {found_html, changed_html, boot_html, undone_html, next_html, results_html, timings_html}) {
    out += section(page);
  }
  return out + fmt::format(
                   "</main>\n<footer class=\"soft small\">rehost {}. The same for programs "
                   "is in the JSON report.</footer>\n</body>\n</html>\n",
                   REHOST_VERSION);
}

}  // namespace rehost
