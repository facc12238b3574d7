// Where every known blob is: the indexes of a repository, in memory, about 62 bytes a blob at most.
//
// Filled from index objects, from the directories of packs that no index names yet, and by the pack
// writers of this process. It grows, until a prune replaced the indexes. One per open repository;
// thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "repo/blob.h"
#include "repo/crypto.h"
#include "repo/index_file.h"

namespace aerie::repo {

struct BlobLocation {
  ObjectId pack;
  BlobKind kind = BlobKind::kColumn;
  std::uint32_t number = 0;  // in the pack
  std::uint32_t offset = 0;
  std::uint32_t sealed = 0;
  std::uint32_t plain = 0;
};

using BlobNames = std::unordered_set<BlobName, BlobNameHash>;
// Blobs by the pack in which their copy is damaged; other copies may be sound.
using DamagedCopies = std::unordered_map<ObjectId, BlobNames, ObjectIdHash>;

class BlobIndex {
 public:
  struct Totals {
    std::uint64_t blobs = 0;
    std::uint64_t plain_bytes = 0;
    std::uint64_t unindexed_packs = 0;
  };

  // Adds a pack and its blobs; a pack that is known already is only marked as indexed, if
  // `indexed`.
  void AddPack(const PackRecord& pack, bool indexed);

  // Forgets everything but the packs that no index names, and adds these: the indexes were
  // replaced.
  void Replace(const std::vector<PackRecord>& indexed);

  // Where the blob is, damaged copies and those in packs that are missing or doomed last; mostly
  // there is one.
  // Empty when it is not known.
  std::vector<BlobLocation> Find(const BlobName& name) const;
  // Whether a pack with the blob was there when last looked, not doomed, and its copy not noted as
  // damaged: then it need not be stored.
  bool Has(const BlobName& name) const;
  // The same, whatever was noted: for who finds damage out himself.
  bool Stands(const BlobName& name) const;

  // The copies known so far are damaged: the blob is not known to Has until a pack with another one
  // is added.
  void Distrust(const BlobName& name);

  // The size an index or directory gave, when the pack is known.
  std::optional<std::uint64_t> PackSize(const ObjectId& id) const;
  std::vector<ObjectId> Packs() const;
  // A pack that is missing, or has not its size, keeps its blobs findable but not known to Has.
  void SetMissing(const ObjectId& id, bool missing);

  // Exactly these packs are doomed: they are not known to Has, and no index is to name them.
  void SetDoomed(const std::set<ObjectId>& ids);

  // Exactly these copies are noted as damaged: they are not known to Has.
  void SetDamaged(DamagedCopies copies);

  // Packs that no index object names: the next index must.
  std::vector<PackRecord> Unindexed() const;
  void MarkIndexed(const std::vector<PackRecord>& packs);

  Totals totals() const;

 private:
  struct Pack {
    ObjectId id;
    std::uint64_t size = 0;
    bool missing = false;
    bool doomed = false;
    bool Counts() const { return !missing && !doomed; }
  };
  struct Entry {
    BlobName name;
    std::uint32_t pack = 0;
    std::uint32_t kind_and_number = 0;  // 8 and 24 bits
    std::uint32_t offset = 0;
    std::uint32_t sealed = 0;
    std::uint32_t plain = 0;
  };

  // The slot of `name`, or the empty one where it belongs. Slots must not all be taken.
  std::size_t SlotOf(const BlobName& name) const;
  const Entry* Lookup(const BlobName& name) const;
  BlobLocation LocationOf(const Entry& entry) const;
  bool Counts(const Entry& copy) const { return packs_[copy.pack].Counts(); }
  bool IsSound(const Entry& copy) const;
  template <class Accept>
  bool AnyCopy(const BlobName& name, const Accept& accept) const;
  void AddPackLocked(const PackRecord& pack, bool indexed);
  void Insert(const Entry& entry);
  void Grow();

  mutable std::shared_mutex mutex_;
  std::vector<Pack> packs_;
  std::set<ObjectId> doomed_;
  DamagedCopies damaged_;
  std::unordered_map<ObjectId, std::uint32_t, ObjectIdHash> pack_numbers_;
  std::unordered_map<ObjectId, PackRecord, ObjectIdHash> unindexed_;
  std::deque<Entry> entries_;
  // Second and further copies, of which there are few: two writers at once, or a pack lost.
  std::unordered_multimap<BlobName, Entry, BlobNameHash> copies_;
  std::unordered_set<BlobName, BlobNameHash> distrusted_;
  std::vector<std::uint32_t> slots_;  // 1 + place in entries_; 0: free. A power of two
  std::uint64_t plain_bytes_ = 0;
};

}  // namespace aerie::repo
