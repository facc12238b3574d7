#include "repo/repository.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/task_group.h"
#include "repo/config_file.h"
#include "repo/crypto.h"
#include "repo/index_write.h"
#include "repo/key_file.h"
#include "repo/locked_collection.h"
#include "repo/locks.h"
#include "repo/meta_object.h"
#include "repo/object_check.h"
#include "repo/object_names.h"
#include "repo/pack_catalog.h"
#include "repo/pack_reader.h"
#include "repo/pack_writer.h"
#include "repo/repository_core.h"
#include "repo/retain.h"
#include "repo/snapshot_cache.h"
#include "repo/snapshot_file.h"
#include "repo/store_new.h"
#include "repo/tree_api.h"
#include "repo/unlock.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kSnapshotReaders = 16;  // of small objects, perhaps far away
constexpr std::size_t kMinPrefix = 4;
constexpr std::chrono::minutes kRetainLimit{2};

// One open repository: the parts that snapshot writers share with it.
class StoredRepository : public Repository {
 public:
  // Locks are renewed by `clock`.
  StoredRepository(std::shared_ptr<objects::ObjectStore> store, const Config& config,
                   Bytes config_bytes, const KeyRing& keys, Clock& clock,
                   const OpenOptions& options = {})
      : store_(std::move(store)),
        config_(config),
        keys_(keys),
        catalog_(*store_, keys_),
        locks_(*store_, keys_, clock, std::move(config_bytes)),
        cache_(options.cache_folder, keys_.repository),
        reader_(*store_, keys_, [this](const Context& context, const BlobName& name) {
          return catalog_.Locate(context, name);
        }) {}

  std::string id() const override { return keys_.repository.ToHex(); }
  bool encrypted() const override { return keys_.suite != Suite::kNone; }
  std::string Describe() const override { return store_->Describe(); }

  Result<std::vector<Snapshot>> ListSnapshots(const Context& context,
                                              std::vector<Finding>* damaged) override;
  Result<Snapshot> FindSnapshot(const Context& context, const std::string& name,
                                const std::function<bool(const Snapshot&)>& accept) override;
  Result<CollectionManifest> LoadManifest(const Context& context,
                                          const SnapshotCollection& collection) override;
  Result<std::unique_ptr<StoredCollection>> OpenCollection(
      const Context& context, const SnapshotCollection& collection) override;
  Result<std::vector<rows::Key>> LeafBoundaries(const Context& context, const PartitionRoot& root,
                                                std::uint64_t apart) override;
  Result<std::unique_ptr<SnapshotWriter>> BeginSnapshot(const Context& context, Snapshot info,
                                                        const SnapshotOptions& options) override;
  Result<std::vector<Finding>> Check(const Context& context, const CheckOptions& options) override;
  Result<RepositoryStats> Stats(const Context& context) override;
  RepositoryCore core() override { return {*store_, keys_, catalog_, reader_, locks_, config_}; }

  objects::ObjectStore& store() { return *store_; }
  const KeyRing& keys() const { return keys_; }
  BlobIndex& index() { return catalog_.index(); }
  LeafPoolOptions PoolOptions();

 private:
  Result<std::vector<ObjectId>> SnapshotIds(const Context& context);
  Result<std::vector<Snapshot>> ReadSnapshots(const Context& context,
                                              std::vector<Finding>* damaged);
  Result<std::shared_ptr<Lease>> LockForReading(const Context& context);
  Result<Snapshot> ReadSnapshot(const Context& context, const ObjectId& id);
  Result<Snapshot> OpenSnapshot(const ObjectId& id, ByteSpan object);
  Result<Snapshot> ReadListedSnapshot(const Context& context, const ObjectId& id, Bytes& object);
  std::optional<Snapshot> KnownSnapshot(const ObjectId& id);
  Status OpenKept(const Context& context, const SnapshotCache::Objects& kept);
  Result<Snapshot> FindLatest(const Context& context,
                              const std::function<bool(const Snapshot&)>& accept);

  const std::shared_ptr<objects::ObjectStore> store_;
  const Config config_;
  const KeyRing keys_;
  PackCatalog catalog_;
  LockTable locks_;
  const SnapshotCache cache_;
  PackReader reader_;
  std::mutex reading_mutex_;
  std::weak_ptr<Lease> reading_;  // shared by all that read at a time
  std::mutex snapshots_mutex_;
  std::map<ObjectId, Snapshot> snapshots_;  // read once: snapshots never change
};

