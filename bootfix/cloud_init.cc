#include "bootfix/cloud_init.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/guest_files.h"
#include "bootfix/text_edits.h"
#include "bootfix/text_file.h"

namespace rehost {
namespace {

constexpr std::string_view kKey = "datasource_list:";
constexpr std::string_view kReason = "on EC2 cloud-init has to ask the datasource Ec2";

// The clouds and hypervisors of ds-identify's own list (DI_DSLIST_DEFAULT), without Ec2 and
// NoCloud. ConfigDrive is a disk that the old home attached.
constexpr std::string_view kHomes[] = {
    "Akamai",     "AliYun",     "AltCloud",    "Azure",        "Bigstep",  "CloudCIX",
    "CloudSigma", "CloudStack", "ConfigDrive", "DigitalOcean", "Exoscale", "GCE",
    "Hetzner",    "IBMCloud",   "LXD",         "MAAS",         "NWCS",     "OVF",
    "OpenNebula", "OpenStack",  "Oracle",      "RbxCloud",     "Scaleway", "SmartOS",
    "UpCloud",    "VMware",     "Vultr",       "WSL"};

bool is_home(std::string_view datasource) {
  return std::find(std::begin(kHomes), std::end(kHomes), datasource) != std::end(kHomes);
}

std::string_view unquoted(std::string_view word) {
  word = trim(word);
  if (word.size() >= 2 && (word.front() == '\'' || word.front() == '"') &&
      word.back() == word.front()) {
    word = word.substr(1, word.size() - 2);
  }
  return word;
}

std::string_view without_comment(std::string_view value) {
  const size_t comment = value.find(" #");
  return trim(comment == std::string_view::npos ? value : value.substr(0, comment));
}

// Where the value of a datasource_list stands, and what it says.
struct ListInText {
  size_t begin = 0;  // behind the colon
  size_t end = 0;    // before the line ending; of a list on lines of its own, of its last line
  std::vector<std::string> datasources;
};

// "[ GCE, None ]"; nullopt: it is no list on one line.
std::optional<std::vector<std::string>> flow_list(std::string_view value) {
  if (value.size() < 2 || value.front() != '[' || value.back() != ']') {
    return std::nullopt;
  }
  std::vector<std::string> words;
  for (const std::string& word : split_at_commas(value.substr(1, value.size() - 2))) {
    if (!unquoted(word).empty()) {
      words.emplace_back(unquoted(word));
    }
  }
  return words;
}

// The items "- GCE" on the lines behind `key`.
ListInText block_list(std::string_view text, const std::vector<Line>& lines, size_t key) {
  ListInText list{
      .begin = lines[key].begin + kKey.size(), .end = lines[key].end, .datasources = {}};
  for (size_t i = key + 1; i < lines.size(); ++i) {
    const std::string_view item = trim(content_of(text, lines[i]));
    if (item.starts_with("- ")) {
      list.datasources.emplace_back(unquoted(without_comment(item.substr(2))));
      list.end = lines[i].end;
    } else if (!item.empty() && item.front() != '#') {
      break;
    }
  }
  return list;
}

std::optional<ListInText> find_list(std::string_view text) {
  const std::vector<Line> lines = split_lines(text);
  std::optional<ListInText> found;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = content_of(text, lines[i]);
    if (!line.starts_with(kKey)) {
      continue;
    }
    const std::string_view value = without_comment(line.substr(kKey.size()));
    if (value.empty() || value.front() == '#') {
      found = block_list(text, lines, i);
      continue;
    }
    const size_t begin = static_cast<size_t>(value.data() - text.data());
    std::optional<std::vector<std::string>> words = flow_list(value);
    found = words ? std::optional(ListInText{begin, begin + value.size(), std::move(*words)})
                  : std::nullopt;
  }
  return found;
}

std::vector<GuestPath> configuration_files(const GuestView& guest) {
  std::vector<GuestPath> files = {GuestPath("/etc/cloud/cloud.cfg")};
  const std::vector<GuestPath> more = matching_entries(guest, "/etc/cloud/cloud.cfg.d/*.cfg");
  files.insert(files.end(), more.begin(), more.end());
  return files;
}

// "DataSourceAzure: DataSourceAzure [seed=/dev/sr0]"
bool home_in(std::string_view datasource) {
  constexpr std::string_view kPrefix = "DataSource";
  const std::string_view name = datasource.substr(0, datasource.find_first_of(": ["));
  return name.starts_with(kPrefix) && is_home(name.substr(kPrefix.size()));
}

// /var/lib/cloud/instance is a link to the data of the machine in its old home. It is looked at
// again by itself, unless manual_cache_clean says that nobody may.
void plan_cached_instance(FixResult& result, const GuestView& guest, std::string_view fix) {
  const GuestPath instance("/var/lib/cloud/instance");
  const std::optional<std::string> target = guest.read_link(instance);
  const std::optional<TextFile> source = read_text_file(guest, instance / "datasource");
  if (!target || !source || !is_file(guest, instance / "manual-clean")) {
    return;
  }
  if (home_in(source->content)) {
    result.edits.push_back(
        Edit{.fix = std::string(fix),
             .reason = "manual_cache_clean keeps cloud-init at the data of its old home",
             .action = RemoveFile{.path = instance, .expects = hash_content(*target)}});
  }
}

// Nothing pins it, and yet it has had its instance from somewhere else.
bool was_elsewhere(const GuestView& guest) {
  const auto source = read_text_file(guest, GuestPath("/var/lib/cloud/instance/datasource"));
  return source && home_in(source->content);
}

void warn_of_new_instance(FixResult& result, const std::string& where) {
  result.warnings.push_back(
      {.code = "cloud-init-new-instance",
       .subject = where,
       .sentence = "cloud-init will find EC2 and a new instance at the first boot there: it makes "
                   "new SSH host keys, sets the host name and installs the key pair of the launch "
                   "for its default user"});
}

}  // namespace

