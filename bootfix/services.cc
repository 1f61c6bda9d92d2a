#include "bootfix/services.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "bootfix/guest_files.h"
#include "bootfix/network_files.h"
#include "bootfix/serial_getty.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

constexpr std::string_view kOwnUnits = "/etc/systemd/system";
constexpr std::string_view kVendorUnits[] = {"/usr/lib/systemd/system", "/lib/systemd/system",
                                             "/usr/local/lib/systemd/system"};
constexpr std::string_view kScripts[] = {"/etc/init.d", "/etc/rc.d/init.d"};
constexpr std::string_view kService = ".service";

// By listings, which the appliance is asked for once: a question for each unit and directory would
// cost a second.
bool has_entry(const GuestView& guest, std::span<const std::string_view> directories,
               std::string_view name) {
  return !name.empty() &&
         std::any_of(directories.begin(), directories.end(), [&](std::string_view directory) {
           const std::vector<DirectoryEntry> entries = guest.list(GuestPath(directory));
           return std::any_of(entries.begin(), entries.end(),
                              [&](const DirectoryEntry& entry) { return entry.name == name; });
         });
}

// "vmtoolsd" of vmtoolsd.service; empty for a timer, a socket: sysvinit and upstart have none.
std::string_view service_name(std::string_view unit) {
  return unit.ends_with(kService) ? unit.substr(0, unit.size() - kService.size()) : "";
}

struct Planner {
  FixResult& result;
  const GuestView& guest;
  std::string_view fix;
  std::string_view reason;

  void add(EditAction action, std::string why = {}) const {
    result.edits.push_back(Edit{.fix = std::string(fix),
                                .reason = why.empty() ? std::string(reason) : std::move(why),
                                .action = std::move(action)});
  }
};

void plan_mask(const Planner& plan, std::string_view unit) {
  const GuestPath path = GuestPath(kOwnUnits) / unit;
  MakeSymlink mask{.path = path, .target = "/dev/null", .expects = std::nullopt};
  constexpr std::string_view kOwn[] = {kOwnUnits};
  if (!has_entry(plan.guest, kOwn, unit)) {
    if (has_entry(plan.guest, kVendorUnits, unit) ||
        has_entry(plan.guest, kScripts, service_name(unit))) {
      plan.add(mask);
    }
    return;
  }
  if (const std::optional<std::string> target = plan.guest.read_link(path)) {
    if (*target != mask.target) {
      mask.expects = hash_content(*target);
      plan.add(mask, fmt::format("{}; {} was a link to {}", plan.reason, path.str(), *target));
    }
    return;
  }
  const std::optional<TextFile> own = read_text_file(plan.guest, path);
  if (!own || own->content.empty()) {
    return;  // systemd.unit(5): an empty file masks as well
  }
  plan_copy_aside(plan.result, plan.guest, plan.fix,
                  {.path = path, .real = own->path, .link = {}, .content = own->content});
  mask.expects = hash_content(own->content);
  plan.add(mask, fmt::format("{}; the unit file that was there is kept in {}", plan.reason,
                             set_aside_path(path).str()));
}

// The links that start units: multi-user.target.wants/vmtoolsd.service.
std::vector<GuestPath> enabling_links(const GuestView& guest) {
  std::vector<GuestPath> links;
  for (const std::string_view kind : {"wants", "requires"}) {
    const std::vector<GuestPath> found =
        matching_entries(guest, fmt::format("{}/*.{}/*", kOwnUnits, kind));
    links.insert(links.end(), found.begin(), found.end());
  }
  return links;
}

void plan_unwant(const Planner& plan, const std::vector<GuestPath>& links, std::string_view unit) {
  for (const GuestPath& link : links) {
    const std::optional<std::string> target =
        link.name() == unit ? plan.guest.read_link(link) : std::nullopt;
    if (target) {
      plan.add(RemoveFile{.path = link, .expects = hash_content(*target)});
    }
  }
}

