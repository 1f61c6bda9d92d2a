#include "drivers/initramfs.h"
#include "tests/fuzz/fuzz.h"

using namespace rehost;           // NOLINT: a program of one function
using namespace rehost::testing;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Initramfs image{std::string(as_text(data, size))};
  size_t covered = 0;
  for (const InitramfsSegment& segment : image.segments()) {
    require(segment.offset == covered, "segments follow each other");
    covered += segment.length;
    image.contents(segment);
  }
  require(covered == size, "and cover the image");
  const ArchiveEntry added{.path = "etc/rehost-added", .mode = 0100644, .content = "x"};
  try {
    if (!repack_obstacle(image)) {
      const Initramfs changed{repack_initramfs(image, {&added, 1})};
      require(changed.read(added.path) == "x", "a repacked image holds what was added");
    }
    if (!append_obstacle(image)) {
      const Initramfs changed{append_segment(image, {&added, 1})};
      require(changed.image().starts_with(image.image()), "appending keeps what was there");
    }
  } catch (const Error&) {
    return 0;  // a path of the archive that leads nowhere
  }
  return 0;
}