std::optional<std::vector<std::string>> datasource_list(std::string_view cloud_cfg) {
  std::optional<ListInText> list = find_list(cloud_cfg);
  return list ? std::optional(std::move(list->datasources)) : std::nullopt;
}

bool pins_another_home(const std::vector<std::string>& datasources) {
  const bool ec2 = std::find(datasources.begin(), datasources.end(), "Ec2") != datasources.end();
  return !ec2 && std::any_of(datasources.begin(), datasources.end(), is_home);
}

std::string with_ec2_datasource(std::string_view cloud_cfg) {
  const std::optional<ListInText> list = find_list(cloud_cfg);
  if (!list || !pins_another_home(list->datasources)) {
    return std::string(cloud_cfg);
  }
  std::vector<std::string> names = {"Ec2"};
  for (const std::string& name : list->datasources) {
    if (!is_home(name) && name != "None") {
      names.push_back(name);
    }
  }
  names.emplace_back("None");
  const bool own_lines = cloud_cfg[list->begin - 1] == ':';
  TextEdits edits;
  edits.replace(list->begin, list->end,
                fmt::format("{}[ {} ]", own_lines ? " " : "", fmt::join(names, ", ")));
  return edits.apply(cloud_cfg);
}

std::string ds_identify_with_ec2(std::string_view text) {
  constexpr std::string_view kDatasource = "datasource:";
  TextEdits edits;
  for (const Line& line : split_lines(text)) {
    const std::string_view content = trim(content_of(text, line));
    if (!content.starts_with(kDatasource)) {
      continue;
    }
    const std::string_view value = without_comment(content.substr(kDatasource.size()));
    if (is_home(value)) {
      const size_t begin = static_cast<size_t>(value.data() - text.data());
      edits.replace(begin, begin + value.size(), "Ec2");
    }
  }
  return edits.apply(text);
}

void plan_cloud_init(FixResult& result, const GuestView& guest, std::string_view fix) {
  std::string pinned;             // the first file that pinned another home
  std::vector<std::string> list;  // what counts in the end
  std::string list_file;
  for (const GuestPath& path : configuration_files(guest)) {
    const std::optional<TextFile> file = read_text_file(guest, path);
    if (!file) {
      continue;
    }
    const std::string changed = with_ec2_datasource(file->content);
    if (changed != file->content && pinned.empty()) {
      pinned = file->path.str();
    }
    plan_rewrite(result, fix, *file, changed, kReason);
    if (std::optional<std::vector<std::string>> names = datasource_list(changed)) {
      list = std::move(*names);
      list_file = file->path.str();
    }
  }
  if (const auto file = read_text_file(guest, GuestPath("/etc/cloud/ds-identify.cfg"))) {
    const std::string changed = ds_identify_with_ec2(file->content);
    if (changed != file->content && pinned.empty()) {
      pinned = file->path.str();
    }
    plan_rewrite(result, fix, *file, changed, kReason);
  }
  plan_cached_instance(result, guest, fix);
  if (guest.stat(GuestPath("/etc/cloud/cloud-init.disabled"))) {
    return;
  }
  if (!pinned.empty()) {
    warn_of_new_instance(result, pinned);
  } else if (!list.empty() && std::find(list.begin(), list.end(), "Ec2") == list.end()) {
    result.warnings.push_back(
        {.code = "cloud-init-not-on-ec2",
         .subject = list_file,
         .sentence = fmt::format("{} keeps cloud-init at {}: it takes neither a key pair nor user "
                                 "data from EC2, and the users and keys of the machine stay as "
                                 "they are",
                                 list_file, fmt::join(list, ", "))});
  } else if (was_elsewhere(guest)) {
    warn_of_new_instance(result, "/var/lib/cloud/instance");
  }
}

}  // namespace rehost
