// CheckTrees of tree_api.h.
//
// One thread walks the trees and hands each leaf not seen before to the workers; an entry is known
// by a hash of its bytes, so what snapshots share is looked at once. Damage is noted by entry, and
// a second walk, only where there is damage and only down to the damaged key ranges, names every
// place that needs it.
#define XXH_INLINE_ALL
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include <xxhash.h>

#include "base/queue.h"
#include "base/task_group.h"
#include "repo/damage.h"
#include "repo/leaf_access.h"
#include "repo/tree_api.h"
#include "repo/tree_cursor.h"

namespace aerie::repo {
namespace {

constexpr char kHere[] = "stored rows";  // findings say where; messages need not again
constexpr std::size_t kQueuedLeaves = 64;
constexpr std::size_t kQueuedBytes = std::size_t{16} << 20;

struct Place {
  std::string where;  // snapshot and collection
  RowPlace rows;      // the same
  std::shared_ptr<const CollectionManifest> manifest;
};

struct EntryId {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  auto operator<=>(const EntryId&) const = default;
};

EntryId Hash(ByteSpan bytes, std::uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

// What a leaf's rows mean depends on the columns; so do the ids of everything above it.
std::uint64_t ColumnsSeed(const std::vector<rows::FieldSchema>& columns) {
  Bytes bytes;
  ByteWriter writer(bytes);
  for (const rows::FieldSchema& column : columns) {
    writer.Sized(column.name);
    writer.Fixed(column.type);
    writer.Fixed(column.element_type);
    writer.Varint(rows::CellWidth(column));
    writer.Fixed(static_cast<std::uint8_t>(column.primary_key));
  }
  return Hash(bytes, 0).low;
}

EntryId RootId(const PartitionRoot& root, std::uint64_t seed) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.Raw(root.root->bytes);
  writer.Fixed(root.digest.sum.low);
  writer.Fixed(root.digest.sum.high);
  writer.Varint(root.digest.rows);
  writer.Varint(root.bytes);
  writer.Varint(root.height);
  return Hash(bytes, seed);
}

EntryId CurrentId(const TreeCursor& cursor, std::uint64_t seed) {
  Bytes bytes;
  ByteWriter(bytes).Fixed(static_cast<std::int32_t>(cursor.level()));
  if (cursor.IsPage())
    AppendEntry(cursor.page(), bytes);
  else
    AppendEntry(cursor.leaf(), bytes);
  return Hash(bytes, seed);
}

// What the row digests of so many rows are, encoded.
std::uint64_t DigestBlobBytes(std::uint64_t rows) {
  Bytes count;
  ByteWriter(count).Varint(rows);
  return count.size() + rows * sizeof(rows::Digest128);
}

// Damage is a finding. A newer format in one leaf is one too; anything else ends the check.
bool IsFinding(const Status& status) {
  const Kind kind = KindOf(status);
  return kind == Kind::kCorrupt || kind == Kind::kNotFound || kind == Kind::kUnsupported;
}

class TreeCheck {
 public:
  TreeCheck(BlobSource& source, const CheckTreesOptions& options)
      : source_(source), options_(options), leaves_(kQueuedLeaves, kQueuedBytes) {}

  Result<std::vector<Finding>> Run(const Context& context, const std::vector<Snapshot>& snapshots) {
    for (const Snapshot& snapshot : snapshots) {
      for (const SnapshotCollection& collection : snapshot.collections) {
        AERIE_TRY(LoadManifest(context, snapshot, collection));
      }
    }
    AERIE_TRY(WalkAll(context));
    if (!damaged_.empty()) {
      for (const Place& place : places_) AERIE_TRY(ReportPlace(context, place));
    }
    return std::move(findings_);
  }

 private:
  struct LeafJob {
    LeafEntry entry;
    EntryId id;
    std::shared_ptr<const CollectionManifest> manifest;
  };
  struct Damage {
    rows::Key first;
    rows::Key last;
    std::string message;
  };

  // ---- manifests ----

  Status LoadManifest(const Context& context, const Snapshot& snapshot,
                      const SnapshotCollection& collection) {
    const std::string where =
        "snapshot " + snapshot.id.Short() + ", collection " + collection.name.ToString();
    const RowPlace rows{.snapshot = snapshot.id,
                        .collection = collection.name,
                        .partition = {},
                        .keys = {},
                        .rows = collection.digest.rows};
    const auto known = manifests_.find(collection.manifest);
    std::shared_ptr<const CollectionManifest> manifest;
    if (known != manifests_.end()) {
      manifest = known->second;
    } else {
      auto loaded = ReadManifest(context, collection.manifest);
      if (!loaded.ok() && !IsFinding(loaded.status())) return Annotate(loaded.status(), where);
      if (!loaded.ok()) {
        AddFinding(where, std::string(loaded.status().message()), rows);
        return Ok();
      }
      manifest = std::make_shared<const CollectionManifest>(*std::move(loaded));
      manifests_.emplace(collection.manifest, manifest);
      CountTotal(*manifest);
    }
    if (!Matches(collection, *manifest)) {
      AddFinding(where, "the manifest is not the one that the snapshot describes", rows);
    }
    places_.push_back({where, rows, std::move(manifest)});
    return Ok();
  }

