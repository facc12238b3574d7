#include "repo/prune.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include "base/log.h"
#include "repo/census.h"
#include "repo/index_write.h"
#include "repo/inventory.h"
#include "repo/locks.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/prune_plan.h"
#include "repo/reachable.h"
#include "repo/repack.h"
#include "repo/repository_core.h"
#include "repo/retain.h"
#include "repo/snapshot_delete.h"
#include "repo/store_new.h"
#include "repo/store_remove.h"

namespace aerie::repo {
namespace {

constexpr char kOperation[] = "prune";
// So many that a lost lock is noticed soon.
constexpr std::size_t kBatch = 100;
// Who waits for a lock writes objects all the same.
constexpr Duration kMinLeftoverAge = std::chrono::hours(1);

std::int64_t Millis(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::vector<SnapshotId> Unkept(const PruneReport& report) {
  std::vector<SnapshotId> ids;
  for (const RetentionDecision& decision : report.decisions) {
    if (!decision.keep) ids.push_back(decision.id);
  }
  return ids;
}

std::vector<Snapshot> Kept(const PruneReport& report) {
  std::vector<Snapshot> kept;
  for (std::size_t i = 0; i < report.snapshots.size(); ++i) {
    if (report.decisions[i].keep) kept.push_back(report.snapshots[i]);
  }
  return kept;
}

// The age of every doomed pack. By both clocks, so that a copied repository's times do not count.
std::map<ObjectId, DoomAge> AgesOf(const Dooms& dooms, std::int64_t now_ms, std::int64_t margin) {
  std::map<ObjectId, DoomAge> ages;
  for (const Doom& doom : dooms.readable) {
    const std::int64_t since = std::max(doom.modified_ms, doom.record.created_ms);
    const DoomAge age = now_ms - since >= margin ? DoomAge::kRipe : DoomAge::kWaiting;
    for (const DoomedPack& pack : doom.record.packs) {
      DoomAge& known = ages.try_emplace(pack.id, age).first->second;
      known = std::max(known, age);  // the older doom counts
    }
  }
  return ages;
}

Status NothingLost(const PrunePlan& plan) {
  if (plan.lost.empty()) return Ok();
  return CorruptError("prune: " + std::to_string(plan.lost.size()) +
                      " blobs that snapshots need, such as " + plan.lost[0].ToHex().substr(0, 8) +
                      ", are in no pack; aerie repo check says of which; delete those "
                      "snapshots or copy the missing packs back");
}

void Count(PackTally& tally, const PackPlan& pack) {
  ++tally.packs;
  tally.bytes += pack.size;
}

void CountKept(PruneReport& report, const PackPlan& pack) {
  Count(report.kept, pack);
  if (pack.immutable) Count(report.immutable, pack);
  report.garbage_bytes += pack.size - pack.kept_bytes;
}

Result<BlobSet> ImmutableBlobs(const Context& context, BlobSource& source,
                               const std::vector<Snapshot>& kept) {
  return ReachableBlobs(context, source, ImmutableOf(kept, context.clock().Now()));
}

// `immutable` must outlive what is returned.
PlanOptions PlanOptionsOf(const PruneOptions& options, std::int64_t now_ms,
                          const BlobSet& immutable) {
  return {.now_ms = now_ms,
          .margin_ms = Millis(options.margin),
          .repack_above = options.repack_above,
          .max_repack_bytes = options.max_repack_bytes,
          .immutable = &immutable};
}

// What both the preview and the run begin with.
struct Start {
  Census census;
  PruneReport report;
};

std::vector<RetentionDecision> Decide(const Census& census, const PruneOptions& options,
                                      WallTime now) {
  if (!options.judges) {
    return DecideRetention(census.snapshots, census.marks, options.policy, now);
  }
  std::vector<Snapshot> judged;
  std::ranges::copy_if(census.snapshots, std::back_inserter(judged), options.judges);
  const auto verdicts = DecideRetention(judged, census.marks, options.policy, now);
  std::vector<RetentionDecision> decisions;
  auto next = verdicts.begin();
  for (const Snapshot& snapshot : census.snapshots) {
    const bool is_judged = next != verdicts.end() && next->id == snapshot.id;
    decisions.push_back(is_judged ? *next++
                                  : RetentionDecision{snapshot.id, true, {"of other rules"}});
  }
  return decisions;
}

Result<Start> Begin(const Context& context, Repository& repository, const PruneOptions& options) {
  Start start;
  AERIE_ASSIGN(start.census, TakeCensus(context, repository));
  start.report.snapshots = start.census.snapshots;
  start.report.decisions = Decide(start.census, options, context.clock().Now());
  return start;
}

class Pruner {
 public:
  Pruner(Repository& repository, const Lease& lease, const PruneOptions& options, Start start)
      : core_(repository.core()),
        repository_(repository),
        lease_(lease),
        options_(options),
        census_(std::move(start.census)),
        report_(std::move(start.report)),
        dooms_(AgesOf(census_.dooms, lease.store_now_ms(), Millis(options.margin))) {}

  Result<PruneReport> Run(const Context& context) {
    kept_ = Kept(report_);
    AERIE_TRY(core_.catalog.Reconcile(context).status());
    AERIE_ASSIGN(needed_, ReachableBlobs(context, core_.blobs, kept_));
    AERIE_ASSIGN(immutable_, ImmutableBlobs(context, core_.blobs, kept_));
    AERIE_ASSIGN(inventory_, TakeInventory(context, core_.store, core_.keys));
    // No snapshot goes before those that stay are known to be there.
    AERIE_TRY(NothingLost(Plan(false)));
    AERIE_TRY(DeleteSnapshotsUnder(context, repository_, lease_, Unkept(report_)));
    AERIE_TRY(RemoveStrayMarks(context));
    AERIE_TRY(Sweep(context));
    AERIE_TRY(RemoveStrayDamage(context));
    AERIE_TRY(RepackGarbage(context));
    AERIE_TRY(DoomGarbage(context));
    AERIE_TRY(SweepLeftovers(context));
    AERIE_TRY(core_.catalog.Reconcile(context).status());
    if (!failed_.ok()) return failed_;
    return std::move(report_);
  }

 private:
  Status GoOn() const { return lease_.Check(kOperation); }

  PrunePlan Plan(bool may_repack) const {
    PlanOptions options = PlanOptionsOf(options_, lease_.store_now_ms(), immutable_);
    if (!may_repack) options.repack_above.reset();
    return MakePrunePlan(inventory_, needed_, dooms_, options);
  }

  // That of a snapshot that is gone says nothing any more.
  Status RemoveStrayMarks(const Context& context) {
    std::vector<objects::ObjectKey> stray;
    for (const SnapshotId& id : census_.marks.verified) {
      if (std::ranges::count(kept_, id, &Snapshot::id) != 0) continue;
      stray.push_back(VerifiedKey(*ObjectId::Parse(id.hex)));
    }
    return RemoveEach(context, stray);
  }

  // Notes of damage in packs that are all gone, and those that cannot be read.
  Status RemoveStrayDamage(const Context& context) {
    std::vector<objects::ObjectKey> stray;
    for (const DamageMemory::Object& object : inventory_.damage.objects) {
      const bool there = std::ranges::any_of(
          object.packs, [this](const ObjectId& pack) { return Find(pack) != nullptr; });
      if (!there) stray.push_back(object.key);
    }
    return RemoveEach(context, stray);
  }

  Status RemoveEach(const Context& context, const std::vector<objects::ObjectKey>& keys) {
    for (std::size_t at = 0; at < keys.size(); at += kBatch) {
      AERIE_TRY(GoOn());
      for (const auto& result : RemoveAndLook(lease_.Limit(context), core_.store, Part(keys, at))) {
        if (!result.status.ok()) NoteFailure(result.status);
      }
    }
    return Ok();
  }

  // ---- what earlier runs doomed ----

  Status Sweep(const Context& context) {
    const PrunePlan plan = Plan(false);
    std::set<ObjectId> swept;
    for (const PackPlan& pack : plan.packs) {
      if (pack.fate == PackFate::kNeeded) Count(report_.needed, pack);
      if (pack.fate != PackFate::kSweep) continue;
      swept.insert(pack.id);
      // The last copy but one goes only when the last one is good.
      AERIE_TRY(Annotate(VerifyBlobs(context, core_, pack.replaced), kOperation));
    }
    AERIE_TRY(RewriteIndexes(context, swept));
    AERIE_TRY(RemovePacks(context, swept));
    return RemoveDooms(context);
  }

  const StoredPack* Find(const ObjectId& id) const {
    const auto at = std::ranges::lower_bound(inventory_.packs, id, {},
                                             [](const StoredPack& pack) { return pack.record.id; });
    return at != inventory_.packs.end() && at->record.id == id ? &*at : nullptr;
  }

  // New indexes for what stays of those that name a pack of `swept`, then these go.
  Status RewriteIndexes(const Context& context, const std::set<ObjectId>& swept) {
    std::vector<objects::ObjectKey> old;
    std::set<ObjectId> stay;
    for (const auto& [id, packs] : inventory_.indexes) {
      const auto is_swept = [&](const ObjectId& pack) { return swept.contains(pack); };
      if (std::ranges::none_of(packs, is_swept)) continue;
      old.push_back(IndexKey(id));
      std::ranges::copy_if(packs, std::inserter(stay, stay.end()), std::not_fn(is_swept));
    }
    if (old.empty()) return Ok();
    std::vector<PackRecord> records;
    for (const ObjectId& id : stay) {
      if (const StoredPack* const pack = Find(id)) records.push_back(pack->record);
    }
    AERIE_TRY(WriteIndexes(context, records));
    for (std::size_t at = 0; at < old.size(); at += kBatch) {
      AERIE_TRY(RemoveIndexes(context, Part(old, at)));
    }
    return Ok();
  }

  template <class T>
  static std::vector<T> Part(const std::vector<T>& all, std::size_t at) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at);
    return {begin, begin + static_cast<std::ptrdiff_t>(std::min(kBatch, all.size() - at))};
  }

