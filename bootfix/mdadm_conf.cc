#include "bootfix/mdadm_conf.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "bootfix/text_file.h"

namespace rehost {
namespace {

constexpr std::string_view kDevice = "dev";
constexpr std::string_view kArray = "arr";

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

// mdadm.conf(5): a quote of either kind protects all characters up to the next of its kind.
MdadmLine::Word take_word(std::string_view text, size_t at, size_t end) {
  MdadmLine::Word word{.place = {.begin = at, .end = at}, .text = ""};
  char quote = 0;
  for (; at < end && (quote != 0 || !is_space(text[at])); ++at) {
    const char c = text[at];
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else {
      word.text += c;
    }
  }
  word.place.end = at;
  return word;
}

std::vector<MdadmLine::Word> words_of(std::string_view text, const Line& line) {
  std::vector<MdadmLine::Word> words;
  for (size_t at = line.begin; at < line.end;) {
    if (is_space(text[at])) {
      ++at;
    } else if (text[at] == '#') {
      break;
    } else {
      words.push_back(take_word(text, at, line.end));
      at = words.back().place.end;
    }
  }
  return words;
}

std::string keyword_of(std::string_view word) {
  const std::string lower = lower_case(word);
  for (const std::string_view keyword : {"device", "array"}) {
    if (lower.size() >= 3 && keyword.starts_with(lower)) {
      return lower.substr(0, 3);
    }
  }
  return std::string(word);
}

// "uuid=..." of an ARRAY line. nullopt: it has none.
std::optional<std::string> tag_of(const MdadmLine& line, std::string_view tag) {
  for (const MdadmLine::Word& word : line.words) {
    const size_t equals = word.text.find('=');
    if (equals != std::string::npos && lower_case(word.text.substr(0, equals)) == tag) {
      return word.text.substr(equals + 1);
    }
  }
  return std::nullopt;
}

// mdadm accepts punctuation anywhere in a UUID.
std::string uuid_digits(std::string_view uuid) {
  std::string digits;
  for (const char c : lower_case(uuid)) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
      digits += c;
    }
  }
  return digits;
}

bool describes(const MdadmLine& line, const MdArray& array) {
  if (line.keyword != kArray) {
    return false;
  }
  if (const auto uuid = tag_of(line, "uuid")) {
    return uuid_digits(*uuid) == uuid_digits(array.uuid);
  }
  const auto name = tag_of(line, "name");
  return name && !array.name.empty() && *name == array.name;
}

// "/dev/md0" and "/dev/md/0" are one array, "backup" stands for "/dev/md/backup".
std::vector<std::string> spellings(std::string_view device) {
  constexpr std::string_view kDirectory = "/dev/md/";
  constexpr std::string_view kNumbered = "/dev/md";
  std::string_view name = device;
  if (device.starts_with(kDirectory)) {
    name = device.substr(kDirectory.size());
  } else if (device.starts_with(kNumbered)) {
    name = device.substr(kNumbered.size());
  } else if (device.starts_with("/")) {
    return {std::string(device)};
  }
  std::vector<std::string> names = {std::string(kDirectory) + std::string(name)};
  if (all_digits(name)) {
    names.push_back(std::string(kNumbered) + std::string(name));
  } else if (device.starts_with(kNumbered) && !device.starts_with(kDirectory)) {
    names = {std::string(device)};  // "/dev/md_d0", "/dev/mdhome"
  }
  return names;
}

bool answers_to_nvme(const std::string& word) {
  return word == "partitions" || fnmatch(word.c_str(), "/dev/nvme0n1p1", 0) == 0;
}

bool hides_nvme(const std::vector<MdadmLine>& lines) {
  bool any = false;
  for (const MdadmLine& line : lines) {
    if (line.keyword == kDevice) {
      any = true;
      if (std::any_of(line.words.begin(), line.words.end(),
                      [](const auto& word) { return answers_to_nvme(word.text); })) {
        return false;
      }
    }
  }
  return any;
}

// The word devices= of an ARRAY line, when no NVMe disk answers to any of its names.
const MdadmLine::Word* hiding_devices(const MdadmLine& line) {
  const auto devices = line.keyword == kArray ? tag_of(line, "devices") : std::nullopt;
  if (!devices) {
    return nullptr;
  }
  const std::vector<std::string> names = split_at_commas(*devices);
  if (std::any_of(names.begin(), names.end(), answers_to_nvme)) {
    return nullptr;
  }
  for (const MdadmLine::Word& word : line.words) {
    if (lower_case(word.text).starts_with("devices=")) {
      return &word;
    }
  }
  return nullptr;
}

const MdArray* array_called(const Inspection& inspection, const MdadmLine& line) {
  if (line.words.empty()) {
    return nullptr;
  }
  const std::vector<std::string> called = spellings(line.words.front().text);
  for (const MdArray& array : inspection.arrays) {
    if (std::any_of(array.names.begin(), array.names.end(), [&](const std::string& name) {
          return std::find(called.begin(), called.end(), name) != called.end();
        })) {
      return &array;
    }
  }
  return nullptr;
}

