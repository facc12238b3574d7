// The digests that S3's protocol speaks, by OpenSSL. Pure; any thread.
#pragma once

#include <string>

#include "base/bytes.h"

namespace aerie::objects {

Bytes Sha256(ByteSpan bytes);
Bytes HmacSha256(ByteSpan key, ByteSpan bytes);
// For Content-MD5, which finds damage in transit and proves nothing else.
Bytes Md5(ByteSpan bytes);
// RFC 4648, with padding.
std::string Base64(ByteSpan bytes);

}  // namespace aerie::objects
