#include "converter/core/names.h"

namespace rehost {

GuestPath::GuestPath(std::string_view path) {
  std::string out;
  size_t at = 0;
  while (at < path.size()) {
    size_t end = path.find('/', at);
    if (end == std::string_view::npos) {
      end = path.size();
    }
    const std::string_view part = path.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") {
      continue;
    }
    if (part == "..") {
      const size_t slash = out.rfind('/');
      out.resize(slash == std::string::npos ? 0 : slash);
      continue;
    }
    out += '/';
    out += part;
  }
  path_ = out.empty() ? "/" : out;
}

std::string_view GuestPath::name() const {
  return std::string_view(path_).substr(path_.rfind('/') + 1);
}

GuestPath GuestPath::parent() const {
  const size_t slash = path_.rfind('/');
  return GuestPath(std::string_view(path_).substr(0, slash));
}

bool GuestPath::is_within(const GuestPath& directory) const {
  if (directory.path_ == "/" || path_ == directory.path_) {
    return true;
  }
  return path_.size() > directory.path_.size() && path_.starts_with(directory.path_) &&
         path_[directory.path_.size()] == '/';
}

GuestPath operator/(const GuestPath& directory, std::string_view relative) {
  return GuestPath(directory.path_ + "/" + std::string(relative));
}

}  // namespace rehost
