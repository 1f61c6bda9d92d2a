#include "drivers/module_index_edit.h"

#include <algorithm>
#include <functional>
#include <set>

namespace rehost {
namespace {

using Names = std::set<std::string, std::less<>>;

// `text` with each line as `edit` answers it: the line itself, another one, or "" for none.
template <typename Edit>
std::string edited_lines(std::string_view text, Edit edit) {
  std::string result;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    result += edit(text.substr(0, end));
    text.remove_prefix(end);
  }
  if (!result.empty() && result.back() != '\n') {
    result += '\n';  // more follows
  }
  return result;
}

std::string_view without_line_end(std::string_view line) {
  const size_t end = line.find_last_not_of("\r\n \t");
  return end == std::string_view::npos ? std::string_view() : line.substr(0, end + 1);
}

std::string_view last_word(std::string_view line) {
  line = without_line_end(line);
  const size_t blank = line.find_last_of(" \t");
  return blank == std::string_view::npos ? line : line.substr(blank + 1);
}

// "PATH: DEPENDENCY..." as modules.dep has it.
std::string dependency_line(const ModuleIndex& index, const ModuleRecord& module) {
  std::string line = module.path + ":";
  for (const ModuleRecord* dependency : index.all_dependencies(module)) {
    line += " " + dependency->path;
  }
  return line + "\n";
}

bool depends_on_any(std::string_view dependencies, const Names& names) {
  dependencies = without_line_end(dependencies);
  while (!dependencies.empty()) {
    const size_t end = std::min(dependencies.find(' '), dependencies.size());
    if (names.contains(module_name(dependencies.substr(0, end)))) {
      return true;
    }
    dependencies.remove_prefix(std::min(dependencies.size(), end + 1));
  }
  return false;
}

std::string edited_dep(const ModuleIndexTexts& texts, const Names& names,
                       std::span<const ModuleRecord> records) {
  ModuleIndex index(texts);
  for (const ModuleRecord& record : records) {
    index.add(record);
  }
  std::string dep = edited_lines(texts.dep, [&](std::string_view line) -> std::string {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return std::string(line);
    }
    const std::string name = module_name(line.substr(0, colon));
    if (names.contains(name)) {
      return "";
    }
    const ModuleRecord* module = index.find(name);
    return module != nullptr && depends_on_any(line.substr(colon + 1), names)
               ? dependency_line(index, *module)
               : std::string(line);
  });
  for (const ModuleRecord& record : records) {
    dep += dependency_line(index, record);
  }
  return dep;
}

}  // namespace

ModuleIndexTexts with_modules(ModuleIndexTexts texts, std::span<const ModuleRecord> records) {
  Names names;
  for (const ModuleRecord& record : records) {
    names.insert(record.name);
  }
  texts.dep = edited_dep(texts, names, records);
  // "alias PATTERN MODULE", "alias symbol:NAME MODULE", "softdep MODULE pre: ..."
  const auto drop_by_last_word = [&](std::string_view line) {
    return line.starts_with("alias ") && names.contains(module_name(last_word(line)))
               ? std::string()
               : std::string(line);
  };
  texts.alias = edited_lines(texts.alias, drop_by_last_word);
  texts.symbols = edited_lines(texts.symbols, drop_by_last_word);
  texts.softdep = edited_lines(texts.softdep, [&](std::string_view line) {
    constexpr std::string_view kStart = "softdep ";
    const std::string_view rest = line.starts_with(kStart) ? line.substr(kStart.size()) : "";
    return names.contains(module_name(rest.substr(0, rest.find(' ')))) ? std::string()
                                                                       : std::string(line);
  });
  for (const ModuleRecord& record : records) {
    for (const std::string& alias : record.aliases) {
      texts.alias += "alias " + alias + " " + record.name + "\n";
    }
    for (const std::string& symbol : record.symbols) {
      texts.symbols += "alias symbol:" + symbol + " " + record.name + "\n";
    }
    for (const std::string& softdep : record.softdeps) {
      texts.softdep += "softdep " + record.name + " " + softdep + "\n";
    }
  }
  return texts;
}

}  // namespace rehost
