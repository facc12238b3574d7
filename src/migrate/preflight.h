// What must be so before a migration begins. Each check passes, warns or fails with the remedy.
//
// Nothing stays changed: one collection is made at the target and dropped again, to see whether it
// may be. Any thread, one call at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "migrate/ports.h"
#include "milvus/client.h"
#include "transfer/copy.h"
#include "transfer/selection.h"

namespace aerie::migrate {

struct Finding {
  enum class Verdict { kPass, kWarn, kFail };
  std::string check;  // "source-health", what --accept names
  Verdict verdict = Verdict::kPass;
  std::string text;  // what is so; of a failure also the remedy
};
const char* NameOf(Finding::Verdict verdict);

// Every check's name, in order.
const std::vector<std::string>& CheckNames();

// Ok when nothing failed but what was accepted; else kRefused naming every failure in one line.
Status Judge(const std::vector<Finding>& findings, const std::vector<std::string>& accepted);

struct Examination {
  std::vector<Finding> findings;
  transfer::CopyPlan plan;  // what there is to be moved, measured
};
// All checks of a migration of these collections. `limit_rows` as of PlanCopy. An error only when a
// cluster cannot be asked at all; it names which.
Result<Examination> Examine(const Context& context, std::shared_ptr<milvus::Client> source,
                            std::shared_ptr<milvus::Client> target,
                            const transfer::Selection& selection, double limit_rows);

class ClusterPreflight : public Preflight {
 public:
  using Hear = std::function<void(const Finding&)>;
  ClusterPreflight(std::shared_ptr<milvus::Client> source, std::shared_ptr<milvus::Client> target,
                   transfer::Selection selection, std::vector<std::string> accepted, Hear hear)
      : source_(std::move(source)),
        target_(std::move(target)),
        selection_(std::move(selection)),
        accepted_(std::move(accepted)),
        hear_(std::move(hear)) {}
  Status Check(const Context& context) override;

 private:
  const std::shared_ptr<milvus::Client> source_;
  const std::shared_ptr<milvus::Client> target_;
  const transfer::Selection selection_;
  const std::vector<std::string> accepted_;
  const Hear hear_;
};

}  // namespace aerie::migrate
