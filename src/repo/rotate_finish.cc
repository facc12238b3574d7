#include "repo/rotate_finish.h"

#include <utility>
#include <vector>

#include "base/log.h"
#include "base/task_group.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/store_replace.h"

namespace aerie::repo {
namespace {

constexpr char kOperation[] = "finish the rotation of the master key";
constexpr std::size_t kWriters = 4;

struct Family {
  const char* prefix;
  MetaType type;
  objects::ObjectKey (*make)(const ObjectId&);
};

// Locks come and go; those of now are sealed with the new key.
constexpr Family kFamilies[] = {{kIndexPrefix, MetaType::kIndex, IndexKey},
                                {kSnapshotsPrefix, MetaType::kSnapshot, SnapshotKey},
                                {kPinsPrefix, MetaType::kPin, PinKey},
                                {kVerifiedPrefix, MetaType::kVerified, VerifiedKey},
                                {kPrunePrefix, MetaType::kPrune, PruneKey},
                                {kCheckedPrefix, MetaType::kChecked, CheckedKey},
                                {kDamagedPrefix, MetaType::kDamaged, DamagedKey}};

Status Reseal(const Context& context, const RepositoryCore& core, const KeyRing& current,
              const Lease& lease, MetaType type, const objects::ObjectKey& key) {
  AERIE_ASSIGN(const Bytes object, core.store.Get(context, key));
  if (UnsealMeta(current, type, key, object).ok()) return Ok();
  const auto body = UnsealMeta(core.keys, type, key, object);
  if (KindOf(body.status()) == Kind::kCorrupt) {
    log::Warn("damaged object left as it is", {{"object", key.text}});
    return Ok();
  }
  AERIE_TRY(body.status());
  AERIE_ASSIGN(const Bytes sealed, SealMeta(current, type, key, *body));
  AERIE_TRY(lease.Check(kOperation));
  return ReplaceObject(lease.Limit(context), core.store, key, sealed);
}

Status ResealFamily(const Context& context, const RepositoryCore& core, const KeyRing& current,
                    const Lease& lease, const Family& family) {
  std::vector<objects::ObjectKey> keys;
  AERIE_TRY(core.store.List(context, family.prefix, [&](const objects::ObjectInfo& info) {
    if (IdOfKey(info.key, family.make)) keys.push_back(info.key);
    return Ok();
  }));
  return ParallelFor(context, keys.size(), kWriters, [&](const Context& child, std::size_t i) {
    return Reseal(child, core, current, lease, family.type, keys[i]);
  });
}

}  // namespace

Status FinishRotation(const Context& context, const RepositoryCore& core, Lease& lease) {
  KeyRing current = core.keys;
  current.former.reset();
  for (const Family& family : kFamilies) {
    AERIE_TRY(ResealFamily(context, core, current, lease, family));
  }
  if (!core.config.rotation) return InternalError("finish a rotation: none was begun");
  RotationRecord finished = *core.config.rotation;
  finished.former.reset();
  finished.retired.clear();
  Config config = core.config;
  config.rotation = std::move(finished);
  AERIE_TRY(lease.Confirm(context, kOperation));
  return ReplaceObject(lease.Limit(context), core.store, ConfigKey(),
                       EncodeConfig(config, core.keys.config));
}

}  // namespace aerie::repo
