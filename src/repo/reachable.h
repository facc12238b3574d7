// What snapshots need: every blob their trees name.
#pragma once

#include <unordered_set>
#include <vector>

#include "base/context.h"
#include "repo/blob.h"
#include "repo/repository.h"

namespace aerie::repo {

using BlobSet = std::unordered_set<BlobName, BlobNameHash>;

// Manifests, tree pages and blobs of leaves, all their layers. Loads manifests and pages, each
// distinct one once, and no leaf. Any that cannot be read is an error: what it needs is not known
// then. Memory: about 50 bytes a blob. Any thread.
Result<BlobSet> ReachableBlobs(const Context& context, BlobSource& source,
                               const std::vector<Snapshot>& snapshots);

}  // namespace aerie::repo
