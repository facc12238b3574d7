#include "repo/snapshot_copy.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/task_group.h"
#include "repo/damage.h"
#include "repo/leaf_access.h"
#include "repo/leaf_copy.h"
#include "repo/mirrored_leaves.h"
#include "repo/patch_ahead.h"
#include "repo/repository_core.h"
#include "repo/tree_builder.h"
#include "repo/tree_cursor.h"

namespace aerie::repo {
namespace {

constexpr std::size_t kCopiers = 4;
// Of leaves that are copied at once: what bounds memory.
constexpr std::size_t kWindowLeaves = 16;
constexpr std::uint64_t kWindowBytes = std::uint64_t{24} << 20;
// Leaves that the target has cost a tree entry each.
constexpr std::size_t kWindowEntries = 4096;

const PartitionRoot* RootOf(const std::optional<CollectionManifest>& manifest,
                            const std::string& partition) {
  if (!manifest) return nullptr;
  const auto found = std::ranges::find(manifest->partitions, partition, &PartitionRoot::name);
  return found == manifest->partitions.end() ? nullptr : &*found;
}

// Whether cells and column numbers mean the same.
bool SameColumns(const std::optional<CollectionManifest>& a, const CollectionManifest& b) {
  return a && std::ranges::equal(a->columns, b.columns, [](const auto& x, const auto& y) {
           return x.name == y.name && x.type == y.type && x.element_type == y.element_type &&
                  x.primary_key == y.primary_key && rows::CellWidth(x) == rows::CellWidth(y);
         });
}

// Damage of what is only compared with costs speed, not the copy.
Result<std::optional<CollectionManifest>> Earlier(const Context& context, Repository& repository,
                                                  const std::optional<SnapshotCollection>& which,
                                                  const CollectionManifest& manifest) {
  if (!which) return std::optional<CollectionManifest>();
  auto earlier = repository.LoadManifest(context, *which);
  const Kind kind = KindOf(earlier.status());
  if (kind == Kind::kCorrupt || kind == Kind::kNotFound || kind == Kind::kUnsupported) {
    return std::optional<CollectionManifest>();
  }
  AERIE_TRY(earlier.status());
  std::optional<CollectionManifest> found = *std::move(earlier);
  return SameColumns(found, manifest) ? found : std::nullopt;
}

// One partition: walks its leaves, copies those that the target does not have a window at a time,
// and builds the tree over both.
class PartitionCopy {
 public:
  PartitionCopy(const RepositoryCore& from, const RepositoryCore& to, BlobSink& sink,
                const CollectionManifest& manifest, const PartitionRoot& root)
      : to_(to),
        sink_(sink),
        columns_(manifest.columns),
        root_(root),
        where_(PartitionText(manifest.spec.name, root.name)),
        patches_(from.blobs),
        cursor_(from.blobs, root, where_),
        builder_(sink,
                 KeyTypeOf(*std::ranges::find_if(columns_, &rows::FieldSchema::primary_key))) {}

  void CompareWith(const MirroredLeaves::Side& there,
                   const std::optional<MirroredLeaves::Side>& here) {
    mirrored_.emplace(there, here, where_);
  }

  // Calls `done` with each leaf that is in the target now.
  Result<PartitionRoot> Run(const Context& context,
                            const std::function<void(const LeafEntry&, bool known)>& done) {
    AERIE_TRY(cursor_.Start(context));
    for (;;) {
      AERIE_ASSIGN(const std::optional<LeafEntry> leaf, cursor_.NextLeaf(context));
      if (!leaf) break;
      AERIE_TRY(Take(context, *leaf));
      if (to_copy_ >= kWindowLeaves || to_copy_bytes_ >= kWindowBytes ||
          window_.size() >= kWindowEntries) {
        AERIE_TRY(Flush(context, done));
      }
    }
    AERIE_TRY(Flush(context, done));
    return Finish(context);
  }

 private:
  struct Item {
    LeafEntry entry;  // the source's; once it is done, the target's
    std::optional<CopiedLayers> layers;
    bool known = false;
  };

  Status Take(const Context& context, const LeafEntry& leaf) {
    Item item{leaf, {}, false};
    if (mirrored_) {
      AERIE_ASSIGN(MirroredLeaves::Match match, mirrored_->Find(context, leaf));
      if (match.whole && AllThere(*match.whole)) {
        item.entry = *std::move(match.whole);
        item.known = true;
      } else if (match.layers && AllThere({{}, match.layers->base, match.layers->patches})) {
        item.layers = std::move(match.layers);
      }
    }
    if (!item.known) {
      if (!leaf.patches.empty() && !to_.config.patches) {
        return UnsupportedError("copy " + where_ + " to " + to_.store.Describe() +
                                ": that repository was made without patches, which older programs "
                                "do not know; mirror to a new one");
      }
      patches_.Prepare(context, leaf, cursor_.Following());
      ++to_copy_;
      to_copy_bytes_ += leaf.range.bytes;
    }
    window_.push_back(std::move(item));
    return Ok();
  }

  bool AllThere(const LeafEntry& entry) const {
    return std::ranges::all_of(LeafBlobs(entry, columns_), [&](const BlobRef& ref) {
      return to_.catalog.index().Has(ref.name);
    });
  }

