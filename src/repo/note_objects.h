// Small sealed objects that nothing rests on, of which any number may say something together and
// one may take the place of all: checked/<id> and damaged/<id>. docs/format.md, section Marks.
//
// Free functions, safe from any thread and process.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/status.h"
#include "objects/object_store.h"
#include "repo/crypto.h"
#include "repo/meta_object.h"

namespace aerie::repo {

struct NoteObject {
  objects::ObjectKey key;
  Result<Bytes> body;  // kCorrupt: it cannot be read
};

// The objects below `prefix` whose keys `make` makes. Those of a newer format and those that vanish
// while they are read are passed over.
Result<std::vector<NoteObject>> ReadNoteObjects(const Context& context, objects::ObjectStore& store,
                                                const KeyRing& keys, const char* prefix,
                                                MetaType type,
                                                objects::ObjectKey (*make)(const ObjectId&));

// Writes `body` under `key` and then removes `old`. One that cannot be removed is logged: whoever
// writes next takes it over again.
Status ReplaceNoteObjects(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                          MetaType type, const objects::ObjectKey& key, ByteSpan body,
                          const std::vector<objects::ObjectKey>& old);

// The second half of it alone: when there is nothing left to say.
void RemoveNoteObjects(const Context& context, objects::ObjectStore& store,
                       const std::vector<objects::ObjectKey>& old);

}  // namespace aerie::repo
