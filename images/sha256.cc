#include "images/sha256.h"

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

}  // namespace rehost
