#include "repo/rotation.h"

#include <algorithm>
#include <set>
#include <utility>

#include "repo/carried_keys.h"
#include "repo/doom.h"
#include "repo/index_write.h"
#include "repo/inventory.h"
#include "repo/key_access.h"
#include "repo/object_names.h"
#include "repo/prune_plan.h"
#include "repo/reachable.h"
#include "repo/repack.h"
#include "repo/repository_core.h"
#include "repo/retain.h"
#include "repo/rotate_finish.h"
#include "repo/store_remove.h"
#include "repo/store_replace.h"

namespace aerie::repo {
namespace {

constexpr char kBegin[] = "rotate the master key";
constexpr char kContinue[] = "go on with the rotation of the master key";
constexpr char kNotRetained[] =
    "the master key was rotated, but the new config is not retained as immutable snapshots need "
    "it; aerie repo key rotate --continue tries again";

Status AtRepository(const std::string& place, const Status& status) {
  return Annotate(status, "repository " + place);
}

// ---- beginning ----

Result<std::vector<ObjectId>> KeyIds(const Context& context, objects::ObjectStore& store) {
  std::vector<ObjectId> ids;
  AERIE_TRY(store.List(context, kKeysPrefix, [&](const objects::ObjectInfo& info) {
    if (const auto id = IdOfKey(info.key, KeyFileKey)) ids.push_back(*id);
    return Ok();
  }));
  return ids;
}

Status CheckMayBegin(const Config& config) {
  if (config.suite == Suite::kNone) {
    return RefusedError(
        "the repository is not encrypted, so its master key is no secret; make an encrypted one "
        "with aerie repo init and copy the snapshots there");
  }
  if (config.rotation && config.rotation->former) {
    return RefusedError(
        "an earlier rotation is not finished; first run aerie repo key rotate --continue until it "
        "is");
  }
  return Ok();
}

// The config under a new master key whose own keys are `fresh`.
Config NextConfig(const OpenedKeys& opened, const KeyRing& fresh, std::vector<ObjectId> retired) {
  Config next = opened.config;
  RotationRecord record = opened.config.rotation.value_or(RotationRecord{});
  ++record.generation;
  record.names =
      WrapCarried(fresh, Carried::kNames, record.generation, opened.unlocked.keys.names.key);
  record.former =
      WrapCarried(fresh, Carried::kFormerMaster, record.generation, opened.unlocked.master);
  record.marks.push_back(MarkOf(opened.unlocked.keys));
  record.retired = std::move(retired);
  next.rotation = std::move(record);
  return next;
}

Status RemoveKeys(const Context& context, objects::ObjectStore& store, const Lease& lease,
                  const std::vector<ObjectId>& ids) {
  if (ids.empty()) return Ok();
  std::vector<objects::ObjectKey> keys;
  for (const ObjectId& id : ids) keys.push_back(KeyFileKey(id));
  WarnOfKept(context, store, keys);
  AERIE_TRY(lease.Check(kBegin));
  for (const auto& result : RemoveAndLook(lease.Limit(context), store, keys)) {
    AERIE_TRY(Annotate(result.status,
                       "the master key was rotated, but a former key could not be removed; aerie "
                       "repo key rotate --continue tries again"));
  }
  return Ok();
}

Result<RotationStart> Begin(const Context& context, objects::ObjectStore& store,
                            const Secret& passphrase, const Secret& fresh, KdfCost cost) {
  AERIE_ASSIGN(const OpenedKeys opened, OpenKeys(context, store, passphrase));
  AERIE_TRY(CheckMayBegin(opened.config));
  LockTable locks = LocksOf(context, store, opened);
  AERIE_ASSIGN(const auto lease, locks.Acquire(context, LockMode::kExclusive, kBegin));
  AERIE_ASSIGN(const std::vector<ObjectId> retired, KeyIds(context, store));
  AERIE_ASSIGN(const std::int64_t retained, ConfigRetention(context, store));
  SecretKey master;
  FillRandom({master.data(), SecretKey::size()});
  // Until the config is replaced this key object is passed over, and the former ones open.
  AERIE_ASSIGN(const ObjectId key_id, StoreKey(lease->Limit(context), store, master,
                                               fresh.empty() ? passphrase : fresh, cost));
  const KeyRing keys = DeriveKeys(master, opened.config.suite, opened.config.id);
  const Config next = NextConfig(opened, keys, retired);
  // The new key before the config that only it opens; that config before the former keys go.
  AERIE_TRY(RetainKeys(lease->Limit(context), store, retained));
  AERIE_TRY(lease->Confirm(context, kBegin));
  AERIE_TRY(
      ReplaceObject(lease->Limit(context), store, ConfigKey(), EncodeConfig(next, keys.config)));
  AERIE_TRY(Annotate(RetainKeys(lease->Limit(context), store, retained), kNotRetained));
  AERIE_TRY(RemoveKeys(context, store, *lease, retired));
  RotationStart start{.key_id = key_id.ToHex(), .removed = {}};
  for (const ObjectId& id : retired) start.removed.push_back(id.ToHex());
  return start;
}

// ---- going on ----

class Rotator {
 public:
  Rotator(Repository& repository, const RotationOptions& options)
      : repository_(repository), core_(repository.core()), options_(options) {}

