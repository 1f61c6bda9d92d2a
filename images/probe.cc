#include "images/probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "converter/core/error.h"
#include "images/formats.h"
#include "images/image_headers.h"
#include "images/nbd.h"
#include "images/raw.h"
#include "images/source_lock.h"

namespace rehost {
namespace {

struct stat status_of(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    throw Error(ErrorKind::usage, fmt::format("cannot open {}: {}", path, errno_text(errno)));
  }
  return status;
}

void require_disk(const std::string& path, const struct stat& status) {
  if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) {
    return;
  }
  std::string_view kind = "neither a file nor a block device";
  if (S_ISDIR(status.st_mode)) {
    kind = "a directory; name the disk image inside";
  } else if (S_ISCHR(status.st_mode)) {
    kind = "a character device, which cannot be a disk";
  } else if (S_ISFIFO(status.st_mode)) {
    kind = "a pipe, and a disk must be readable at any place; copy it to a file first";
  }
  throw Error(ErrorKind::usage, fmt::format("{} is {}", path, kind));
}

void require_sectors(const std::string& name, uint64_t size) {
  if (size == 0 || size % 512 != 0) {
    throw Error(
        ErrorKind::image_io,
        fmt::format("{} holds a disk of {} bytes, which is no number of sectors", name, size));
  }
}

std::string lower_case_extension(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().native();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return extension;
}

std::string_view detect_format(const ImageSource& file, bool block_device) {
  const std::string_view format = format_by_magic(file);
  if (format != "raw") {
    if (block_device) {
      // Whoever owns the guest writes the first sector of its disk.
      throw Error(ErrorKind::usage,
                  fmt::format("{} is a block device that begins like a {} image; say "
                              "--source-format raw, or --source-format {} if that is what it holds",
                              file.name(), format, format));
    }
    return format;
  }
  const std::string extension = lower_case_extension(file.name());
  if (extension == ".vhd" && ends_with_fixed_vhd_footer(file)) {
    return "vhd";
  }
  for (const ImageFormat& row : image_formats()) {
    if (row.name != "raw" && !row.extension.empty() && !block_device &&
        extension == row.extension) {
      throw Error(ErrorKind::image_io,
                  fmt::format("{} is named as a {} image and is none; copy it again if it was cut "
                              "short, or say --source-format raw if it holds a raw disk",
                              file.name(), row.name));
    }
  }
  return "raw";
}

std::string_view requested_format(const ImageSource& file, const std::string& name) {
  const ImageFormat* format = find_image_format(name);
  if (format == nullptr || format->open_source == nullptr) {
    std::string known;
    for (const ImageFormat& row : image_formats()) {
      if (row.open_source != nullptr) {
        known += fmt::format(", {}", row.name);
      }
    }
    throw Error(ErrorKind::usage,
                fmt::format("unknown source format \"{}\"; known are auto{}", name, known));
  }
  if (format->name == "raw") {
    return format->name;
  }
  const bool fits = format_by_magic(file) == format->name ||
                    (format->name == "vhd" && ends_with_fixed_vhd_footer(file));
  if (!fits) {
    throw Error(ErrorKind::usage, fmt::format("{} is not a {} image", file.name(), format->name));
  }
  return format->name;
}

}  // namespace

namespace {

// Whoever serves it has opened the image, in a format of his choice, and holds its lock.
Volume probe_nbd(const std::string& id, const std::string& uri, const ProbeOptions& options) {
  if (options.format != "auto" && options.format != "raw") {
    throw Error(ErrorKind::usage,
                fmt::format("{} is an NBD server's disk, which is raw: --source-format {} does not "
                            "fit",
                            uri, options.format));
  }
  const NbdSource disk(uri);
  require_sectors(uri, disk.size());
  check_partitions_inside(disk);
  return {id, uri, "nbd", disk.size()};
}

}  // namespace

Volume probe_volume(const std::string& id, const std::string& path, const ProbeOptions& options) {
  if (path.empty()) {
    throw Error(ErrorKind::usage, "the name of a source is empty");
  }
  if (is_nbd_uri(path)) {
    return probe_nbd(id, path, options);
  }
  const struct stat status = status_of(path);
  require_disk(path, status);
  const bool block_device = S_ISBLK(status.st_mode);
  const RawSource file(path);
  const SourceLock lock({id, path, "", 0}, SourceUse::look);
  if (file.size() == 0) {
    throw Error(ErrorKind::image_io, fmt::format("{} is empty: 0 bytes", path));
  }
  const std::string_view format = options.format == "auto" ? detect_format(file, block_device)
                                                           : requested_format(file, options.format);
  check_image_file(format, file, options.allow_backing);

  Volume volume{id, path, std::string(format), file.size()};
  const std::unique_ptr<ImageSource> disk = open_volume(volume);
  volume.size = disk->size();
  const uint64_t promised = size_in_header(format, file);
  if (promised > volume.size) {
    throw Error(ErrorKind::image_io,
                fmt::format("{} cannot be read whole: its header says {} bytes, qemu reads {}; "
                            "convert it to raw or VHDX with the program that made it",
                            path, promised, volume.size));
  }
  require_sectors(path, volume.size);
  check_partitions_inside(*disk);
  return volume;
}

namespace {

bool is_same_disk(const std::string& one, const std::string& other) {
  if (is_nbd_uri(one) || is_nbd_uri(other)) {
    return one == other;
  }
  const struct stat a = status_of(one);
  const struct stat b = status_of(other);
  const bool same_device = S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode) && a.st_rdev == b.st_rdev;
  return same_device || (a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

}  // namespace

std::vector<Volume> probe_volumes(const std::vector<std::string>& paths,
                                  const ProbeOptions& options,
                                  const std::vector<std::string>& formats) {
  for (size_t i = 0; i < paths.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (is_same_disk(paths[k], paths[i])) {
        throw Error(ErrorKind::usage, fmt::format("{} and {} are the same disk; name each disk of "
                                                  "the machine once",
                                                  paths[k], paths[i]));
      }
    }
  }
  std::vector<Volume> volumes;
  volumes.reserve(paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    ProbeOptions one = options;
    one.format = formats.empty() ? options.format : formats.at(i);
    volumes.push_back(probe_volume(fmt::format("disk{}", i), paths[i], one));
  }
  return volumes;
}

std::unique_ptr<ImageSource> open_volume(const Volume& volume) {
  const ImageFormat* format = find_image_format(volume.format);
  if (format == nullptr || format->open_source == nullptr) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot read {}: unknown format \"{}\"", volume.path, volume.format));
  }
  return format->open_source(volume);
}

}  // namespace rehost
