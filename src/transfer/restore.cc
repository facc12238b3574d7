#include "transfer/restore.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>

#include "base/task_group.h"
#include "base/turns.h"
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

// Rows are safe in the server's log already; sealing only makes its statistics true and builds the
// indexes, which would take processors from rows that are still on their way. So it comes last,
// nobody waits for it, and a refusal (servers limit it) is worth no more than a line.
void SealAll(const Context& context, milvus::Client& to, std::vector<RestoreOutcome>& outcomes) {
  std::map<std::string, milvus::pb::FlushRequest> by_database;
  for (const RestoreOutcome& outcome : outcomes) {
    if (!outcome.status.ok() || outcome.was_there) continue;
    by_database[outcome.to.database].add_collection_names(outcome.to.collection);
  }
  for (auto& [database, request] : by_database) {
    request.set_db_name(database);
    const Status sealed = to.Flush(context, request).status();
    if (sealed.ok()) continue;
    for (RestoreOutcome& outcome : outcomes) {
      if (!outcome.status.ok() || outcome.was_there || outcome.to.database != database) continue;
      outcome.warnings.push_back("not flushed yet: " + std::string(sealed.message()));
    }
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
  Turns turns(options.parallel_collections);
  const RestoreJob job{from, to, features, options, CallBytes(at_once, calls), progress, turns};
  // As many again, less one, are made ready ahead.
  const std::size_t workers = 2 * std::max<std::size_t>(1, options.parallel_collections) - 1;
  const std::vector<std::size_t> order = LargestFirst(plan);
  RestoreResult result;
  result.collections.resize(plan.items.size());
  AERIE_TRY(ParallelFor(context, order.size(), workers, [&](const Context& task, std::size_t i) {
    result.collections[order[i]] = RestoreCollection(task, job, plan.items[order[i]], i);
    return Ok();
  }));
  SealAll(context, *to, result.collections);
  result.status = StatusOf(result.collections, options.verb + " to " + to->cluster());
  return result;
}

}  // namespace aerie::transfer
