// Copy: collections of a live cluster into another, each compared row by row before it is called
// copied. docs/copying.md says what that means while the source is written to.
//
// It is a restore whose source is alive, in which every collection is for itself: one that fails
// does not stop the others, and one that an earlier run has finished counts as done. So a copy that
// was killed is run again with the same words.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "milvus/client.h"
#include "transfer/copy_sample.h"
#include "transfer/endpoint.h"
#include "transfer/restore.h"

namespace aerie::transfer {

// What a copy would do, and about how long it would take.
struct CopyPlan {
  struct Item : RestorePlan::Item {
    std::int64_t bytes = -1;  // plain; from a sample, or from the schema; -1: rows are not known
    bool sampled = false;
  };
  std::vector<Item> items;  // largest first, the order in which they are copied
  std::int64_t rows = 0;    // as far as known
  std::int64_t bytes = 0;
  RowSample sample;
  double seconds = -1;  // -1: nothing could be sampled
};

// How long a copy takes, of what reading its rows takes one range after the other: measured on
// Milvus 2.3.5, where writing, indexing, reading back and comparing share the machine
// (docs/copying.md).
inline constexpr double kCopyPerReading = 3;

// Changes nothing. `limit_rows`: rows a second that the source allows; 0: no limit.
// Errors as PlanRestore.
Result<CopyPlan> PlanCopy(const Context& context, Endpoint& from,
                          std::shared_ptr<milvus::Client> to, RestoreOptions options,
                          double limit_rows);

// `from` is a live cluster. An error status only when the job could not begin: kRefused where it
// would write what it reads. Everything later is in the result.
Result<RestoreResult> RunCopy(const Context& context, Endpoint& from,
                              std::shared_ptr<milvus::Client> to, RestoreOptions options,
                              ProgressSink& progress);

}  // namespace aerie::transfer
