#include "repo/pack_catalog.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/task_group.h"
#include "repo/damage_record.h"
#include "repo/doom.h"
#include "repo/index_file.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/pack_reader.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kReaders = 4;
// Listings of the indexes, when a prune replaces them while they are read.
constexpr int kMaxListings = 5;

}  // namespace

Status PackCatalog::Refresh(const Context& context) {
  std::lock_guard lock(refresh_mutex_);
  bool damaged_index = false;
  AERIE_TRY(RefreshLocked(context, damaged_index));
  return damaged_index ? ReconcileLocked(context) : Ok();
}

Result<std::set<ObjectId>> PackCatalog::Reconcile(const Context& context) {
  std::lock_guard lock(refresh_mutex_);
  bool damaged_index = false;
  AERIE_ASSIGN(std::set<ObjectId> dooms, ReadDoomed(context));
  AERIE_ASSIGN(DamageMemory damage, ReadDamageMemory(context, store_, keys_));
  index_.SetDamaged(std::move(damage.copies));
  AERIE_TRY(RefreshLocked(context, damaged_index));
  AERIE_TRY(ReconcileLocked(context));
  return dooms;
}

Result<std::set<ObjectId>> PackCatalog::ReadDoomed(const Context& context) {
  AERIE_ASSIGN(const Dooms dooms, ReadDooms(context, store_, keys_));
  std::set<ObjectId> ids;
  std::set<ObjectId> packs;
  for (const Doom& doom : dooms.readable) {
    ids.insert(doom.id);
    for (const DoomedPack& pack : doom.record.packs) packs.insert(pack.id);
  }
  for (const objects::ObjectInfo& info : dooms.damaged) {
    ids.insert(*IdOfKey(info.key, PruneKey));
    NoteDamage(info.key, CorruptError("it cannot be read"), "unreadable prune object passed over");
  }
  index_.SetDoomed(packs);
  return ids;
}

Result<std::vector<BlobLocation>> PackCatalog::Locate(const Context& context,
                                                      const BlobName& name) {
  std::vector<BlobLocation> found = index_.Find(name);
  if (found.empty()) {
    AERIE_TRY(Refresh(context));
    found = index_.Find(name);
  }
  if (found.empty() && !packs_asked_.exchange(true)) {
    AERIE_TRY(Reconcile(context).status());
    found = index_.Find(name);
  }
  if (found.empty()) {
    return NotFoundError("read blob " + name.ToHex().substr(0, 8) +
                         ": no index of the repository names it; use another snapshot");
  }
  return found;
}

std::map<std::string, std::string> PackCatalog::damaged() const {
  std::lock_guard lock(damage_mutex_);
  return damaged_;
}

std::uint64_t PackCatalog::damaged_packs() const {
  std::lock_guard lock(damage_mutex_);
  std::uint64_t packs = 0;
  for (const auto& [key, what] : damaged_) packs += key.starts_with(kPacksPrefix) ? 1 : 0;
  return packs;
}

Status PackCatalog::RefreshLocked(const Context& context, bool& damaged_index) {
  for (int listing = 1;; ++listing) {
    std::set<ObjectId> there;
    AERIE_TRY(store_.List(context, kIndexPrefix, [&](const objects::ObjectInfo& info) {
      if (const auto id = IdOfKey(info.key, IndexKey)) there.insert(*id);
      return Ok();
    }));
    const Status read = ReadIndexes(context, there, damaged_index);
    // Replaced between the listing and the reading.
    if (KindOf(read) == Kind::kNotFound && listing < kMaxListings) continue;
    return read;
  }
}

Status PackCatalog::ReadIndexes(const Context& context, const std::set<ObjectId>& there,
                                bool& damaged_index) {
  const bool replaced = !std::ranges::includes(there, indexes_read_);
  std::vector<ObjectId> fresh;
  for (const ObjectId& id : there) {
    if (replaced || !indexes_read_.contains(id)) fresh.push_back(id);
  }
  std::atomic<bool> damaged{false};
  std::mutex mutex;
  std::vector<PackRecord> all;
  const auto read = [&](const Context& child, std::size_t i) -> Status {
    bool this_damaged = false;
    AERIE_ASSIGN(std::vector<PackRecord> packs, ReadIndex(child, fresh[i], this_damaged));
    if (this_damaged) damaged = true;
    std::lock_guard lock(mutex);
    std::ranges::move(packs, std::back_inserter(all));
    return Ok();
  };
  AERIE_TRY(ParallelFor(context, fresh.size(), kReaders, read));
  if (replaced) {
    index_.Replace(all);
  } else {
    for (const PackRecord& pack : all) index_.AddPack(pack, true);
  }
  indexes_read_ = there;
  damaged_index = damaged;
  return Ok();
}

Result<std::vector<PackRecord>> PackCatalog::ReadIndex(const Context& context, const ObjectId& id,
                                                       bool& damaged) {
  const objects::ObjectKey key = IndexKey(id);
  AERIE_ASSIGN(const Bytes object, store_.Get(context, key));
  const auto body = UnsealMeta(keys_, MetaType::kIndex, key, object);
  auto packs = body.ok() ? DecodeIndex(*body) : body.status();
  if (!packs.ok()) {
    NoteDamage(key, packs.status(), "unreadable index passed over, the packs are read instead");
    damaged = true;
    return std::vector<PackRecord>();
  }
  return packs;
}

Status PackCatalog::ReconcileLocked(const Context& context) {
  // The known packs are noted first: one that arrives meanwhile is not missing.
  std::set<ObjectId> not_seen;
  for (const ObjectId& id : index_.Packs()) not_seen.insert(id);
  std::vector<std::pair<ObjectId, std::uint64_t>> unknown;
  AERIE_TRY(store_.List(context, kPacksPrefix, [&](const objects::ObjectInfo& info) {
    const auto id = IdOfKey(info.key, PackKey);
    if (!id) return Ok();
    const auto size = index_.PackSize(*id);
    if (!size) {
      unknown.emplace_back(*id, info.size);
    } else if (*size == info.size) {
      not_seen.erase(*id);
      index_.SetMissing(*id, false);
    }
    return Ok();
  }));
  for (const ObjectId& id : not_seen) {
    index_.SetMissing(id, true);
    NoteDamage(PackKey(id), CorruptError("the pack is missing or has a wrong size"),
               "its blobs are stored again when they are met");
  }
  return ParallelFor(context, unknown.size(), kReaders,
                     [&](const Context& child, std::size_t i) -> Status {
                       return Adopt(child, unknown[i].first, unknown[i].second);
                     });
}

Status PackCatalog::Adopt(const Context& context, const ObjectId& id, std::uint64_t size) {
  const objects::ObjectKey key = PackKey(id);
  {
    std::lock_guard lock(damage_mutex_);
    if (damaged_.contains(key.text)) return Ok();
  }
  const auto pack = ReadPackDirectory(context, store_, keys_, id, size);
  const Kind kind = KindOf(pack.status());
  if (kind == Kind::kCorrupt || kind == Kind::kUnsupported) {
    NoteDamage(key, pack.status(), "unreadable pack passed over; no index names it");
    return Ok();
  }
  AERIE_TRY(pack.status());
  index_.AddPack(*pack, false);
  return Ok();
}

void PackCatalog::NoteDamage(const objects::ObjectKey& key, const Status& status,
                             const char* consequence) {
  {
    std::lock_guard lock(damage_mutex_);
    if (!damaged_.emplace(key.text, std::string(status.message())).second) return;
  }
  log::Warn(consequence, {{"object", key.text}, {"reason", std::string(status.message())}});
}

}  // namespace aerie::repo
