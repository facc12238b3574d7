#include "repo/pins.h"

#include <string>

#include <nlohmann/json.hpp>

#include "repo/locks.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/repository_core.h"
#include "repo/store_new.h"
#include "repo/store_remove.h"

namespace aerie::repo {
namespace {

using Json = nlohmann::ordered_json;

Bytes EncodeMark(const SnapshotId& id, const LockRecord& who, std::int64_t now_ms) {
  const Json json = {
      {"snapshot", id.hex}, {"created_ms", now_ms}, {"owner", who.owner}, {"host", who.host}};
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Bytes(text.begin(), text.end());
}

Result<ObjectId> Parse(const SnapshotId& id) {
  const auto parsed = ObjectId::Parse(id.hex);
  if (!parsed) return InvalidError("mark " + id.hex + ": an id has 32 hexadecimal digits");
  return *parsed;
}

using MakeKey = objects::ObjectKey (*)(const ObjectId&);

using Marks = std::map<SnapshotId, std::int64_t>;

Result<Marks> ListMarks(const Context& context, Repository& repository, const char* prefix,
                        MakeKey make) {
  Marks marked;
  AERIE_TRY(repository.core().store.List(context, prefix, [&](const objects::ObjectInfo& info) {
    if (const auto id = IdOfKey(info.key, make)) marked[{id->ToHex()}] = info.modified_ms;
    return Ok();
  }));
  return marked;
}

Result<std::set<SnapshotId>> IdsOf(const Result<Marks>& marks) {
  AERIE_TRY(marks.status());
  std::set<SnapshotId> ids;
  for (const auto& [id, time] : *marks) ids.insert(id);
  return ids;
}

Status Mark(const Context& context, Repository& repository, const SnapshotId& id, MakeKey make,
            MetaType type, const std::string& operation) {
  const RepositoryCore core = repository.core();
  AERIE_ASSIGN(const ObjectId object, Parse(id));
  AERIE_ASSIGN(const auto lease, core.locks.Acquire(context, LockMode::kShared, operation));
  const Status there = core.store.Stat(context, SnapshotKey(object)).status();
  if (KindOf(there) == Kind::kNotFound) {
    return NotFoundError(operation + ": there is none; aerie backup list shows what there is");
  }
  AERIE_TRY(Annotate(there, operation));
  const objects::ObjectKey key = make(object);
  const Bytes body = EncodeMark(id, lease->record(), ToUnixMillis(context.clock().Now()));
  AERIE_ASSIGN(const Bytes bytes, SealMeta(core.keys, type, key, body));
  AERIE_TRY(lease->Check(operation));
  const Status written = StoreNew(lease->Limit(context), core.store, key, bytes);
  return KindOf(written) == Kind::kExists ? Ok() : Annotate(written, operation);
}

}  // namespace

Result<std::set<SnapshotId>> ListPins(const Context& context, Repository& repository) {
  return IdsOf(ListMarks(context, repository, kPinsPrefix, PinKey));
}

Result<std::set<SnapshotId>> ListVerified(const Context& context, Repository& repository) {
  return IdsOf(ListMarks(context, repository, kVerifiedPrefix, VerifiedKey));
}

Result<std::map<SnapshotId, std::int64_t>> ListVerifiedTimes(const Context& context,
                                                             Repository& repository) {
  return ListMarks(context, repository, kVerifiedPrefix, VerifiedKey);
}

Status PinSnapshot(const Context& context, Repository& repository, const SnapshotId& id) {
  return Mark(context, repository, id, PinKey, MetaType::kPin, "pin snapshot " + id.Short());
}

Status RecordVerified(const Context& context, Repository& repository, const SnapshotId& id) {
  return Mark(context, repository, id, VerifiedKey, MetaType::kVerified,
              "record that snapshot " + id.Short() + " was verified");
}

Status UnpinSnapshot(const Context& context, Repository& repository, const SnapshotId& id) {
  const std::string operation = "unpin snapshot " + id.Short();
  const RepositoryCore core = repository.core();
  AERIE_ASSIGN(const ObjectId object, Parse(id));
  AERIE_ASSIGN(const auto lease, core.locks.Acquire(context, LockMode::kShared, operation));
  return Annotate(RemoveAndLook(context, core.store, PinKey(object)), operation);
}

}  // namespace aerie::repo
