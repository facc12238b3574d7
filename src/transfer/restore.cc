#include "transfer/restore.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "base/turns.h"
#include "milvus/capabilities.h"
#include "transfer/memory_share.h"
#include "transfer/restore_collection.h"
#include "transfer/restore_plan.h"

namespace aerie::transfer {
namespace {

void SealAll(const Context& context, milvus::Client& to, std::vector<RestoreOutcome>& outcomes) {
  std::vector<rows::CollectionName> names;
  for (const RestoreOutcome& outcome : outcomes) {
    if (outcome.status.ok() && !outcome.was_there) names.push_back(outcome.to);
  }
  const auto refused = SealCollections(context, to, names);
  for (RestoreOutcome& outcome : outcomes) {
    const auto why = refused.find(outcome.to);
    if (why != refused.end()) outcome.warnings.push_back(why->second);
  }
}

}  // namespace

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
  // One after the other, they come largest first, though the next one may be ready before. Several
  // at once leave no room empty: whichever is ready begins.
  Turns turns(options.parallel_collections,
              options.parallel_collections <= 1 ? Turns::Order::kInOrder : Turns::Order::kWhoWaits);
  const RestoreJob job{from, to, features, options, CallBytes(at_once, calls), progress, turns};
  // As many again are made ready ahead.
  const std::size_t workers = 2 * std::max<std::size_t>(1, options.parallel_collections);
  const std::vector<std::size_t> order = LargestFirst(plan);
  RestoreResult result;
  result.collections.resize(plan.items.size());
  AERIE_TRY(ParallelFor(context, order.size(), workers, [&](const Context& task, std::size_t i) {
    result.collections[order[i]] = RestoreCollection(task, job, plan.items[order[i]], i);
    return Ok();
  }));
  SealAll(context, *to, result.collections);
  result.status = StatusOfAll(result.collections, options.verb + " to " + to->cluster());
  return result;
}

}  // namespace aerie::transfer