  Result<CollectionManifest> ReadManifest(const Context& context, const BlobName& name) {
    AERIE_ASSIGN(const Bytes plain, source_.Load(context, BlobRef{BlobKind::kManifest, name}));
    return DecodeManifest(plain);
  }

  static bool Matches(const SnapshotCollection& collection, const CollectionManifest& manifest) {
    rows::RangeDigest digest;
    std::uint64_t bytes = 0;
    for (const PartitionRoot& root : manifest.partitions) {
      digest.Add(root.digest);
      bytes += root.bytes;
    }
    return collection.name == manifest.spec.name && collection.digest == digest &&
           collection.bytes == bytes;
  }

  void CountTotal(const CollectionManifest& manifest) {
    const std::uint64_t seed = ColumnsSeed(manifest.columns);
    for (const PartitionRoot& root : manifest.partitions) {
      if (root.root && counted_.insert(RootId(root, seed)).second) total_ += root.bytes;
    }
  }

  // ---- first walk ----

  Status WalkAll(const Context& context) {
    TaskGroup group(context);
    for (std::size_t i = 0; i < std::max<std::size_t>(options_.workers, 1); ++i) {
      group.Spawn("check leaves", [this](const Context& task) { return CheckLeaves(task); });
    }
    Status walked = Ok();
    for (const auto& [name, manifest] : manifests_) {
      for (const PartitionRoot& root : manifest->partitions) {
        if (walked.ok() && root.root) walked = WalkTree(group.context(), manifest, root);
      }
    }
    leaves_.Close();
    if (!walked.ok()) group.Cancel();
    // A worker's error cancels the walk; then it is the one that tells why.
    const Status checked = group.Join();
    const bool cancelled = KindOf(walked) == Kind::kCancelled && !checked.ok();
    AERIE_TRY(cancelled ? checked : walked);
    return checked;
  }

  Status WalkTree(const Context& context, const std::shared_ptr<const CollectionManifest>& manifest,
                  const PartitionRoot& root) {
    const std::uint64_t seed = ColumnsSeed(manifest->columns);
    const EntryId root_id = RootId(root, seed);
    if (!seen_.insert(root_id).second) return Ok();
    TreeCursor cursor(source_, root, kHere);
    if (const Status started = cursor.Start(context); !started.ok()) {
      return NoteDamage(started, root_id, nullptr, root.bytes);
    }
    while (!cursor.AtEnd()) {
      AERIE_TRY(context.Check("check snapshots"));
      const EntryId id = CurrentId(cursor, seed);
      const RowRange range = cursor.range();
      if (!seen_.insert(id).second) {
        cursor.Skip();
        Advance(range.bytes);
      } else if (cursor.IsPage()) {
        const Status status = cursor.Descend(context);
        if (status.ok()) continue;
        AERIE_TRY(NoteDamage(status, id, &range, range.bytes));
        cursor.Skip();
      } else {
        LeafJob job{cursor.leaf(), id, manifest};
        cursor.Skip();
        AERIE_TRY(leaves_.Push(context, std::move(job), 1));
      }
    }
    return Ok();
  }

  Status CheckLeaves(const Context& context) {
    for (;;) {
      AERIE_ASSIGN(std::optional<LeafJob> job, leaves_.Pop(context));
      if (!job) return Ok();
      const RowRange& range = job->entry.range;
      const Status status = CheckLeaf(context, *job);
      if (status.ok())
        Advance(range.bytes);
      else
        AERIE_TRY(NoteDamage(status, job->id, &range, range.bytes));
    }
  }