  Status RemoveIndexes(const Context& context, const std::vector<objects::ObjectKey>& keys) {
    AERIE_TRY(GoOn());
    for (const auto& result : RemoveAndLook(lease_.Limit(context), core_.store, keys)) {
      AERIE_TRY(Annotate(result.status, kOperation));
      inventory_.indexes.erase(*IdOfKey(result.key, IndexKey));
    }
    return Ok();
  }

  Status WriteIndexes(const Context& context, const std::vector<PackRecord>& packs) {
    std::vector<PackRecord> part;
    std::size_t blobs = 0;
    for (std::size_t i = 0; i < packs.size(); ++i) {
      part.push_back(packs[i]);
      blobs += packs[i].entries.size();
      if (blobs < kMaxIndexBlobs && i + 1 < packs.size()) continue;
      AERIE_TRY(GoOn());
      AERIE_ASSIGN(const WrittenIndex index,
                   WriteIndex(lease_.Limit(context), core_.store, core_.keys, part));
      for (const PackRecord& pack : part) inventory_.indexes[index.id].push_back(pack.id);
      part.clear();
      blobs = 0;
    }
    return Ok();
  }

  Status RemovePacks(const Context& context, const std::set<ObjectId>& swept) {
    std::vector<objects::ObjectKey> keys;
    for (const ObjectId& id : swept) keys.push_back(PackKey(id));
    std::set<ObjectId> gone;
    for (std::size_t at = 0; at < keys.size(); at += kBatch) {
      AERIE_TRY(GoOn());
      for (auto& result : RemoveAndLook(lease_.Limit(context), core_.store, Part(keys, at))) {
        const ObjectId id = *IdOfKey(result.key, PackKey);
        if (result.status.ok()) {
          report_.removed.packs += 1;
          report_.removed.bytes += Find(id)->record.size;
          gone.insert(id);
        } else if (IsRetained(context, core_.store, result.key)) {
          // Of a backup that died before its snapshot; a later prune asks again.
          report_.retained.packs += 1;
          report_.retained.bytes += Find(id)->record.size;
        } else {
          NoteFailure(result.status);
        }
      }
    }
    std::erase_if(inventory_.packs,
                  [&](const StoredPack& pack) { return gone.contains(pack.record.id); });
    return Ok();
  }

