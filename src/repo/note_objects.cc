#include "repo/note_objects.h"

#include <string>
#include <utility>

#include "base/log.h"
#include "repo/object_names.h"
#include "repo/store_new.h"
#include "repo/store_remove.h"

namespace aerie::repo {

Result<std::vector<NoteObject>> ReadNoteObjects(const Context& context, objects::ObjectStore& store,
                                                const KeyRing& keys, const char* prefix,
                                                MetaType type,
                                                objects::ObjectKey (*make)(const ObjectId&)) {
  std::vector<objects::ObjectKey> found;
  AERIE_TRY(store.List(context, prefix, [&](const objects::ObjectInfo& info) {
    if (IdOfKey(info.key, make)) found.push_back(info.key);
    return Ok();
  }));
  std::vector<NoteObject> notes;
  for (const objects::ObjectKey& key : found) {
    const auto object = store.Get(context, key);
    if (KindOf(object.status()) == Kind::kNotFound) continue;
    AERIE_TRY(object.status());
    auto body = UnsealMeta(keys, type, key, *object);
    if (KindOf(body.status()) == Kind::kUnsupported) continue;
    if (KindOf(body.status()) != Kind::kCorrupt) AERIE_TRY(body.status());
    notes.push_back({key, std::move(body)});
  }
  return notes;
}

Status ReplaceNoteObjects(const Context& context, objects::ObjectStore& store, const KeyRing& keys,
                          MetaType type, const objects::ObjectKey& key, ByteSpan body,
                          const std::vector<objects::ObjectKey>& old) {
  AERIE_ASSIGN(const Bytes object, SealMeta(keys, type, key, body));
  AERIE_TRY(StoreNew(context, store, key, object));
  RemoveNoteObjects(context, store, old);
  return Ok();
}

void RemoveNoteObjects(const Context& context, objects::ObjectStore& store,
                       const std::vector<objects::ObjectKey>& old) {
  if (old.empty()) return;
  for (const auto& result : RemoveAndLook(context, store, old)) {
    if (result.status.ok()) continue;
    log::Info("not removed, the next check takes it over",
              {{"object", result.key.text}, {"reason", std::string(result.status.message())}});
  }
}

}  // namespace aerie::repo
