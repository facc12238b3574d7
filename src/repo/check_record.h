// The objects checked/<id>: when packs were last read whole and found right, so that a check that
// reads a part of them begins with those that nobody looked at for longest. docs/format.md, section
// Marks.
//
// Nothing rests on them: whatever is lost or wrong here only makes a pack be read sooner. Memory:
// about 50 bytes a pack. Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/status.h"
#include "objects/object_store.h"
#include "repo/crypto.h"

namespace aerie::repo {

// Unix milliseconds by pack.
using CheckedTimes = std::unordered_map<ObjectId, std::int64_t, ObjectIdHash>;

struct CheckRecord {
  std::int64_t created_ms = 0;
  std::string program;
  std::string host;
  CheckedTimes packs;
  bool operator==(const CheckRecord&) const = default;
};

// The body of a checked object; SealMeta makes the object of it.
Bytes EncodeCheckRecord(const CheckRecord& record);
// kCorrupt for whatever EncodeCheckRecord does not make.
Result<CheckRecord> DecodeCheckRecord(ByteSpan body);

// What all checked objects of a store say together.
struct CheckMemory {
  CheckedTimes times;  // the latest of each pack; those in the future are left out
  // Those that were taken over, the unreadable ones among them; not those of a newer format.
  std::vector<objects::ObjectKey> objects;
  std::vector<objects::ObjectKey> unreadable;
};

// Objects that vanish while they are read are passed over: another check took them over.
Result<CheckMemory> ReadCheckMemory(const Context& context, objects::ObjectStore& store,
                                    const KeyRing& keys, std::int64_t now_ms);

// Writes one object with the times of the packs that are `there`, and then removes the objects that
// it stands for; from then on memory.objects is the new one. One that cannot be removed is taken
// over again by the next check.
Status SaveCheckMemory(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                       const std::unordered_set<ObjectId, ObjectIdHash>& there,
                       const CheckRecord& author, CheckMemory& memory);

}  // namespace aerie::repo
