// What a repository's packs hold, kept in step with the store: reads index objects, lists packs,
// adopts the packs that no index names, and notices those that are missing or doomed.
//
// One per open repository; must not outlive store or keys. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/blob_index.h"
#include "repo/crypto.h"

namespace aerie::repo {

class PackCatalog {
 public:
  PackCatalog(objects::ObjectStore& store, const KeyRing& keys) : store_(store), keys_(keys) {}

  BlobIndex& index() { return index_; }
  const BlobIndex& index() const { return index_; }

  // Reads the index objects not read yet, or all of them anew when a prune replaced some; with an
  // unreadable one among them also the packs, whose own directories say the same. Cheap when
  // nothing is new.
  Status Refresh(const Context& context);

  // Refresh, then lists the packs: adopts those that no index names, and marks the missing and the
  // doomed ones, and the copies noted as damaged, so that nothing counts on them. What a snapshot
  // begins with. Returns the ids of the prune objects that were there.
  Result<std::set<ObjectId>> Reconcile(const Context& context);

  // Where a blob is; never empty. When it is not known yet, after a Refresh, and the first time
  // that this does not help after a Reconcile: an index may have been lost. kNotFound.
  Result<std::vector<BlobLocation>> Locate(const Context& context, const BlobName& name);

  // Damaged objects met so far: key and what is wrong.
  std::map<std::string, std::string> damaged() const;
  // Of them packs.
  std::uint64_t damaged_packs() const;

 private:
  Status RefreshLocked(const Context& context, bool& damaged_index);
  Result<std::vector<PackRecord>> ReadIndex(const Context& context, const ObjectId& id,
                                            bool& damaged);
  Status ReadIndexes(const Context& context, const std::set<ObjectId>& there, bool& damaged_index);
  Result<std::set<ObjectId>> ReadDoomed(const Context& context);
  Status ReconcileLocked(const Context& context);
  Status Adopt(const Context& context, const ObjectId& id, std::uint64_t size);
  void NoteDamage(const objects::ObjectKey& key, const Status& status, const char* consequence);

  objects::ObjectStore& store_;
  const KeyRing& keys_;
  BlobIndex index_;

  std::mutex refresh_mutex_;  // one refresh at a time
  std::set<ObjectId> indexes_read_;
  std::atomic<bool> packs_asked_{false};  // by Locate
  mutable std::mutex damage_mutex_;
  std::map<std::string, std::string> damaged_;
};

}  // namespace aerie::repo
