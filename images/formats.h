// The disk formats rehost reads and writes: one row each, listed by hand in formats.cc.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "converter/core/inspection.h"
#include "images/image_sink.h"
#include "images/image_source.h"

namespace rehost {

struct ImageFormat {
  std::string_view name;       // as the operator says it: "vhd"
  std::string_view extension;  // of files we write: ".vhd"
  std::string_view qemu_name;  // as qemu says it: "vpc"; empty for rows that are only written
  std::string_view meaning;
  std::unique_ptr<ImageSource> (*open_source)(const Volume& volume);    // null: cannot be read
  std::unique_ptr<ImageSink> (*open_sink)(const SinkRequest& request);  // null: cannot be written
};

std::span<const ImageFormat> image_formats();
// Null when there is no such row. "vpc" finds vhd.
const ImageFormat* find_image_format(std::string_view name);

// Throws Error(usage) naming the formats that can be written when there is no such row.
std::unique_ptr<ImageSink> open_sink(std::string_view format, const SinkRequest& request);

}  // namespace rehost
