#include "converter/guestfs_guest.h"

#include <fmt/format.h>
#include <guestfs.h>
#include <spdlog/spdlog.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "converter/core/error.h"
#include "converter/file_mode.h"
#include "converter/launch_tries.h"
#include "converter/md_arrays.h"
#include "converter/printable.h"
#include "converter/shell_words.h"
#include "converter/string_lists.h"
#include "converter/transfer_file.h"

namespace rehost {
namespace {

struct FreeGuestfs {
  void operator()(char* p) const { free(p); }  // NOLINT: libguestfs hands out malloc'd memory
  void operator()(char** list) const {
    for (char** p = list; *p != nullptr; ++p) {
      free(*p);  // NOLINT
    }
    free(list);  // NOLINT
  }
  void operator()(struct guestfs_statns* p) const { guestfs_free_statns(p); }
  void operator()(struct guestfs_statns_list* p) const { guestfs_free_statns_list(p); }
  void operator()(struct guestfs_btrfssubvolume_list* p) const {
    guestfs_free_btrfssubvolume_list(p);
  }
  void operator()(struct guestfs_mdstat_list* p) const { guestfs_free_mdstat_list(p); }
  void operator()(struct guestfs_lvm_vg_list* p) const { guestfs_free_lvm_vg_list(p); }
  void operator()(struct guestfs_version* p) const { guestfs_free_version(p); }
  void operator()(struct guestfs_statvfs* p) const { guestfs_free_statvfs(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreeGuestfs>;
using OwnedString = std::unique_ptr<char, FreeGuestfs>;
using OwnedList = std::unique_ptr<char*, FreeGuestfs>;

FileStat to_stat(const struct guestfs_statns& s) {
  FileStat stat;
  const auto mode = static_cast<uint32_t>(s.st_mode);
  stat.type = file_type(mode);
  stat.mode = permissions(mode);
  stat.uid = static_cast<uint32_t>(s.st_uid);
  stat.gid = static_cast<uint32_t>(s.st_gid);
  stat.size = static_cast<uint64_t>(s.st_size);
  return stat;
}

void log_appliance(guestfs_h*, void*, uint64_t event, int, int, const char* text, size_t length,
                   const uint64_t*, size_t) {
  while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
    --length;
  }
  const std::string line = printable(std::string_view(text, length));
  if (event == GUESTFS_EVENT_WARNING) {
    spdlog::warn("appliance: {}", line);
  } else {
    spdlog::debug("appliance: {}", line);
  }
}

constexpr char kSelinuxAttribute[] = "security.selinux";
constexpr uint64_t kLargestMessage = 2u << 20;  // guestfs(3): a message is 4 MB at most

}  // namespace

struct GuestfsGuest::Handle {
  guestfs_h* g = nullptr;
  Handle() : g(guestfs_create()) {
    if (g == nullptr) {
      throw Error(ErrorKind::environment, "cannot create a libguestfs handle: out of memory");
    }
    guestfs_set_error_handler(g, nullptr, nullptr);
  }
  ~Handle() { guestfs_close(g); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  std::string last_error() const {
    const char* message = guestfs_last_error(g);
    std::string text = message == nullptr ? "unknown error" : message;
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }
  [[noreturn]] void fail(ErrorKind kind, const std::string& act) const {
    // When the appliance itself has died, nothing is known about the guest.
    const bool alive = guestfs_is_ready(g) == 1;
    throw Error(alive ? kind : ErrorKind::environment,
                fmt::format("{}: {}{}", act, last_error(),
                            alive ? "" : " (the appliance has died: memory?)"));
  }
  bool no_space() const { return guestfs_last_errno(g) == ENOSPC; }
  void check(int result, const std::string& act) const {
    if (result == -1 && no_space()) {
      fail(ErrorKind::unsupported_guest, act + " (make room on the source machine)");
    }
    if (result == -1) {
      fail(ErrorKind::guest_damaged, act);
    }
  }
  template <typename T>
  T* check(T* result, const std::string& act) const {
    if (result == nullptr) {
      fail(ErrorKind::guest_damaged, act);
    }
    return result;
  }
};

namespace {

KvmOutlook look_at_kvm(guestfs_h* g) {
  KvmOutlook kvm;
  const OwnedString setting(guestfs_get_backend_setting(g, "force_tcg"));
  kvm.asked_for_emulation = setting != nullptr;
  if (access("/dev/kvm", R_OK | W_OK) != 0) {
    kvm.unusable = errno_text(errno);
  }
  return kvm;
}

// What this library's daemon is like.
ApplianceHost appliance_host(guestfs_h* g) {
  const struct guestfs_version* version = guestfs_version(g);
  if (version == nullptr) {
    throw Error(ErrorKind::environment, "libguestfs does not tell its version: out of memory?");
  }
  utsname machine = {};
  uname(&machine);
  ApplianceHost host{fmt::format("{}.{}.{}", version->major, version->minor, version->release),
                     machine.machine};
  guestfs_free_version(const_cast<struct guestfs_version*>(version));  // NOLINT
  return host;
}

// Everything that is set before a launch. Returns false when the launch itself fails.
bool launch(guestfs_h* g, const std::vector<Drive>& drives, const ApplianceOptions& options,
            const LaunchTry& next) {
  if (!next.appliance.empty() && guestfs_set_path(g, next.appliance.c_str()) == -1) {
    return false;
  }
  if (getenv("LIBGUESTFS_BACKEND") == nullptr && guestfs_set_backend(g, "direct") == -1) {
    return false;
  }
  if (next.acceleration == Acceleration::emulation &&
      guestfs_set_backend_setting(g, "force_tcg", "1") == -1) {
    return false;
  }
  guestfs_set_pgroup(g, 1);  // ctrl-C is ours to handle: it must not kill the appliance under us
  guestfs_set_autosync(g, 1);
  guestfs_set_tmpdir(g, options.work_directory.c_str());
  guestfs_set_verbose(g, options.verbose ? 1 : 0);
  guestfs_set_trace(g, options.verbose ? 1 : 0);
  const uint64_t mask =
      GUESTFS_EVENT_APPLIANCE | GUESTFS_EVENT_LIBRARY | GUESTFS_EVENT_TRACE | GUESTFS_EVENT_WARNING;
  guestfs_set_event_callback(g, log_appliance, mask, 0, nullptr);
  for (const Drive& drive : drives) {
    if (guestfs_add_drive_opts(g, drive.path.c_str(), GUESTFS_ADD_DRIVE_OPTS_FORMAT,
                               drive.format.c_str(), GUESTFS_ADD_DRIVE_OPTS_CACHEMODE, "unsafe",
                               -1) == -1) {
      return false;
    }
  }
  return guestfs_launch(g) == 0;
}

}  // namespace

GuestfsGuest::GuestfsGuest(const std::vector<Drive>& drives, const ApplianceOptions& options,
                           EventSink& events, const std::stop_token& stop)
    : handle_(std::make_unique<Handle>()), options_(options) {
  const Appliance appliance = choose_appliance(options.search, appliance_host(handle_->g), events);
  const auto try_launch = [&](const LaunchTry& next) -> std::optional<std::string> {
    handle_ = std::make_unique<Handle>();  // a failed launch leaves its settings behind
    return launch(handle_->g, drives, options, next) ? std::nullopt
                                                     : std::optional(handle_->last_error());
  };
  launch_what_runs(appliance, look_at_kvm(handle_->g), try_launch, events, stop);
}

GuestfsGuest::~GuestfsGuest() = default;

ProbedDevice GuestfsGuest::probe_device(const std::string& device) const {
  // Fails on a device without any signature: then there are no tags.
  const OwnedList tags(guestfs_blkid(handle_->g, device.c_str()));
  return probed_device(device, pairs_of(tags.get()));
}

MdArray GuestfsGuest::probe_array(const std::string& device) const {
  guestfs_h* g = handle_->g;
  const std::string act = "cannot look at the md array " + device;
  const OwnedList details(handle_->check(guestfs_md_detail(g, device.c_str()), act));
  MdArray array = md_array(device, pairs_of(details.get()));
  const Owned<struct guestfs_mdstat_list> members(
      handle_->check(guestfs_md_stat(g, device.c_str()), act));
  for (uint32_t i = 0; i < members->len; ++i) {
    if (is_active_member(members->val[i].mdstat_flags)) {
      array.members.emplace_back(members->val[i].mdstat_device);
    }
  }
  // The kernel lists them as udev has come across them, in another order every time.
  std::sort(array.members.begin(), array.members.end());
  return array;
}

// libguestfs has no call for this, but a shell beside the guest; nothing of the guest is in the
// command.
void GuestfsGuest::start_arrays() {
  std::string command(kStartArrays);
  std::vector<char*> arguments = {command.data(), nullptr};
  const OwnedString said(guestfs_debug(handle_->g, "sh", arguments.data()));
  spdlog::debug("starting md arrays: {}",
                said == nullptr ? handle_->last_error() : printable(said.get()));
}

std::vector<VolumeGroup> GuestfsGuest::volume_groups() const {
  const Owned<struct guestfs_lvm_vg_list> listed(
      handle_->check(guestfs_vgs_full(handle_->g), "cannot list the volume groups"));
  std::vector<VolumeGroup> groups;
  for (uint32_t i = 0; i < listed->len; ++i) {
    // guestfs(3): vg_uuid has 32 characters and no null behind them.
    groups.push_back({listed->val[i].vg_name,
                      std::string(listed->val[i].vg_uuid, sizeof listed->val[i].vg_uuid)});
  }
  return groups;
}

ProbedDevices GuestfsGuest::probe() {
  guestfs_h* g = handle_->g;
  ProbedDevices found;
  const auto add_all = [&](char** devices) {
    for (const std::string& device : strings_of(devices)) {
      found.contents.push_back(probe_device(device));
      const int64_t size = guestfs_blockdev_getsize64(g, device.c_str());
      found.contents.back().filesystem.size = size < 0 ? 0 : static_cast<uint64_t>(size);
    }
  };
  const OwnedList disks(handle_->check(guestfs_list_devices(g), "cannot list the disks"));
  for (const std::string& disk : strings_of(disks.get())) {
    ProbedDevice probed = probe_device(disk);
    probed.filesystem.partition = 0;
    probed.filesystem.volume = found.disks.size();
    found.disks.push_back(std::move(probed));
  }
  const OwnedList partitions(
      handle_->check(guestfs_list_partitions(g), "cannot list the partitions"));
  for (const std::string& partition : strings_of(partitions.get())) {
    ProbedDevice probed = probe_device(partition);
    probed.filesystem.volume = disk_of_partition(partition, found.disks);
    found.contents.push_back(std::move(probed));
  }
  if (holds(found, "linux_raid_member")) {
    start_arrays();
    const OwnedList arrays(guestfs_list_md_devices(g));
    add_all(arrays.get());
    for (const std::string& array : strings_of(arrays.get())) {
      // Members that could not be put together are no array that a file system is on.
      MdArray probed = probe_array(array);
      if (!probed.members.empty()) {
        found.arrays.push_back(std::move(probed));
      }
    }
  }
  if (holds(found, "LVM2_member")) {
    found.groups = volume_groups();
    const OwnedList volumes(handle_->check(guestfs_lvs(g), "cannot list the logical volumes"));
    add_all(volumes.get());
  }
  return found;
}

BtrfsLayout GuestfsGuest::btrfs_layout() {
  BtrfsLayout layout;
  const int64_t default_id = guestfs_btrfs_subvolume_get_default(handle_->g, "/");
  handle_->check(default_id < 0 ? -1 : 0, "cannot ask for the default btrfs subvolume");
  layout.default_id = static_cast<uint64_t>(default_id);
  const Owned<struct guestfs_btrfssubvolume_list> listed(handle_->check(
      guestfs_btrfs_subvolume_list(handle_->g, "/"), "cannot list the btrfs subvolumes"));
  for (uint32_t i = 0; i < listed->len; ++i) {
    layout.subvolumes.push_back(
        {.id = listed->val[i].btrfssubvolume_id, .path = listed->val[i].btrfssubvolume_path});
  }
  return layout;
}

std::string GuestfsGuest::read_device(const DeviceName& device, uint64_t offset, uint64_t length) {
  size_t got = 0;
  const OwnedString bytes(handle_->check(
      guestfs_pread_device(handle_->g, device.str().c_str(), static_cast<int>(length),
                           static_cast<int64_t>(offset), &got),
      "cannot read " + device.str()));
  return std::string(bytes.get(), got);
}

void GuestfsGuest::mount(const DeviceName& device, const GuestPath& where,
                         const std::string& options) {
  handle_->check(
      guestfs_mount_options(handle_->g, options.c_str(), device.str().c_str(), where.str().c_str()),
      fmt::format("cannot mount {} on {}", device.str(), where.str()));
  cache_.forget();
}

void GuestfsGuest::unmount_all() {
  handle_->check(guestfs_umount_all(handle_->g), "cannot unmount the guest");
  cache_.forget();
}

void GuestfsGuest::remount_writable(const GuestPath& where) {
  handle_->check(
      guestfs_remount(handle_->g, where.str().c_str(), GUESTFS_REMOUNT_RW, 1, -1),
      fmt::format("cannot make {} writable (a hibernated or damaged file system)", where.str()));
}

uint64_t GuestfsGuest::free_bytes(const GuestPath& where) {
  const Owned<struct guestfs_statvfs> vfs(
      handle_->check(guestfs_statvfs(handle_->g, where.str().c_str()),
                     "cannot ask for the free space of " + where.str()));
  return static_cast<uint64_t>(vfs->bavail) * static_cast<uint64_t>(vfs->bsize);
}

void GuestfsGuest::close() {
  cache_.forget();
  if (guestfs_umount_all(handle_->g) == -1) {
    handle_->fail(ErrorKind::image_io, "cannot unmount the guest: its last changes may be lost");
  }
  stop_arrays();
  if (guestfs_shutdown(handle_->g) == -1) {
    handle_->fail(ErrorKind::image_io,
                  "cannot stop the appliance cleanly: its last writes may be lost");
  }
}

// An array that is not stopped may stay marked as dirty, and is read and written from end to end
// when the guest starts. That is slow and harmless: a failure here is none of the conversion.
void GuestfsGuest::stop_arrays() {
  const OwnedList arrays(guestfs_list_md_devices(handle_->g));
  const std::vector<std::string> devices = strings_of(arrays.get());
  if (devices.empty()) {
    return;
  }
  if (guestfs_vg_activate_all(handle_->g, 0) == -1) {  // a volume group on an array keeps it busy
    spdlog::debug("cannot deactivate the volume groups: {}", handle_->last_error());
  }
  for (const std::string& device : devices) {
    if (guestfs_md_stop(handle_->g, device.c_str()) == -1) {
      spdlog::debug("cannot stop {}: {}", device, handle_->last_error());
    }
  }
}

std::optional<FileStat> GuestfsGuest::stat(const GuestPath& path) const {
  if (const std::optional<FileStat>* cached = cache_.stat(path)) {
    return *cached;
  }
  std::optional<FileStat> result;
  const Owned<struct guestfs_statns> found(guestfs_lstatns(handle_->g, path.str().c_str()));
  if (found != nullptr) {
    result = to_stat(*found);
  } else {
    const int error = guestfs_last_errno(handle_->g);
    if (error != ENOENT && error != ENOTDIR && error != ELOOP) {
      handle_->fail(ErrorKind::guest_damaged, "cannot look at " + path.str());
    }
  }
  cache_.keep_stat(path, result);
  return result;
}

std::optional<std::string> GuestfsGuest::read(const GuestPath& path, uint64_t max_bytes) const {
  const std::optional<GuestPath> real = resolve(*this, path);
  if (!real) {
    return std::nullopt;
  }
  const std::optional<FileStat> status = stat(*real);
  if (!status || status->type != FileType::regular) {
    return std::nullopt;
  }
  if (status->size > max_bytes) {
    throw Error(
        ErrorKind::guest_damaged,
        fmt::format("cannot read {}: it has {} bytes, more than the {} that such a file may have",
                    path.str(), status->size, max_bytes));
  }
  if (const std::string* cached = cache_.content(*real)) {
    return *cached;
  }
  // Not read_file: a transfer costs a quarter of a second to set up under emulation, a pread some
  // milliseconds.
  std::string content = *read_range(*real, 0, status->size);
  cache_.keep_content(*real, content);
  return content;
}

std::optional<std::string> GuestfsGuest::read_range(const GuestPath& path, uint64_t offset,
                                                    uint64_t length) const {
  const std::optional<GuestPath> real = resolve(*this, path);
  const std::optional<FileStat> status = real ? stat(*real) : std::nullopt;
  if (!status || status->type != FileType::regular) {
    return std::nullopt;
  }
  std::string out;
  while (out.size() < length && offset + out.size() < status->size) {
    const uint64_t want = std::min(length - out.size(), kLargestMessage);
    size_t got = 0;
    const OwnedString bytes(
        handle_->check(guestfs_pread(handle_->g, real->str().c_str(), static_cast<int>(want),
                                     static_cast<int64_t>(offset + out.size()), &got),
                       "cannot read " + path.str()));
    if (got == 0) {
      break;
    }
    out.append(bytes.get(), got);
  }
  return out;
}

std::vector<DirectoryEntry> GuestfsGuest::list(const GuestPath& directory) const {
  const std::optional<GuestPath> real = resolve(*this, directory);
  const std::optional<FileStat> status = real ? stat(*real) : std::nullopt;
  if (!status || status->type != FileType::directory) {
    return {};
  }
  if (const std::vector<DirectoryEntry>* cached = cache_.listing(*real)) {
    return *cached;
  }
  const OwnedList listed(handle_->check(guestfs_ls(handle_->g, real->str().c_str()),
                                        "cannot list " + directory.str()));
  std::vector<std::string> names = strings_of(listed.get());
  std::sort(names.begin(), names.end());
  std::vector<char*> pointers = pointers_to(names);
  const Owned<struct guestfs_statns_list> stats(
      handle_->check(guestfs_lstatnslist(handle_->g, real->str().c_str(), pointers.data()),
                     "cannot list " + directory.str()));
  std::vector<DirectoryEntry> entries;
  for (size_t i = 0; i < names.size() && i < stats->len; ++i) {
    if (stats->val[i].st_ino == -1) {
      continue;  // lstatnslist: this entry could not be looked at
    }
    entries.push_back({names[i], to_stat(stats->val[i])});
  }
  cache_.keep_listing(*real, entries);
  return entries;
}

std::optional<std::string> GuestfsGuest::read_link(const GuestPath& path) const {
  const std::optional<FileStat> status = stat(path);
  if (!status || status->type != FileType::symlink) {
    return std::nullopt;
  }
  if (const std::string* cached = cache_.link(path)) {
    return *cached;
  }
  const OwnedString target(handle_->check(guestfs_readlink(handle_->g, path.str().c_str()),
                                          "cannot read the link " + path.str()));
  cache_.keep_link(path, target.get());
  return target.get();
}

void GuestfsGuest::write(const GuestPath& path, std::string_view content, uint32_t mode_if_new) {
  const GuestPath real = resolve(*this, path).value_or(path);
  const std::optional<FileStat> before = stat(real);
  if (before && before->type != FileType::regular) {
    throw Error(ErrorKind::guest_damaged, "cannot write " + path.str() + ": not a regular file");
  }
  if (content.size() <= kLargestMessage) {
    handle_->check(guestfs_write(handle_->g, real.str().c_str(), content.data(), content.size()),
                   "cannot write " + path.str());
  } else {
    const TransferFile file(options_.work_directory, content);
    const int result = guestfs_upload(handle_->g, file.path().c_str(), real.str().c_str());
    // An upload that runs out of space says only "write error".
    if (result == -1 && guestfs_is_ready(handle_->g) == 1 &&
        free_bytes(real.parent()) < content.size()) {
      throw Error(ErrorKind::unsupported_guest,
                  fmt::format("cannot write {}: no space left in the guest for its {} bytes (make "
                              "room on the source machine)",
                              path.str(), content.size()));
    }
    handle_->check(result, "cannot write " + path.str());
  }
  if (!before) {
    handle_->check(guestfs_chmod(handle_->g, static_cast<int>(mode_if_new), real.str().c_str()),
                   "cannot set the mode of " + path.str());
  }
  cache_.forget();
}

void GuestfsGuest::append(const GuestPath& path, std::string_view content) {
  const std::optional<GuestPath> real = resolve(*this, path);
  if (!real) {
    throw Error(ErrorKind::guest_damaged, "cannot append to " + path.str() + ": no such file");
  }
  for (size_t at = 0; at < content.size(); at += kLargestMessage) {
    const std::string_view part = content.substr(at, kLargestMessage);
    handle_->check(guestfs_write_append(handle_->g, real->str().c_str(), part.data(), part.size()),
                   "cannot append to " + path.str());
  }
  cache_.forget();
}

void GuestfsGuest::remove(const GuestPath& path) {
  handle_->check(guestfs_rm(handle_->g, path.str().c_str()), "cannot remove " + path.str());
  cache_.forget();
}

void GuestfsGuest::remove_tree(const GuestPath& path) {
  handle_->check(guestfs_rm_rf(handle_->g, path.str().c_str()), "cannot remove " + path.str());
  cache_.forget();
}

void GuestfsGuest::make_directories(const GuestPath& path) {
  if (is_directory(*this, path)) {
    return;
  }
  handle_->check(guestfs_mkdir_p(handle_->g, path.str().c_str()),
                 "cannot make the directory " + path.str());
  cache_.forget();
}

void GuestfsGuest::symlink(const GuestPath& path, std::string_view target) {
  handle_->check(guestfs_ln_sf(handle_->g, std::string(target).c_str(), path.str().c_str()),
                 "cannot make the link " + path.str());
  cache_.forget();
}

std::string GuestfsGuest::label(const GuestPath& path) const {
  size_t size = 0;
  const OwnedString value(
      guestfs_lgetxattr(handle_->g, path.str().c_str(), kSelinuxAttribute, &size));
  if (value == nullptr) {
    const int error = guestfs_last_errno(handle_->g);
    if (error != ENODATA && error != EOPNOTSUPP) {
      handle_->fail(ErrorKind::guest_damaged, "cannot read the SELinux label of " + path.str());
    }
    return "";
  }
  // The kernel counts the 0 at its end as a part of it.
  while (size > 0 && value.get()[size - 1] == '\0') {
    --size;
  }
  return {value.get(), size};
}

void GuestfsGuest::set_label(const GuestPath& path, std::string_view context) {
  const std::string value(context);
  handle_->check(guestfs_lsetxattr(handle_->g, kSelinuxAttribute, value.c_str(),
                                   static_cast<int>(value.size()) + 1, path.str().c_str()),
                 fmt::format("cannot label {} with {}", path.str(), context));
}

CommandResult GuestfsGuest::run(const std::vector<std::string>& argv) {
  // `sh` rather than `command`: it hands back the output of a command that fails, when asked for
  // both.
  const std::string act = "cannot run " + argv.at(0) + " in the guest";
  cache_.forget();
  const OwnedString output(
      handle_->check(guestfs_sh(handle_->g, line_with_status(argv).c_str()), act));
  const std::optional<CommandResult> result = result_with_status(output.get());
  if (!result) {
    handle_->fail(ErrorKind::guest_damaged, act);
  }
  return *result;
}

ApplianceVersions appliance_versions() {
  ApplianceVersions versions;
  guestfs_h* g = guestfs_create();
  if (g == nullptr) {
    return versions;
  }
  if (const Owned<struct guestfs_version> version(guestfs_version(g)); version) {
    versions.libguestfs = fmt::format("{}.{}.{}", version->major, version->minor, version->release);
  }
  const OwnedString program(guestfs_get_hv(g));
  guestfs_close(g);
  if (program) {
    versions.qemu = version_of_program(program.get());
  }
  return versions;
}

}  // namespace rehost
