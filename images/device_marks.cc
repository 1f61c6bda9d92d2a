#include "images/device_marks.h"

#include <algorithm>
#include <system_error>

#include "converter/core/error.h"
#include "images/journal.h"
#include "images/same_disk.h"

namespace rehost {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".rehost-journal";

std::vector<fs::path> links_to(const fs::path& device, const fs::path& links) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& link : fs::directory_iterator(links, ignored)) {
    if (same_disk(link.path(), device)) {
      found.push_back(link.path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool is_of_a_mapping(const fs::path& link) {
  const std::string name = link.filename();
  return name.starts_with("dm-") || name.starts_with("md-");
}

// The volume of the journal that was called so.
std::optional<size_t> volume_called(const JournalReader& journal, const fs::path& name) {
  for (size_t i = 0; i < journal.volumes().size(); ++i) {
    if (fs::path(journal.volumes()[i].path).filename() == name.filename()) {
      return i;
    }
  }
  return std::nullopt;
}

// Is some other device more likely the volume: one on which the writing had begun?
bool is_begun_elsewhere(const JournalReader& journal, size_t volume, const fs::path& device,
                        const fs::path& nodes) {
  std::error_code ignored;
  for (const auto& node : fs::directory_iterator(nodes, ignored)) {
    if (!node.is_symlink(ignored) &&
        (node.is_block_file(ignored) || node.is_regular_file(ignored)) &&
        !same_disk(node.path(), device) &&
        journal.likeness(volume, node.path()) == Likeness::begun) {
      return true;
    }
  }
  return false;
}

bool may_be_about(const Mark& mark, const fs::path& name, const fs::path& device,
                  const DevicePlaces& places) {
  const JournalReader journal(mark.journal);
  const std::optional<size_t> volume = volume_called(journal, name);
  if (!volume) {
    return true;  // as it says
  }
  const Likeness likeness = journal.likeness(*volume, device);
  return likeness != Likeness::another &&
         (likeness != Likeness::untouched ||
          !is_begun_elsewhere(journal, *volume, device, places.nodes));
}

// Made under a name that another device has now, or none.
bool is_about(const JournalReader& journal, const fs::path& device) {
  for (size_t i = 0; i < journal.volumes().size(); ++i) {
    const fs::path name = journal.volumes()[i].path;
    if (!is_lasting(name) && journal.likeness(i, device) == Likeness::begun &&
        (same_disk(name, device) || journal.likeness(i, name) != Likeness::begun)) {
      return true;
    }
  }
  return false;
}

std::optional<Mark> mark_by_bytes(const fs::path& device, const fs::path& journals) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(journals, error)) {
    std::error_code ignored;
    if (!entry.path().native().ends_with(kSuffix) || entry.is_symlink(ignored) ||
        !entry.is_regular_file(ignored)) {
      continue;
    }
    try {
      if (is_about(JournalReader(entry.path()), device)) {
        return mark_at(entry.path());
      }
    } catch (const Error&) {
      continue;  // one that cannot be read says nothing of a disk that has another name
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_lasting(const fs::path& name) {
  const std::string link = name.filename();
  return name.parent_path().filename() == "by-id" && !link.starts_with("lvm-pv-uuid-") &&
         (!is_of_a_mapping(name) || link.starts_with("dm-uuid-") || link.starts_with("md-uuid-"));
}

std::vector<fs::path> lasting_links(const fs::path& device, const fs::path& links) {
  std::vector<fs::path> found = links_to(device, links);
  std::erase_if(found, [](const fs::path& link) { return !is_lasting(link); });
  std::stable_partition(found.begin(), found.end(),
                        [](const fs::path& link) { return !is_of_a_mapping(link); });
  return found;
}

std::optional<Mark> mark_of_device(const fs::path& device, const DevicePlaces& places) {
  std::vector<fs::path> names = links_to(device, places.links);
  std::error_code ignored;
  names.push_back(fs::canonical(device, ignored));
  std::optional<Mark> lost;
  for (const fs::path& name : names) {
    std::optional<Mark> mark =
        mark_at(places.journals / (name.filename().native() + std::string(kSuffix)));
    if (mark && !mark->leads_to_journal) {
      lost = mark;
    } else if (mark && (is_lasting(name) || may_be_about(*mark, name, device, places))) {
      return mark;
    }
  }
  return lost ? lost : mark_by_bytes(device, places.journals);
}

}  // namespace rehost
