#include "bootfix/grubenv.h"

#include <algorithm>

namespace rehost {
namespace {

constexpr std::string_view kSignature = "# GRUB Environment Block\n";

struct Variable {
  std::string name;
  std::string value;       // escapes taken away
  size_t value_begin = 0;  // as written
  size_t value_end = 0;    // at the newline
};

// A backslash keeps what follows in the value, a newline too. A last line that has no end is none.
std::vector<Variable> scan(std::string_view block) {
  std::vector<Variable> variables;
  if (!block.starts_with(kSignature)) {
    return variables;
  }
  Variable variable;
  std::string text;
  bool in_value = false;
  for (size_t at = kSignature.size(); at < block.size(); ++at) {
    const char c = block[at];
    if (c == '\\' && at + 1 < block.size()) {
      text += block[++at];
    } else if (c == '\n') {
      if (in_value) {
        variable.value = std::move(text);
        variable.value_end = at;
        variables.push_back(std::move(variable));
      }
      variable = {};
      text.clear();
      in_value = false;
    } else if (c == '=' && !in_value) {
      variable.name = std::move(text);
      variable.value_begin = at + 1;
      text.clear();
      in_value = true;
    } else {
      text += c;
    }
  }
  return variables;
}

std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '\n') {
      text += '\\';
    }
    text += c;
  }
  return text;
}

}  // namespace

std::map<std::string, std::string> parse_grubenv(std::string_view block) {
  std::map<std::string, std::string> variables;
  for (Variable& variable : scan(block)) {
    variables[variable.name] = std::move(variable.value);
  }
  return variables;
}

std::optional<std::string> with_grubenv_variable(std::string_view block, std::string_view name,
                                                 std::string_view value) {
  if (!block.starts_with(kSignature)) {
    return std::nullopt;
  }
  std::string content(block.substr(0, block.find_last_not_of('#') + 1));  // without the padding
  const std::vector<Variable> variables = scan(block);
  const auto found = std::find_if(variables.rbegin(), variables.rend(),
                                  [&](const Variable& v) { return v.name == name; });
  if (found != variables.rend()) {
    content.replace(found->value_begin, found->value_end - found->value_begin, escaped(value));
  } else {
    content += content.ends_with('\n') ? "" : "\n";
    content += std::string(name) + "=" + escaped(value) + "\n";
  }
  if (content.size() > block.size()) {
    return std::nullopt;
  }
  content.resize(block.size(), '#');
  return content;
}

std::vector<TextFile> grubenv_files(const GuestView& guest) {
  std::vector<GuestPath> candidates = {GuestPath("/boot/grub2/grubenv"),
                                       GuestPath("/boot/grub/grubenv")};
  for (const std::string_view esp : {"/boot/efi", "/efi", "/boot"}) {
    const GuestPath vendors = GuestPath(esp) / "EFI";
    for (const DirectoryEntry& vendor : guest.list(vendors)) {
      candidates.push_back(vendors / vendor.name / "grubenv");
    }
  }
  std::vector<TextFile> files;
  for (const GuestPath& candidate : candidates) {
    std::optional<TextFile> file = read_text_file(guest, candidate);
    const bool known = file && std::any_of(files.begin(), files.end(), [&](const TextFile& other) {
                         return other.path == file->path;
                       });
    if (file && !known && file->content.starts_with(kSignature)) {
      files.push_back(std::move(*file));
    }
  }
  return files;
}

}  // namespace rehost