class StoredSnapshotWriter : public SnapshotWriter {
 public:
  StoredSnapshotWriter(const Context& context, StoredRepository& repository,
                       std::unique_ptr<Lease> lease, std::set<ObjectId> dooms, Snapshot snapshot,
                       const SnapshotOptions& options)
      : repository_(repository),
        options_(options),
        lease_(std::move(lease)),
        dooms_(std::move(dooms)),
        snapshot_(std::move(snapshot)),
        sink_(context, repository.store(), repository.keys(), repository.index(),
              {.pack_bytes = options.pack_bytes}),
        pool_(sink_, repository.PoolOptions()) {}

  const SnapshotId& id() const override { return snapshot_.id; }
  Result<std::unique_ptr<PartitionWriter>> OpenPartition(
      const Context& context, const rows::CollectionSpec& spec, const std::string& partition,
      const std::optional<PartitionRoot>& before) override;
  Status AddCollection(const Context& context, CollectionManifest manifest,
                       rows::ReadReport report) override;
  SnapshotStats stats() const override;
  BlobSink& sink() override { return sink_; }
  Result<Snapshot> Commit(const Context& context, bool complete) override;

 private:
  Status WriteIndex(const Context& context);
  Status WriteSnapshot(const Context& context);
  Status RetainWhatItNeeds(const Context& context);
  Status RetainSnapshot(const Context& context);
  Status CheckNothingWasDoomed(const Context& context);

  StoredRepository& repository_;
  const SnapshotOptions options_;
  const std::unique_ptr<Lease> lease_;
  const std::set<ObjectId> dooms_;  // prune objects that were there when it began
  mutable std::mutex mutex_;
  Snapshot snapshot_;
  bool committed_ = false;
  std::uint64_t index_bytes_ = 0;
  PackWriter sink_;
  LeafPool pool_;  // after the sink that it adds to
};

Status AtRepository(const objects::ObjectStore& store, const char* operation,
                    const Status& status) {
  return Annotate(status, std::string(operation) + " repository " + store.Describe());
}

std::int64_t ImmutableUntil(const Context& context, Duration length) {
  return ToUnixMillis(context.clock().Now()) +
         std::chrono::ceil<std::chrono::milliseconds>(length).count();
}

// ---- reading ----

Result<std::vector<ObjectId>> StoredRepository::SnapshotIds(const Context& context) {
  std::vector<ObjectId> ids;
  AERIE_TRY(store_->List(context, kSnapshotsPrefix, [&](const objects::ObjectInfo& info) {
    if (const auto id = IdOfKey(info.key, SnapshotKey)) ids.push_back(*id);
    return Ok();
  }));
  return ids;
}

std::optional<Snapshot> StoredRepository::KnownSnapshot(const ObjectId& id) {
  std::lock_guard lock(snapshots_mutex_);
  const auto known = snapshots_.find(id);
  return known == snapshots_.end() ? std::nullopt : std::optional(known->second);
}

Result<Snapshot> StoredRepository::ReadSnapshot(const Context& context, const ObjectId& id) {
  if (auto known = KnownSnapshot(id)) return *std::move(known);
  AERIE_ASSIGN(const Bytes object, store_->Get(context, SnapshotKey(id)));
  return OpenSnapshot(id, object);
}

// From `object` when that is sound, else from the store, and then `object` is what is there. One
// that this process has read already may leave `object` empty.
Result<Snapshot> StoredRepository::ReadListedSnapshot(const Context& context, const ObjectId& id,
                                                      Bytes& object) {
  if (auto known = KnownSnapshot(id)) return *std::move(known);
  if (!object.empty()) {
    if (auto kept = OpenSnapshot(id, object); kept.ok()) return kept;
  }
  AERIE_ASSIGN(object, store_->Get(context, SnapshotKey(id)));
  return OpenSnapshot(id, object);
}

// One that is damaged here is no error: it is read from the store when it is listed there.
Status StoredRepository::OpenKept(const Context& context, const SnapshotCache::Objects& kept) {
  for (const auto& [id, object] : kept) {
    AERIE_TRY(context.Check("list snapshots"));
    if (!KnownSnapshot(id)) (void)OpenSnapshot(id, object);
  }
  return Ok();
}

