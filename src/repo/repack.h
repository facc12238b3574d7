// Storing again what a prune keeps of packs that are mostly garbage.
#pragma once

#include <functional>
#include <vector>

#include "base/context.h"
#include "repo/inventory.h"
#include "repo/prune_plan.h"
#include "repo/repository_core.h"

namespace aerie::repo {

// Copies the kept blobs of every pack that `plan` repacks into new packs, and reads those back from
// the store, every blob compared with its name. No index names them yet. Blobs stay encoded as they
// were and in their order. `go_on` is asked before each pack. Memory: some packs' size.
Result<std::vector<PackRecord>> Repack(const Context& context, const RepositoryCore& core,
                                       const Inventory& inventory, const PrunePlan& plan,
                                       const std::function<Status()>& go_on);

// Reads the blobs and compares each with its name; kCorrupt naming the pack of the first that
// differs.
Status VerifyBlobs(const Context& context, const RepositoryCore& core,
                   const std::vector<WantedBlob>& blobs);

}  // namespace aerie::repo
