// The objects damaged/<id>: copies of blobs that a check read and found damaged, so that the next
// backup stores these blobs anew and does not rest on them. docs/format.md, section Marks.
//
// Nothing rests on them: whatever they say, at worst data is stored a second time. Free functions,
// safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/status.h"
#include "objects/object_store.h"
#include "repo/blob_index.h"
#include "repo/crypto.h"

namespace aerie::repo {

struct DamageRecord {
  std::int64_t created_ms = 0;
  std::string program;
  std::string host;
  DamagedCopies packs;
  bool operator==(const DamageRecord&) const = default;
};

// The body of a damaged object; SealMeta makes the object of it.
Bytes EncodeDamageRecord(const DamageRecord& record);
// kCorrupt for whatever EncodeDamageRecord does not make.
Result<DamageRecord> DecodeDamageRecord(ByteSpan body);

// What all damaged objects of a store say together.
struct DamageMemory {
  struct Object {
    objects::ObjectKey key;
    std::unordered_set<ObjectId, ObjectIdHash> packs;  // none: it cannot be read
  };
  DamagedCopies copies;
  std::vector<Object> objects;  // not those of a newer format
};

// Objects that cannot be read say nothing, and are no error.
Result<DamageMemory> ReadDamageMemory(const Context& context, objects::ObjectStore& store,
                                      const KeyRing& keys);

// Writes one object with `copies`, unless there are none, and then removes the objects of `memory`,
// which from then on is what is stored.
Status SaveDamageMemory(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                        const DamageRecord& author, DamagedCopies copies, DamageMemory& memory);

}  // namespace aerie::repo