Result<Snapshot> StoredRepository::OpenSnapshot(const ObjectId& id, ByteSpan object) {
  const objects::ObjectKey key = SnapshotKey(id);
  AERIE_ASSIGN(const Bytes body, UnsealMeta(keys_, MetaType::kSnapshot, key, object));
  Result<Snapshot> snapshot = DecodeSnapshot(body);
  if (!snapshot.ok()) return Annotate(snapshot.status(), "read " + key.text);
  if (snapshot->id.hex != id.ToHex()) {
    return CorruptError("read " + key.text +
                        ": it is another snapshot than its name says; copy "
                        "this object back from another copy of the repository");
  }
  std::lock_guard lock(snapshots_mutex_);
  snapshots_.emplace(id, *snapshot);
  return snapshot;
}

Result<std::vector<Snapshot>> StoredRepository::ListSnapshots(const Context& context,
                                                              std::vector<Finding>* damaged) {
  auto listed = ReadSnapshots(context, damaged);
  if (KindOf(listed.status()) != Kind::kNotFound) return listed;
  // Deleted between the listing and the reading; one that is listed still and not there is an
  // error.
  if (damaged != nullptr) damaged->clear();
  return ReadSnapshots(context, damaged);
}

Result<std::vector<Snapshot>> StoredRepository::ReadSnapshots(const Context& context,
                                                              std::vector<Finding>* damaged) {
  const SnapshotCache::Objects kept = cache_.Load();
  // The store answers a long listing page by page; meanwhile those that are here are opened.
  TaskGroup opening(context);
  opening.Spawn("open kept snapshots", [&](const Context& child) { return OpenKept(child, kept); });
  AERIE_ASSIGN(const std::vector<ObjectId> ids, SnapshotIds(context));
  AERIE_TRY(opening.Join());
  std::mutex mutex;
  std::vector<Snapshot> snapshots;
  SnapshotCache::Objects objects;
  const auto read = [&](const Context& child, std::size_t i) -> Status {
    const auto before = kept.find(ids[i]);
    Bytes object = before == kept.end() ? Bytes() : before->second;
    Result<Snapshot> snapshot = ReadListedSnapshot(child, ids[i], object);
    const Kind kind = KindOf(snapshot.status());
    std::lock_guard lock(mutex);
    if (snapshot.ok()) {
      snapshots.push_back(*std::move(snapshot));
      if (!object.empty()) objects.emplace(ids[i], std::move(object));
    } else if (damaged != nullptr && (kind == Kind::kCorrupt || kind == Kind::kUnsupported)) {
      damaged->push_back({.object = SnapshotKey(ids[i]).text,
                          .where = "snapshot " + ids[i].ToHex().substr(0, 8),
                          .message = std::string(snapshot.status().message())});
    } else {
      return snapshot.status();
    }
    return Ok();
  };
  AERIE_TRY(ParallelFor(context, ids.size(), kSnapshotReaders, read));
  if (objects != kept) cache_.Save(objects);
  std::ranges::sort(snapshots, [](const Snapshot& a, const Snapshot& b) {
    return std::tie(b.created_ms, b.id) < std::tie(a.created_ms, a.id);
  });
  return snapshots;
}

Result<Snapshot> StoredRepository::FindLatest(const Context& context,
                                              const std::function<bool(const Snapshot&)>& accept) {
  AERIE_ASSIGN(const std::vector<Snapshot> snapshots, ListSnapshots(context, nullptr));
  for (const Snapshot& snapshot : snapshots) {
    if (snapshot.complete && (!accept || accept(snapshot))) return snapshot;
  }
  return NotFoundError("find snapshot latest in " + Describe() + ": there is " +
                       (snapshots.empty() ? "no snapshot yet"
                                          : "none that is complete and fits what was asked for") +
                       "; aerie backup list shows what there is");
}

