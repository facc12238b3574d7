// New index objects: the one way to write them.
//
// Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/crypto.h"
#include "repo/index_file.h"

namespace aerie::repo {

// Blobs after which an index ends, so that none gets near the limit of an object.
inline constexpr std::size_t kMaxIndexBlobs = 1'000'000;

struct WrittenIndex {
  ObjectId id;
  std::uint64_t bytes = 0;  // of the object
};

// One index that names these packs.
Result<WrittenIndex> WriteIndex(const Context& context, objects::ObjectStore& store,
                                const KeyRing& keys, const std::vector<PackRecord>& packs);

}  // namespace aerie::repo
