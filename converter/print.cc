#include "converter/print.h"

#include <fmt/format.h>

#include "bootfix/left_behind.h"
#include "converter/core/error.h"
#include "converter/fixes.h"
#include "converter/labels.h"
#include "images/formats.h"
#include "images/posix_file.h"

namespace rehost {

std::string_view command_name(Command command) {
  switch (command) {
    case Command::inspect:
      return "inspect";
    case Command::check:
      return "check";
    case Command::plan:
      return "plan";
    case Command::convert:
      return "convert";
    case Command::commit:
      return "commit";
    case Command::rollback:
      return "rollback";
    case Command::drivers:
      return "drivers";
    case Command::manifest:
      return "manifest";
    case Command::verify:
      return "verify";
    case Command::apply_delta:
      return "apply-delta";
    case Command::run:
      return "run";
    case Command::list:
      return "list";
    case Command::help:
      return "help";
    case Command::version:
      return "version";
  }
  return "";
}

std::string inspection_text(const Inspection& inspection) {
  std::string out =
      fmt::format("{} ({}), {}, {}\n", inspection.os.pretty_name,
                  inspection.distro == nullptr ? "unknown" : inspection.distro->id,
                  inspection.architecture, inspection.firmware == Firmware::uefi ? "UEFI" : "BIOS");
  for (const Disk& disk : inspection.disks) {
    const Volume& volume = inspection.volumes.at(disk.volume);
    out += fmt::format("{} {}: {}, {}, {}{}\n", volume.id, volume.path, volume.format,
                       human_bytes(volume.size),
                       disk.partition_table.empty() ? "no partition table" : disk.partition_table,
                       disk.grub_in_boot_sector ? ", GRUB in the boot sector" : "");
    for (const Filesystem& fs : inspection.filesystems) {
      if (fs.volume == disk.volume) {
        out += fmt::format("  {:<3} {:<12} {:>10}  {}\n",
                           fs.partition == 0 ? "-" : std::to_string(fs.partition),
                           fs.type.empty() ? "unknown" : fs.type, human_bytes(fs.size), fs.uuid);
      }
    }
  }
  for (const Filesystem& fs : inspection.filesystems) {
    if (!fs.volume) {
      out +=
          fmt::format("{}: {}, {}  {}\n", fs.device.str(), fs.type, human_bytes(fs.size), fs.uuid);
    }
  }
  for (const MountedFilesystem& mounted : inspection.mounts) {
    out += fmt::format("{} on {}\n", mounted.device.str(), mounted.where.str());
  }
  for (const KernelImage& kernel : inspection.kernels) {
    out += fmt::format("kernel {}{}: {}, {}", kernel.release, kernel.is_default ? " (default)" : "",
                       kernel.vmlinuz ? kernel.vmlinuz->str() : "no image",
                       kernel.initramfs ? kernel.initramfs->str() : "no initramfs");
    for (const GuestPath& other : kernel.other_initramfs) {
      out += ", " + other.str();
    }
    for (const std::string& driver : kernel.lacking_drivers) {
      out += ", no " + driver;
    }
    out += "\n";
  }
  return out;
}

std::string check_text(const std::vector<CheckAnswer>& answers) {
  std::string out;
  for (const CheckAnswer& answer : answers) {
    std::string_view mark = "yes";
    if (answer.verdict == Verdict::cannot_tell) {
      mark = "?";
    } else if (answer.verdict == Verdict::no) {
      mark = answer.required ? "NO" : "no";
    }
    out += fmt::format("{:<3}  {:<24} {}\n", mark, answer.question, answer.detail);
  }
  return out;
}

std::string plan_text(const Report& report) {
  std::string out;
  std::string fix;
  for (const ReportedEdit& edit : report.edits) {
    if (edit.fix != fix) {
      fix = edit.fix;
      std::string_view heading = fix;
      for (const Fix& row : all_fixes()) {
        heading = row.name == fix ? row.heading : heading;
      }
      heading = fix == kLabelsFix ? kLabelsHeading : heading;
      out += fmt::format("== {}: {}\n", fix, heading);
    }
    out += fmt::format("-- {} ({})\n{}", edit.summary, edit.reason, edit.diff);
  }
  if (report.edits.empty()) {
    out += "nothing to change\n";
  }
  for (const Warning& warning : report.warnings) {
    out += fmt::format("warning: {}: {} [{}]\n", warning.subject, warning.sentence, warning.code);
  }
  return out;
}

namespace {

// A row with everything in it that is looked for.
std::string left_behind_text() {
  std::string out;
  for (const LeftBehind& row : left_behind()) {
    out += fmt::format("{}: {}\n    {}\n", row.name, row.heading, row.description);
    if (!row.services.empty()) {
      out += fmt::format("    services: {}\n", fmt::join(row.services, ", "));
    }
    std::vector<std::string_view> files(row.removed.begin(), row.removed.end());
    files.insert(files.end(), row.agent_names.begin(), row.agent_names.end());
    if (!files.empty()) {
      out += fmt::format("    removed: {}\n", fmt::join(files, ", "));
    }
    for (const TextRule& rule : row.rewritten) {
      out += fmt::format("    rewritten: {} ({})\n", rule.path, rule.reason);
    }
    if (!row.account.empty()) {
      out += fmt::format("    user and group: {}\n", row.account);
    }
  }
  return out;
}

}  // namespace

std::string table_text(const std::string& table) {
  std::string out;
  if (table == "fixes") {
    for (const Fix& fix : all_fixes()) {
      out += fmt::format("{}: {}\n    {}\n", fix.name, fix.heading, fix.description);
    }
  } else if (table == "left-behind") {
    out = left_behind_text();
  } else if (table == "distros") {
    for (const Distro& distro : distros()) {
      out += fmt::format("{:<20} {:<29} from {:<8} tested: {}\n", distro.id, distro.name,
                         distro.minimum.empty() ? "any" : distro.minimum, distro.tested);
    }
  } else if (table == "formats") {
    for (const ImageFormat& format : image_formats()) {
      out += fmt::format("{:<16} {:<6} {:<6} {}\n", format.name,
                         format.open_source != nullptr ? "read" : "-",
                         format.open_sink != nullptr ? "write" : "-", format.meaning);
    }
    out += "delta            -      write  the changed blocks of 512 KiB, for rehost apply-delta\n";
  } else {
    for (const ErrorKindRow& row : error_kinds()) {
      out += fmt::format("{}  {:<18} {:<10} {}\n", row.exit_code, row.name,
                         row.retryable ? "retryable" : "final", row.meaning);
    }
  }
  return out;
}

}  // namespace rehost
