#include "images/copier.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "converter/core/error.h"

namespace rehost {
namespace {

constexpr auto kProgressInterval = std::chrono::milliseconds(100);
// The map of the source is asked for in windows, so that a fragmented disk of any size fits in
// memory.
constexpr uint64_t kMapWindow = uint64_t{1} << 30;
// A zero range is handed out in pieces, so that a stop is obeyed soon.
constexpr uint64_t kLargestZero = 64 * kMebibyte;

// A block of data, or a range of zeros that begins and ends at block borders.
struct Piece {
  uint64_t sequence = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool zero = false;
};

// The pieces of a disk in ascending order, handed out to whoever asks.
class WorkList {
 public:
  explicit WorkList(const ImageSource& source) : source_(source) {}

  std::optional<Piece> next() {
    const std::lock_guard lock(mutex_);
    if (position_ >= source_.size()) {
      return std::nullopt;
    }
    if (position_ >= window_end_) {
      const uint64_t end = std::min(position_ + kMapWindow, source_.size());
      window_ = source_.extents(position_, end - position_);  // throws: the next one asks again
      window_end_ = end;
      extent_ = 0;
    }
    while (end_of(window_[extent_]) <= position_) {
      ++extent_;
    }
    const Extent& extent = window_[extent_];
    const uint64_t zero_end = end_of(extent) == source_.size()
                                  ? source_.size()
                                  : end_of(extent) / kBlockSize * kBlockSize;
    Piece piece{sequence_++, position_, 0, extent.zero && zero_end > position_};
    piece.length = piece.zero ? std::min(zero_end - position_, kLargestZero)
                              : std::min(kBlockSize, source_.size() - position_);
    position_ += piece.length;
    return piece;
  }

 private:
  static uint64_t end_of(const Extent& extent) { return extent.offset + extent.length; }

  const ImageSource& source_;
  std::mutex mutex_;
  std::vector<Extent> window_;
  size_t extent_ = 0;
  uint64_t window_end_ = 0;
  uint64_t position_ = 0;
  uint64_t sequence_ = 0;
};

struct Filled {
  Piece piece;
  std::vector<std::byte> data;  // empty for zeros
  EncodedPiece encoded;
};

// For sinks that are streams: pieces arrive in any order and are written in theirs. Whoever brings
// the next one writes it and those that were waiting for it; whoever is too far ahead waits, and so
// the memory is bounded.
class ReorderWindow {
 public:
  // `done` counts the bytes of data that have been written.
  ReorderWindow(ImageSink& sink, size_t most, const std::atomic<bool>& stopped,
                std::atomic<uint64_t>& done)
      : sink_(sink), most_(most), stopped_(stopped), done_(done) {}

  void put(Filled filled) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || filled.piece.sequence < next_ + most_; });
    waiting_.emplace(filled.piece.sequence, std::move(filled));
    while (!stopped_ && !writing_ && !waiting_.empty() && waiting_.begin()->first == next_) {
      const Filled first = std::move(waiting_.extract(waiting_.begin()).mapped());
      writing_ = true;
      lock.unlock();
      // A throw here leaves writing_ set: nobody writes behind a gap.
      write(first);
      lock.lock();
      writing_ = false;
      ++next_;
      changed_.notify_all();
    }
  }

  void wake() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

 private:
  void write(const Filled& filled) {
    if (filled.piece.zero) {
      sink_.zero(filled.piece.offset, filled.piece.length);
    } else {
      sink_.write(filled.piece.offset, filled.data, filled.encoded);
      done_ += filled.data.size();
    }
  }

  ImageSink& sink_;
  const size_t most_;
  const std::atomic<bool>& stopped_;
  std::atomic<uint64_t>& done_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, Filled> waiting_;
  uint64_t next_ = 0;
  bool writing_ = false;
};

class Copy {
 public:
  Copy(const ImageSource& source, ImageSink& sink, const CopyOptions& options)
      : source_(source),
        sink_(sink),
        options_(options),
        traits_(sink.traits()),
        work_(source),
        // A piece on its way is its data and what it was encoded to.
        window_(sink, std::max<uint64_t>(options.bytes_in_flight / (2 * kBlockSize), 1), stopped_,
                done_) {
    result_.manifest = BlockManifest::all_zero(source.size());
  }

  CopyResult run() {
    const uint64_t total = options_.on_progress ? data_bytes(source_) : 0;
    {
      std::vector<std::jthread> workers;
      const unsigned count = thread_count();
      running_ = count;
      // Members of `this` outlive the workers; a throw in between joins them.
      try {
        for (unsigned i = 0; i < count; ++i) {
          workers.emplace_back([this] { work(); });
        }
        watch(total);
      } catch (...) {
        stop_all(std::current_exception());
      }
    }
    if (failure_) {
      std::rethrow_exception(failure_);
    }
    if (options_.finish == FinishSink::when_copied) {
      sink_.finish();
    }
    if (options_.on_progress) {
      options_.on_progress(total, total);
    }
    result_.data_bytes = read_;
    result_.zero_bytes = zeros_;
    return std::move(result_);
  }