Result<Snapshot> StoredRepository::FindSnapshot(
    const Context& context, const std::string& name,
    const std::function<bool(const Snapshot&)>& accept) {
  if (name == "latest") return FindLatest(context, accept);
  if (name.size() < kMinPrefix || name.size() > 32 ||
      name.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return InvalidError("find snapshot " + name +
                        ": give latest, or 4 to 32 hexadecimal digits of its id; aerie backup list "
                        "shows the ids");
  }
  AERIE_ASSIGN(std::vector<ObjectId> ids, SnapshotIds(context));
  std::erase_if(ids, [&](const ObjectId& id) { return !id.ToHex().starts_with(name); });
  if (ids.empty()) {
    return NotFoundError("find snapshot " + name + " in " + Describe() +
                         ": there is none; aerie backup list shows what there is");
  }
  if (ids.size() > 1) {
    return InvalidError("find snapshot " + name + ": " + std::to_string(ids.size()) +
                        " snapshots begin with it, such as " + ids[0].ToHex() + " and " +
                        ids[1].ToHex() + "; give more digits");
  }
  return ReadSnapshot(context, ids.front());
}

Result<CollectionManifest> StoredRepository::LoadManifest(const Context& context,
                                                          const SnapshotCollection& collection) {
  AERIE_ASSIGN(const Bytes plain,
               reader_.Load(context, {BlobKind::kManifest, collection.manifest}));
  auto manifest = DecodeManifest(plain);
  if (!manifest.ok()) return Annotate(manifest.status(), "read " + collection.name.ToString());
  return manifest;
}

Result<std::unique_ptr<StoredCollection>> StoredRepository::OpenCollection(
    const Context& context, const SnapshotCollection& collection) {
  AERIE_ASSIGN(std::shared_ptr<Lease> lease, LockForReading(context));
  AERIE_ASSIGN(CollectionManifest manifest, LoadManifest(context, collection));
  return std::make_unique<LockedCollection>(OpenCollectionSource(reader_, std::move(manifest)),
                                            std::move(lease));
}

Result<std::vector<rows::Key>> StoredRepository::LeafBoundaries(const Context& context,
                                                                const PartitionRoot& root,
                                                                std::uint64_t apart) {
  return repo::LeafBoundaries(context, reader_, root, apart);
}

// Null where the store may not be written: reading goes on without a lock.
Result<std::shared_ptr<Lease>> StoredRepository::LockForReading(const Context& context) {
  std::lock_guard lock(reading_mutex_);
  if (auto held = reading_.lock(); held && held->Check("read").ok()) return held;
  auto acquired = AcquireForReading(context, locks_, "read");
  AERIE_TRY(AtRepository(*store_, "read", acquired.status()));
  std::shared_ptr<Lease> lease = *std::move(acquired);
  reading_ = lease;
  return lease;
}

// ---- checking ----

Result<std::vector<Finding>> StoredRepository::Check(const Context& context,
                                                     const CheckOptions& options) {
  AERIE_ASSIGN(const std::shared_ptr<Lease> lease, LockForReading(context));
  AERIE_TRY(catalog_.Reconcile(context).status());
  AERIE_ASSIGN(ObjectCheck objects, CheckObjects(context, *store_, keys_));
  std::vector<Finding> findings = std::move(objects.findings);
  std::vector<Snapshot> snapshots;
  for (Snapshot& snapshot : objects.snapshots) {
    if (options.only.empty() || std::ranges::count(options.only, snapshot.id) != 0) {
      snapshots.push_back(std::move(snapshot));
    }
  }

  VerifiedBlobs verified;
  PackReader reader(
      *store_, keys_,
      [this](const Context& child, const BlobName& name) { return catalog_.Locate(child, name); },
      [&](const BlobLocation& location) { verified.Add(location); });
  CheckTreesOptions trees;
  trees.read_data = options.read_data;
  trees.fault = [this](const NeededBlob& blob) { return BlobFault(index(), blob); };
  trees.progress = options.progress;
  AERIE_ASSIGN(auto tree_findings, CheckTrees(context, reader, snapshots, trees));
  std::ranges::move(tree_findings, std::back_inserter(findings));
  if (options.read_data && options.only.empty()) {
    AERIE_ASSIGN(auto others, CheckOtherBlobs(context, *store_, keys_, objects.packs, verified));
    std::ranges::move(others, std::back_inserter(findings));
  }
  return findings;
}

