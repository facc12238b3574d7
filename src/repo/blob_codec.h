// The encoded form of a blob: docs/format.md, section "Blobs and packs".
//
// Pure functions of their arguments, safe from any thread; each thread keeps its own compression
// contexts and scratch memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/status.h"
#include "repo/blob.h"
#include "repo/raw_bytes.h"

namespace aerie::repo {

// A blob is at most this long in plain, so that its sealed form fits a pack.
inline constexpr std::uint64_t kMaxBlobBytes = std::uint64_t{255} << 20;

enum class BlobMethod : std::uint8_t { kRaw = 0, kZstd = 1, kPlanes = 2 };

// Appends the encoded form of `plain`, at most plain.size() + 1 bytes, to `out`. Deterministic. A
// hint that does not fit the bytes is passed over. kTooLarge above kMaxBlobBytes.
Status EncodeBlob(ByteSpan plain, const EncodingHint& hint, RawBytes& out);

// Decodes into `plain`, whose size is the plain length that the directory gave. kCorrupt for
// whatever EncodeBlob does not make, kUnsupported for a method this version does not know. Never
// touches memory outside its arguments; scratch memory is in proportion to `plain`.
Status DecodeBlob(ByteSpan encoded, std::span<std::uint8_t> plain);

}  // namespace aerie::repo
