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

  // Throws Error(plan_conflict) when the file beneath was written to since the layer was made: the
  // two belong together no more. Told by its modification time; of block devices and NBD servers
  // nothing is known.
  void require_unchanged() const;

 private:
  Volume volume_;
  std::string path_;
  std::filesystem::file_time_type written_ = {};  // of the file beneath
};

}  // namespace rehost