Result<RepositoryStats> StoredRepository::Stats(const Context& context) {
  AERIE_TRY(catalog_.Reconcile(context).status());
  RepositoryStats stats;
  const auto count = [&](const char* prefix, const auto& make, auto&& visit) {
    return store_->List(context, prefix, [&](const objects::ObjectInfo& info) {
      if (IdOfKey(info.key, make)) visit(info);
      return Ok();
    });
  };
  AERIE_TRY(count(kSnapshotsPrefix, SnapshotKey, [&](const auto&) { ++stats.snapshots; }));
  AERIE_TRY(count(kIndexPrefix, IndexKey, [&](const auto&) { ++stats.indexes; }));
  AERIE_TRY(count(kPacksPrefix, PackKey, [&](const objects::ObjectInfo& info) {
    ++stats.packs;
    stats.pack_bytes += info.size;
  }));
  const BlobIndex::Totals totals = index().totals();
  stats.blobs = totals.blobs;
  stats.blob_plain_bytes = totals.plain_bytes;
  stats.unindexed_packs = totals.unindexed_packs;
  stats.damaged_packs = catalog_.damaged_packs();
  return stats;
}

// ---- writing ----

LeafPoolOptions StoredRepository::PoolOptions() {
  LeafPoolOptions options;
  options.known = [this](const BlobRef& ref) { return index().Has(ref.name); };
  if (config_.patches) options.before = &reader_;
  return options;
}

Result<std::unique_ptr<SnapshotWriter>> StoredRepository::BeginSnapshot(
    const Context& context, Snapshot info, const SnapshotOptions& options) {
  if (options.immutable_for > Duration::zero()) {
    AERIE_TRY(Annotate(store_->CheckRetention(context), "make an immutable snapshot"));
  }
  auto lease = locks_.Acquire(context, LockMode::kShared, "backup");
  AERIE_TRY(AtRepository(*store_, "write", lease.status()));
  if (options.immutable_for > Duration::zero()) {
    // As the commit will: who may not is told now, and not after everything was read.
    AERIE_TRY(AtRepository(*store_, "make an immutable snapshot in",
                           RetainObject(context, *store_, ConfigKey(),
                                        ImmutableUntil(context, options.immutable_for))));
  }
  auto dooms = catalog_.Reconcile(context);
  AERIE_TRY(AtRepository(*store_, "read", dooms.status()));
  info.id.hex = RandomId().ToHex();
  info.immutable_until_ms.reset();  // that of the original, when it is a copy
  if (info.created_ms == 0) info.created_ms = ToUnixMillis(context.clock().Now());
  return std::make_unique<StoredSnapshotWriter>(context, *this, *std::move(lease),
                                                *std::move(dooms), std::move(info), options);
}

Result<std::unique_ptr<SnapshotWriter::PartitionWriter>> StoredSnapshotWriter::OpenPartition(
    const Context&, const rows::CollectionSpec& spec, const std::string& partition,
    const std::optional<PartitionRoot>& before) {
  return OpenPartitionWriter(pool_, spec, partition, before);
}

Status StoredSnapshotWriter::AddCollection(const Context& context, CollectionManifest manifest,
                                           rows::ReadReport report) {
  AERIE_ASSIGN(const Bytes plain, EncodeManifest(manifest));
  AERIE_ASSIGN(const AddResult added, sink_.Add(context, BlobKind::kManifest, plain, {}));
  SnapshotCollection collection;
  collection.name = manifest.spec.name;
  collection.manifest = added.name;
  collection.report = std::move(report);
  for (const PartitionRoot& partition : manifest.partitions) {
    collection.bytes += partition.bytes;
    collection.digest.Add(partition.digest);
  }
  std::lock_guard lock(mutex_);
  for (const SnapshotCollection& other : snapshot_.collections) {
    if (other.name == collection.name) {
      return InvalidError("add " + collection.name.ToString() + " to snapshot " +
                          snapshot_.id.Short() + ": it is there already; name it once");
    }
  }
  snapshot_.collections.push_back(std::move(collection));
  return Ok();
}

SnapshotStats StoredSnapshotWriter::stats() const {
  SnapshotStats stats = sink_.stats();
  std::lock_guard lock(mutex_);
  stats.stored_bytes += index_bytes_;
  return stats;
}

