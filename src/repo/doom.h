// The objects prune/<id>: packs that hold nothing needed and will be removed by a later prune.
// docs/format.md, section Deletion.
//
// Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/status.h"
#include "objects/object_store.h"
#include "repo/crypto.h"

namespace aerie::repo {

struct DoomedPack {
  ObjectId id;
  std::uint64_t size = 0;  // of the object
  bool operator==(const DoomedPack&) const = default;
};

struct DoomRecord {
  std::int64_t created_ms = 0;
  std::string program;
  std::string host;
  std::vector<DoomedPack> packs;
  std::vector<ObjectId> snapshots;  // all that were there
  bool operator==(const DoomRecord&) const = default;
};

// The body of a prune object; SealMeta makes the object of it.
Bytes EncodeDoom(const DoomRecord& record);
// kCorrupt for whatever EncodeDoom does not make.
Result<DoomRecord> DecodeDoom(ByteSpan body);

// A prune object of the store.
struct Doom {
  ObjectId id;
  std::int64_t modified_ms = 0;  // store's clock
  DoomRecord record;
};

struct Dooms {
  std::vector<Doom> readable;
  std::vector<objects::ObjectInfo> damaged;  // these doom nothing
};

// All prune objects. One that vanishes while they are read is passed over: its packs are gone.
Result<Dooms> ReadDooms(const Context& context, objects::ObjectStore& store, const KeyRing& keys);

}  // namespace aerie::repo
