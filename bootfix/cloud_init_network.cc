#include "bootfix/cloud_init_network.h"

#include <algorithm>

#include "bootfix/netplan.h"
#include "bootfix/network_files.h"
#include "bootfix/text_edits.h"
#include "bootfix/yaml_lines.h"

namespace rehost {
namespace {

bool is_cfg_name(std::string_view name) {
  return name.ends_with(".cfg") && !name.starts_with('.');
}

bool is_comment_or_blank(std::string_view content) {
  const std::string_view text = trim(content);
  return text.empty() || text.front() == '#' || text == "---";
}

// network: or "network": at the left edge.
bool opens_network(std::string_view content) {
  for (const std::string_view key : {"network", "\"network\"", "'network'"}) {
    if (content.starts_with(key) && trim(content.substr(key.size())).starts_with(':')) {
      return true;
    }
  }
  return false;
}

// Does a line belong to the key above? Items of its list and closing brackets may stand at the left
// edge.
bool goes_on(std::string_view content) {
  constexpr std::string_view kInside = " \t\r#}]";
  return content.empty() || kInside.find(content.front()) != std::string_view::npos ||
         content == "-" || content.starts_with("- ");
}

// From the key to the last line below it that says something.
std::vector<Line> network_lines(std::string_view text) {
  const std::vector<Line> lines = split_lines(text);
  std::vector<Line> found;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!opens_network(content_of(text, lines[i]))) {
      continue;
    }
    size_t last = i;
    for (size_t next = i + 1; next < lines.size(); ++next) {
      const std::string_view content = content_of(text, lines[next]);
      if (!goes_on(content)) {
        break;
      }
      last = is_comment_or_blank(content) ? last : next;
    }
    for (; i < last; ++i) {
      found.push_back(lines[i]);
    }
    found.push_back(lines[last]);
  }
  return found;
}

bool says_nothing(std::string_view text) {
  const std::vector<Line> lines = split_lines(text);
  return std::all_of(lines.begin(), lines.end(),
                     [&](const Line& line) { return is_comment_or_blank(content_of(text, line)); });
}

// What was pinned, in the words of netplan; version 1 has a format of its own.
std::vector<std::string> said(std::string_view text) {
  std::vector<std::string> words = read_netplan(text).pins;
  if (words.empty()) {
    words.emplace_back("a list in cloud-init's own format");
  }
  return words;
}

std::vector<NetworkFile> settings_files(const GuestView& guest) {
  std::vector<NetworkFile> files;
  const GuestPath main("/etc/cloud/cloud.cfg");
  if (const std::optional<TextFile> file = read_text_file(guest, main)) {
    files.push_back(
        {.path = main, .real = file->path, .link = std::nullopt, .content = file->content});
  }
  for (NetworkFile& file : read_network_files(guest, "/etc/cloud/cloud.cfg.d", is_cfg_name)) {
    files.push_back(std::move(file));
  }
  return files;
}

FixResult plan_cloud_init_network(const GuestView& guest, const Inspection&, const Target& target) {
  FixResult result;
  if (target.network == NetworkMode::keep || !has_program(guest, "cloud-init")) {
    return result;
  }
  for (const NetworkFile& file : settings_files(guest)) {
    if (!configures_cards(file.content)) {
      continue;
    }
    const std::string rest = without_network_config(file.content);
    if (says_nothing(rest)) {
      plan_set_aside(result, guest, kCloudInitNetworkFix.name, file);
    } else {
      plan_rewrite_with_copy(result, guest, kCloudInitNetworkFix.name, file, rest);
    }
    warn_set_aside(result, file, "network cards", said(file.content),
                   "cloud-init asks EC2 instead");
  }
  return result;
}

}  // namespace

constinit const Fix kCloudInitNetworkFix = {
    .name = "network-cloud-init",
    .heading = "Let cloud-init ask EC2 for the configuration of the network",
    .description =
        "`network:` in /etc/cloud/cloud.cfg and cloud.cfg.d, which cloud-init would write into the "
        "configuration of the network again on its first start on EC2, is set aside with a warning "
        "that says what it was. `network: {config: disabled}` stays.",
    .plan = plan_cloud_init_network,
};

bool configures_cards(std::string_view cloud_cfg) {
  if (network_lines(cloud_cfg).empty()) {
    return false;
  }
  // Merged with others by cloud-init: `disabled` in one file counts for that file only here, which
  // leaves what is disabled where it is.
  for (const YamlValue& line : read_yaml_lines(cloud_cfg).values) {
    if (line.path == std::vector<std::string>{"network", "config"} && line.value == "disabled") {
      return false;
    }
  }
  return true;
}

std::string without_network_config(std::string_view cloud_cfg) {
  TextEdits edits;
  for (const Line& line : network_lines(cloud_cfg)) {
    edits.remove(line.begin, line.next);
  }
  return edits.apply(cloud_cfg);
}

}  // namespace rehost
