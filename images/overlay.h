// A qcow2 layer over one volume. libguestfs writes into the layer; the volume beneath is only read.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "converter/core/inspection.h"
#include "images/image_source.h"

namespace rehost {

class Overlay {
 public:
  // Makes WORK_DIRECTORY/<id>.overlay.qcow2. The volume must stay where it is and unchanged.
  Overlay(const Volume& volume, const std::filesystem::path& work_directory);
  ~Overlay();  // removes the layer
  Overlay(Overlay&& other) noexcept;
  Overlay& operator=(Overlay&& other) noexcept;
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  const Volume& volume() const { return volume_; }
  // For libguestfs to open read-write, as format "qcow2".
  const std::string& path() const { return path_; }

  // The disk as it is now: the layer over the volume, extents marked `changed` where the layer has
  // its own bytes. Only when nobody writes to the layer any more; the overlay must outlive the
  // source.
  std::unique_ptr<ImageSource> merged() const;

 private:
  Volume volume_;
  std::string path_;
};

}  // namespace rehost
