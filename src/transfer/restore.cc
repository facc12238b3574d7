#include "transfer/restore.h"

#include <algorithm>

#include "base/task_group.h"
#include "milvus/capabilities.h"
#include "transfer/memory_share.h"
#include "transfer/restore_collection.h"
#include "transfer/restore_plan.h"

namespace aerie::transfer {

Result<RestoreResult> RunRestore(const Context& context, Endpoint& from,
                                 std::shared_ptr<milvus::Client> to, const RestoreOptions& options,
                                 ProgressSink& progress) {
  AERIE_ASSIGN(const RestorePlan plan, PlanRestore(context, from, to, options));
  AERIE_TRY(CheckPlan(plan, options));
  milvus::Capabilities capabilities(to);
  AERIE_ASSIGN(const milvus::SpecFeatures features, capabilities.Features(context));
  // A live source has calls in flight as the target has.
  const int calls = options.writers + (from.cluster() != nullptr ? options.streams : 0);
  const std::size_t at_once = std::min(plan.items.size(), options.parallel_collections);
  const RestoreJob job{from, to, features, options, CallBytes(at_once, calls), progress};
  const std::vector<std::size_t> order = LargestFirst(plan);
  RestoreResult result;
  result.collections.resize(plan.items.size());
  AERIE_TRY(ParallelFor(
      context, order.size(), options.parallel_collections, [&](const Context& task, std::size_t i) {
        result.collections[order[i]] = RestoreCollection(task, job, plan.items[order[i]]);
        return Ok();
      }));
  result.status = StatusOfAll(result.collections, options.verb + " to " + to->cluster());
  return result;
}

}  // namespace aerie::transfer
