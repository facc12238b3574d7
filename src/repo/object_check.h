// Checks a repository object by object: what can be said without following any snapshot's trees.
//
// Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/blob_index.h"
#include "repo/crypto.h"
#include "repo/repository.h"

namespace aerie::repo {

// Which blobs of which packs were read and found right. Thread-safe.
class VerifiedBlobs {
 public:
  void Add(const BlobLocation& location);
  bool Has(const ObjectId& pack, std::uint32_t number) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<ObjectId, std::vector<bool>, ObjectIdHash> packs_;
};

struct ObjectCheck {
  std::vector<Finding> findings;
  std::vector<Snapshot> snapshots;  // those that could be read
  std::vector<PackRecord> packs;    // as their own directories have them
};

// Config, keys, indexes, packs (magic, trailer, directory) and snapshots, all read again from the
// store; every index is compared with the packs it names. Damage is a finding; only a store that
// cannot be read is an error.
Result<ObjectCheck> CheckObjects(const Context& context, objects::ObjectStore& store,
                                 const KeyRing& keys);

// Reads every blob of `packs` that is not among `verified`: garbage that no snapshot reaches, and
// second copies.
Result<std::vector<Finding>> CheckOtherBlobs(const Context& context, objects::ObjectStore& store,
                                             const KeyRing& keys,
                                             const std::vector<PackRecord>& packs,
                                             const VerifiedBlobs& verified);

}  // namespace aerie::repo
