// Numbers out of headers. Every read is checked: bytes that are not there read as zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rehost {

inline uint64_t little_endian(std::span<const std::byte> bytes, size_t offset, size_t count) {
  uint64_t value = 0;
  for (size_t i = count; i > 0; --i) {
    const size_t at = offset + i - 1;
    value = (value << 8) | (at < bytes.size() ? std::to_integer<uint64_t>(bytes[at]) : 0);
  }
  return value;
}

inline uint64_t big_endian(std::span<const std::byte> bytes, size_t offset, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = offset + i;
    value = (value << 8) | (at < bytes.size() ? std::to_integer<uint64_t>(bytes[at]) : 0);
  }
  return value;
}

inline uint32_t le32(std::span<const std::byte> bytes, size_t offset) {
  return static_cast<uint32_t>(little_endian(bytes, offset, 4));
}
inline uint64_t le64(std::span<const std::byte> bytes, size_t offset) {
  return little_endian(bytes, offset, 8);
}
inline uint32_t be32(std::span<const std::byte> bytes, size_t offset) {
  return static_cast<uint32_t>(big_endian(bytes, offset, 4));
}
inline uint64_t be64(std::span<const std::byte> bytes, size_t offset) {
  return big_endian(bytes, offset, 8);
}

// Numbers into headers: at a place that is there, or behind the rest.
inline void set_le(std::span<std::byte> bytes, size_t offset, uint64_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    bytes[offset + i] = static_cast<std::byte>(value >> (8 * i));
  }
}
inline void set_be(std::span<std::byte> bytes, size_t offset, uint64_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    bytes[offset + i] = static_cast<std::byte>(value >> (8 * (count - 1 - i)));
  }
}
inline void put_le(std::vector<std::byte>& bytes, uint64_t value, size_t count) {
  bytes.resize(bytes.size() + count);
  set_le(bytes, bytes.size() - count, value, count);
}

}  // namespace rehost
