// What was read of a guest stays true until we write: nobody else writes to the overlay. Every
// question that need not be asked again saves a round trip to the appliance.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "converter/core/guest.h"

namespace rehost {

class GuestCache {
 public:
  explicit GuestCache(uint64_t most_content_bytes = 256u << 20)
      : most_content_bytes_(most_content_bytes) {}

  // Pointers are valid until the next keep_... or forget().
  const std::optional<FileStat>* stat(const GuestPath& path) const;
  const std::vector<DirectoryEntry>* listing(const GuestPath& directory) const;
  const std::string* link(const GuestPath& path) const;
  const std::string* content(const GuestPath& path) const;

  void keep_stat(const GuestPath& path, const std::optional<FileStat>& stat);
  // And the status of every entry.
  void keep_listing(const GuestPath& directory, const std::vector<DirectoryEntry>& entries);
  void keep_link(const GuestPath& path, const std::string& target);
  // Drops all other content when it gets too much, and does not keep what is too much alone.
  void keep_content(const GuestPath& path, const std::string& content);

  void forget();

 private:
  std::map<GuestPath, std::optional<FileStat>> stats_;
  std::map<GuestPath, std::vector<DirectoryEntry>> listings_;
  std::map<GuestPath, std::string> links_;
  std::map<GuestPath, std::string> contents_;
  uint64_t content_bytes_ = 0;
  uint64_t most_content_bytes_;
};

}  // namespace rehost
