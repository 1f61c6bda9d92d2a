// From a path the operator names to a Volume: is it there, is it a disk, in which format, and is
// all of it there?
//
// The bytes of a disk belong to its guest. They never choose a format that would make us open
// another file: an image that names a backing file or an external data file is refused.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "converter/core/inspection.h"
#include "images/image_source.h"

namespace rehost {

struct ProbeOptions {
  std::string format = "auto";  // or raw, qcow2, vmdk, vhd, vhdx, vdi; NBD servers: auto or raw
  bool allow_backing = false;   // the operator vouches for the files that the image names
};

// Takes a SourceLock to look for as long as it runs: probe first, lock for the job afterwards.
// Throws Error: usage (no such file, a directory, a format that does not fit), image_io (empty,
// truncated, malformed, unreadable), environment (in use, mounted on this host).
Volume probe_volume(const std::string& id, const std::string& path,
                    const ProbeOptions& options = {});

// All disks of one machine: ids "disk0", "disk1", ...; the same disk given twice is a usage error.
// `formats` has one for each, or none: options.format.
std::vector<Volume> probe_volumes(const std::vector<std::string>& paths,
                                  const ProbeOptions& options = {},
                                  const std::vector<std::string>& formats = {});

// Reads the volume itself, never writing. Foreign formats start a qemu-nbd that ends with the
// source.
std::unique_ptr<ImageSource> open_volume(const Volume& volume);

// Throws Error(image_io) when a partition of the MBR or GPT lies beyond the end of the disk: the
// mark of a copy that was cut short.
void check_partitions_inside(const ImageSource& source);

}  // namespace rehost
