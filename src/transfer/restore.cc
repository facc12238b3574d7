#include "transfer/restore.h"

#include <algorithm>
#include <numeric>

#include "base/task_group.h"
#include "milvus/capabilities.h"
#include "transfer/memory_share.h"
#include "transfer/restore_collection.h"
#include "transfer/restore_plan.h"

namespace aerie::transfer {
namespace {

// So that no worker is left with a large one when the others have nothing more to do.
std::vector<std::size_t> LargestFirst(const RestorePlan& plan) {
  std::vector<std::size_t> order(plan.items.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return plan.items[a].bytes_about > plan.items[b].bytes_about;
  });
  return order;
}

// Ok; the error, when all failed; else that some did.
Status StatusOf(const std::vector<RestoreOutcome>& outcomes, const std::string& job) {
  Status first;
  std::size_t failed = 0;
  for (const RestoreOutcome& outcome : outcomes) {
    if (outcome.status.ok()) continue;
    ++failed;
    if (first.ok()) first = outcome.status;
  }
  if (failed == 0 || failed == outcomes.size()) return first;
  return MakeStatus(Kind::kPartial, job + ": " + std::to_string(failed) + " of " +
                                        std::to_string(outcomes.size()) +
                                        " collections failed: " + std::string(first.message()));
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
  const RestoreJob job{from, to, features, options, CallBytes(at_once, calls), progress};
  const std::vector<std::size_t> order = LargestFirst(plan);
  RestoreResult result;
  result.collections.resize(plan.items.size());
  AERIE_TRY(ParallelFor(
      context, order.size(), options.parallel_collections, [&](const Context& task, std::size_t i) {
        result.collections[order[i]] = RestoreCollection(task, job, plan.items[order[i]]);
        return Ok();
      }));
  result.status = StatusOf(result.collections, options.verb + " to " + to->cluster());
  return result;
}

}  // namespace aerie::transfer
