#include "images/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "converter/core/error.h"

namespace rehost {

Sha256 sha256(std::span<const std::byte> bytes) {
  Sha256 digest;
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                 EVP_sha256(), nullptr) != 1 ||
      size != digest.size()) {
    throw Error(ErrorKind::internal, "libcrypto cannot compute a SHA-256");
  }
  return digest;
}

std::string to_hex(const Sha256& digest) {
  std::string hex;
  for (const std::byte byte : digest) {
    hex += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  }
  return hex;
}

}  // namespace rehost
