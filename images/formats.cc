#include "images/formats.h"

#include <fmt/format.h>

#include "converter/core/error.h"
#include "images/nbd.h"
#include "images/qcow2.h"
#include "images/raw.h"
#include "images/vhd.h"
#include "images/vmdk.h"

namespace rehost {
namespace {

std::unique_ptr<ImageSource> open_raw(const Volume& volume) {
  return std::make_unique<RawSource>(volume.path);
}

std::unique_ptr<ImageSource> open_nbd(const Volume& volume) {
  return std::make_unique<NbdSource>(volume.path);
}

std::unique_ptr<ImageSource> open_through_qemu(const Volume& volume) {
  return std::make_unique<NbdSource>(volume.path, find_image_format(volume.format)->qemu_name,
                                     NbdServerOptions{});
}

constexpr ImageFormat kImageFormats[] = {
    {"raw", ".raw", "raw", "the bytes of the disk; a sparse file, or a block device", open_raw,
     open_raw_sink},
    {"qcow2", ".qcow2", "qcow2", "QEMU", open_through_qemu, open_qcow2_sink},
    {"qcow2-compressed", ".qcow2", "", "QEMU, each cluster deflated", nullptr,
     open_compressed_qcow2_sink},
    {"vmdk", ".vmdk", "vmdk", "VMware; written as streamOptimized", open_through_qemu,
     open_vmdk_sink},
    {"vhd", ".vhd", "vpc", "Hyper-V and Azure; written as dynamic", open_through_qemu,
     open_vhd_sink},
    {"vhd-fixed", ".vhd", "", "VHD without holes in its tables", nullptr, open_fixed_vhd_sink},
    {"vhdx", ".vhdx", "vhdx", "Hyper-V", open_through_qemu, nullptr},
    {"vdi", ".vdi", "vdi", "VirtualBox", open_through_qemu, nullptr},
    {"nbd", "", "raw", "what an NBD server shows, by its address: nbd:// or nbd+unix://", open_nbd,
     nullptr},
};

}  // namespace

std::span<const ImageFormat> image_formats() {
  return kImageFormats;
}

const ImageFormat* find_image_format(std::string_view name) {
  for (const ImageFormat& row : kImageFormats) {
    if (row.name == name || (row.open_source != nullptr && row.qemu_name == name)) {
      return &row;
    }
  }
  return nullptr;
}

std::unique_ptr<ImageSink> open_sink(std::string_view format, const SinkRequest& request) {
  const ImageFormat* row = find_image_format(format);
  if (row != nullptr && row->open_sink != nullptr) {
    return row->open_sink(request);
  }
  std::string known;
  for (const ImageFormat& candidate : kImageFormats) {
    if (candidate.open_sink != nullptr) {
      known += fmt::format("{}{}", known.empty() ? "" : ", ", candidate.name);
    }
  }
  throw Error(ErrorKind::usage,
              fmt::format("cannot write the format \"{}\"; known are {}", format, known));
}

}  // namespace rehost
