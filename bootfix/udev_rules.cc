#include "bootfix/udev_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

bool is_mac(std::string_view text) {
  if (text.size() != 17) {
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (i % 3 == 2 ? c != ':' && c != '-' : !hex) {
      return false;
    }
  }
  return true;
}

// The text between quotes behind `key` and `operation`, blanks between them allowed:
// ATTR{address}=="00:..".
std::string quoted_value(std::string_view rule, std::string_view key, std::string_view operation) {
  for (size_t at = rule.find(key); at != std::string_view::npos; at = rule.find(key, at + 1)) {
    const bool whole_word =
        at == 0 || is_blank(rule[at - 1]) || rule[at - 1] == ',' || rule[at - 1] == '\n';
    std::string_view rest = trim(rule.substr(at + key.size()));
    if (!whole_word || !rest.starts_with(operation)) {
      continue;
    }
    rest = trim(rest.substr(operation.size()));
    const size_t close = rest.find('"', 1);
    if (rest.starts_with('"') && close != std::string_view::npos) {
      return std::string(rest.substr(1, close - 1));
    }
  }
  return "";
}

std::optional<MacPin> pin_of_rule(std::string_view rule) {
  MacPin pin;
  for (const std::string_view key : {"ATTR{address}", "ATTRS{address}", "SYSFS{address}"}) {
    if (pin.mac.empty()) {
      pin.mac = quoted_value(rule, key, "==");
    }
  }
  pin.name = quoted_value(rule, "NAME", "=");
  if (pin.name.empty()) {
    pin.name = quoted_value(rule, "NAME", ":=");
  }
  if (!is_mac(pin.mac) || pin.name.empty()) {
    return std::nullopt;
  }
  return pin;
}

std::string name_given_by_rule(std::string_view rule) {
  if (quoted_value(rule, "SUBSYSTEM", "==") != "net") {
    return "";
  }
  const std::string name = quoted_value(rule, "NAME", "=");
  return name.empty() ? quoted_value(rule, "NAME", ":=") : name;
}

void add_plain_name(std::set<std::string>& names, std::string name) {
  if (!name.empty() && name != "lo" && name.find_first_of("%$*?[ ") == std::string::npos) {
    names.insert(std::move(name));
  }
}

// The rules of a file, comments left out; one that goes on is one line.
std::vector<std::string> rules_of(std::string_view text) {
  std::vector<std::string> rules;
  bool goes_on = false;
  for (const Line& line : split_lines(text)) {
    const std::string_view content = content_of(text, line);
    if (!goes_on && (trim(content).empty() || trim(content).front() == '#')) {
      continue;
    }
    if (goes_on) {
      rules.back().back() = ' ';
      rules.back() += content;
    } else {
      rules.emplace_back(content);
    }
    goes_on = rules.back().ends_with('\\');
  }
  return rules;
}

// Either may be empty.
MacPin pin_of_link(std::string_view link) {
  MacPin pin;
  std::string section;
  for (const Line& line : split_lines(link)) {
    const std::string_view content = trim(content_of(link, line));
    if (content.starts_with('[')) {
      section = content;
      continue;
    }
    const size_t equals = content.find('=');
    if (equals == std::string_view::npos) {
      continue;
    }
    const std::string_view key = trim(content.substr(0, equals));
    const std::string_view value = trim(content.substr(equals + 1));
    if (section == "[Match]" && (key == "MACAddress" || key == "PermanentMACAddress")) {
      pin.mac = value;
    } else if (section == "[Link]" && key == "Name") {
      pin.name = value;
    }
  }
  return pin;
}

// write_net_rules puts a line like this above each of its rules.
bool is_generated_comment(std::string_view line) {
  return line.starts_with("# PCI device ") || line.starts_with("# USB device ") ||
         line.starts_with("# net device ") || line.starts_with("# Xen virtual device");
}

std::string list_pins(const std::vector<MacPin>& pins) {
  std::string list;
  for (const MacPin& pin : pins) {
    list += fmt::format("{}{} was {}", list.empty() ? "" : ", ", pin.mac, pin.name);
  }
  return list;
}

void warn_about_pins(FixResult& result, const GuestPath& path, const std::vector<MacPin>& pins) {
  result.warnings.push_back(
      {.code = "mac-pin-removed",
       .subject = path.str(),
       .sentence =
           fmt::format("{} named network cards by their MAC address ({}): removed, the cards of "
                       "EC2 have others",
                       path.str(), list_pins(pins))});
}

constexpr std::string_view kReason =
    "a name bound to an old MAC address keeps the card of EC2 from getting it";