Result<Snapshot> StoredSnapshotWriter::Commit(const Context& context, bool complete) {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(committed_, true)) {
      return InternalError("commit snapshot " + snapshot_.id.Short() + ": called twice");
    }
  }
  const std::string operation = "commit snapshot " + snapshot_.id.Short();
  AERIE_TRY(Annotate(sink_.Flush(context), operation));
  AERIE_TRY(lease_->Check(operation));
  AERIE_TRY(Annotate(WriteIndex(context), operation));
  std::ranges::sort(snapshot_.collections, {}, &SnapshotCollection::name);
  snapshot_.complete = complete;
  const std::uint64_t plain_bytes = snapshot_.stats.plain_bytes;
  snapshot_.stats = stats();
  if (snapshot_.origin) {
    snapshot_.stats.plain_bytes = plain_bytes;
  } else {
    snapshot_.finished_ms = ToUnixMillis(context.clock().Now());
  }
  AERIE_TRY(Annotate(RetainWhatItNeeds(context), operation));
  AERIE_TRY(Annotate(CheckNothingWasDoomed(context), operation));
  AERIE_TRY(lease_->Confirm(context, operation));
  AERIE_TRY(Annotate(WriteSnapshot(lease_->Limit(context)), operation));
  AERIE_TRY(RetainSnapshot(context));
  return snapshot_;
}

Status StoredSnapshotWriter::RetainWhatItNeeds(const Context& context) {
  if (options_.immutable_for <= Duration::zero()) return Ok();
  snapshot_.immutable_until_ms = ImmutableUntil(context, options_.immutable_for);
  return RetainNeeds(context, repository_.core(), snapshot_, *snapshot_.immutable_until_ms);
}

// It is committed already: this is seen to its end, even when the context was cancelled.
Status StoredSnapshotWriter::RetainSnapshot(const Context& context) {
  if (!snapshot_.immutable_until_ms) return Ok();
  const Context own = Context(context.clock()).WithTimeout(kRetainLimit);
  const Status retained =
      RetainObject(own, repository_.store(), SnapshotKey(*ObjectId::Parse(snapshot_.id.hex)),
                   *snapshot_.immutable_until_ms);
  if (retained.ok()) return retained;
  return WithMessage(retained, "snapshot " + snapshot_.id.Short() +
                                   " is stored and whole, but not known to be immutable: " +
                                   std::string(retained.message()) + "; run the command again");
}

// The lock keeps prunes away; this catches the one that came in spite of it.
Status StoredSnapshotWriter::CheckNothingWasDoomed(const Context& context) {
  return repository_.store().List(context, kPrunePrefix, [&](const objects::ObjectInfo& info) {
    const auto id = IdOfKey(info.key, PruneKey);
    if (!id || dooms_.contains(*id)) return Ok();
    return MakeStatus(Kind::kLocked,
                      info.key.text +
                          " came while this backup ran: a prune did not wait for it; run the "
                          "command again, what arrived is not stored again");
  });
}

// Names every pack that no index names: this writer's, the adopted, and those of a writer beside
// it, on whose blobs this snapshot may rest.
Status StoredSnapshotWriter::WriteIndex(const Context& context) {
  const std::vector<PackRecord> packs = repository_.index().Unindexed();
  if (packs.empty()) return Ok();
  AERIE_ASSIGN(const WrittenIndex index,
               repo::WriteIndex(context, repository_.store(), repository_.keys(), packs));
  repository_.index().MarkIndexed(packs);
  std::lock_guard lock(mutex_);
  index_bytes_ += index.bytes;
  return Ok();
}

Status StoredSnapshotWriter::WriteSnapshot(const Context& context) {
  const auto id = ObjectId::Parse(snapshot_.id.hex);
  if (!id) return InternalError("the snapshot has no id");
  const objects::ObjectKey key = SnapshotKey(*id);
  AERIE_ASSIGN(const Bytes object,
               SealMeta(repository_.keys(), MetaType::kSnapshot, key, EncodeSnapshot(snapshot_)));
  return StoreNew(context, repository_.store(), key, object);
}

// ---- creating and opening ----