  void NoteFailure(const Status& status) {
    log::Warn("not removed", {{"reason", std::string(status.message())}});
    if (!failed_.ok()) return;
    failed_ =
        MakeStatus(Kind::kPartial, "prune: not everything could be removed (" +
                                       std::string(status.message()) + "); run the command again");
  }

  // Those whose packs are gone or turned out to be needed, and those that cannot be read.
  Status RemoveDooms(const Context& context) {
    const PrunePlan plan = Plan(false);
    std::set<ObjectId> pending;
    for (const PackPlan& pack : plan.packs) {
      if (pack.fate == PackFate::kWaiting || pack.fate == PackFate::kSweep) pending.insert(pack.id);
    }
    AERIE_TRY(IndexNeeded(context, plan));
    std::vector<objects::ObjectKey> done;
    for (const objects::ObjectInfo& info : census_.dooms.damaged) done.push_back(info.key);
    for (const Doom& doom : census_.dooms.readable) {
      const bool waits = std::ranges::any_of(
          doom.record.packs, [&](const DoomedPack& pack) { return pending.contains(pack.id); });
      if (!waits) done.push_back(PruneKey(doom.id));
    }
    for (const objects::ObjectKey& key : done) {
      AERIE_TRY(GoOn());
      const Status removed = RemoveAndLook(lease_.Limit(context), core_.store, key);
      if (!removed.ok()) NoteFailure(removed);
    }
    Forget(pending);
    return Ok();
  }

