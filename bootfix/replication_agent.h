// The agents that copied the machine to AWS: those of AWS MGN and DRS, and of CloudEndure. The
// service removes its agent in the instance that it launches; here nobody does. Sources: the MGN
// User Guide ("Uninstalling the agent", "Agent related FAQ"), AWS Support's gather script for MGN
// and DRS, and listings of /var/lib/aws-replication-agent in reports of users.
//
// Neither agent is public. Files beyond those sources are looked for by the agent's name in the
// places where init systems, cron, udev, modprobe and the initramfs tools look: what is left there
// would be in the next initramfs again. Left: lines about the module in modules.dep, which the next
// depmod drops and nobody asks for.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// Every such place with every name: "/etc/systemd/system/*.wants/*aws-replication*".
std::vector<std::string> agent_file_patterns(std::span<const std::string_view> names);

// /etc/modules and /etc/initramfs-tools/modules without one module; its name in lower case with
// underscores stands for every way to write it, as for modprobe(8).
std::string modules_without(std::string_view modules, std::string_view module);

// /boot/aws-launch-*: the initramfs that MGN's agent prepares for the launch. One that a boot
// loader's menu names stays, with a warning.
void plan_launch_images_removal(FixResult& result, const GuestView& guest, std::string_view fix);

}  // namespace rehost
