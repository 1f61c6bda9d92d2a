#include "converter/report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>

#include "converter/core/error.h"
#include "images/posix_file.h"

namespace rehost {
namespace {

using Json = nlohmann::ordered_json;

// Names inside a guest are bytes; JSON is UTF-8. What is no UTF-8 becomes the replacement
// character.
std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json header() {
  return Json{{"version", 1}, {"rehost", REHOST_VERSION}};
}

Json to_json(const Filesystem& f) {
  Json json{{"device", f.device.str()},
            {"type", f.type},
            {"uuid", f.uuid},
            {"label", f.label},
            {"size", f.size}};
  if (f.volume) {
    json["volume"] = *f.volume;
    json["partition"] = f.partition;
  }
  return json;
}

Json to_json(const KernelImage& k) {
  Json json{{"release", k.release},
            {"vmlinuz", k.vmlinuz ? Json(k.vmlinuz->str()) : Json()},
            {"initramfs", k.initramfs ? Json(k.initramfs->str()) : Json()},
            {"lacks", k.lacking_drivers},
            {"default", k.is_default}};
  json["other_initramfs"] = Json::array();
  for (const GuestPath& other : k.other_initramfs) {
    json["other_initramfs"].push_back(other.str());
  }
  return json;
}

Json to_json(const Inspection& i) {
  Json json{{"os",
             {{"id", i.os.id},
              {"version_id", i.os.version_id},
              {"pretty_name", i.os.pretty_name},
              {"distro", i.distro == nullptr ? Json() : Json(i.distro->id)}}},
            {"architecture", i.architecture},
            {"firmware", i.firmware == Firmware::uefi ? "uefi" : "bios"},
            {"selinux", i.selinux},
            {"root", i.root.str()}};
  json["volumes"] = Json::array();
  for (const Volume& v : i.volumes) {
    json["volumes"].push_back(
        {{"id", v.id}, {"path", v.path}, {"format", v.format}, {"size", v.size}});
  }
  json["disks"] = Json::array();
  for (const Disk& d : i.disks) {
    json["disks"].push_back({{"volume", d.volume},
                             {"partition_table", d.partition_table},
                             {"grub_in_boot_sector", d.grub_in_boot_sector}});
  }
  json["filesystems"] = Json::array();
  for (const Filesystem& f : i.filesystems) {
    json["filesystems"].push_back(to_json(f));
  }
  json["md_arrays"] = Json::array();
  for (const MdArray& a : i.arrays) {
    json["md_arrays"].push_back({{"device", a.device.str()},
                                 {"uuid", a.uuid},
                                 {"names", a.names},
                                 {"level", a.level},
                                 {"members", a.member_count},
                                 {"members_found", a.members.size()}});
  }
  json["mounts"] = Json::array();
  for (const MountedFilesystem& m : i.mounts) {
    json["mounts"].push_back({{"where", m.where.str()}, {"device", m.device.str()}});
  }
  json["kernels"] = Json::array();
  for (const KernelImage& k : i.kernels) {
    json["kernels"].push_back(to_json(k));
  }
  return json;
}

Json warnings_json(const std::vector<Warning>& warnings) {
  Json json = Json::array();
  for (const Warning& w : warnings) {
    json.push_back({{"code", w.code}, {"subject", w.subject}, {"sentence", w.sentence}});
  }
  return json;
}

Json edits_json(const std::vector<ReportedEdit>& edits) {
  Json json = Json::array();
  for (const ReportedEdit& e : edits) {
    json.push_back(
        {{"fix", e.fix}, {"reason", e.reason}, {"summary", e.summary}, {"diff", e.diff}});
  }
  return json;
}

Json answers_json(const std::vector<CheckAnswer>& answers) {
  Json json = Json::array();
  for (const CheckAnswer& a : answers) {
    json.push_back({{"question", a.question},
                    {"sentence", a.sentence},
                    {"verdict", to_string(a.verdict)},
                    {"required", a.required},
                    {"detail", a.detail}});
  }
  return json;
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json to_json(const std::optional<FileStamp>& stamp) {
  return stamp ? Json{{"size", stamp->size}, {"modified", stamp->modified}} : Json();
}

Json to_json(const ReportedJob& job) {
  Json json{{"id", job.id},
            {"mode", job.mode},
            {"action", job.action},
            {"digest", job.digest},
            {"labels", Json::object()}};
  for (const auto& [name, value] : job.labels) {
    json["labels"][name] = value;
  }
  json["sources"] = Json::array();
  for (const SourceFile& source : job.sources) {
    json["sources"].push_back({{"path", source.path}, {"file", to_json(source.stamp)}});
  }
  return json;
}

Json outputs_json(const std::vector<OutputVolume>& outputs) {
  Json json = Json::array();
  for (const OutputVolume& o : outputs) {
    json.push_back({{"path", o.path},
                    {"size", o.size},
                    {"bytes_written", o.bytes_written},
                    {"bytes_changed", o.bytes_changed},
                    {"manifest", text_or_null(o.manifest)},
                    {"manifest_root", text_or_null(o.manifest_root)},
                    {"file", to_json(o.stamp)}});
  }
  return json;
}

// The questions that the result, or the guest as it is, fails.
Json failed_questions(const Report& report) {
  Json json = Json::array();
  const bool after = !report.check_after.empty();
  if (report.outcome == describe(ErrorKind::verification).name) {
    for (const CheckAnswer& a : after ? report.check_after : report.check_before) {
      if (a.required && a.verdict == Verdict::no) {
        json.push_back(a.question);
      }
    }
  }
  return json;
}

Json bytes_json(const Report& report) {
  uint64_t changed = 0;
  uint64_t written = 0;
  for (const OutputVolume& o : report.outputs) {
    changed += o.bytes_changed;
    written += o.bytes_written;
  }
  return {{"read", report.bytes_read ? Json(*report.bytes_read) : Json()},
          {"changed", changed},
          {"written", written}};
}

}  // namespace

std::string inspection_json(const Report& report) {
  Json json = header();
  json["inspection"] = report.inspection ? to_json(*report.inspection) : Json();
  json["warnings"] = warnings_json(report.warnings);
  return dump(json);
}

std::string plan_json(const Report& report) {
  Json json = header();
  json["edits"] = edits_json(report.edits);
  json["warnings"] = warnings_json(report.warnings);
  return dump(json);
}

std::string check_json(const Report& report) {
  Json json = header();
  json["would_boot"] = would_boot(report.check_before);
  json["answers"] = answers_json(report.check_before);
  json["warnings"] = warnings_json(report.warnings);
  return dump(json);
}

std::string verify_json(const Report& report) {
  Json json = header();
  json["matches"] = report.bad_blocks.empty();
  json["bad_blocks"] = report.bad_blocks;
  return dump(json);
}

std::string report_json(const Report& report) {
  Json json = header();
  const bool running = report.outcome == kRunning;
  json["versions"] = {{"rehost", REHOST_VERSION},
                      {"libguestfs", text_or_null(report.libguestfs)},
                      {"qemu", text_or_null(report.qemu)}};
  json["command"] = report.command;
  json["job"] = report.job ? to_json(*report.job) : Json();
  json["outcome"] = report.outcome;
  json["exit_code"] = running ? Json() : Json(report.exit_code);
  json["retryable"] = running || report.retryable;
  json["error"] = text_or_null(report.error);
  json["failed_questions"] = failed_questions(report);
  json["started"] = text_or_null(report.started);
  json["finished"] = text_or_null(report.finished);
  json["seconds"] = report.seconds;
  json["inspection"] = report.inspection ? to_json(*report.inspection) : Json();
  json["edits"] = edits_json(report.edits);
  json["warnings"] = warnings_json(report.warnings);
  json["check_before"] = answers_json(report.check_before);
  json["check_after"] = answers_json(report.check_after);
  json["outputs"] = outputs_json(report.outputs);
  json["bytes"] = bytes_json(report);
  json["phases"] = Json::array();
  for (const auto& [phase, seconds] : report.phases) {
    json["phases"].push_back({{"phase", phase}, {"seconds", seconds}});
  }
  return dump(json);
}

std::optional<FileStamp> stamp_of(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  constexpr int64_t kNanoseconds = 1'000'000'000;
  return FileStamp{static_cast<uint64_t>(status.st_size),
                   status.st_mtim.tv_sec * kNanoseconds + status.st_mtim.tv_nsec};
}

void require_report_place(const std::string& path) {
  struct stat status = {};
  if (lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is no file that a report may replace, but a {}: name another place "
                            "with --report",
                            path,
                            S_ISLNK(status.st_mode)   ? "symbolic link"
                            : S_ISDIR(status.st_mode) ? "directory"
                                                      : "device, a pipe or a socket"));
  }
}

void write_report(const Report& report, const std::string& path) {
  require_report_place(path);
  constexpr unsigned kMode = 0644;
  const std::string partial = path + ".partial";
  const std::string text = report_json(report);
  try {
    // Synced before it has its name: the next worker acts on what it says, after a power cut too.
    const FileDescriptor file =
        open_file(partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, kMode);
    write_fully(file.get(), partial, 0, std::as_bytes(std::span(text)));
    sync_file(file.get(), partial);
  } catch (const Error& error) {
    std::remove(partial.c_str());
    throw Error(ErrorKind::environment,
                fmt::format("cannot write the report {}: {}", path, error.what()));
  }
  if (std::rename(partial.c_str(), path.c_str()) != 0) {
    const int error = errno;
    std::remove(partial.c_str());
    throw Error(ErrorKind::environment,
                fmt::format("cannot write the report {}: {}", path, errno_text(error)));
  }
}

}  // namespace rehost
