#include "bootfix/guest_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bootfix/network_files.h"
#include "converter/core/guest_tree.h"

namespace rehost {
namespace {

constexpr size_t kMostDirectories = 4096;  // on the way of one pattern

bool is_pattern(std::string_view component) {
  return component.find_first_of("*?[") != std::string_view::npos;
}

std::vector<std::string_view> components_of(std::string_view pattern) {
  std::vector<std::string_view> components;
  while (!pattern.empty()) {
    const size_t slash = std::min(pattern.find('/'), pattern.size());
    if (slash > 0) {
      components.push_back(pattern.substr(0, slash));
    }
    pattern.remove_prefix(std::min(slash + 1, pattern.size()));
  }
  return components;
}

// The entries of `directory` that the component names, as they lie there.
std::vector<GuestPath> entries_named(const GuestView& guest, const GuestPath& directory,
                                     std::string_view component) {
  std::vector<GuestPath> found;
  if (!is_pattern(component)) {
    if (guest.stat(directory / component)) {
      found.push_back(directory / component);
    }
    return found;
  }
  for (const DirectoryEntry& entry : guest.list(directory)) {
    if (matches_glob(entry.name, component)) {
      found.push_back(directory / entry.name);
    }
  }
  return found;
}

}  // namespace

std::vector<GuestPath> matching_entries(const GuestView& guest, std::string_view pattern) {
  const std::vector<std::string_view> components = components_of(pattern);
  std::set<GuestPath> directories = {GuestPath("/")};
  for (size_t i = 0; i < components.size(); ++i) {
    const bool last = i + 1 == components.size();
    std::set<GuestPath> next;
    for (const GuestPath& directory : directories) {
      for (const GuestPath& entry : entries_named(guest, directory, components[i])) {
        const std::optional<GuestPath> real = last ? entry : resolve(guest, entry);
        const bool wanted = real && (last || is_directory(guest, *real));
        if (wanted && next.size() < kMostDirectories) {
          next.insert(*real);
        }
      }
    }
    directories = std::move(next);
  }
  return {directories.begin(), directories.end()};
}

void plan_entry_removal(FixResult& result, const GuestView& guest, std::string_view fix,
                        const GuestPath& path, std::string_view reason) {
  Edit edit{.fix = std::string(fix), .reason = std::string(reason), .action = {}};
  const std::optional<FileStat> stat = guest.stat(path);
  if (!stat) {
    return;
  }
  if (const std::optional<std::string> target = guest.read_link(path)) {
    edit.action = RemoveFile{.path = path, .expects = hash_content(*target)};
  } else if (stat->type == FileType::regular && stat->size <= kMaxInitramfsBytes) {
    const std::string content = guest.read(path, kMaxInitramfsBytes).value_or("");
    edit.action = RemoveFile{.path = path, .expects = hash_content(content)};
  } else if (const std::optional<TreeListing> tree = list_tree(guest, path)) {
    edit.action = RemoveTree{.path = path, .entries = tree->entries, .expects = tree->hash};
  } else {
    result.warnings.push_back(
        {.code = "left-behind-kept",
         .subject = path.str(),
         .sentence = fmt::format("{} is larger than anything that an agent installs, or no file at "
                                 "all: it stays; remove it by hand on the instance",
                                 path.str())});
    return;
  }
  result.edits.push_back(std::move(edit));
}

void plan_removals(FixResult& result, const GuestView& guest, std::string_view fix,
                   std::span<const std::string> patterns, std::string_view reason) {
  std::set<GuestPath> entries;
  for (const std::string& pattern : patterns) {
    const std::vector<GuestPath> found = matching_entries(guest, pattern);
    entries.insert(found.begin(), found.end());
  }
  for (const GuestPath& entry : entries) {
    bool inside = false;
    for (GuestPath parent = entry.parent(); parent != GuestPath("/"); parent = parent.parent()) {
      inside = inside || entries.contains(parent);
    }
    if (!inside) {
      plan_entry_removal(result, guest, fix, entry, reason);
    }
  }
}

}  // namespace rehost
