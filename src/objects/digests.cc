#include "objects/digests.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace aerie::objects {
namespace {

Bytes Digest(const EVP_MD* kind, ByteSpan bytes) {
  Bytes out(static_cast<std::size_t>(EVP_MD_get_size(kind)));
  EVP_Digest(bytes.data(), bytes.size(), out.data(), nullptr, kind, nullptr);
  return out;
}

}  // namespace

Bytes Sha256(ByteSpan bytes) { return Digest(EVP_sha256(), bytes); }

Bytes Md5(ByteSpan bytes) { return Digest(EVP_md5(), bytes); }

Bytes HmacSha256(ByteSpan key, ByteSpan bytes) {
  Bytes out(static_cast<std::size_t>(EVP_MD_get_size(EVP_sha256())));
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes.data(), bytes.size(),
       out.data(), nullptr);
  return out;
}

std::string Base64(ByteSpan bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace aerie::objects
