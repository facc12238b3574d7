// One collection of a sync: the order of steps that docs/syncing.md argues.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "base/context.h"
#include "base/progress.h"
#include "milvus/capabilities.h"
#include "milvus/client.h"
#include "transfer/endpoint.h"
#include "transfer/restore.h"
#include "transfer/sync.h"

namespace aerie::transfer {

// What all collections of a job share; it outlives their work.
struct SyncJob {
  Endpoint& from;
  std::shared_ptr<milvus::Client> to;
  milvus::SpecFeatures features;
  const SyncOptions& options;
  RestoreOptions copy;  // of a collection that is not there yet
  SyncState& state;
  std::size_t call_bytes = 4 << 20;  // aim of the rows of one call
  enum class Act { kLook, kWrite } act = Act::kWrite;
  ProgressSink& progress;
};

// Never fails: how it went is the outcome. Callable for several at once. Aliases are left out: they
// come when all collections are done (sync.cc).
SyncOutcome SyncCollection(const Context& context, const SyncJob& job,
                           const RestorePlan::Item& item);

// The two ends of a pair; the ids are 0.
std::pair<SyncEnd, SyncEnd> EndsOf(const SyncJob& job, const rows::CollectionName& from,
                                   const rows::CollectionName& to);

}  // namespace aerie::transfer