  Result<RotationReport> Run(const Context& context) {
    if (!core_.config.rotation || !core_.config.rotation->former) {
      report_.finished = true;
      return std::move(report_);
    }
    AERIE_TRY(RetainNew(context));
    AERIE_TRY(RemoveRetired(context));
    AERIE_TRY(Copy(context));
    AERIE_TRY(Prune(context));
    AERIE_TRY(Finish(context));
    return std::move(report_);
  }

 private:
  // What BeginRotation had no time for, here and below.
  Status RetainNew(const Context& context) {
    AERIE_ASSIGN(const std::int64_t until_ms, LatestImmutable(context, repository_));
    return Annotate(RetainKeys(context, core_.store, until_ms), kContinue);
  }

  Status RemoveRetired(const Context& context) {
    AERIE_ASSIGN(const std::vector<ObjectId> there, KeyIds(context, core_.store));
    const std::set<ObjectId> known(there.begin(), there.end());
    std::vector<ObjectId> left;
    for (const ObjectId& id : core_.config.rotation->retired) {
      if (known.contains(id)) left.push_back(id);
    }
    if (left.empty()) return Ok();
    AERIE_ASSIGN(const auto lease, core_.locks.Acquire(context, LockMode::kExclusive, kContinue));
    return RemoveKeys(context, core_.store, *lease, left);
  }

  // Stores again what is needed and nowhere under the new key, in batches, each of which is named
  // by an index before the next one begins.
  Status Copy(const Context& context) {
    const SteadyTime began = context.clock().Steady();
    const auto out_of_time = [&] {
      return options_.max_duration && context.clock().Steady() - began >= *options_.max_duration;
    };
    AERIE_ASSIGN(const auto lease, core_.locks.Acquire(context, LockMode::kShared, kContinue));
    AERIE_TRY(core_.catalog.Reconcile(context).status());
    AERIE_ASSIGN(const auto snapshots, repository_.ListSnapshots(context));
    AERIE_ASSIGN(const BlobSet needed, ReachableBlobs(context, core_.blobs, snapshots));
    AERIE_ASSIGN(immutable_, ReachableBlobs(context, core_.blobs,
                                            ImmutableOf(snapshots, context.clock().Now())));
    AERIE_ASSIGN(const Inventory inventory, TakeInventory(context, core_.store, core_.keys));
    AERIE_ASSIGN(BlobSet fresh, FreshBlobs(context, inventory));
    PrunePlan plan = NothingToRepack(inventory);
    std::uint64_t batched = 0;
    for (std::size_t i = 0; i < inventory.packs.size(); ++i) {
      std::vector<std::uint32_t> numbers = ToCopy(inventory.packs[i], needed, fresh);
      if (numbers.empty()) continue;
      if (out_of_time()) {
        Count(report_.left, inventory.packs[i]);
        left_.insert(inventory.packs[i].record.id);
        continue;
      }
      batched += AddToBatch(inventory.packs[i], std::move(numbers), plan.packs[i]);
      if (batched < options_.batch_bytes) continue;
      AERIE_TRY(CopyBatch(context, *lease, inventory, plan));
      batched = 0;
    }
    return CopyBatch(context, *lease, inventory, plan);
  }

  // Names of all that stands in a pack under the new key which is not about to go.
  Result<BlobSet> FreshBlobs(const Context& context, const Inventory& inventory) {
    AERIE_ASSIGN(const Dooms dooms, ReadDooms(context, core_.store, core_.keys));
    std::set<ObjectId> doomed;
    for (const Doom& doom : dooms.readable) {
      for (const DoomedPack& pack : doom.record.packs) doomed.insert(pack.id);
    }
    BlobSet fresh;
    for (const StoredPack& pack : inventory.packs) {
      if (pack.old_key || doomed.contains(pack.record.id)) continue;
      for (const PackEntry& entry : pack.record.entries) fresh.insert(entry.name);
    }
    return fresh;
  }

