// The table of distributions. One row says what cannot be asked from the guest itself.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rehost {

// A version as integers, compared number by number: 7.10 is newer than 7.9. "12" < "12.1".
struct Version {
  std::vector<int> parts;
  static Version parse(
      std::string_view text);  // digits and dots up to anything else; "rolling" is empty
  friend auto operator<=>(const Version&, const Version&) = default;
};

enum class DistroFamily { debian, redhat, suse };

struct Distro {
  std::string_view id;  // ID of os-release(5)
  std::string_view name;
  DistroFamily family;
  std::string_view minimum;     // the oldest VERSION_ID accepted; empty: any
  std::string_view efi_vendor;  // directory below /EFI on the ESP
  std::string_view
      initramfs_tool;        // "initramfs-tools" or "dracut", to be preferred when both are there
  std::string_view network;  // stacks this distribution has used, newest last, for people
  std::string_view tested;   // "boot" or "fixture"
};

std::span<const Distro> distros();

// Looks up ID, then each word of ID_LIKE in turn. nullptr: unknown.
const Distro* find_distro(std::string_view id, std::string_view id_like);

}  // namespace rehost
