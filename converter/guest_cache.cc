#include "converter/guest_cache.h"

namespace rehost {
namespace {

template <typename T>
const T* find(const std::map<GuestPath, T>& kept, const GuestPath& path) {
  const auto found = kept.find(path);
  return found == kept.end() ? nullptr : &found->second;
}

}  // namespace

const std::optional<FileStat>* GuestCache::stat(const GuestPath& path) const {
  return find(stats_, path);
}

const std::vector<DirectoryEntry>* GuestCache::listing(const GuestPath& directory) const {
  return find(listings_, directory);
}

const std::string* GuestCache::link(const GuestPath& path) const {
  return find(links_, path);
}

const std::string* GuestCache::content(const GuestPath& path) const {
  return find(contents_, path);
}

void GuestCache::keep_stat(const GuestPath& path, const std::optional<FileStat>& stat) {
  stats_[path] = stat;
}

void GuestCache::keep_listing(const GuestPath& directory,
                              const std::vector<DirectoryEntry>& entries) {
  listings_[directory] = entries;
  for (const DirectoryEntry& entry : entries) {
    stats_[directory / entry.name] = entry.stat;
  }
}

void GuestCache::keep_link(const GuestPath& path, const std::string& target) {
  links_[path] = target;
}

void GuestCache::keep_content(const GuestPath& path, const std::string& content) {
  if (content.size() > most_content_bytes_) {
    return;
  }
  if (content_bytes_ + content.size() > most_content_bytes_) {
    contents_.clear();
    content_bytes_ = 0;
  }
  std::string& kept = contents_[path];
  content_bytes_ += content.size() - kept.size();
  kept = content;
}

void GuestCache::forget() {
  stats_.clear();
  listings_.clear();
  links_.clear();
  contents_.clear();
  content_bytes_ = 0;
}

}  // namespace rehost
