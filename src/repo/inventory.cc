#include "repo/inventory.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "base/task_group.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/pack_reader.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kReaders = 4;

class Taker {
 public:
  Taker(objects::ObjectStore& store, const KeyRing& keys) : store_(store), keys_(keys) {}

  Result<Inventory> Take(const Context& context) {
    AERIE_TRY(ReadIndexes(context));
    AERIE_TRY(ListPacks(context));
    AERIE_TRY(AskForMissing(context));
    AERIE_TRY(ReadDirectories(context));
    AERIE_TRY(FindOldKeys(context));
    AERIE_TRY(FindDamaged(context));
    std::ranges::sort(inventory_.packs, {}, [](const StoredPack& pack) { return pack.record.id; });
    return std::move(inventory_);
  }

 private:
  Status ReadIndexes(const Context& context) {
    std::vector<ObjectId> ids;
    AERIE_TRY(store_.List(context, kIndexPrefix, [&](const objects::ObjectInfo& info) {
      if (const auto id = IdOfKey(info.key, IndexKey)) ids.push_back(*id);
      return Ok();
    }));
    return ParallelFor(context, ids.size(), kReaders, [&](const Context& child, std::size_t i) {
      return ReadIndex(child, ids[i]);
    });
  }

  Status ReadIndex(const Context& context, const ObjectId& id) {
    const objects::ObjectKey key = IndexKey(id);
    AERIE_ASSIGN(const Bytes object, store_.Get(context, key));
    const auto body = UnsealMeta(keys_, MetaType::kIndex, key, object);
    auto packs = body.ok() ? DecodeIndex(*body) : body.status();
    std::lock_guard lock(mutex_);
    if (KindOf(packs.status()) == Kind::kCorrupt) {
      ++inventory_.unreadable_indexes;
      return Ok();
    }
    AERIE_TRY(packs.status());
    std::vector<ObjectId>& names = inventory_.indexes[id];
    for (PackRecord& pack : *packs) {
      names.push_back(pack.id);
      indexed_.try_emplace(pack.id, std::move(pack));
    }
    return Ok();
  }

  Status ListPacks(const Context& context) {
    return store_.List(context, kPacksPrefix, [&](const objects::ObjectInfo& info) {
      const auto id = IdOfKey(info.key, PackKey);
      if (!id) return Ok();
      const auto known = indexed_.find(*id);
      if (known == indexed_.end()) {
        unindexed_.emplace_back(*id, info);
      } else if (known->second.size != info.size) {
        NoteUnreadable(info);
      } else {
        inventory_.packs.push_back({std::move(known->second), true, info.modified_ms});
      }
      if (known != indexed_.end()) indexed_.erase(known);
      return Ok();
    });
  }

  // What is left in indexed_ was not listed.
  Status AskForMissing(const Context& context) {
    for (const auto& [id, pack] : indexed_) {
      const Status there = store_.Stat(context, PackKey(id)).status();
      if (KindOf(there) != Kind::kNotFound) {
        AERIE_TRY(there);
        return RefusedError("list packs of " + store_.Describe() + ": " + PackKey(id).text +
                            " is there and was not listed; the listing cannot be trusted, so "
                            "nothing is deleted; run the command again");
      }
      ++inventory_.missing_packs;
    }
    return Ok();
  }

  Status ReadDirectories(const Context& context) {
    const auto read = [&](const Context& child, std::size_t i) -> Status {
      const auto& [id, info] = unindexed_[i];
      auto pack = ReadPackDirectory(child, store_, keys_, id, info.size);
      std::lock_guard lock(mutex_);
      if (KindOf(pack.status()) == Kind::kCorrupt) {
        NoteUnreadable(info);
        return Ok();
      }
      AERIE_TRY(pack.status());
      inventory_.packs.push_back({*std::move(pack), false, info.modified_ms});
      return Ok();
    };
    return ParallelFor(context, unindexed_.size(), kReaders, read);
  }

  // A pack whose directory the new key does not open counts as old, also when it is damaged: then
  // what is still needed of it is stored again, which does it good.
  Status FindOldKeys(const Context& context) {
    if (!keys_.former) return Ok();
    KeyRing current = keys_;
    current.former.reset();
    const auto ask = [&](const Context& child, std::size_t i) -> Status {
      StoredPack& pack = inventory_.packs[i];
      const Status opened =
          ReadPackDirectory(child, store_, current, pack.record.id, pack.record.size).status();
      pack.old_key = KindOf(opened) == Kind::kCorrupt;
      return pack.old_key ? Ok() : opened;
    };
    return ParallelFor(context, inventory_.packs.size(), kReaders, ask);
  }

  Status FindDamaged(const Context& context) {
    AERIE_ASSIGN(inventory_.damage, ReadDamageMemory(context, store_, keys_));
    for (StoredPack& pack : inventory_.packs) {
      pack.damaged = inventory_.damage.copies.contains(pack.record.id);
    }
    return Ok();
  }

  void NoteUnreadable(const objects::ObjectInfo& info) {
    ++inventory_.unreadable_packs;
    inventory_.unreadable_bytes += info.size;
  }

  objects::ObjectStore& store_;
  const KeyRing& keys_;
  std::mutex mutex_;
  Inventory inventory_;
  std::map<ObjectId, PackRecord> indexed_;  // as the indexes have them
  std::vector<std::pair<ObjectId, objects::ObjectInfo>> unindexed_;
};

}  // namespace

Result<Inventory> TakeInventory(const Context& context, objects::ObjectStore& store,
                                const KeyRing& keys) {
  return Taker(store, keys).Take(context);
}

}  // namespace aerie::repo