  // What is not pending any more is a pack like others.
  void Forget(const std::set<ObjectId>& pending) {
    std::erase_if(dooms_, [&](const auto& doom) { return !pending.contains(doom.first); });
  }

  // Needed packs without an index: of a repack that was interrupted, or doomed and needed again.
  Status IndexNeeded(const Context& context, const PrunePlan& plan) {
    std::vector<PackRecord> packs;
    for (std::size_t i = 0; i < plan.packs.size(); ++i) {
      const bool needed = plan.packs[i].kept_bytes > 0;
      if (!needed || inventory_.packs[i].indexed) continue;
      packs.push_back(inventory_.packs[i].record);
      inventory_.packs[i].indexed = true;
    }
    return WriteIndexes(context, packs);
  }

  Status SweepLeftovers(const Context& context) {
    if (!options_.sweep_leftovers) return Ok();
    AERIE_TRY(GoOn());
    const Duration age = std::max<Duration>(options_.margin, kMinLeftoverAge);
    const auto swept = options_.sweep_leftovers(lease_.Limit(context), age);
    if (swept.ok())
      report_.leftovers = *swept;
    else
      NoteFailure(swept.status());
    return Ok();
  }

  // ---- what this run finds ----

  Status RepackGarbage(const Context& context) {
    const PrunePlan plan = Plan(true);
    std::vector<ObjectId> moved;
    for (const PackPlan& pack : plan.packs) {
      if (pack.fate != PackFate::kRepack) continue;
      moved.push_back(pack.id);
      ++report_.repacked.packs;
      report_.repacked.bytes += pack.kept_bytes;
    }
    if (moved.empty()) return Ok();
    auto packs = Repack(context, core_, inventory_, plan, [&] { return GoOn(); });
    AERIE_TRY(Annotate(packs.status(), kOperation));
    AERIE_TRY(WriteIndexes(context, *packs));
    for (PackRecord& pack : *packs) {
      inventory_.packs.push_back({std::move(pack), true, lease_.store_now_ms()});
    }
    std::ranges::sort(inventory_.packs, {}, [](const StoredPack& pack) { return pack.record.id; });
    for (const ObjectId& id : moved) dooms_[id] = DoomAge::kMoved;
    return Ok();
  }

  Status DoomGarbage(const Context& context) {
    const PrunePlan plan = Plan(false);
    AERIE_TRY(NothingLost(plan));
    DoomRecord record;
    for (const PackPlan& pack : plan.packs) {
      Tally(pack);
      if (pack.fate != PackFate::kDoom) continue;
      AERIE_TRY(Annotate(VerifyBlobs(context, core_, pack.replaced), kOperation));
      record.packs.push_back({pack.id, pack.size});
    }
    report_.unreadable = {inventory_.unreadable_packs, inventory_.unreadable_bytes};
    return record.packs.empty() ? Ok() : WriteDoom(context, std::move(record));
  }