  Status CheckLeaf(const Context& context, const LeafJob& job) {
    LeafLoader loader(source_, job.manifest->columns, "", kHere);
    AERIE_TRY(loader.Check(job.entry));
    if (options_.read_data) return loader.Load(context, job.entry).status();
    const std::vector<rows::FieldSchema>& columns = job.manifest->columns;
    const std::vector<BlobRef> blobs = LeafBlobs(job.entry, columns);
    for (std::size_t i = 0; options_.fault && i < blobs.size(); ++i) {
      NeededBlob needed{blobs[i], {}};
      const bool whole = job.entry.patches.empty();
      if (whole && blobs[i].kind == BlobKind::kRowDigests) {
        needed.plain_bytes = DigestBlobBytes(job.entry.range.digest.rows);
      }
      const std::string fault = options_.fault(needed);
      if (fault.empty()) continue;
      return Damaged(kHere, LeafBlobText(job.entry, columns, i) + ": blob " +
                                blobs[i].name.ToHex() + " " + fault);
    }
    return Ok();
  }

  // Notes a finding and goes on; gives any other error back. No range: the whole tree.
  Status NoteDamage(const Status& status, const EntryId& id, const RowRange* range,
                    std::uint64_t bytes) {
    if (!IsFinding(status)) return status;
    {
      std::lock_guard lock(mutex_);
      Damage& damage = damaged_[id];
      damage.message = std::string(status.message());
      if (range != nullptr) {
        damage.first = range->first;
        damage.last = range->last;
      }
    }
    Advance(bytes);
    return Ok();
  }

  void Advance(std::uint64_t bytes) {
    std::lock_guard lock(progress_mutex_);
    done_ += bytes;
    if (options_.progress) options_.progress(done_, total_);
  }

  // ---- second walk ----

  Status ReportPlace(const Context& context, const Place& place) {
    const std::uint64_t seed = ColumnsSeed(place.manifest->columns);
    for (const PartitionRoot& root : place.manifest->partitions) {
      const std::string where = place.where + ", partition \"" + root.name + "\"";
      if (!root.root) continue;
      RowPlace rows = place.rows;
      rows.partition = root.name;
      rows.rows = root.digest.rows;
      const auto damaged = damaged_.find(RootId(root, seed));
      if (damaged != damaged_.end()) {
        AddFinding(where + ", all keys", damaged->second.message, rows);
        continue;
      }
      TreeCursor cursor(source_, root, kHere);
      const Status started = cursor.Start(context);
      AERIE_TRY(started.ok() ? ReportTree(context, cursor, seed, where, rows)
                             : Report(started, where + ", all keys", rows));
    }
    return Ok();
  }

  Status ReportTree(const Context& context, TreeCursor& cursor, std::uint64_t seed,
                    const std::string& where, RowPlace rows) {
    while (!cursor.AtEnd()) {
      const RowRange range = cursor.range();
      if (!Touched(range)) {
        cursor.Skip();
        continue;
      }
      const std::string keys = where + ", keys " + RangeText(range.first, range.last);
      rows.keys = {range.first, range.last};
      rows.rows = range.digest.rows;
      const auto damaged = damaged_.find(CurrentId(cursor, seed));
      if (damaged != damaged_.end()) {
        AddFinding(keys, damaged->second.message, rows);
        cursor.Skip();
      } else if (!cursor.IsPage()) {
        cursor.Skip();
      } else if (const Status status = cursor.Descend(context); !status.ok()) {
        AERIE_TRY(Report(status, keys, rows));
        cursor.Skip();
      }
    }
    return Ok();
  }

  // Damage that came after the first walk.
  Status Report(const Status& status, const std::string& where, const RowPlace& rows) {
    if (!IsFinding(status)) return status;
    AddFinding(where, std::string(status.message()), rows);
    return Ok();
  }

  void AddFinding(const std::string& where, std::string message, const RowPlace& rows) {
    findings_.push_back({.object = "",
                         .where = where,
                         .message = std::move(message),
                         .remedy = kRowsRemedy,
                         .place = rows});
  }

  bool Touched(const RowRange& range) const {
    return std::any_of(damaged_.begin(), damaged_.end(), [&](const auto& item) {
      return item.second.first <= range.last && item.second.last >= range.first;
    });
  }

  BlobSource& source_;
  const CheckTreesOptions& options_;

  // Of the walking thread.
  std::map<BlobName, std::shared_ptr<const CollectionManifest>> manifests_;
  std::vector<Place> places_;
  std::set<EntryId> seen_;
  std::set<EntryId> counted_;
  std::vector<Finding> findings_;

  BoundedQueue<LeafJob> leaves_;
  std::mutex mutex_;
  std::map<EntryId, Damage> damaged_;  // while workers run, under mutex_

  std::mutex progress_mutex_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace

Result<std::vector<Finding>> CheckTrees(const Context& context, BlobSource& source,
                                        const std::vector<Snapshot>& snapshots,
                                        const CheckTreesOptions& options) {
  return TreeCheck(source, options).Run(context, snapshots);
}

}  // namespace aerie::repo
