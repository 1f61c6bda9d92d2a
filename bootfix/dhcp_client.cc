#include "bootfix/dhcp_client.h"

namespace rehost {

bool has_dhcp_client(const GuestView& guest) {
  for (const std::string_view directory : {"/sbin", "/usr/sbin", "/bin", "/usr/bin"}) {
    for (const std::string_view client : {"dhclient", "dhcpcd", "udhcpc", "dhclient3", "pump"}) {
      if (is_file(guest, GuestPath(directory) / client)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace rehost