  void Tally(const PackPlan& pack) {
    if (pack.fate == PackFate::kDoom) return Count(report_.doomed, pack);
    if (pack.fate == PackFate::kYoung) return Count(report_.young, pack);
    if (pack.fate == PackFate::kWaiting || pack.fate == PackFate::kSweep) {
      return Count(report_.waiting, pack);
    }
    CountKept(report_, pack);
  }

  Status WriteDoom(const Context& context, DoomRecord record) {
    record.created_ms = lease_.store_now_ms();
    record.program = options_.program;
    record.host = lease_.record().host;
    for (const Snapshot& snapshot : kept_) {
      record.snapshots.push_back(*ObjectId::Parse(snapshot.id.hex));
    }
    const objects::ObjectKey key = PruneKey(RandomId());
    AERIE_ASSIGN(const Bytes object,
                 SealMeta(core_.keys, MetaType::kPrune, key, EncodeDoom(record)));
    AERIE_TRY(GoOn());
    return Annotate(StoreNew(lease_.Limit(context), core_.store, key, object), kOperation);
  }

  const RepositoryCore core_;
  Repository& repository_;
  const Lease& lease_;
  const PruneOptions& options_;
  const Census census_;
  PruneReport report_;
  std::map<ObjectId, DoomAge> dooms_;
  std::vector<Snapshot> kept_;
  BlobSet needed_;
  BlobSet immutable_;  // of needed_
  Inventory inventory_;
  Status failed_;
};

void TallyPreview(const PackPlan& pack, PruneReport& report) {
  switch (pack.fate) {
    case PackFate::kSweep: return Count(report.removed, pack);
    case PackFate::kDoom: return Count(report.doomed, pack);
    case PackFate::kWaiting: return Count(report.waiting, pack);
    case PackFate::kYoung: return Count(report.young, pack);
    case PackFate::kRepack:
      ++report.repacked.packs;
      report.repacked.bytes += pack.kept_bytes;
      return Count(report.doomed, pack);
    case PackFate::kNeeded: Count(report.needed, pack); break;
    case PackFate::kKeep: break;
  }
  CountKept(report, pack);
}

Status AtRepository(const Repository& repository, const Status& status) {
  return Annotate(status, "repository " + repository.Describe());
}

}  // namespace

Result<PruneReport> PlanPrune(const Context& context, Repository& repository,
                              const PruneOptions& options) {
  const RepositoryCore core = repository.core();
  AERIE_ASSIGN(Start start, Begin(context, repository, options));
  AERIE_TRY(core.catalog.Reconcile(context).status());
  const std::vector<Snapshot> kept = Kept(start.report);
  AERIE_ASSIGN(const BlobSet needed, ReachableBlobs(context, core.blobs, kept));
  AERIE_ASSIGN(const BlobSet immutable, ImmutableBlobs(context, core.blobs, kept));
  AERIE_ASSIGN(const Inventory inventory, TakeInventory(context, core.store, core.keys));
  const std::int64_t now_ms = ToUnixMillis(context.clock().Now());
  const auto dooms = AgesOf(start.census.dooms, now_ms, Millis(options.margin));
  const PrunePlan plan =
      MakePrunePlan(inventory, needed, dooms, PlanOptionsOf(options, now_ms, immutable));
  AERIE_TRY(NothingLost(plan));
  for (const PackPlan& pack : plan.packs) TallyPreview(pack, start.report);
  start.report.unreadable = {inventory.unreadable_packs, inventory.unreadable_bytes};
  return std::move(start.report);
}

Result<PruneReport> RunPrune(const Context& context, Repository& repository,
                             const PruneOptions& options) {
  const auto lease = repository.core().locks.Acquire(context, LockMode::kExclusive, kOperation);
  AERIE_TRY(AtRepository(repository, lease.status()));
  auto start = Begin(context, repository, options);
  AERIE_TRY(AtRepository(repository, start.status()));
  auto report = Pruner(repository, **lease, options, *std::move(start)).Run(context);
  AERIE_TRY(AtRepository(repository, report.status()));
  return report;
}

}  // namespace aerie::repo
