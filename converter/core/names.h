// Strong names, so that a path of the host cannot be handed in where a path of the guest is meant.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

namespace rehost {

// An absolute path inside the guest, normalised by text alone: one slash between components, no
// ".", no trailing slash, ".." clamped at "/". Symbolic links are not followed here: that is
// resolve() in guest.h.
class GuestPath {
 public:
  GuestPath() = default;
  explicit GuestPath(std::string_view path);
  const std::string& str() const { return path_; }
  std::string_view name() const;                     // last component; empty for "/"
  GuestPath parent() const;                          // "/" is its own parent
  bool is_within(const GuestPath& directory) const;  // equal, or below it
  friend GuestPath operator/(const GuestPath& directory, std::string_view relative);
  friend auto operator<=>(const GuestPath&, const GuestPath&) = default;

 private:
  std::string path_ = "/";
};

// A block device as the appliance names it (/dev/sda1, /dev/mapper/vg-lv), or
// "btrfsvol:/dev/sda2/root" for a btrfs subvolume. Never the guest's own name for it and never the
// host's.
class DeviceName {
 public:
  DeviceName() = default;
  explicit DeviceName(std::string_view name) : name_(name) {}
  const std::string& str() const { return name_; }
  bool empty() const { return name_.empty(); }
  friend auto operator<=>(const DeviceName&, const DeviceName&) = default;

 private:
  std::string name_;
};

}  // namespace rehost
