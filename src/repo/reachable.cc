#include "repo/reachable.h"

#include <string>

#include "repo/leaf_access.h"
#include "repo/tree_api.h"
#include "repo/tree_cursor.h"

namespace aerie::repo {
namespace {

Status WalkTree(const Context& context, BlobSource& source, const CollectionManifest& manifest,
                const PartitionRoot& root, BlobSet& reached) {
  // A page that was met before is the top of a tree that was walked before.
  if (!root.root || !reached.insert(*root.root).second) return Ok();
  TreeCursor cursor(source, root, PartitionText(manifest.spec.name, root.name));
  AERIE_TRY(cursor.Start(context));
  while (!cursor.AtEnd()) {
    AERIE_TRY(context.Check("find what snapshots need"));
    if (!cursor.IsPage()) {
      for (const BlobRef& ref : LeafBlobs(cursor.leaf(), manifest.columns)) {
        reached.insert(ref.name);
      }
      cursor.Skip();
    } else if (reached.insert(cursor.page().page).second) {
      AERIE_TRY(cursor.Descend(context));
    } else {
      cursor.Skip();
    }
  }
  return Ok();
}

Status WalkCollection(const Context& context, BlobSource& source, const BlobName& name,
                      BlobSet& reached) {
  if (!reached.insert(name).second) return Ok();
  AERIE_ASSIGN(const Bytes plain, source.Load(context, BlobRef{BlobKind::kManifest, name}));
  AERIE_ASSIGN(const CollectionManifest manifest, DecodeManifest(plain));
  for (const PartitionRoot& root : manifest.partitions) {
    AERIE_TRY(WalkTree(context, source, manifest, root, reached));
  }
  return Ok();
}

}  // namespace

Result<BlobSet> ReachableBlobs(const Context& context, BlobSource& source,
                               const std::vector<Snapshot>& snapshots) {
  BlobSet reached;
  for (const Snapshot& snapshot : snapshots) {
    for (const SnapshotCollection& collection : snapshot.collections) {
      const Status walked = WalkCollection(context, source, collection.manifest, reached);
      AERIE_TRY(Annotate(walked, "find what snapshot " + snapshot.id.Short() + " needs of " +
                                     collection.name.ToString()));
    }
  }
  return reached;
}

}  // namespace aerie::repo
