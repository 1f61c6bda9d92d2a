#include "images/delta.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "converter/core/error.h"
#include "images/byte_order.h"
#include "images/probe.h"

namespace rehost {
namespace {

constexpr std::string_view kMagic = "RHDELTA1";
constexpr uint64_t kHeaderBytes = 4096;
constexpr uint64_t kRowBytes = 80;
constexpr uint64_t kLargestIndex = 4 * kGibibyte;

uint64_t magic_number() {
  return little_endian(std::as_bytes(std::span(kMagic)), 0, 8);
}

void put_hash(std::vector<std::byte>& out, const BlockHash& hash) {
  put_le(out, hash.high, 8);
  put_le(out, hash.low, 8);
}

BlockHash hash_at(std::span<const std::byte> bytes, size_t offset) {
  return {le64(bytes, offset), le64(bytes, offset + 8)};
}

[[noreturn]] void throw_damaged(const std::string& name, std::string_view what) {
  throw Error(ErrorKind::image_io, fmt::format("{} is not a whole delta: {}", name, what));
}

}  // namespace

std::vector<uint64_t> changed_blocks(const ImageSource& after) {
  std::vector<uint64_t> numbers;
  for (uint64_t window = 0; window < after.size(); window += kGibibyte) {
    for (const Extent& extent : after.extents(window, std::min(kGibibyte, after.size() - window))) {
      if (!extent.changed) {
        continue;
      }
      const uint64_t last = (extent.offset + extent.length - 1) / kBlockSize;
      for (uint64_t number = extent.offset / kBlockSize; number <= last; ++number) {
        if (numbers.empty() || numbers.back() < number) {
          numbers.push_back(number);
        }
      }
    }
  }
  return numbers;
}

DeltaResult write_delta(const ImageSource& before, const ImageSource& after, PartialFile& file,
                        const DeltaOptions& options) {
  DeltaResult result;
  std::vector<std::byte> index;
  std::vector<std::byte> padded(kBlockSize);
  std::vector<std::byte> old(kBlockSize);
  uint64_t position = kHeaderBytes;
  const std::vector<uint64_t> numbers = changed_blocks(after);
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (options.stop.stop_requested()) {
      throw Error(ErrorKind::cancelled, fmt::format("stopped while writing {}", file.name()));
    }
    const uint64_t offset = numbers[i] * kBlockSize;
    const auto bytes = static_cast<size_t>(std::min(kBlockSize, after.size() - offset));
    std::fill(padded.begin(), padded.end(), std::byte{0});
    after.read(offset, std::span(padded).first(bytes));
    before.read(offset, std::span(old).first(bytes));
    if (std::equal(padded.begin(), padded.begin() + static_cast<ptrdiff_t>(bytes), old.begin())) {
      continue;
    }
    const bool zero = is_zero(padded);
    put_le(index, numbers[i], 8);
    put_le(index, zero ? 0 : position, 8);
    put_hash(index, hash_block(std::span(old).first(bytes)));
    put_hash(index, hash_block(std::span(padded).first(bytes)));
    const Sha256 checksum = sha256(padded);
    index.insert(index.end(), checksum.begin(), checksum.end());
    ++result.blocks;
    if (!zero) {
      write_fully(file.fd(), file.name(), position, padded);
      position += kBlockSize;
      result.bytes += kBlockSize;
    }
    if (options.on_progress) {
      options.on_progress((i + 1) * kBlockSize, numbers.size() * kBlockSize);
    }
  }
  write_fully(file.fd(), file.name(), position, index);
  std::vector<std::byte> header;
  for (const uint64_t number : {magic_number(), after.size(), kBlockSize, result.blocks, position,
                                uint64_t{index.size()}}) {
    put_le(header, number, 8);
  }
  put_hash(header, hash_block(index));
  header.resize(kHeaderBytes);
  write_fully(file.fd(), file.name(), 0, header);
  file.finish();
  return result;
}

