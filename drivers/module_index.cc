#include "drivers/module_index.h"

#include <algorithm>
#include <functional>
#include <optional>

namespace rehost {
namespace {

// Calls `use` with each line that is neither empty nor a comment.
template <typename Use>
void for_each_line(std::string_view text, Use use) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t')) {
      line.remove_suffix(1);
    }
    if (!line.empty() && line.front() != '#') {
      use(line);
    }
  }
}

// Calls `use` with each NUL-terminated field.
template <typename Use>
void for_each_field(std::string_view text, Use use) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\0'), text.size());
    use(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  size_t at = text.find_first_not_of(" \t");
  while (at != std::string_view::npos) {
    const size_t end = std::min(text.find_first_of(" \t", at), text.size());
    result.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(" \t", end);
  }
  return result;
}

// modules.dep of module-init-tools (EL5) has absolute paths.
std::string_view relative_path(std::string_view path) {
  constexpr std::string_view kModules = "/lib/modules/";
  const size_t modules = path.starts_with('/') ? path.find(kModules) : std::string_view::npos;
  if (modules == std::string_view::npos) {
    return path;
  }
  const size_t slash = path.find('/', modules + kModules.size());
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

struct SoftDependencies {
  std::vector<std::string> before;
  std::vector<std::string> after;
};

SoftDependencies soft_dependencies(const ModuleRecord& module) {
  SoftDependencies result;
  for (const std::string& softdep : module.softdeps) {
    std::vector<std::string>* list = nullptr;
    for (const std::string_view word : words(softdep)) {
      if (word == "pre:") {
        list = &result.before;
      } else if (word == "post:") {
        list = &result.after;
      } else if (list != nullptr) {
        list->emplace_back(word);
      }
    }
  }
  return result;
}

// What still has to be visited for one module, as the recursion of modprobe would keep it on its
// stack.
struct Frame {
  const ModuleRecord* module;
  std::vector<const ModuleRecord*> before;
  std::vector<const ModuleRecord*> after;
  size_t next = 0;
};

}  // namespace

std::string normal_alias(std::string_view alias) {
  std::string normal(alias);
  bool in_brackets = false;
  for (char& c : normal) {
    if (c == '[') {
      in_brackets = true;
    } else if (c == ']') {
      in_brackets = false;
    } else if (c == '-' && !in_brackets) {
      c = '_';
    }
  }
  return normal;
}

ModuleRecord record_of(const KernelModule& module, std::string_view path) {
  ModuleRecord record;
  record.name = module_name(path);
  record.path = path;
  for (const std::string& name : module.depends) {
    record.dependencies.push_back(module_name(name));
  }
  record.softdeps = module.softdeps;
  record.aliases = module.aliases;
  record.symbols = module.exported_symbols;
  return record;
}

ModuleIndex::ModuleIndex(const ModuleIndexTexts& texts) {
  for_each_line(texts.dep, [&](std::string_view line) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return;
    }
    ModuleRecord record;
    record.path = relative_path(line.substr(0, colon));
    record.name = module_name(record.path);
    for (const std::string_view path : words(line.substr(colon + 1))) {
      record.dependencies.push_back(module_name(path));
    }
    add(std::move(record));
  });
  const auto record_named = [&](std::string_view name) -> ModuleRecord* {
    const auto found = by_name_.find(module_name(name));
    return found == by_name_.end() ? nullptr : &modules_[found->second];
  };
  // "alias PATTERN MODULE": a pattern may hold spaces, a module name does not.
  const auto take_aliases = [&](std::string_view text, std::string_view start,
                                std::vector<std::string> ModuleRecord::*list) {
    for_each_line(text, [&](std::string_view line) {
      const size_t space = line.rfind(' ');
      if (!line.starts_with(start) || space < start.size()) {
        return;
      }
      if (ModuleRecord* record = record_named(line.substr(space + 1))) {
        (record->*list).emplace_back(line.substr(start.size(), space - start.size()));
      }
    });
  };
  take_aliases(texts.alias, "alias ", &ModuleRecord::aliases);
  take_aliases(texts.symbols, "alias symbol:", &ModuleRecord::symbols);
  for_each_line(texts.softdep, [&](std::string_view line) {
    const std::vector<std::string_view> parts = words(line);
    ModuleRecord* record =
        parts.size() > 2 && parts[0] == "softdep" ? record_named(parts[1]) : nullptr;
    if (record != nullptr) {
      record->softdeps.emplace_back(
          line.substr(static_cast<size_t>(parts[2].data() - line.data())));
    }
  });
  for_each_line(texts.devname, [&](std::string_view line) {
    const std::vector<std::string_view> parts = words(line);
    ModuleRecord* record = parts.size() > 1 ? record_named(parts[0]) : nullptr;
    if (record != nullptr) {
      record->devnames.emplace_back(
          line.substr(static_cast<size_t>(parts[1].data() - line.data())));
    }
  });
  set_builtin(texts.builtin, texts.builtin_modinfo);
}

const ModuleRecord* ModuleIndex::find(std::string_view name) const {
  const auto found = by_name_.find(module_name(name));
  return found == by_name_.end() ? nullptr : &modules_[found->second];
}

bool ModuleIndex::is_builtin(std::string_view name) const {
  return builtin_.contains(module_name(name));
}

void ModuleIndex::add(ModuleRecord record) {
  const auto [place, is_new] = by_name_.try_emplace(record.name, modules_.size());
  if (is_new) {
    modules_.push_back(std::move(record));
  } else {
    modules_[place->second] = std::move(record);
  }
}