// Packs or snapshots without a config are what is left of a repository, not a free place.
Status CheckFree(const Context& context, objects::ObjectStore& store) {
  AERIE_ASSIGN(const bool exists, RepositoryExists(context, store));
  if (exists) {
    return MakeStatus(Kind::kExists, "create repository " + store.Describe() +
                                         ": there is one already; choose another place");
  }
  for (const char* prefix : {kSnapshotsPrefix, kPacksPrefix}) {
    AERIE_TRY(store.List(context, prefix, [&](const objects::ObjectInfo& info) {
      return RefusedError("create repository " + store.Describe() + ": " + info.key.text +
                          " is there, but no config: this is a damaged repository; copy its config "
                          "back, or choose another place");
    }));
  }
  return Ok();
}

Result<std::unique_ptr<Repository>> Create(const Context& context,
                                           std::shared_ptr<objects::ObjectStore> store,
                                           const CreateOptions& options) {
  const Suite suite = options.encrypted ? Suite::kAes256Gcm : Suite::kNone;
  const std::int64_t now = ToUnixMillis(context.clock().Now());
  SecretKey master;
  FillRandom({master.data(), SecretKey::size()});
  const Config config = {.id = RandomId(),
                         .suite = suite,
                         .patches = options.patches,
                         .tree_names = options.tree_names,
                         .created_ms = now};
  KeyRing keys = DeriveKeys(master, suite, config.id);
  keys.names.trees = config.tree_names;
  const ObjectId key_id = RandomId();
  AERIE_ASSIGN(const KeyFile file,
               WrapMasterKey(master, key_id, options.encrypted ? Kdf::kArgon2id : Kdf::kNone,
                             options.passphrase, {options.kdf_passes, options.kdf_memory}, now));
  AERIE_TRY(StoreNew(context, *store, KeyFileKey(key_id), EncodeKeyFile(file)));
  Bytes config_bytes = EncodeConfig(config, keys.config);
  AERIE_TRY(StoreNew(context, *store, ConfigKey(), config_bytes));
  return std::make_unique<StoredRepository>(std::move(store), config, std::move(config_bytes), keys,
                                            context.clock());
}

}  // namespace

Result<std::unique_ptr<Repository>> CreateRepository(const Context& context,
                                                     std::shared_ptr<objects::ObjectStore> store,
                                                     const CreateOptions& options) {
  if (options.encrypted && options.passphrase.empty()) {
    return MakeStatus(Kind::kWrongKey,
                      "create repository " + store->Describe() +
                          ": no passphrase was given; set AERIE_PASSWORD, use --password-file, or "
                          "choose --unencrypted");
  }
  AERIE_TRY(CheckFree(context, *store));
  auto repository = Create(context, store, options);
  if (!repository.ok()) return AtRepository(*store, "create", repository.status());
  return repository;
}

Result<std::unique_ptr<Repository>> OpenRepository(const Context& context,
                                                   std::shared_ptr<objects::ObjectStore> store,
                                                   const Secret& passphrase,
                                                   const OpenOptions& options) {
  auto bytes = store->Get(context, ConfigKey());
  if (KindOf(bytes.status()) == Kind::kNotFound) {
    return NotFoundError("open repository " + store->Describe() +
                         ": there is none; check the place, or create it with aerie repo init");
  }
  if (!bytes.ok()) return AtRepository(*store, "open", bytes.status());
  const auto config = ParseConfig(*bytes);
  if (!config.ok()) return AtRepository(*store, "open", config.status());
  const auto unlocked = UnlockMasterKey(context, *store, *config, *bytes, passphrase);
  if (!unlocked.ok()) return AtRepository(*store, "open", unlocked.status());
  return std::make_unique<StoredRepository>(std::move(store), *config, *std::move(bytes),
                                            unlocked->keys, context.clock(), options);
}

Result<bool> RepositoryExists(const Context& context, objects::ObjectStore& store) {
  const auto info = store.Stat(context, ConfigKey());
  if (info.ok()) return true;
  if (KindOf(info.status()) == Kind::kNotFound) return false;
  return AtRepository(store, "look for", info.status());
}

Result<bool> HoldsSnapshots(const Context& context, objects::ObjectStore& store) {
  bool found = false;
  const Status listed = store.List(context, kSnapshotsPrefix, [&](const auto& info) -> Status {
    found = IdOfKey(info.key, SnapshotKey).has_value();
    return found ? FailedError("the first is enough") : Ok();
  });
  if (found) return true;
  if (!listed.ok()) return AtRepository(store, "look for snapshots in", listed);
  return false;
}

}  // namespace aerie::repo