// The directories of the runlevels in which services are started. /etc/rc.d/rc3.d on Red Hat's,
// /etc/init.d/rc3.d on SUSE's, /etc/rc3.d on Debian's; the others are links to them.
std::vector<GuestPath> runlevel_directories(const GuestView& guest) {
  std::vector<GuestPath> directories;
  for (const std::string_view parent : {"/etc", "/etc/rc.d", "/etc/init.d"}) {
    const std::string pattern = fmt::format("{}/rc[1-5S].d", parent);
    for (const GuestPath& path : matching_entries(guest, pattern)) {
      const std::optional<GuestPath> real = resolve(guest, path);
      if (real && is_directory(guest, *real) &&
          std::find(directories.begin(), directories.end(), *real) == directories.end()) {
        directories.push_back(*real);
      }
    }
  }
  return directories;
}

// "S20vmware-tools" for "vmware-tools": 20.
std::optional<int> start_order(std::string_view link, std::string_view name) {
  constexpr size_t kPrefix = 3;
  if (link.size() != kPrefix + name.size() || link.front() != 'S' ||
      !all_digits(link.substr(1, 2)) || !link.ends_with(name)) {
    return std::nullopt;
  }
  int order = 0;
  std::from_chars(link.data() + 1, link.data() + kPrefix, order);
  return order;
}

// The K link first: stopped between the two, the S link still says what there is to do. With a K
// link beside it (SUSE has both in one directory) only the S link goes.
void plan_stop_in_runlevel(const Planner& plan, const GuestPath& directory, std::string_view name) {
  const std::vector<DirectoryEntry> entries = plan.guest.list(directory);
  const bool has_stop_link = std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
    return entry.name.starts_with("K") && start_order("S" + entry.name.substr(1), name);
  });
  const bool sysinit = directory.name() == "rcS.d";
  for (const DirectoryEntry& entry : entries) {
    const std::optional<int> order = start_order(entry.name, name);
    const GuestPath link = directory / entry.name;
    const std::optional<std::string> target = order ? plan.guest.read_link(link) : std::nullopt;
    if (!target) {
      continue;
    }
    if (!has_stop_link && !sysinit) {
      const int stop = std::clamp(100 - *order, 1, 99);  // update-rc.d(8)
      plan.add(MakeSymlink{.path = directory / fmt::format("K{:02}{}", stop, name),
                           .target = *target,
                           .expects = std::nullopt});
    }
    plan.add(RemoveFile{.path = link, .expects = hash_content(*target)});
    return;
  }
}

void plan_manual(const Planner& plan, std::string_view name) {
  if (!is_file(plan.guest, GuestPath("/etc/init") / fmt::format("{}.conf", name))) {
    return;
  }
  const GuestPath path = GuestPath("/etc/init") / fmt::format("{}.override", name);
  const std::optional<TextFile> own = read_text_file(plan.guest, path);
  if (!own) {
    plan_new_file(plan.result, plan.fix, path, "manual\n", plan.reason);
    return;
  }
  for (const Line& line : split_lines(own->content)) {
    if (trim(content_of(own->content, line)) == "manual") {
      return;
    }
  }
  plan_rewrite(plan.result, plan.fix, *own, with_line_appended(own->content, "manual"),
               plan.reason);
}

}  // namespace

void plan_disable_services(FixResult& result, const GuestView& guest, std::string_view fix,
                           std::span<const std::string_view> units, std::string_view reason) {
  const Planner plan{.result = result, .guest = guest, .fix = fix, .reason = reason};
  const std::optional<InitSystem> init = find_init_system(guest);
  // A mask hides what systemd's own generator makes of a SysV script: the links of the runlevels
  // mean nothing there.
  const std::vector<GuestPath> runlevels =
      init == InitSystem::systemd ? std::vector<GuestPath>() : runlevel_directories(guest);
  const std::vector<GuestPath> links = enabling_links(guest);
  for (const std::string_view unit : units) {
    if (init == InitSystem::systemd) {
      plan_mask(plan, unit);
    }
    plan_unwant(plan, links, unit);
    const std::string_view name = service_name(unit);
    if (name.empty()) {
      continue;
    }
    for (const GuestPath& directory : runlevels) {
      plan_stop_in_runlevel(plan, directory, name);
    }
    if (init == InitSystem::upstart) {
      plan_manual(plan, name);
    }
  }
}

}  // namespace rehost
