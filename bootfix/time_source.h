// Clocks that only the old home has, in chrony.conf(5). chronyd ends with "Could not open PHC" when
// the device of a `refclock PHC` is not there (gardenlinux/gardenlinux #2562), and a machine that
// knows no other server than Google's has no time source at all.
#pragma once

#include <string>
#include <string_view>

namespace rehost {

// The lines `refclock PHC /dev/ptp_hyperv` (Azure, Hyper-V), `refclock PHC /dev/ptp_vmw` (VMware),
// `server metadata.google.internal` and `server 169.254.169.254` become comments; behind the first
// of them comes the Amazon Time Sync Service, unless it is named already.
std::string chrony_for_ec2(std::string_view chrony_conf);

}  // namespace rehost