void plan_rules_file(const GuestView& guest, const GuestPath& path, FixResult& result) {
  const std::optional<FileStat> stat = guest.stat(path);
  if (!stat || stat->type != FileType::regular) {
    return;  // a link to /dev/null switches the generator off, which is just as well
  }
  const std::optional<TextFile> file = read_text_file(guest, path);
  if (!file) {
    return;
  }
  const UdevRewrite rewrite = without_mac_pins(file->content);
  if (rewrite.pins.empty()) {
    return;
  }
  if (rewrite.rules_left) {
    plan_rewrite(result, kUdevRulesFix.name, *file, rewrite.text, kReason);
  } else {
    plan_removal(result, kUdevRulesFix.name, *file, kReason);
  }
  warn_about_pins(result, file->path, rewrite.pins);
}

void plan_link_file(const GuestView& guest, const GuestPath& path, FixResult& result) {
  const std::optional<FileStat> stat = guest.stat(path);
  const std::optional<TextFile> file = read_text_file(guest, path);
  if (!stat || stat->type != FileType::regular || !file) {
    return;
  }
  const MacPin pin = mac_pin_of_link(file->content);
  if (!pin.name.empty()) {
    plan_removal(result, kUdevRulesFix.name, *file, kReason);
    warn_about_pins(result, file->path, {pin});
  }
}

FixResult plan_udev_rules(const GuestView& guest, const Inspection&, const Target& target) {
  FixResult result;
  if (target.network == NetworkMode::keep) {
    return result;
  }
  const GuestPath rules("/etc/udev/rules.d");
  for (const DirectoryEntry& entry : guest.list(rules)) {
    if (entry.name.ends_with(".rules")) {
      plan_rules_file(guest, rules / entry.name, result);
    }
  }
  const GuestPath links("/etc/systemd/network");
  for (const DirectoryEntry& entry : guest.list(links)) {
    if (entry.name.ends_with(".link")) {
      plan_link_file(guest, links / entry.name, result);
    }
  }
  return result;
}

}  // namespace

constinit const Fix kUdevRulesFix = {
    .name = "udev-rules",
    .heading = "Forget the MAC addresses of the old network cards",
    .description =
        "Rules in /etc/udev/rules.d (70-persistent-net.rules and others) and .link files in "
        "/etc/systemd/network that give a card a name by its MAC address are removed.",
    .plan = plan_udev_rules,
};

std::set<std::string> names_given_to_cards(const GuestView& guest) {
  std::set<std::string> names;
  const GuestPath rules("/etc/udev/rules.d");
  for (const DirectoryEntry& entry : guest.list(rules)) {
    const auto file =
        entry.name.ends_with(".rules") ? read_text_file(guest, rules / entry.name) : std::nullopt;
    for (const std::string& rule : rules_of(file ? file->content : "")) {
      add_plain_name(names, name_given_by_rule(rule));
    }
  }
  const GuestPath links("/etc/systemd/network");
  for (const DirectoryEntry& entry : guest.list(links)) {
    const auto file =
        entry.name.ends_with(".link") ? read_text_file(guest, links / entry.name) : std::nullopt;
    if (file) {
      add_plain_name(names, pin_of_link(file->content).name);
    }
  }
  return names;
}

UdevRewrite without_mac_pins(std::string_view rules) {
  UdevRewrite rewrite;
  TextEdits edits;
  const std::vector<Line> lines = split_lines(rules);
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t first = i;
    const auto goes_on = [&](const Line& line) {
      return line.end > line.begin && rules[line.end - 1] == '\\';
    };
    std::string rule(content_of(rules, lines[i]));
    if (trim(rule).empty() || trim(rule).front() == '#') {
      continue;
    }
    while (goes_on(lines[i]) && i + 1 < lines.size()) {
      rule.back() = ' ';
      rule += content_of(rules, lines[++i]);
    }
    const std::optional<MacPin> pin = pin_of_rule(rule);
    if (!pin) {
      rewrite.rules_left = true;
      continue;
    }
    const bool commented = first > 0 && is_generated_comment(content_of(rules, lines[first - 1]));
    edits.remove(lines[commented ? first - 1 : first].begin, lines[i].next);
    rewrite.pins.push_back(*pin);
  }
  rewrite.text = edits.apply(rules);
  return rewrite;
}

MacPin mac_pin_of_link(std::string_view link) {
  const MacPin pin = pin_of_link(link);
  return pin.mac.empty() || pin.name.empty() ? MacPin{} : pin;
}

}  // namespace rehost
