#include "repo/index_rebuild.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/task_group.h"
#include "repo/damage.h"
#include "repo/index_write.h"
#include "repo/locks.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/pack_reader.h"
#include "repo/repository_core.h"
#include "repo/store_remove.h"

namespace aerie::repo {
namespace {

constexpr char kOperation[] = "rebuild indexes";
constexpr std::size_t kReaders = 4;
// Directories read before the new index is looked at: they may be of a megabyte each.
constexpr std::size_t kWindow = 64;
constexpr std::size_t kBatch = 100;

// By whether the bytes of two indexes, or an index and a directory, say the same of a pack.
Bytes Fingerprint(const KeyRing& keys, const PackRecord& pack) {
  const BlobName name = NameBlob(keys.names, BlobKind::kManifest, EncodeIndex({pack}));
  return Bytes(name.bytes.begin(), name.bytes.begin() + 16);
}

class Rebuilder {
 public:
  // No lease: a preview.
  Rebuilder(Repository& repository, Lease* lease)
      : repository_(repository), core_(repository.core()), lease_(lease) {}

  Result<IndexRebuild> Run(const Context& context) {
    AERIE_TRY(ListPacks(context));
    AERIE_TRY(ReadOldIndexes(context));
    AERIE_TRY(ExpectNoneMissed(context));
    AERIE_TRY(ReadAll(context, [&](std::vector<PackRecord> part) { return Compare(part); }));
    DecideWhatStays();
    if (!report_.changed || lease_ == nullptr) return std::move(report_);
    const std::size_t damaged = damaged_.size();
    AERIE_TRY(ReadAll(context, [&](std::vector<PackRecord> part) { return Write(context, part); }));
    if (damaged_.size() != damaged) {
      return CorruptError(report_.damaged.back().object +
                          ": it was damaged while the indexes were rebuilt; nothing was removed; "
                          "run the command again");
    }
    AERIE_TRY(RemoveOld(context));
    AERIE_TRY(core_.catalog.Reconcile(context).status());
    return std::move(report_);
  }

 private:
  struct OldIndex {
    std::set<ObjectId> packs;
    bool readable = true;
  };

  Status NotTrusted(const std::string& why) const {
    return RefusedError("list packs of " + repository_.Describe() + ": " + why +
                        "; the listing cannot be trusted, so nothing is changed; run the command "
                        "again");
  }

  Result<std::map<ObjectId, std::uint64_t>> List(const Context& context) {
    std::map<ObjectId, std::uint64_t> listed;
    AERIE_TRY(core_.store.List(context, kPacksPrefix, [&](const objects::ObjectInfo& info) {
      if (const auto id = IdOfKey(info.key, PackKey)) listed.emplace(*id, info.size);
      return Ok();
    }));
    return listed;
  }

  Status ListPacks(const Context& context) {
    AERIE_ASSIGN(packs_, List(context));
    AERIE_ASSIGN(const auto again, List(context));
    return again == packs_ ? Ok() : NotTrusted("two listings, one right after the other, differ");
  }

  Status ReadOldIndexes(const Context& context) {
    std::vector<ObjectId> ids;
    AERIE_TRY(core_.store.List(context, kIndexPrefix, [&](const objects::ObjectInfo& info) {
      if (const auto id = IdOfKey(info.key, IndexKey)) ids.push_back(*id);
      return Ok();
    }));
    report_.before = ids.size();
    return ParallelFor(context, ids.size(), kReaders, [&](const Context& child, std::size_t i) {
      return ReadOldIndex(child, ids[i]);
    });
  }

  Result<std::vector<PackRecord>> ReadIndex(const Context& context, const ObjectId& id) {
    const objects::ObjectKey key = IndexKey(id);
    AERIE_ASSIGN(const Bytes object, core_.store.Get(context, key));
    AERIE_ASSIGN(const Bytes body, UnsealMeta(core_.keys, MetaType::kIndex, key, object));
    return DecodeIndex(body);
  }

  Status ReadOldIndex(const Context& context, const ObjectId& id) {
    const auto packs = ReadIndex(context, id);
    const bool damaged = KindOf(packs.status()) == Kind::kCorrupt;
    if (!damaged) AERIE_TRY(packs.status());
    std::lock_guard lock(mutex_);
    OldIndex& old = old_[id];
    old.readable = !damaged;
    if (damaged) {
      ++report_.unreadable;
      return Ok();
    }
    for (const PackRecord& pack : *packs) {
      old.packs.insert(pack.id);
      const Bytes fingerprint = Fingerprint(core_.keys, pack);
      const auto [known, added] = described_.try_emplace(pack.id, fingerprint);
      if (!added && known->second != fingerprint) contradictory_.insert(pack.id);
    }
    return Ok();
  }

  // Packs that an index names and that were not listed are gone indeed.
  Status ExpectNoneMissed(const Context& context) {
    for (const auto& [id, fingerprint] : described_) {
      if (packs_.contains(id)) continue;
      const Status there = core_.store.Stat(context, PackKey(id)).status();
      if (KindOf(there) == Kind::kNotFound) continue;
      AERIE_TRY(there);
      return NotTrusted(PackKey(id).text + " is there and was not listed");
    }
    return Ok();
  }

