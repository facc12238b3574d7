// What must be so before a migration begins. Each check passes, warns or fails with the remedy.
//
// Nothing stays changed: one collection is made at the target, written and dropped again; to the
// source go only calls that have no row. Any thread, one call at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "migrate/backup_check.h"
#include "migrate/finding.h"
#include "migrate/ports.h"
#include "migrate/way_back.h"
#include "milvus/client.h"
#include "transfer/copy.h"
#include "transfer/selection.h"

namespace aerie::migrate {

// What a cluster needs to store rows, of their plain bytes: the rows, their indexes, and what
// compaction rewrites before it lets go of the old (docs/migrating.md).
inline constexpr std::int64_t kSpacePerByte = 3;

// Every check's name, in order.
const std::vector<std::string>& CheckNames();

// Ok when nothing failed but what was accepted; else kRefused naming every failure in one line.
Status Judge(const std::vector<Finding>& findings, const std::vector<std::string>& accepted);

struct PreflightOptions {
  transfer::Selection selection = {};
  double limit_rows = 0;                // as of PlanCopy
  std::int64_t target_free_bytes = -1;  // as the operator says; -1: he did not
  BackupWish backup = {};
  WayBackWish way_back = {};
  // Whether the clusters can be fenced in the way that was chosen; none: nothing to be asked.
  std::function<std::vector<Finding>(const Context&,
                                     const std::vector<rows::CollectionName>& collections)>
      fence = nullptr;
};

struct Examination {
  std::vector<Finding> findings;
  transfer::CopyPlan plan;  // what there is to be moved, measured
};
// All checks of a migration. An error only when a cluster cannot be asked at all; it names which.
Result<Examination> Examine(const Context& context, std::shared_ptr<milvus::Client> source,
                            std::shared_ptr<milvus::Client> target,
                            const PreflightOptions& options);

class ClusterPreflight : public Preflight {
 public:
  using Hear = std::function<void(const Finding&)>;
  ClusterPreflight(std::shared_ptr<milvus::Client> source, std::shared_ptr<milvus::Client> target,
                   PreflightOptions options, std::vector<std::string> accepted, Hear hear)
      : source_(std::move(source)),
        target_(std::move(target)),
        options_(std::move(options)),
        accepted_(std::move(accepted)),
        hear_(std::move(hear)) {}
  Status Check(const Context& context) override;

 private:
  const std::shared_ptr<milvus::Client> source_;
  const std::shared_ptr<milvus::Client> target_;
  const PreflightOptions options_;
  const std::vector<std::string> accepted_;
  const Hear hear_;
};

}  // namespace aerie::migrate