void free_array_of_devices(const GuestPath& file, const MdadmLine& line,
                           const Inspection& inspection, TextEdits& edits, FixResult& result) {
  const MdadmLine::Word* devices = hiding_devices(line);
  if (devices == nullptr) {
    return;
  }
  if (tag_of(line, "uuid") || tag_of(line, "name")) {
    // The array's own name may be left out, and then this tag may stand first.
    const bool first = devices == &line.words.front();
    const bool alone = line.words.size() == 1;
    edits.remove(first ? devices->place.begin : (devices - 1)->place.end,
                 first && !alone ? (devices + 1)->place.begin : devices->place.end);
    return;
  }
  if (const MdArray* array = array_called(inspection, line); array != nullptr) {
    edits.replace(devices->place.begin, devices->place.end, "UUID=" + array->uuid);
    return;
  }
  result.warnings.push_back(
      {.code = "md-array-by-device-names",
       .subject = file.str(),
       .sentence = fmt::format("line {} of {} knows an array by {} alone, names that EC2 changes, "
                               "and it is not on the disks given",
                               line.line, file.str(), devices->text)});
}

std::string free_of_device_names(const TextFile& file, const Inspection& inspection,
                                 FixResult& result) {
  const std::vector<MdadmLine> lines = parse_mdadm_conf(file.content);
  TextEdits edits;
  const bool hidden = hides_nvme(lines);
  bool added = false;
  for (const MdadmLine& line : lines) {
    if (line.keyword == kDevice && hidden && !added && !line.words.empty()) {
      edits.insert(line.words.back().place.end, " partitions");
      added = true;
    }
    free_array_of_devices(file.path, line, inspection, edits, result);
  }
  return edits.apply(file.content);
}

FixResult plan_mdadm_conf(const GuestView& guest, const Inspection& inspection, const Target&) {
  FixResult result;
  for (const GuestPath& path : mdadm_conf_files(guest)) {
    if (const std::optional<TextFile> file = read_text_file(guest, path)) {
      plan_rewrite(result, kMdadmConfFix.name, *file,
                   free_of_device_names(*file, inspection, result),
                   "mdadm looks for the members of arrays among these disks only");
    }
  }
  return result;
}

}  // namespace

constinit const Fix kMdadmConfFix = {
    .name = "mdadm-conf",
    .heading = "Let mdadm look at the disks of EC2",
    .description =
        "A DEVICE line of mdadm.conf that names the old disks gets the word partitions, and "
        "devices= of an ARRAY line goes where its UUID is known. Arrays keep their names.",
    .plan = plan_mdadm_conf,
};

std::vector<MdadmLine> parse_mdadm_conf(std::string_view text) {
  std::vector<MdadmLine> lines;
  int number = 0;
  bool continues = false;  // there is a line for the next one to continue
  for (const Line& line : split_lines(text)) {
    ++number;
    std::vector<MdadmLine::Word> words = words_of(text, line);
    if (words.empty()) {
      continue;
    }
    if (continues && is_space(text[line.begin])) {
      std::move(words.begin(), words.end(), std::back_inserter(lines.back().words));
      continue;
    }
    MdadmLine parsed{.keyword = keyword_of(words.front().text), .line = number, .words = {}};
    parsed.words.assign(std::make_move_iterator(words.begin() + 1),
                        std::make_move_iterator(words.end()));
    lines.push_back(std::move(parsed));
    continues = true;
  }
  return lines;
}

std::vector<std::string> names_of_array(const MdArray& array, std::string_view mdadm_conf) {
  for (const MdadmLine& line : parse_mdadm_conf(mdadm_conf)) {
    if (describes(line, array) && !line.words.empty() &&
        line.words.front().text.find('=') == std::string::npos) {
      return spellings(line.words.front().text);
    }
  }
  // "host:0": arrays of another host get a name that nobody can foretell, but an array that boots
  // its machine is that machine's own.
  const size_t colon = array.name.find(':');
  const std::string name = colon == std::string::npos ? array.name : array.name.substr(colon + 1);
  return name.empty() ? std::vector<std::string>{} : spellings(name);
}

std::vector<HidingWord> words_hiding_nvme(std::string_view mdadm_conf) {
  std::vector<HidingWord> found;
  const std::vector<MdadmLine> lines = parse_mdadm_conf(mdadm_conf);
  const bool hidden = hides_nvme(lines);
  for (const MdadmLine& line : lines) {
    if (line.keyword == kDevice && hidden) {
      for (const MdadmLine::Word& word : line.words) {
        found.push_back({line.line, word.text});
      }
    }
    if (const MdadmLine::Word* devices = hiding_devices(line)) {
      found.push_back({line.line, devices->text});
    }
  }
  return found;
}

std::vector<GuestPath> mdadm_conf_files(const GuestView& guest) {
  std::vector<GuestPath> files;
  for (const char* path : {"/etc/mdadm.conf", "/etc/mdadm/mdadm.conf"}) {
    const std::optional<GuestPath> real = resolve(guest, GuestPath(path));
    if (real && is_file(guest, *real) &&
        std::find(files.begin(), files.end(), *real) == files.end()) {
      files.push_back(*real);
    }
  }
  return files;
}

}  // namespace rehost
