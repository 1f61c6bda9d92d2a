// The libguestfs border: the appliance that opens the disks, as a Guest. guestfs_guest.cc is the
// only file that includes guestfs.h; it turns every -1 into an Error and frees every returned
// list.
//
// One thread, one handle. The drives are overlays: whatever happens here, the volumes stay as they
// are.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "converter/appliance.h"
#include "converter/appliance_versions.h"
#include "converter/btrfs_root.h"
#include "converter/core/event.h"
#include "converter/core/guest.h"
#include "converter/guest_cache.h"
#include "converter/probed_devices.h"

namespace rehost {

struct Drive {
  std::string path;
  std::string format;
};

struct ApplianceOptions {
  std::string work_directory;  // sockets and transfers go here
  bool verbose = false;        // the appliance's own messages go to the log at debug level
  ApplianceSearch search;      // which one
};

// Of what runs the appliance, for reports.
ApplianceVersions appliance_versions();

class GuestfsGuest : public Guest {
 public:
  // Launches an appliance, with KVM when it works and by emulation when it does not; what had to be
  // done without is a warning to `events`. Throws Error(environment) when there is none at all.
  // A stop request ends the launch: whoever asks for it takes the appliance's process away
  // (SignalWatch).
  GuestfsGuest(const std::vector<Drive>& drives, const ApplianceOptions& options, EventSink& events,
               const std::stop_token& stop = {});
  ~GuestfsGuest() override;
  GuestfsGuest(const GuestfsGuest&) = delete;
  GuestfsGuest& operator=(const GuestfsGuest&) = delete;

  // The block devices. Every question starts a blkid in the appliance, a quarter of a second each:
  // ask once.
  ProbedDevices probe();
  // The subvolumes of the btrfs whose top level is mounted at /.
  BtrfsLayout btrfs_layout();
  // Bytes of a block device, shorter at its end.
  std::string read_device(const DeviceName& device, uint64_t offset, uint64_t length);
  // Default mount options are the caller's: "ro", "ro,subvol=@".
  void mount(const DeviceName& device, const GuestPath& where, const std::string& options);
  void unmount_all();
  void remount_writable(const GuestPath& where);
  // Bytes that may still be written below a mount point.
  uint64_t free_bytes(const GuestPath& where);

  // Unmounts, syncs and stops the appliance. An error here may mean that data was not written, and
  // is thrown.
  void close();

  std::optional<FileStat> stat(const GuestPath& path) const override;
  std::optional<std::string> read(const GuestPath& path, uint64_t max_bytes) const override;
  std::optional<std::string> read_range(const GuestPath& path, uint64_t offset,
                                        uint64_t length) const override;
  std::vector<DirectoryEntry> list(const GuestPath& directory) const override;
  std::optional<std::string> read_link(const GuestPath& path) const override;

  void write(const GuestPath& path, std::string_view content, uint32_t mode_if_new) override;
  void append(const GuestPath& path, std::string_view content) override;
  void remove(const GuestPath& path) override;
  void remove_tree(const GuestPath& path) override;
  void make_directories(const GuestPath& path) override;
  void symlink(const GuestPath& path, std::string_view target) override;
  std::string label(const GuestPath& path) const override;
  void set_label(const GuestPath& path, std::string_view context) override;
  CommandResult run(const std::vector<std::string>& argv) override;

 private:
  struct Handle;
  ProbedDevice probe_device(const std::string& device) const;
  MdArray probe_array(const std::string& device) const;
  std::vector<VolumeGroup> volume_groups() const;
  void start_arrays();
  void stop_arrays();

  std::unique_ptr<Handle> handle_;
  ApplianceOptions options_;
  mutable GuestCache cache_;
};

}  // namespace rehost
