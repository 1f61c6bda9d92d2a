// cloud-init finds out by itself where it runs, unless a datasource is pinned: images of Google,
// Azure and VMware pin their own, and on EC2 it then finds nothing. Text in, text out, and the
// planner of the row "cloud-init" of left_behind.h.
//
// Left alone: `network: {config: disabled}`, a pin to NoCloud or None (the installer's or the
// owner's own data), and cloud-init that is switched off (/etc/cloud/cloud-init.disabled).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/fix.h"

namespace rehost {

// The `datasource_list` of a cloud.cfg; nullopt: it has none that can be read. The last one counts,
// as in YAML and in ds-identify.
std::optional<std::vector<std::string>> datasource_list(std::string_view cloud_cfg);

// Does a list pin the machine to another home than EC2?
bool pins_another_home(const std::vector<std::string>& datasources);

// A list that pins another home becomes Ec2 and what in it is no cloud, None at the end; on one
// line, because ds-identify(8) reads no other form. Any other text comes back as it was.
std::string with_ec2_datasource(std::string_view cloud_cfg);

// /etc/cloud/ds-identify.cfg: `datasource: GCE` becomes `datasource: Ec2`.
std::string ds_identify_with_ec2(std::string_view text);

void plan_cloud_init(FixResult& result, const GuestView& guest, std::string_view fix);

}  // namespace rehost