  Status Flush(const Context& context,
               const std::function<void(const LeafEntry&, bool known)>& done) {
    std::vector<Item*> items;
    for (Item& item : window_) {
      if (!item.known) items.push_back(&item);
    }
    AERIE_TRY(ParallelFor(
        context, items.size(), kCopiers, [&](const Context& task, std::size_t i) -> Status {
          LeafCopier copier(patches_, sink_, columns_, root_.name, where_);
          AERIE_ASSIGN(items[i]->entry, copier.Copy(task, items[i]->entry, items[i]->layers));
          return Ok();
        }));
    for (const Item& item : window_) {
      AERIE_TRY(builder_.Add(context, item.entry));
      done(item.entry, item.known);
    }
    window_.clear();
    to_copy_ = 0;
    to_copy_bytes_ = 0;
    return Ok();
  }

  Result<PartitionRoot> Finish(const Context& context) {
    AERIE_ASSIGN(const TreeBuilder::Root built, builder_.Finish(context));
    if (built.digest != root_.digest || built.bytes != root_.bytes) {
      return InternalError("copy " + where_ +
                           ": the rows in the copy are not those of the original");
    }
    PartitionRoot root = root_;
    root.height = built.height;
    root.root = built.page;
    return root;
  }

  const RepositoryCore& to_;
  BlobSink& sink_;
  const std::vector<rows::FieldSchema>& columns_;
  const PartitionRoot& root_;
  const std::string where_;
  PatchAhead patches_;
  TreeCursor cursor_;
  TreeBuilder builder_;
  std::optional<MirroredLeaves> mirrored_;
  std::vector<Item> window_;
  std::size_t to_copy_ = 0;
  std::uint64_t to_copy_bytes_ = 0;
};

class SnapshotCopy {
 public:
  SnapshotCopy(Repository& from, Repository& to, SnapshotWriter& writer,
               const SnapshotCopyOptions& options)
      : from_(from),
        to_(to),
        from_core_(from.core()),
        to_core_(to.core()),
        writer_(writer),
        options_(options) {}

  Status Copy(const Context& context, const CollectionCopy& copy) {
    // Open as long as it is copied: it holds the lock of the source.
    AERIE_ASSIGN(const auto held, from_.OpenCollection(context, copy.collection));
    AERIE_ASSIGN(CollectionManifest manifest, from_.LoadManifest(context, copy.collection));
    AERIE_ASSIGN(const auto there, Earlier(context, to_, copy.there, manifest));
    std::optional<CollectionManifest> here;
    if (there) {
      AERIE_ASSIGN(here, Earlier(context, from_, copy.here, manifest));
    }
    CopyCounts counts;
    const auto done = [&](const LeafEntry& leaf, bool known) {
      counts.rows += leaf.range.digest.rows;
      counts.bytes += leaf.range.bytes;
      ++counts.leaves;
      if (known) ++counts.leaves_known;
      if (options_.progress) options_.progress(copy.collection, counts);
    };
    for (PartitionRoot& root : manifest.partitions) {
      PartitionCopy partition(from_core_, to_core_, writer_.sink(), manifest, root);
      if (const PartitionRoot* known = RootOf(there, root.name)) {
        std::optional<MirroredLeaves::Side> original;
        if (const PartitionRoot* original_root = RootOf(here, root.name)) {
          original.emplace(MirroredLeaves::Side{from_core_.blobs, *original_root});
        }
        partition.CompareWith({to_core_.blobs, *known}, original);
      }
      AERIE_ASSIGN(PartitionRoot copied, partition.Run(context, done));
      root = std::move(copied);
    }
    AERIE_TRY(held->Close(context));
    return writer_.AddCollection(context, std::move(manifest), copy.collection.report);
  }

 private:
  Repository& from_;
  Repository& to_;
  const RepositoryCore from_core_;
  const RepositoryCore to_core_;
  SnapshotWriter& writer_;
  const SnapshotCopyOptions& options_;
};

Snapshot InfoOf(const Repository& from, const Snapshot& snapshot,
                const SnapshotCopyOptions& options) {
  Snapshot info = snapshot;
  info.id = {};
  info.origin = OriginOf(from, snapshot);
  info.parent = options.parent;
  info.collections.clear();
  info.stats = {};
  for (const CollectionCopy& copy : options.collections) {
    info.stats.plain_bytes += copy.collection.bytes;
  }
  if (options.collections.size() == snapshot.collections.size()) {
    info.stats.plain_bytes = snapshot.stats.plain_bytes;
  }
  return info;
}

}  // namespace

SnapshotOrigin OriginOf(const Repository& repository, const Snapshot& snapshot) {
  return snapshot.origin ? *snapshot.origin : SnapshotOrigin{repository.id(), snapshot.id};
}

Result<Snapshot> CopySnapshot(const Context& context, Repository& from, const Snapshot& snapshot,
                              Repository& to, const SnapshotCopyOptions& options) {
  const std::string operation = "mirror snapshot " + snapshot.id.Short();
  auto writer = to.BeginSnapshot(context, InfoOf(from, snapshot, options), options.snapshot);
  if (!writer.ok()) return Annotate(writer.status(), operation);
  SnapshotCopy copy(from, to, **writer, options);
  for (const CollectionCopy& collection : options.collections) {
    const Status copied = copy.Copy(context, collection);
    if (!copied.ok()) return WithRemedy(Annotate(copied, operation));
  }
  auto committed = (*writer)->Commit(context, snapshot.complete);
  if (!committed.ok()) return Annotate(committed.status(), operation);
  return committed;
}

}  // namespace aerie::repo