void ModuleIndex::set_builtin(std::string text, std::string modinfo) {
  builtin_.clear();
  for_each_line(text, [&](std::string_view line) { builtin_.insert(module_name(line)); });
  builtin_texts_.builtin = std::move(text);
  builtin_texts_.builtin_modinfo = std::move(modinfo);
}

std::vector<std::string> ModuleIndex::builtin_info(std::string_view module,
                                                   std::string_view key) const {
  const std::string start = module_name(module) + "." + std::string(key) + "=";
  std::vector<std::string> values;
  for_each_field(builtin_texts_.builtin_modinfo, [&](std::string_view field) {
    if (field.starts_with(start)) {
      values.emplace_back(field.substr(start.size()));
    }
  });
  return values;
}

std::vector<std::pair<std::string, std::string>> ModuleIndex::builtin_aliases() const {
  constexpr std::string_view kAlias = ".alias=";
  std::vector<std::pair<std::string, std::string>> aliases;
  for_each_field(builtin_texts_.builtin_modinfo, [&](std::string_view field) {
    const size_t dot = field.find('.');
    if (dot != std::string_view::npos && field.substr(dot).starts_with(kAlias)) {
      aliases.emplace_back(module_name(field.substr(0, dot)), field.substr(dot + kAlias.size()));
    }
  });
  return aliases;
}

std::vector<const ModuleRecord*> ModuleIndex::lookup(std::string_view name) const {
  if (const ModuleRecord* module = find(name)) {
    return {module};
  }
  std::vector<const ModuleRecord*> matches;
  if (is_builtin(name)) {
    return matches;
  }
  const std::string wanted = normal_alias(name);
  for (const ModuleRecord& module : modules_) {
    if (std::any_of(module.aliases.begin(), module.aliases.end(),
                    [&](const std::string& alias) { return normal_alias(alias) == wanted; })) {
      matches.push_back(&module);
    }
  }
  return matches;
}

std::vector<const ModuleRecord*> ModuleIndex::closure(std::span<const std::string> names) const {
  std::set<const ModuleRecord*> seen;
  std::vector<const ModuleRecord*> order;
  std::vector<Frame> stack;
  const auto enter = [&](const ModuleRecord* module) {
    if (is_builtin(module->name) || !seen.insert(module).second) {
      return;
    }
    Frame frame{.module = module, .before = {}, .after = {}};
    const SoftDependencies soft = soft_dependencies(*module);
    for (const std::string& name : soft.before) {
      const auto found = lookup(name);
      frame.before.insert(frame.before.end(), found.begin(), found.end());
    }
    for (auto name = module->dependencies.rbegin(); name != module->dependencies.rend(); ++name) {
      if (const ModuleRecord* dependency = find(*name)) {
        frame.before.push_back(dependency);
      }
    }
    for (const std::string& name : soft.after) {
      const auto found = lookup(name);
      frame.after.insert(frame.after.end(), found.begin(), found.end());
    }
    stack.push_back(std::move(frame));
  };
  for (const std::string& name : names) {
    for (const ModuleRecord* module : lookup(name)) {
      enter(module);
      while (!stack.empty()) {
        Frame& top = stack.back();
        const size_t step = top.next++;
        if (step < top.before.size()) {
          enter(top.before[step]);
        } else if (step == top.before.size()) {
          order.push_back(top.module);
        } else if (step - top.before.size() - 1 < top.after.size()) {
          enter(top.after[step - top.before.size() - 1]);
        } else {
          stack.pop_back();
        }
      }
    }
  }
  return order;
}

std::vector<const ModuleRecord*> ModuleIndex::closure(std::string_view name) const {
  const std::string text(name);
  return closure(std::span<const std::string>(&text, 1));
}

std::vector<const ModuleRecord*> ModuleIndex::all_dependencies(const ModuleRecord& module) const {
  std::vector<const ModuleRecord*> listed;
  std::set<const ModuleRecord*> in_list;
  for (const std::string& name : module.dependencies) {
    const ModuleRecord* found = find(name);
    if (found != nullptr && found != &module && in_list.insert(found).second) {
      listed.push_back(found);
    }
  }
  // modules.dep lists all of them already, in an order that works, and then it is kept.
  const bool complete =
      std::all_of(listed.begin(), listed.end(), [&](const ModuleRecord* dependency) {
        return std::all_of(dependency->dependencies.begin(), dependency->dependencies.end(),
                           [&](const std::string& name) {
                             const ModuleRecord* found = find(name);
                             return found == nullptr || found == &module || in_list.contains(found);
                           });
      });
  if (complete) {
    return listed;
  }
  // The modules themselves name the direct ones only: those that nobody else waits for go last into
  // the list.
  std::vector<const ModuleRecord*> order;
  std::set<const ModuleRecord*> seen{&module};
  std::vector<Frame> stack{{.module = &module, .before = listed, .after = {}}};
  while (!stack.empty()) {
    Frame& top = stack.back();
    if (top.next == top.before.size()) {
      order.push_back(top.module);
      stack.pop_back();
      continue;
    }
    const ModuleRecord* next = top.before[top.next++];
    if (!seen.insert(next).second) {
      continue;
    }
    Frame frame{.module = next, .before = {}, .after = {}};
    for (const std::string& name : next->dependencies) {
      if (const ModuleRecord* found = find(name)) {
        frame.before.push_back(found);
      }
    }
    stack.push_back(std::move(frame));
  }
  order.pop_back();  // the module itself
  std::reverse(order.begin(), order.end());
  return order;
}

}  // namespace rehost
