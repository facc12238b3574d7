#include "transfer/copy.h"

#include <algorithm>
#include <utility>

#include "transfer/restore_plan.h"

namespace aerie::transfer {
namespace {

// Each costs the source a few calls; the small ones beyond say nothing new about the time.
constexpr std::size_t kSampledCollections = 16;

RestoreOptions AsCopy(RestoreOptions options) {
  options.each_for_itself = true;
  options.verb = "copy";
  return options;
}

Result<RowSample> SampleOf(const Context& context, const Endpoint& from, const Selection& selection,
                           CopyPlan::Item& item) {
  AERIE_ASSIGN(const RowSample sample, SampleRows(context, from.cluster(), item.spec, selection));
  if (sample.rows > 0 && item.rows >= 0) {
    item.sampled = true;
    item.bytes = static_cast<std::int64_t>(static_cast<double>(item.rows) *
                                           static_cast<double>(sample.bytes) /
                                           static_cast<double>(sample.rows));
  }
  return sample;
}

double SecondsOf(const CopyPlan& plan, double limit_rows) {
  if (plan.sample.bytes == 0 || plan.sample.seconds <= 0) return -1;
  const double reading = static_cast<double>(plan.bytes) * plan.sample.seconds /
                         static_cast<double>(plan.sample.bytes);
  const double limited = limit_rows > 0 ? static_cast<double>(plan.rows) / limit_rows : 0;
  return std::max(reading * kCopyPerReading, limited);
}

}  // namespace

Result<CopyPlan> PlanCopy(const Context& context, Endpoint& from,
                          std::shared_ptr<milvus::Client> to, RestoreOptions options,
                          double limit_rows) {
  options = AsCopy(std::move(options));
  AERIE_ASSIGN(RestorePlan restore, PlanRestore(context, from, to, options));
  AERIE_TRY(CheckPlan(restore, options));
  CopyPlan plan;
  for (RestorePlan::Item& item : restore.items) {
    CopyPlan::Item one;
    static_cast<RestorePlan::Item&>(one) = std::move(item);
    if (one.rows >= 0) one.bytes = one.bytes_about;
    plan.items.push_back(std::move(one));
  }
  std::stable_sort(plan.items.begin(), plan.items.end(),
                   [](const auto& a, const auto& b) { return a.bytes_about > b.bytes_about; });
  for (std::size_t i = 0; i < plan.items.size(); ++i) {
    CopyPlan::Item& item = plan.items[i];
    if (i < kSampledCollections) {
      AERIE_ASSIGN(const RowSample sample, SampleOf(context, from, options.selection, item));
      plan.sample.Add(sample);
    }
    plan.rows += std::max<std::int64_t>(item.rows, 0);
    plan.bytes += std::max<std::int64_t>(item.bytes, 0);
  }
  plan.seconds = SecondsOf(plan, limit_rows);
  return plan;
}

Result<RestoreResult> RunCopy(const Context& context, Endpoint& from,
                              std::shared_ptr<milvus::Client> to, RestoreOptions options,
                              ProgressSink& progress) {
  return RunRestore(context, from, std::move(to), AsCopy(std::move(options)), progress);
}

}  // namespace aerie::transfer
