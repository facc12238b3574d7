// The object index/<id>: which blob is in which pack. docs/format.md, sections Sealing and "Blobs
// and packs".
//
// Pure functions, safe from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "repo/crypto.h"
#include "repo/pack_format.h"

namespace aerie::repo {

struct PackRecord {
  ObjectId id;
  std::uint64_t size = 0;  // of the whole object
  std::vector<PackEntry> entries;
  bool operator==(const PackRecord&) const = default;
};

// The body of an index object; SealMeta makes the object of it.
Bytes EncodeIndex(const std::vector<PackRecord>& packs);
// kCorrupt for whatever EncodeIndex does not make of packs whose size follows from their blobs.
Result<std::vector<PackRecord>> DecodeIndex(ByteSpan body);

}  // namespace aerie::repo
