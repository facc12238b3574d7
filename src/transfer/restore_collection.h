// One collection of a restore or copy: the order of steps that docs/restoring.md argues.
#pragma once

#include <cstddef>
#include <memory>

#include "base/context.h"
#include "base/progress.h"
#include "milvus/capabilities.h"
#include "milvus/client.h"
#include "transfer/endpoint.h"
#include "transfer/restore.h"

namespace aerie::transfer {

// What all collections of a job share; it outlives their work.
struct RestoreJob {
  Endpoint& from;
  std::shared_ptr<milvus::Client> to;
  milvus::SpecFeatures features;
  const RestoreOptions& options;
  std::size_t call_bytes = 4 << 20;  // aim of the rows of one call
  ProgressSink& progress;
};

// Never fails: how it went, also badly, is the outcome. Callable for several at once.
RestoreOutcome RestoreCollection(const Context& context, const RestoreJob& job,
                                 const RestorePlan::Item& item);

}  // namespace aerie::transfer