  // Hands the packs' directories to `take` in parts of about kMaxIndexBlobs blobs.
  template <class Take>
  Status ReadAll(const Context& context, const Take& take) {
    std::vector<std::pair<ObjectId, std::uint64_t>> left(packs_.begin(), packs_.end());
    std::vector<PackRecord> part;
    std::size_t blobs = 0;
    for (std::size_t at = 0; at < left.size(); at += kWindow) {
      const std::size_t count = std::min(kWindow, left.size() - at);
      std::vector<std::optional<PackRecord>> window(count);
      AERIE_TRY(ParallelFor(context, count, kReaders, [&](const Context& child, std::size_t i) {
        return ReadDirectory(child, left[at + i], window[i]);
      }));
      for (auto& pack : window) {
        if (!pack) continue;
        blobs += pack->entries.size();
        part.push_back(*std::move(pack));
        if (blobs < kMaxIndexBlobs) continue;
        AERIE_TRY(take(std::exchange(part, {})));
        blobs = 0;
      }
    }
    return part.empty() ? Ok() : take(std::move(part));
  }

  Status ReadDirectory(const Context& context, const std::pair<ObjectId, std::uint64_t>& listed,
                       std::optional<PackRecord>& out) {
    const auto& [id, size] = listed;
    {
      std::lock_guard lock(mutex_);
      if (damaged_.contains(id)) return Ok();
    }
    auto pack = ReadPackDirectory(context, core_.store, core_.keys, id, size);
    if (pack.ok()) {
      out = *std::move(pack);
      return Ok();
    }
    if (KindOf(pack.status()) != Kind::kCorrupt) return pack.status();
    std::lock_guard lock(mutex_);
    damaged_.insert(id);
    report_.damaged.push_back({.object = PackKey(id).text,
                               .where = "",
                               .message = std::string(pack.status().message()),
                               .remedy = kRepairRemedy});
    return Ok();
  }

  // The first reading: whether anything is wrong.
  Status Compare(const std::vector<PackRecord>& part) {
    ++parts_;
    for (const PackRecord& pack : part) {
      ++report_.packs;
      report_.blobs += pack.entries.size();
      report_.pack_bytes += pack.size;
      report_.directory_bytes += pack.size - DirectoryOffset(pack.entries);
      const auto known = described_.find(pack.id);
      const bool same = known != described_.end() && !contradictory_.contains(pack.id) &&
                        known->second == Fingerprint(core_.keys, pack);
      if (!same) report_.changed = true;
    }
    return Ok();
  }

  void DecideWhatStays() {
    std::ranges::sort(report_.damaged, {}, &Finding::object);
    std::size_t goes = 0;
    for (const auto& [id, old] : old_) {
      const bool alone = std::ranges::any_of(
          old.packs, [&](const ObjectId& pack) { return damaged_.contains(pack); });
      const bool stray = std::ranges::any_of(
          old.packs, [&](const ObjectId& pack) { return !packs_.contains(pack); });
      if (alone) {
        ++report_.kept;
        continue;
      }
      ++goes;
      old_keys_.push_back(IndexKey(id));
      if (!old.readable || stray) report_.changed = true;
    }
    if (goes > parts_) report_.changed = true;
    if (!report_.changed) return;
    report_.written = parts_;
    report_.removed = old_keys_.size();
  }

  Status Write(const Context& context, const std::vector<PackRecord>& part) {
    AERIE_TRY(lease_->Check(kOperation));
    AERIE_ASSIGN(const WrittenIndex index,
                 WriteIndex(lease_->Limit(context), core_.store, core_.keys, part));
    AERIE_ASSIGN(const std::vector<PackRecord> stored, ReadIndex(context, index.id));
    if (stored == part) return Ok();
    return CorruptError("write " + IndexKey(index.id).text +
                        ": what was read back is something else; check the store; nothing was "
                        "removed");
  }

  Status RemoveOld(const Context& context) {
    AERIE_TRY(lease_->Confirm(context, kOperation));
    for (std::size_t at = 0; at < old_keys_.size(); at += kBatch) {
      AERIE_TRY(lease_->Check(kOperation));
      const auto begin = old_keys_.begin() + static_cast<std::ptrdiff_t>(at);
      const auto count = static_cast<std::ptrdiff_t>(std::min(kBatch, old_keys_.size() - at));
      const std::vector<objects::ObjectKey> batch(begin, begin + count);
      for (const auto& result : RemoveAndLook(lease_->Limit(context), core_.store, batch)) {
        AERIE_TRY(result.status);
      }
    }
    return Ok();
  }

  Repository& repository_;
  const RepositoryCore core_;
  Lease* const lease_;
  IndexRebuild report_;
  std::map<ObjectId, std::uint64_t> packs_;  // listed, with their sizes
  std::mutex mutex_;
  std::map<ObjectId, OldIndex> old_;
  std::map<ObjectId, Bytes> described_;  // fingerprints, by the old indexes
  std::set<ObjectId> contradictory_;     // of which two indexes say different things
  std::set<ObjectId> damaged_;
  std::vector<objects::ObjectKey> old_keys_;  // that go
  std::size_t parts_ = 0;
};

Status AtRepository(const Repository& repository, const Status& status) {
  return Annotate(status, std::string(kOperation) + " of " + repository.Describe());
}

}  // namespace

Result<IndexRebuild> PlanIndexRebuild(const Context& context, Repository& repository) {
  auto plan = Rebuilder(repository, nullptr).Run(context);
  AERIE_TRY(AtRepository(repository, plan.status()));
  return plan;
}

Result<IndexRebuild> RebuildIndexes(const Context& context, Repository& repository) {
  auto lease = repository.core().locks.Acquire(context, LockMode::kExclusive, kOperation);
  AERIE_TRY(AtRepository(repository, lease.status()));
  auto report = Rebuilder(repository, lease->get()).Run(context);
  AERIE_TRY(AtRepository(repository, report.status()));
  return report;
}

}  // namespace aerie::repo