  static PrunePlan NothingToRepack(const Inventory& inventory) {
    PrunePlan plan;
    for (const StoredPack& pack : inventory.packs) {
      PackPlan& kept = plan.packs.emplace_back();
      kept.id = pack.record.id;
      kept.size = pack.record.size;
    }
    return plan;
  }

  // Numbers of the pack's blobs that are needed and not fresh; they count as fresh from now on.
  static std::vector<std::uint32_t> ToCopy(const StoredPack& pack, const BlobSet& needed,
                                           BlobSet& fresh) {
    std::vector<std::uint32_t> numbers;
    if (!pack.old_key) return numbers;
    for (std::uint32_t i = 0; i < pack.record.entries.size(); ++i) {
      const BlobName& name = pack.record.entries[i].name;
      if (needed.contains(name) && fresh.insert(name).second) numbers.push_back(i);
    }
    return numbers;
  }

  std::uint64_t AddToBatch(const StoredPack& pack, std::vector<std::uint32_t> numbers,
                           PackPlan& plan) {
    std::uint64_t bytes = 0;
    for (const std::uint32_t number : numbers) bytes += pack.record.entries[number].sealed;
    plan.fate = PackFate::kRepack;
    plan.kept = std::move(numbers);
    ++report_.copied.packs;
    report_.copied.bytes += bytes;
    return bytes;
  }

  Status CopyBatch(const Context& context, const Lease& lease, const Inventory& inventory,
                   PrunePlan& plan) {
    const auto go_on = [&] { return lease.Check(kContinue); };
    AERIE_ASSIGN(const auto packs, Repack(context, core_, inventory, plan, go_on));
    for (PackPlan& pack : plan.packs) pack.fate = PackFate::kKeep;
    if (packs.empty()) return Ok();
    AERIE_TRY(go_on());
    return WriteIndex(lease.Limit(context), core_.store, core_.keys, packs).status();
  }

  // Packs under the former key keep nothing once all of theirs stands under the new one: to prune
  // they are garbage like any other.
  Status Prune(const Context& context) {
    PruneOptions prune;
    prune.margin = options_.margin;
    prune.repack_above.reset();
    prune.program = options_.program;
    AERIE_ASSIGN(const PruneReport pruned, RunPrune(context, repository_, prune));
    report_.removed = pruned.removed;
    return Ok();
  }

  Status Finish(const Context& context) {
    AERIE_ASSIGN(const auto lease, core_.locks.Acquire(context, LockMode::kExclusive, kContinue));
    AERIE_ASSIGN(const Inventory inventory, TakeInventory(context, core_.store, core_.keys));
    bool any = false;
    for (const StoredPack& pack : inventory.packs) {
      if (!pack.old_key) continue;
      any = true;
      if (left_.contains(pack.record.id)) continue;
      Count(IsKeptForImmutable(pack) ? report_.immutable : report_.waiting, pack);
    }
    if (any) return Ok();
    AERIE_TRY(FinishRotation(context, core_, *lease));
    AERIE_TRY(RetainNew(context));
    report_.finished = true;
    return Ok();
  }

  bool IsKeptForImmutable(const StoredPack& pack) const {
    return std::ranges::any_of(pack.record.entries, [&](const PackEntry& entry) {
      return immutable_.contains(entry.name);
    });
  }

  static void Count(PackTally& tally, const StoredPack& pack) {
    ++tally.packs;
    tally.bytes += pack.record.size;
  }

  Repository& repository_;
  const RepositoryCore core_;
  const RotationOptions& options_;
  std::set<ObjectId> left_;  // the packs of report_.left
  BlobSet immutable_;        // what immutable snapshots need
  RotationReport report_;
};

}  // namespace

Result<RotationStart> BeginRotation(const Context& context, objects::ObjectStore& store,
                                    const Secret& passphrase, const Secret& fresh, KdfCost cost) {
  auto start = Begin(context, store, passphrase, fresh, cost);
  if (!start.ok()) {
    return AtRepository(store.Describe(), Annotate(start.status(), kBegin));
  }
  return start;
}

Result<RotationReport> ContinueRotation(const Context& context, Repository& repository,
                                        const RotationOptions& options) {
  auto report = Rotator(repository, options).Run(context);
  if (!report.ok()) return AtRepository(repository.Describe(), report.status());
  return report;
}

}  // namespace aerie::repo