DeltaSource::DeltaSource(const std::filesystem::path& delta, std::unique_ptr<ImageSource> base)
    : name_(delta.native()), file_(open_file(delta, O_RDONLY)), base_(std::move(base)) {
  const uint64_t file_bytes = file_size_of(file_.get(), name_);
  std::vector<std::byte> header(kHeaderBytes);
  if (file_bytes < kHeaderBytes) {
    throw_damaged(name_, "its header is missing");
  }
  read_fully(file_.get(), name_, 0, header);
  if (le64(header, 0) != magic_number()) {
    throw_damaged(name_, "it does not begin like one");
  }
  size_ = le64(header, 8);
  const uint64_t count = le64(header, 24);
  const uint64_t index_offset = le64(header, 32);
  const uint64_t index_bytes = le64(header, 40);
  if (le64(header, 16) != kBlockSize || index_bytes > kLargestIndex || index_offset > file_bytes ||
      index_bytes > file_bytes - index_offset || index_bytes % kRowBytes != 0 ||
      index_bytes / kRowBytes != count) {
    throw_damaged(name_, "its header makes no sense");
  }
  std::vector<std::byte> index(index_bytes);
  read_fully(file_.get(), name_, index_offset, index);
  if (hash_block(index) != hash_at(header, 48)) {
    throw_damaged(name_, "its index does not match its hash");
  }
  if (size_ != base_->size()) {
    throw Error(ErrorKind::usage, fmt::format("{} belongs to a disk of {} bytes, and {} has {}",
                                              name_, size_, base_->name(), base_->size()));
  }
  blocks_.reserve(count);
  for (uint64_t at = 0; at < index_bytes; at += kRowBytes) {
    DeltaBlock block;
    block.number = le64(index, at);
    block.position = le64(index, at + 8);
    block.before = hash_at(index, at + 16);
    block.after = hash_at(index, at + 32);
    std::copy_n(index.begin() + static_cast<ptrdiff_t>(at + 48), block.sha256.size(),
                block.sha256.begin());
    if (block.number >= (size_ + kBlockSize - 1) / kBlockSize ||
        (!blocks_.empty() && block.number <= blocks_.back().number)) {
      throw_damaged(name_, "a block lies beyond the disk or out of order");
    }
    blocks_.push_back(block);
  }
}

void DeltaSource::check_base() const {
  std::vector<std::byte> bytes(kBlockSize);
  for (const DeltaBlock& block : blocks_) {
    const auto now = std::span(bytes).first(bytes_of(block));
    base_->read(block.number * kBlockSize, now);
    const BlockHash hash = hash_block(now);
    if (hash != block.before && hash != block.after) {
      throw Error(ErrorKind::plan_conflict,
                  fmt::format("{} is not the disk that {} was made from: block {} differs; take an "
                              "untouched copy of the source",
                              base_->name(), name_, block.number));
    }
  }
}

void DeltaSource::read(uint64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const auto block = block_at_or_after(offset);
    const uint64_t number = offset / kBlockSize;
    if (block != blocks_.end() && block->number == number) {
      const std::vector<std::byte> bytes = content(*block);
      const size_t start = offset % kBlockSize;
      const size_t piece = std::min(into.size(), bytes.size() - start);
      std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(start), piece, into.begin());
      into = into.subspan(piece);
      offset += piece;
      continue;
    }
    const uint64_t end = block == blocks_.end() ? size_ : block->number * kBlockSize;
    const size_t piece = std::min<uint64_t>(into.size(), end - offset);
    base_->read(offset, into.first(piece));
    into = into.subspan(piece);
    offset += piece;
  }
}

std::vector<Extent> DeltaSource::extents(uint64_t offset, uint64_t length) const {
  std::vector<Extent> extents;
  const uint64_t end = offset + length;
  while (offset < end) {
    const auto block = block_at_or_after(offset);
    if (block != blocks_.end() && block->number == offset / kBlockSize) {
      const uint64_t stop = std::min(end, block->number * kBlockSize + bytes_of(*block));
      append_extent(extents, {offset, stop - offset, block->position == 0, true});
      offset = stop;
      continue;
    }
    const uint64_t stop = block == blocks_.end() ? end : std::min(end, block->number * kBlockSize);
    for (Extent extent : base_->extents(offset, stop - offset)) {
      extent.changed = false;
      append_extent(extents, extent);
    }
    offset = stop;
  }
  return extents;
}

std::vector<DeltaBlock>::const_iterator DeltaSource::block_at_or_after(uint64_t offset) const {
  return std::lower_bound(
      blocks_.begin(), blocks_.end(), offset / kBlockSize,
      [](const DeltaBlock& block, uint64_t number) { return block.number < number; });
}

uint64_t DeltaSource::bytes_of(const DeltaBlock& block) const {
  return std::min(kBlockSize, size_ - block.number * kBlockSize);
}

std::vector<std::byte> DeltaSource::content(const DeltaBlock& block) const {
  std::vector<std::byte> bytes(bytes_of(block));
  if (block.position != 0) {
    read_fully(file_.get(), name_, block.position, bytes);
  }
  if (hash_block(bytes) != block.after) {
    throw_damaged(name_, fmt::format("block {} does not match its hash", block.number));
  }
  return bytes;
}

CommitResult apply_delta(const std::filesystem::path& delta, const Volume& volume,
                         const CommitOptions& options) {
  const DeltaSource wanted(delta, open_volume(volume));
  wanted.check_base();
  return commit_inputs({{volume, &wanted}}, options);
}

}  // namespace rehost
