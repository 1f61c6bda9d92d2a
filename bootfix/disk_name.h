// The spelling of a disk or partition in /dev, taken apart: which disk, which partition.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace rehost {

struct DiskName {
  std::string
      stem;  // names the whole disk: "/dev/sdb", "/dev/nvme0n1", "/dev/disk/by-id/scsi-36000c29..."
  std::string family;   // of names that count disks: "sd", "vd", "xvd", "hd", "nvme", "mmcblk",
                        // "cciss"; "" of others
  size_t position = 0;  // in its family, counted from 0: "sdb" and "vdb" are 1, "sdaa" is 26
  int partition = 0;    // 0: the whole disk
};

// nullopt: not the name of a disk that EC2 would change. LVM, md, loop and the like, and
// /dev/disk/by-uuid, are not.
std::optional<DiskName> parse_disk_name(std::string_view path);

}  // namespace rehost
