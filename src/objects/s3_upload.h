// How one new object gets into a bucket: by one PUT, or in parts. Any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "objects/s3_client.h"

namespace aerie::objects {

struct S3NewObject {
  std::string path;  // whole, with the store's prefix
  ByteSpan bytes = {};
  bool if_absent = false;
  std::string operation;  // leads the messages
};

// What every new object is made with: storage class, encryption.
std::vector<std::pair<std::string, std::string>> NewObjectHeaders(const S3Settings& settings);

// kUnknownOutcome also when the answer has no ETag: what is not S3 may answer 200 to anything.
Status UploadWhole(const Context& context, S3Client& client, const S3NewObject& object);

// Parts of `part_bytes`, one after the other; the object appears with the last request. On failure
// the upload is aborted, also when the context has ended; an abort that fails is logged, since its
// parts cost space. `if_absent` is judged at the end only.
Status UploadInParts(const Context& context, S3Client& client, const S3NewObject& object,
                     std::uint64_t part_bytes);

}  // namespace aerie::objects
