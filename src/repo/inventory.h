// The packs and indexes of a store as they are now, for whoever is going to remove some.
//
// Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/crypto.h"
#include "repo/damage_record.h"
#include "repo/index_file.h"

namespace aerie::repo {

// A pack that is in the store with the size that its blobs make.
struct StoredPack {
  PackRecord record;
  bool indexed = false;
  std::int64_t modified_ms = 0;  // store's clock
  bool old_key = false;          // sealed before the rotation of the master key under way
  bool damaged = false;          // a check noted damage in it
};

struct Inventory {
  DamageMemory damage;
  std::vector<StoredPack> packs;  // by id
  // Readable indexes: the packs that each names.
  std::map<ObjectId, std::vector<ObjectId>> indexes;
  std::uint64_t unreadable_indexes = 0;
  std::uint64_t missing_packs = 0;     // an index names them
  std::uint64_t unreadable_packs = 0;  // not indexed and damaged, or of a wrong size
  std::uint64_t unreadable_bytes = 0;
};

// Memory: about 60 bytes a blob. While the master key is rotated, every pack's directory is read. A
// pack that an index names, that is not listed and yet in the store, is an error: the listing
// cannot be trusted.
Result<Inventory> TakeInventory(const Context& context, objects::ObjectStore& store,
                                const KeyRing& keys);

}  // namespace aerie::repo
