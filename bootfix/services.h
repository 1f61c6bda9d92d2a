// Keeping a service from being started, under systemd, upstart and sysvinit, by changing links and
// files alone: no package manager runs, and an upgrade of the package leaves it disabled.
#pragma once

#include <span>
#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

// Disables what is there of `units` ("vmtoolsd.service", "google-oslogin-cache.timer"):
// - systemd: /etc/systemd/system/UNIT becomes a link to /dev/null, as systemctl(1) mask makes it,
//   when a unit file or, for a service, a SysV script of that name exists; the links in *.wants and
//   *.requires go. A unit file that somebody has written into /etc/systemd/system is copied to
//   /var/lib/rehost/set-aside first.
// - sysvinit and upstart: in the runlevels 1 to 5, S links become K links (update-rc.d(8) disable,
// chkconfig(8)
//   off); in rcS.d they go.
// - upstart: "manual" in /etc/init/NAME.override (init(5)).
void plan_disable_services(FixResult& result, const GuestView& guest, std::string_view fix,
                           std::span<const std::string_view> units, std::string_view reason);

}  // namespace rehost
