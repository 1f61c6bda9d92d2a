// Reads a raw disk as the copier does, 512 KiB at a time by four threads, through the page cache or
// past it. For scripts/bench, which asks whether O_DIRECT would help.
//
//   direct_reads DISK buffered|direct    prints the seconds
#include <fcntl.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "images/block_manifest.h"
#include "images/posix_file.h"

namespace {

constexpr int kThreads = 4;
constexpr size_t kAlignment = 4096;

void read_all(const char* path, bool direct) {
  const rehost::FileDescriptor file =
      rehost::open_file(path, O_RDONLY | (direct ? O_DIRECT : 0));  // NOLINT: flags
  const uint64_t size =
      rehost::file_size_of(file.get(), path) / rehost::kBlockSize * rehost::kBlockSize;
  if (!direct) {
    ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  std::atomic<uint64_t> next = 0;
  std::vector<std::jthread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const std::unique_ptr<void, void (*)(void*)> memory(
          std::aligned_alloc(kAlignment, rehost::kBlockSize), std::free);
      const std::span block(static_cast<std::byte*>(memory.get()), rehost::kBlockSize);
      for (uint64_t at = next.fetch_add(block.size()); at < size;
           at = next.fetch_add(block.size())) {
        rehost::read_fully(file.get(), path, at, block);
        rehost::hash_block(block);
      }
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<size_t>(argc));
  if (arguments.size() != 3) {
    fmt::print(stderr, "usage: direct_reads DISK buffered|direct\n");
    return 2;
  }
  try {
    const auto begin = std::chrono::steady_clock::now();
    read_all(arguments[1], std::string_view(arguments[2]) == "direct");
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    fmt::print("{:.3f} seconds\n", took.count());
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "direct_reads: {}\n", error.what());
    return 1;
  }
}
