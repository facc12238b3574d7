// Checks a repository object by object: what can be said without following any snapshot's trees.
//
// Free functions, safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/blob_index.h"
#include "repo/crypto.h"
#include "repo/repository.h"
#include "repo/tree_api.h"

namespace aerie::repo {

// Which blobs of which packs were read and found right. Thread-safe.
class VerifiedBlobs {
 public:
  void Add(const BlobLocation& location);
  bool Has(const ObjectId& pack, std::uint32_t number) const;
  std::size_t Count(const ObjectId& pack) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<ObjectId, std::vector<bool>, ObjectIdHash> packs_;
};

// A pack whose directory was read, or that is there and only an index describes.
struct CheckedPack {
  ObjectId id;
  std::uint64_t size = 0;
  std::size_t blobs = 0;
  bool indexed = false;
  bool sound = true;                           // magic and directory
  std::array<std::uint64_t, 2> fingerprint{};  // of the entries
  // As an index has it, when its own directory cannot be read: few, so they are kept.
  std::optional<PackRecord> described = {};
};

struct ObjectCheck {
  std::vector<Finding> findings;
  std::vector<Finding> notes;       // not in anybody's way
  std::vector<Snapshot> snapshots;  // those that could be read
  std::vector<CheckedPack> packs;   // by id
  std::uint64_t indexes = 0;
};

// Config, keys, indexes, packs (magic, trailer, directory), snapshots and marks, all read again
// from the store; every index is compared with the packs it names. Damage is a finding; only a
// store that cannot be read is an error. Memory: about 200 bytes a pack, and the indexes that are
// being read.
Result<ObjectCheck> CheckObjects(const Context& context, objects::ObjectStore& store,
                                 const KeyRing& keys);

// The blobs of a pack that CheckObjects found: read again, as they are not kept.
Result<PackRecord> RecordOf(const Context& context, objects::ObjectStore& store,
                            const KeyRing& keys, const CheckedPack& pack);

// What is wrong with a blob, as far as the index and the packs' sizes tell, for
// CheckTreesOptions::fault; empty: it is there.
std::string BlobFault(const BlobIndex& index, const NeededBlob& blob);

// Reads every blob of `packs` that is not among `verified`: garbage that no snapshot reaches, and
// second copies.
Result<std::vector<Finding>> CheckOtherBlobs(const Context& context, objects::ObjectStore& store,
                                             const KeyRing& keys,
                                             const std::vector<CheckedPack>& packs,
                                             const VerifiedBlobs& verified);

}  // namespace aerie::repo
