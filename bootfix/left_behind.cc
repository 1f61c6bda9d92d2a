#include "bootfix/left_behind.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "bootfix/accounts.h"
#include "bootfix/cloud_init.h"
#include "bootfix/guest_files.h"
#include "bootfix/oslogin.h"
#include "bootfix/replication_agent.h"
#include "bootfix/services.h"
#include "bootfix/text_file.h"
#include "bootfix/time_source.h"

namespace rehost {
namespace {

// open-vm-tools: Debian's and Ubuntu's unit with its alias, Red Hat's and SUSE's, and their VGAuth.
// The tarball: vmware-tools and vmware-tools-thinprint (%cToolsLinuxServices of its configurator),
// as SysV scripts or upstart jobs. VMware's own packages ("operating system specific"):
// vmware-tools-services.
constexpr std::string_view kVmwareServices[] = {"open-vm-tools.service",
                                                "vmtoolsd.service",
                                                "vgauth.service",
                                                "vgauthd.service",
                                                "vmware-tools.service",
                                                "vmware-tools-services.service",
                                                "vmware-tools-thinprint.service",
                                                "vmblock-fuse.service",
                                                "run-vmblock\\x2dfuse.mount"};

// Oracle's installer, Debian's package, Fedora's and Arch's.
constexpr std::string_view kVirtualboxServices[] = {
    "vboxadd.service", "vboxadd-service.service", "vboxadd-x11.service",
    "virtualbox-guest-utils.service", "vboxservice.service"};

// Debian's hyperv-daemons, Ubuntu's linux-cloud-tools-common; Red Hat's; SUSE's hyper-v.
constexpr std::string_view kHypervServices[] = {
    "hv-kvp-daemon.service", "hv-vss-daemon.service", "hv-fcopy-daemon.service",
    "hypervkvpd.service",    "hypervvssd.service",    "hypervfcopyd.service",
    "hv_kvp_daemon.service", "hv_vss_daemon.service", "hv_fcopy_daemon.service"};

constexpr std::string_view kXenServices[] = {"xe-linux-distribution.service", "xe-daemon.service"};

constexpr std::string_view kKvmServices[] = {
    "qemu-guest-agent.service", "qemu-ga.service",       "spice-vdagentd.service",
    "spice-vdagentd.socket",    "spice-vdagent.service", "ovirt-guest-agent.service"};

// The agent in Go (guest-agent, guest-oslogin, osconfig) and the daemons in Python before it
// (google-compute-engine-services).
constexpr std::string_view kGoogleServices[] = {
    "google-guest-agent.service",          "google-guest-agent-manager.service",
    "google-guest-compat-manager.service", "google-startup-scripts.service",
    "google-shutdown-scripts.service",     "google-osconfig-agent.service",
    "google-oslogin-cache.service",        "google-oslogin-cache.timer",
    "gce-workload-cert-refresh.service",   "gce-workload-cert-refresh.timer",
    "google-instance-setup.service",       "google-accounts-daemon.service",
    "google-clock-skew-daemon.service",    "google-network-daemon.service",
    "google-network-setup.service",        "google-ip-forwarding-daemon.service"};

constexpr std::string_view kOsLogin = "OS Login asks a metadata server that EC2 does not have";

// google-oslogin includes /var/google-sudoers.d, which OS Login fills.
// /etc/sudoers.d/google_sudoers is for local users and stays: they may have no other way to become
// root.
constexpr std::string_view kGoogleRemoved[] = {"/etc/sudoers.d/google-oslogin"};

constexpr TextRule kGoogleRewritten[] = {
    {"/etc/nsswitch.conf", nsswitch_without_oslogin, kOsLogin},
    {"/etc/ssh/sshd_config", sshd_config_without_oslogin, kOsLogin},
    {"/etc/pam.d/sshd", pam_without_oslogin, kOsLogin},
    {"/etc/pam.d/su", pam_without_oslogin, kOsLogin},
    {"/etc/security/group.conf", group_conf_without_oslogin, kOsLogin},
    {"/etc/hosts", hosts_without_google, "these are addresses of Google's network"},
};

// Debian's and Ubuntu's walinuxagent, everybody else's waagent. /etc/sudoers.d/waagent stays: it is
// how the owner's user becomes root.
constexpr std::string_view kAzureServices[] = {
    "walinuxagent.service", "waagent.service", "walinuxagent-network-setup.service",
    "waagent-network-setup.service", "ephemeral-disk-warning.service"};

// waagent copies its rules there; those of packages in /usr/lib match Hyper-V's devices and nothing
// else.
constexpr std::string_view kAzureRemoved[] = {"/etc/udev/rules.d/66-azure-storage.rules",
                                              "/etc/udev/rules.d/99-azure-product-uuid.rules"};

constexpr std::string_view kParallelsServices[] = {"prltoolsd.service", "prl-x11.service",
                                                   "prl-xorg-cleanup.service"};

constexpr std::string_view kNutanixServices[] = {
    "ngt_guest_agent.service", "ngt_self_service_restore.service", "nutanix-guest-agent.service"};

// Support's gather script lists the units: aws-replication-agent, -run-migration-scripts, -tailer,
// -update-volumes. The module is aws-replication-driver.ko.
constexpr std::string_view kAwsReplicationHome[] = {"/var/lib/aws-replication-agent"};
constexpr std::string_view kAwsReplicationNames[] = {"aws-replication*", "aws_replication*",
                                                     "[SK][0-9][0-9]aws-replication*",
                                                     "[0-9][0-9]-aws-replication*"};

// The log of its removal names the services ce-agent and ce-convert and the module CE_AgentDriver.
// "*ce-agent*" would be somebody's device-agent.
constexpr std::string_view kCloudendureHome[] = {"/var/lib/cloudendure"};
constexpr std::string_view kCloudendureNames[] = {"*cloudendure*",
                                                  "ce-agent",
                                                  "ce-agent.*",
                                                  "ce-convert",
                                                  "ce-convert.*",
                                                  "[SK][0-9][0-9]ce-agent",
                                                  "[SK][0-9][0-9]ce-convert",
                                                  "CE_AgentDriver*"};

constexpr std::string_view kModuleReason = "the module of the replication agent is removed";

std::string modules_without_aws_replication(std::string_view text) {
  return modules_without(text, "aws_replication_driver");
}
std::string modules_without_cloudendure(std::string_view text) {
  return modules_without(text, "ce_agentdriver");
}

constexpr TextRule kAwsReplicationRules[] = {
    {"/etc/modules", modules_without_aws_replication, kModuleReason},
    {"/etc/initramfs-tools/modules", modules_without_aws_replication, kModuleReason},
};
constexpr TextRule kCloudendureRules[] = {
    {"/etc/modules", modules_without_cloudendure, kModuleReason},
    {"/etc/initramfs-tools/modules", modules_without_cloudendure, kModuleReason},
};

constexpr std::string_view kTimeReason = "this clock is not there on EC2";

constexpr TextRule kTimeRewritten[] = {
    {"/etc/chrony.conf", chrony_for_ec2, kTimeReason},
    {"/etc/chrony/chrony.conf", chrony_for_ec2, kTimeReason},
    {"/etc/chrony.d/*.conf", chrony_for_ec2, kTimeReason},
    {"/etc/chrony/conf.d/*.conf", chrony_for_ec2, kTimeReason},
    {"/etc/chrony/sources.d/*.sources", chrony_for_ec2, kTimeReason},
};

// Who came in by OS Login has no user on the machine.
void warn_of_oslogin(FixResult& result, const GuestView& guest, std::string_view) {
  const std::string nsswitch = guest.read(GuestPath("/etc/nsswitch.conf")).value_or("");
  if (nsswitch_without_oslogin(nsswitch) != nsswitch) {
    result.warnings.push_back(
        {.code = "oslogin-users",
         .subject = "/etc/nsswitch.conf",
         .sentence = "users came from Google's OS Login, which is not there on EC2: have a local "
                     "user with a key, or cloud-init with a key pair, or nobody can log in"});
  }
}

// clang-format off
constexpr LeftBehind kRows[] = {
    {"vmware", "left-behind-vmware", "Disable VMware Tools",
     "Keeps open-vm-tools, VGAuth and the VMware Tools of the tarball from being started.",
     kVmwareServices, {}, {}, {}, "", nullptr},
    {"virtualbox", "left-behind-virtualbox", "Disable the VirtualBox Guest Additions",
     "Keeps vboxadd, which builds kernel modules at every boot of a new kernel, and its services from being started.",
     kVirtualboxServices, {}, {}, {}, "", nullptr},
    {"hyperv", "left-behind-hyperv", "Disable the daemons of Hyper-V",
     "Keeps the daemons for key-value pairs, snapshots and file copies from being started.",
     kHypervServices, {}, {}, {}, "", nullptr},
    {"xen", "left-behind-xen", "Disable the guest utilities of XenServer",
     "Keeps xe-daemon and xe-linux-distribution from being started.",
     kXenServices, {}, {}, {}, "", nullptr},
    {"kvm", "left-behind-kvm", "Disable the guest agents of KVM",
     "Keeps qemu-guest-agent, spice-vdagent and ovirt-guest-agent from being started.",
     kKvmServices, {}, {}, {}, "", nullptr},
    {"parallels", "left-behind-parallels", "Disable Parallels Tools",
     "Keeps prltoolsd and its helpers from being started.",
     kParallelsServices, {}, {}, {}, "", nullptr},
    {"nutanix", "left-behind-nutanix", "Disable Nutanix Guest Tools",
     "Keeps ngt_guest_agent and its kind from being started.",
     kNutanixServices, {}, {}, {}, "", nullptr},
    {"google", "left-behind-google", "Disable the guest agent and OS Login of Google",
     "Keeps the agent, the startup scripts and their older kind from being started, takes OS Login out of nsswitch, "
     "PAM and sshd as the agent itself does, and Google's lines out of /etc/hosts.",
     kGoogleServices, kGoogleRemoved, {}, kGoogleRewritten, "", warn_of_oslogin},
    {"azure", "left-behind-azure", "Disable the Azure Linux Agent",
     "Keeps waagent from being started and removes the udev rules that it has written.",
     kAzureServices, kAzureRemoved, {}, {}, "", nullptr},
    {"cloud-init", "left-behind-cloud-init", "Let cloud-init find EC2",
     "Replaces a datasource_list that pins another cloud or hypervisor, and one in ds-identify.cfg, by Ec2, and forgets "
     "a cached instance that manual_cache_clean would keep.",
     {}, {}, {}, {}, "", plan_cloud_init},
    {"time-source", "left-behind-time-source", "Replace the clocks of the old home in chrony",
     "Replaces the hypervisor's clock device and Google's time server in chrony's files by the Amazon Time Sync Service.",
     {}, {}, {}, kTimeRewritten, "", nullptr},
    {"aws-replication", "left-behind-aws-replication", "Remove the AWS Replication Agent",
     "Removes the agent of AWS MGN and DRS: its services, files, kernel module, user, group, sudo rules and boot images.",
     {}, kAwsReplicationHome, kAwsReplicationNames, kAwsReplicationRules, "aws-replication", plan_launch_images_removal},
    {"cloudendure", "left-behind-cloudendure", "Remove the CloudEndure Agent",
     "Removes the agent of CloudEndure: its services, files, kernel module, user, group and sudo rules.",
     {}, kCloudendureHome, kCloudendureNames, kCloudendureRules, "cloudendure", nullptr},
};
// clang-format on

constexpr size_t kRowCount = std::size(kRows);

bool is_kept(const Target& target, std::string_view name) {
  return std::any_of(target.keep.begin(), target.keep.end(),
                     [&](const std::string& kept) { return kept == name || kept == "all"; });
}

void plan_rewrites(FixResult& result, const GuestView& guest, const LeftBehind& row) {
  for (const TextRule& rule : row.rewritten) {
    for (const GuestPath& path : matching_entries(guest, rule.path)) {
      // Somebody's blocklist in /etc/hosts may be larger than any text we read, and is not ours.
      const std::optional<FileStat> stat = stat_target(guest, path);
      if (!stat || stat->size > kMaxTextBytes) {
        continue;
      }
      if (const std::optional<TextFile> file = read_text_file(guest, path)) {
        plan_rewrite(result, row.fix, *file, rule.rewrite(file->content), rule.reason);
      }
    }
  }
}

FixResult plan_row(const LeftBehind& row, const GuestView& guest, const Target& target) {
  FixResult result;
  if (is_kept(target, row.name)) {
    return result;
  }
  constexpr std::string_view kNotOnEc2 = "it serves the old home of the machine, not EC2";
  constexpr std::string_view kAgent = "it belongs to the agent that replicated the machine";
  plan_disable_services(result, guest, row.fix, row.services, kNotOnEc2);
  plan_rewrites(result, guest, row);
  std::vector<std::string> patterns(row.removed.begin(), row.removed.end());
  plan_removals(result, guest, row.fix, patterns, row.account.empty() ? kNotOnEc2 : kAgent);
  if (!row.account.empty()) {
    plan_removals(result, guest, row.fix, agent_file_patterns(row.agent_names), kAgent);
    plan_account_removal(result, guest, row.fix, row.account, kAgent);
  }
  if (row.more != nullptr) {
    row.more(result, guest, row.fix);
  }
  return result;
}

// A fix has no data of its own, so each row gets a function of its own.
template <size_t row>
FixResult plan_nth_row(const GuestView& guest, const Inspection&, const Target& target) {
  return plan_row(kRows[row], guest, target);
}

template <size_t... rows>
constexpr std::array<Fix, sizeof...(rows)> fixes_of(std::index_sequence<rows...>) {
  return {Fix{.name = kRows[rows].fix,
              .heading = kRows[rows].heading,
              .description = kRows[rows].description,
              .plan = plan_nth_row<rows>}...};
}

constexpr std::array<Fix, kRowCount> kFixes = fixes_of(std::make_index_sequence<kRowCount>());

}  // namespace

std::span<const LeftBehind> left_behind() {
  return kRows;
}

std::span<const Fix> left_behind_fixes() {
  return kFixes;
}

}  // namespace rehost
