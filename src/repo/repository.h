// SEAM. A repository: one prefix of an object store that keeps snapshots.
//
// Open one per process and store; thread-safe. docs/format.md is the specification; the invariants
// are in /README.md of this room. Deleting is in snapshot_delete.h and prune.h, pins are in pins.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "objects/object_store.h"
#include "repo/blob.h"
#include "repo/kdf_cost.h"
#include "rows/digest.h"
#include "rows/schema.h"
#include "rows/stream.h"

namespace aerie::repo {

struct SnapshotId {
  std::string hex;  // 32 digits
  std::string Short() const { return hex.substr(0, 8); }
  auto operator<=>(const SnapshotId&) const = default;
};

// One collection of a snapshot, as the snapshot object has it: enough to list and choose.
struct SnapshotCollection {
  rows::CollectionName name;
  std::uint64_t bytes = 0;   // plain bytes of all cells
  rows::RangeDigest digest;  // over all partitions
  BlobName manifest;
  rows::ReadReport report;
};

struct SnapshotStats {
  std::uint64_t plain_bytes = 0;
  std::uint64_t stored_bytes = 0;  // new in the store because of this snapshot
  std::uint64_t blobs_new = 0;
  std::uint64_t blobs_known = 0;
};

// The snapshot that one was copied from: in the repository where it was made, however often it was
// copied since.
struct SnapshotOrigin {
  std::string repository;  // its id
  SnapshotId snapshot;
  auto operator<=>(const SnapshotOrigin&) const = default;
};

struct Snapshot {
  SnapshotId id;
  std::int64_t created_ms = 0;
  std::int64_t finished_ms = 0;
  std::string program;  // "aerie 0.1.0"
  std::string host;
  std::string cluster;  // redacted URI or configured name
  std::string server_version;
  std::vector<std::string> tags;
  std::optional<SnapshotId> parent;
  std::optional<SnapshotId> repaired_from = {};  // the damaged one whose readable rows these are
  std::optional<SnapshotOrigin> origin = {};     // of a copy, see snapshot_copy.h
  bool complete = true;                          // every collection asked for is in it
  std::vector<SnapshotCollection> collections;
  SnapshotStats stats;
  // The store keeps all of it until then, whoever wants it gone; none: it was not asked to.
  std::optional<std::int64_t> immutable_until_ms = {};
};

struct SnapshotOptions {
  Duration immutable_for = {};  // from the commit on; zero: not immutable
  // New packs are about so large: what is sent or cut off as a whole.
  std::uint64_t pack_bytes = std::uint64_t{16} << 20;
};

// Tree root of one partition.
struct PartitionRoot {
  std::string name;  // "" with a partition key
  rows::RangeDigest digest;
  std::uint64_t bytes = 0;
  std::uint32_t leaf_bits = 0;
  std::uint32_t height = 0;
  std::optional<BlobName> root;  // none: no rows
  // What the column numbers of its leaves mean: the manifest's list. Empty: not known.
  std::vector<rows::FieldSchema> columns = {};
};

struct CollectionManifest {
  rows::CollectionSpec spec;
  std::vector<rows::FieldSchema> columns;
  std::vector<PartitionRoot> partitions;
};

// One collection of a snapshot, open: its rows, and its trees for comparisons that need no rows.
class StoredCollection : public rows::CollectionSource {
 public:
  virtual const CollectionManifest& manifest() const = 0;
  // Where its blobs are; lives as long as this.
  virtual BlobSource& blobs() = 0;
};

struct CreateOptions {
  bool encrypted = true;
  Secret passphrase;  // required when encrypted
  // The feature that lets leaves have patches: less is stored, but programs before it refuse the
  // repository.
  bool patches = true;
  // Large blobs are named by a tree of hashes, in a third of the time; the same is said of it.
  bool tree_names = true;
  // Argon2id cost; tests lower it.
  std::uint32_t kdf_passes = kUsualKdfCost.passes;
  std::uint64_t kdf_memory = kUsualKdfCost.memory;
};

struct RepositoryStats {
  std::uint64_t snapshots = 0, packs = 0, indexes = 0, blobs = 0;
  std::uint64_t pack_bytes = 0;        // stored
  std::uint64_t blob_plain_bytes = 0;  // of distinct blobs
  std::uint64_t unindexed_packs = 0;
  std::uint64_t damaged_packs = 0;  // missing, or not indexed and unreadable
};

// Rows of a snapshot that a finding is about.
struct RowPlace {
  SnapshotId snapshot;
  rows::CollectionName collection;
  std::optional<std::string> partition;                 // none: the whole collection
  std::optional<std::pair<rows::Key, rows::Key>> keys;  // first and last; none: the whole partition
  std::uint64_t rows = 0;                               // in that range, damaged or not
};

// One problem found by a check. `where` names snapshot, collection, partition and key range as far
// as they are known.
struct Finding {
  std::string object;  // key in the store, or empty
  std::string where;
  std::string message;
  std::string remedy = {};
  std::optional<RowPlace> place = {};  // what `where` says, when it is about rows
};

class SnapshotWriter;
struct RepositoryCore;

class Repository {
 public:
  virtual ~Repository() = default;

  virtual std::string id() const = 0;
  virtual bool encrypted() const = 0;
  virtual std::string Describe() const = 0;

