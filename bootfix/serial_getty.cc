#include "bootfix/serial_getty.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

constexpr std::string_view kReason = "the serial console of EC2 is ttyS0";
constexpr std::string_view kUnit = "serial-getty@.service";

// Where the guest keeps its units, as its own links say: Debian 12 writes /lib, others /usr/lib.
GuestPath unit_directory(const GuestView& guest) {
  const GuestPath wants("/etc/systemd/system/getty.target.wants");
  for (const DirectoryEntry& entry : guest.list(wants)) {
    const std::optional<std::string> target = guest.read_link(wants / entry.name);
    if (target && target->starts_with("/")) {
      return GuestPath(*target).parent();
    }
  }
  return GuestPath(is_directory(guest, GuestPath("/usr/lib/systemd/system"))
                       ? "/usr/lib/systemd/system"
                       : "/lib/systemd/system");
}

void plan_systemd(const GuestView& guest, FixResult& result) {
  const GuestPath masked("/etc/systemd/system/serial-getty@ttyS0.service");
  const GuestPath link("/etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service");
  const GuestPath unit = unit_directory(guest) / kUnit;
  if (guest.stat(masked) || guest.stat(link) || !is_file(guest, unit)) {
    return;  // the owner has decided, or there is nothing to start
  }
  result.edits.push_back(
      Edit{.fix = std::string(kSerialGettyFix.name),
           .reason = std::string(kReason),
           .action = MakeSymlink{.path = link, .target = unit.str(), .expects = std::nullopt}});
}

// Upstart starts what lies in /etc/init. EL 6 has a job of its own that follows the console= of the
// kernel.
void plan_upstart(const GuestView& guest, FixResult& result) {
  const GuestPath job("/etc/init/ttyS0.conf");
  if (guest.stat(job) || guest.stat(GuestPath("/etc/init/serial.conf"))) {
    return;
  }
  const bool getty = is_file(guest, GuestPath("/sbin/getty"));
  plan_new_file(result, kSerialGettyFix.name, job,
                fmt::format("# ttyS0 - getty\n#\n# Keeps a getty on the serial console.\n\n"
                            "start on stopped rc RUNLEVEL=[2345]\nstop on runlevel [!2345]\n\n"
                            "respawn\nexec {} -L 115200 ttyS0 vt102\n",
                            getty ? "/sbin/getty" : "/sbin/agetty"),
                kReason);
}

void plan_sysvinit(const GuestView& guest, FixResult& result) {
  const std::optional<TextFile> inittab = read_text_file(guest, GuestPath("/etc/inittab"));
  if (inittab) {
    const bool getty = is_file(guest, GuestPath("/sbin/getty"));
    plan_rewrite(
        result, kSerialGettyFix.name, *inittab,
        inittab_with_serial_getty(inittab->content, getty ? "/sbin/getty" : "/sbin/agetty"),
        kReason);
  }
}

FixResult plan_serial_getty(const GuestView& guest, const Inspection&, const Target&) {
  FixResult result;
  const std::optional<InitSystem> init = find_init_system(guest);
  if (init == InitSystem::systemd) {
    plan_systemd(guest, result);
  } else if (init == InitSystem::upstart) {
    plan_upstart(guest, result);
  } else if (init == InitSystem::sysvinit) {
    plan_sysvinit(guest, result);
  }
  if (const auto securetty = read_text_file(guest, GuestPath("/etc/securetty"))) {
    plan_rewrite(result, kSerialGettyFix.name, *securetty, securetty_with_ttys0(securetty->content),
                 "root may log in on the serial console as on the others");
  }
  return result;
}

}  // namespace

constinit const Fix kSerialGettyFix = {
    .name = "serial-getty",
    .heading = "Offer a login on the serial console",
    .description =
        "Starts a getty on ttyS0, the serial console of EC2, under systemd, upstart or sysvinit, "
        "unless one "
        "is there or has been masked; adds ttyS0 to /etc/securetty where that file rules.",
    .plan = plan_serial_getty,
};

std::optional<InitSystem> find_init_system(const GuestView& guest) {
  const std::optional<GuestPath> init = resolve(guest, GuestPath("/sbin/init"));
  if (!init) {
    return std::nullopt;
  }
  if (init->name() == "systemd") {
    return InitSystem::systemd;
  }
  if (is_file(guest, GuestPath("/sbin/initctl")) && is_directory(guest, GuestPath("/etc/init"))) {
    return InitSystem::upstart;
  }
  return InitSystem::sysvinit;
}

std::string inittab_with_serial_getty(std::string_view inittab, std::string_view getty) {
  bool id_taken = false;
  for (const Line& line : split_lines(inittab)) {
    const std::string_view content = trim(content_of(inittab, line));
    if (content.empty() || content.front() == '#') {
      continue;
    }
    if (content.find("ttyS0") != std::string_view::npos) {
      return std::string(inittab);
    }
    id_taken = id_taken || content.starts_with("T0:");
  }
  return with_line_appended(inittab, fmt::format("{}:2345:respawn:{} -L 115200 ttyS0 vt102",
                                                 id_taken ? "S0" : "T0", getty));
}

std::string securetty_with_ttys0(std::string_view securetty) {
  bool any = false;
  for (const Line& line : split_lines(securetty)) {
    const std::string_view name = trim(content_of(securetty, line));
    if (name == "ttyS0") {
      return std::string(securetty);
    }
    any = any || (!name.empty() && name.front() != '#');
  }
  return any ? with_line_appended(securetty, "ttyS0") : std::string(securetty);
}

}  // namespace rehost
