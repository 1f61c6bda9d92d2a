// What the first (and last) bytes of an image file say: its format, whether it leans on other
// files, whether it is all there. qemu reads what lies beyond the end of a truncated image as
// zeros; here it is an error instead.
#pragma once

#include <string>
#include <string_view>

#include "images/image_source.h"

namespace rehost {

// Format by magic number: "qcow2", "vmdk", "vhd", "vhdx", "vdi", or "raw" when there is none.
// Throws Error(usage) for what is certainly not a disk we can read: compressed files, archives,
// formats of other programs.
std::string_view format_by_magic(const ImageSource& file);

// A fixed VHD is a raw disk with 512 bytes behind it, and the guest writes the last sector of a raw
// disk. So this is asked only when the operator's file name says .vhd.
bool ends_with_fixed_vhd_footer(const ImageSource& file);

// Throws Error: usage when the image names another file (unless allowed) or is encrypted, image_io
// when it is malformed or cut short. `file` is the image file itself, byte for byte.
void check_image_file(std::string_view format, const ImageSource& file, bool allow_backing);

// A VMDK whose grains are compressed (streamOptimized), one behind the other: there is no room to
// change one.
bool is_written_once(const ImageSource& vmdk);

// The size in the header of a VHD, 0 for other formats: qemu takes some from the CHS geometry
// instead, which is less.
uint64_t size_in_header(std::string_view format, const ImageSource& file);

}  // namespace rehost