  // Newest first. A snapshot object that cannot be read is an error naming it, unless `damaged` is
  // given, which then collects the findings.
  virtual Result<std::vector<Snapshot>> ListSnapshots(const Context& context,
                                                      std::vector<Finding>* damaged = nullptr) = 0;
  // An id, an unambiguous prefix of 4 or more digits, or "latest" (the newest complete snapshot for
  // which `accept` is true). kNotFound, kInvalid (ambiguous).
  virtual Result<Snapshot> FindSnapshot(
      const Context& context, const std::string& name,
      const std::function<bool(const Snapshot&)>& accept = nullptr) = 0;

  virtual Result<CollectionManifest> LoadManifest(const Context& context,
                                                  const SnapshotCollection& collection) = 0;

  // Rows of one collection of a snapshot. Every leaf is compared with its digests as it is read:
  // wrong bytes are kCorrupt naming collection, partition and key range, never delivered. It holds
  // a shared lock while it lives, where the store may be written. kLocked.
  virtual Result<std::unique_ptr<StoredCollection>> OpenCollection(
      const Context& context, const SnapshotCollection& collection) = 0;

  // Last keys of a partition's leaves, ascending: where a reader may cut. Of those, as many as lie
  // about `apart` plain bytes apart (0: all), and always the last.
  virtual Result<std::vector<rows::Key>> LeafBoundaries(const Context& context,
                                                        const PartitionRoot& root,
                                                        std::uint64_t apart) = 0;

  // Starts a snapshot. `info` gives cluster, version, tags, parent, created_ms, and with an origin
  // also finished_ms and plain bytes; the id is made here. The writer holds a shared lock while it
  // lives. kLocked; kUnsupported or kRefused when it is to be immutable and the store cannot make
  // it so.
  virtual Result<std::unique_ptr<SnapshotWriter>> BeginSnapshot(
      const Context& context, Snapshot info, const SnapshotOptions& options = {}) = 0;

  // Structure: config, keys, indexes, pack sizes and directories, snapshots, manifests, tree pages,
  // every blob a tree names is in a pack that is there. With read_data every blob is read and every
  // leaf compared with its digests. Restricted to `only` when given. Calls `progress` with plain
  // bytes done. Holds a shared lock, where the store may be written. kLocked.
  struct CheckOptions {
    bool read_data = false;
    std::vector<SnapshotId> only;
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  };
  virtual Result<std::vector<Finding>> Check(const Context& context,
                                             const CheckOptions& options) = 0;

  virtual Result<RepositoryStats> Stats(const Context& context) = 0;

  // For the other files of this room.
  virtual RepositoryCore core() = 0;
};

// Collects one snapshot. Partition writers of several collections may work at the same time;
// everything becomes visible by Commit, or not at all. Destroying without Commit abandons it: what
// was uploaded stays as garbage that the next run takes over.
class SnapshotWriter {
 public:
  virtual ~SnapshotWriter() = default;
  virtual const SnapshotId& id() const = 0;

  // The row writer of one partition. `before` is the same partition in the parent snapshot, when
  // there is one: it fixes leaf_bits, and leaves that changed in part are stored as patches over
  // its leaves, in repositories with the feature. Write takes batches of any size, keys ascending
  // over all calls. Delete is kUnsupported. After Commit, root() is valid.
  class PartitionWriter : public rows::RowWriter {
   public:
    virtual const PartitionRoot& root() const = 0;
  };
  virtual Result<std::unique_ptr<PartitionWriter>> OpenPartition(
      const Context& context, const rows::CollectionSpec& spec, const std::string& partition,
      const std::optional<PartitionRoot>& before) = 0;

  // After all partitions of a collection are committed. Thread-safe.
  virtual Status AddCollection(const Context& context, CollectionManifest manifest,
                               rows::ReadReport report) = 0;

  virtual SnapshotStats stats() const = 0;

  // For the other files of this room that store trees themselves: where they put blobs that
  // AddCollection will reach.
  virtual BlobSink& sink() = 0;

  // Flushes packs, writes the index, then the snapshot. `complete` false: some collections failed.
  // kLocked when the writer's lock was lost meanwhile: nothing is committed then. What an immutable
  // snapshot needs is retained before it is written; an error of retaining the snapshot itself says
  // that it is stored and not immutable.
  virtual Result<Snapshot> Commit(const Context& context, bool complete) = 0;
};

// kExists when there is one already.
Result<std::unique_ptr<Repository>> CreateRepository(const Context& context,
                                                     std::shared_ptr<objects::ObjectStore> store,
                                                     const CreateOptions& options);
struct OpenOptions {
  // Where snapshots of earlier listings are kept on this machine (snapshot_cache.h); empty:
  // nowhere.
  std::string cache_folder = {};
};
// kNotFound when there is none, kWrongKey, kUnsupported for a newer format, kCorrupt.
Result<std::unique_ptr<Repository>> OpenRepository(const Context& context,
                                                   std::shared_ptr<objects::ObjectStore> store,
                                                   const Secret& passphrase,
                                                   const OpenOptions& options = {});
// Whether a repository's config object is there.
Result<bool> RepositoryExists(const Context& context, objects::ObjectStore& store);
// Whether an object has the name of a snapshot. Needs no key, and less of the store than a listing.
Result<bool> HoldsSnapshots(const Context& context, objects::ObjectStore& store);

}  // namespace aerie::repo