 private:
  unsigned thread_count() const {
    const unsigned wanted = options_.threads != 0
                                ? options_.threads
                                : std::clamp(std::thread::hardware_concurrency(), 4U, 8U);
    const uint64_t affordable = std::max<uint64_t>(options_.bytes_in_flight / (2 * kBlockSize), 1);
    return static_cast<unsigned>(std::min<uint64_t>(wanted, affordable));
  }

  // The coordinating thread: samples the progress, hears a stop.
  void watch(uint64_t total) {
    uint64_t last = 0;
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, kProgressInterval, [this] { return running_ == 0; })) {
      lock.unlock();
      if (options_.stop.stop_requested()) {
        stop_all(std::make_exception_ptr(cancelled()));
      }
      // Holes may have been filled since they were counted.
      const uint64_t done = std::min(done_.load(), total);
      if (options_.on_progress && !stopped_ && done > last) {
        options_.on_progress(done, total);
        last = done;
      }
      lock.lock();
    }
  }

  Error cancelled() const {
    return Error(ErrorKind::cancelled, fmt::format("stopped while copying {}", source_.name()));
  }

  void work() {
    try {
      std::vector<std::byte> buffer;
      while (!stopped_) {
        const std::optional<Piece> piece = work_.next();
        if (!piece) {
          break;
        }
        if (options_.stop.stop_requested()) {
          throw cancelled();
        }
        move(*piece, buffer);
      }
    } catch (...) {
      stop_all(std::current_exception());
    }
    const std::lock_guard lock(mutex_);
    --running_;
    ended_.notify_all();
  }

  void move(Piece piece, std::vector<std::byte>& buffer) {
    const uint64_t data_length = piece.zero ? 0 : piece.length;
    if (!piece.zero) {
      buffer.resize(piece.length);
      source_.read(piece.offset, buffer);
      read_ += piece.length;
      piece.zero = is_zero(buffer);
    }
    if (piece.zero) {
      zeros_ += piece.length;
    } else {
      result_.manifest.blocks[piece.offset / kBlockSize] = hash_block(buffer);
      result_.manifest.zero[piece.offset / kBlockSize] = 0;
    }
    if (traits_.random_access) {
      put_anywhere(piece, buffer);
      done_ += data_length;
    } else {
      Filled filled{piece, {}, {}};
      if (!piece.zero) {
        filled.encoded = sink_.encode(piece.offset, buffer);
        filled.data.swap(buffer);
      }
      window_.put(std::move(filled));
    }
  }

  void put_anywhere(const Piece& piece, std::span<const std::byte> data) {
    if (piece.zero) {
      // A disk that was used before is not zero where the source is. Only a file that was just made
      // may skip this.
      if (!traits_.starts_as_zeros) {
        sink_.zero(piece.offset, piece.length);
      }
      return;
    }
    if (!traits_.starts_as_zeros) {
      write_run(piece.offset, data);
      return;
    }
    // Runs of data between zeros that are worth leaving out.
    size_t start = 0;
    size_t at = 0;
    while (at < data.size()) {
      const size_t unit = std::min<size_t>(traits_.grain, data.size() - at);
      if (is_zero(data.subspan(at, unit))) {
        write_run(piece.offset + start, data.subspan(start, at - start));
        start = at + unit;
      }
      at += unit;
    }
    write_run(piece.offset + start, data.subspan(start));
  }

  void write_run(uint64_t offset, std::span<const std::byte> data) {
    if (!data.empty()) {
      sink_.write(offset, data, sink_.encode(offset, data));
    }
  }

  void stop_all(std::exception_ptr reason) {
    {
      const std::lock_guard lock(mutex_);
      if (!failure_) {
        failure_ = std::move(reason);
      }
      stopped_ = true;
    }
    window_.wake();
  }

  const ImageSource& source_;
  ImageSink& sink_;
  const CopyOptions& options_;
  const SinkTraits traits_;
  WorkList work_;
  ReorderWindow window_;
  CopyResult result_;
  std::atomic<uint64_t> read_ = 0;
  std::atomic<uint64_t> done_ = 0;  // of these, written
  std::atomic<uint64_t> zeros_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::condition_variable ended_;
  unsigned running_ = 0;
  std::exception_ptr failure_;
};

class NowhereSink : public ImageSink {
 public:
  SinkTraits traits() const override {
    return {.random_access = true, .starts_as_zeros = true, .grain = kBlockSize};
  }
  void write(uint64_t /*offset*/, std::span<const std::byte> /*data*/,
             const EncodedPiece& /*encoded*/) override {}
  void zero(uint64_t /*offset*/, uint64_t /*length*/) override {}
  void finish() override {}
};

}  // namespace

CopyResult copy_image(const ImageSource& source, ImageSink& sink, const CopyOptions& options) {
  return Copy(source, sink, options).run();
}

BlockManifest hash_image(const ImageSource& source, const CopyOptions& options) {
  NowhereSink nowhere;
  return copy_image(source, nowhere, options).manifest;
}

}  // namespace rehost
