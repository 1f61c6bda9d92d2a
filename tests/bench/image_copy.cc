// What `rehost convert` does in its phase "image", alone: reads a disk, hashes it, and writes it in
// a format. For scripts/bench, which measures it against qemu-img and nbdcopy.
//
//   image_copy SOURCE FORMAT RESULT    prints how long the result took to be synced in the end
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <span>

#include "converter/core/error.h"
#include "images/copier.h"
#include "images/formats.h"
#include "images/probe.h"

namespace {

int copy(const char* from, const char* format, const char* to) {
  const std::unique_ptr<rehost::ImageSource> source =
      rehost::open_volume(rehost::probe_volume("disk0", from));
  const std::unique_ptr<rehost::ImageSink> sink =
      rehost::open_sink(format, {to, source->size(), rehost::Existing::replace});
  rehost::copy_image(*source, *sink, {.finish = rehost::FinishSink::by_caller});
  const auto copied = std::chrono::steady_clock::now();
  sink->finish();
  const std::chrono::duration<double> finishing = std::chrono::steady_clock::now() - copied;
  fmt::print("{:.3f} seconds to finish\n", finishing.count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<size_t>(argc));
  if (arguments.size() != 4) {
    fmt::print(stderr, "usage: image_copy SOURCE FORMAT RESULT\n");
    return 2;
  }
  try {
    return copy(arguments[1], arguments[2], arguments[3]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "image_copy: {}\n", error.what());
    return 1;
  }
}
