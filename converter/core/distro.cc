#include "converter/core/distro.h"

#include <charconv>

namespace rehost {
namespace {

// clang-format off
constexpr Distro kDistros[] = {
    {"debian", "Debian", DistroFamily::debian, "9", "debian", "initramfs-tools", "ifupdown, systemd-networkd, netplan", "boot"},
    {"rhel", "Red Hat Enterprise Linux", DistroFamily::redhat, "5", "redhat", "dracut", "network-scripts, NetworkManager", "fixture"},
    {"centos", "CentOS", DistroFamily::redhat, "5", "centos", "dracut", "network-scripts, NetworkManager", "fixture"},
    {"rocky", "Rocky Linux", DistroFamily::redhat, "8", "rocky", "dracut", "NetworkManager", "fixture"},
    {"almalinux", "AlmaLinux", DistroFamily::redhat, "8", "almalinux", "dracut", "NetworkManager", "fixture"},
    {"ol", "Oracle Linux", DistroFamily::redhat, "5", "redhat", "dracut", "network-scripts, NetworkManager", "fixture"},
    {"fedora", "Fedora", DistroFamily::redhat, "20", "fedora", "dracut", "network-scripts, NetworkManager", "fixture"},
    {"amzn", "Amazon Linux", DistroFamily::redhat, "", "amzn", "dracut", "network-scripts, systemd-networkd", "fixture"},
    {"ubuntu", "Ubuntu", DistroFamily::debian, "14.04", "ubuntu", "initramfs-tools", "ifupdown, netplan", "fixture"},
    {"sles", "SUSE Linux Enterprise Server", DistroFamily::suse, "11", "sles", "dracut", "ifcfg, wicked", "fixture"},
    {"opensuse-leap", "openSUSE Leap", DistroFamily::suse, "15", "opensuse", "dracut", "wicked, NetworkManager", "fixture"},
    {"opensuse-tumbleweed", "openSUSE Tumbleweed", DistroFamily::suse, "", "opensuse", "dracut", "wicked, NetworkManager", "fixture"},
};
// clang-format on

}  // namespace

Version Version::parse(std::string_view text) {
  Version version;
  size_t at = 0;
  while (at < text.size()) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (error != std::errc() || number < 0) {
      break;
    }
    version.parts.push_back(number);
    at = static_cast<size_t>(end - text.data());
    if (at >= text.size() || text[at] != '.') {
      break;
    }
    ++at;
  }
  return version;
}

std::span<const Distro> distros() {
  return kDistros;
}

namespace {

const Distro* row_of(std::string_view id) {
  for (const Distro& distro : kDistros) {
    if (distro.id == id) {
      return &distro;
    }
  }
  return nullptr;
}

}  // namespace

const Distro* find_distro(std::string_view id, std::string_view id_like) {
  if (const Distro* distro = row_of(id)) {
    return distro;
  }
  while (!id_like.empty()) {
    const size_t space = id_like.find(' ');
    if (const Distro* distro = row_of(id_like.substr(0, space))) {
      return distro;
    }
    id_like = space == std::string_view::npos ? "" : id_like.substr(space + 1);
  }
  return nullptr;
}

}  // namespace rehost
