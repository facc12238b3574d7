#include "migrate/monitor.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/log.h"
#include "migrate/state_json.h"
#include "milvus/collection_admin.h"

namespace aerie::migrate {
namespace {

using Change = catalog::StepRecord::AlertChange;

bool RowsShouldMatch(Phase phase) {
  return phase == Phase::kAuditing || phase == Phase::kReady || phase == Phase::kWatching ||
         phase == Phase::kProving || phase == Phase::kSwitching || phase == Phase::kOpening;
}

struct Rule {
  const char* incident;
  double value;  // negative: not known
  double threshold;
  std::string text;
};

std::string Percent(double part) {
  char text[24];
  std::snprintf(text, sizeof text, "%.1f %%", part * 100);
  return text;
}

// None: it is not there yet, or not loaded, which is no error.
Result<std::optional<std::int64_t>> CountLoaded(const Context& context, milvus::Client& client,
                                                const rows::CollectionName& name) {
  milvus::pb::GetLoadStateRequest request;
  request.set_db_name(name.database);
  request.set_collection_name(name.collection);
  const auto state = client.GetLoadState(context, std::move(request));
  if (KindOf(state.status()) == Kind::kNotFound) return std::optional<std::int64_t>();
  AERIE_TRY(state.status());
  if (state->state() != milvus::pbcommon::LoadStateLoaded) return std::optional<std::int64_t>();
  AERIE_ASSIGN(const std::int64_t rows, milvus::CountRows(context, client, name, {}));
  return std::optional(rows);
}

}  // namespace

std::vector<Change> JudgeSample(const catalog::Sample& sample, Phase phase,
                                const Thresholds& thresholds, const std::set<std::string>& open) {
  const bool counted = sample.source_rows >= 0 && sample.target_rows >= 0;
  const std::int64_t apart = std::abs(sample.source_rows - sample.target_rows);
  const double difference = !RowsShouldMatch(phase) ? 0 : counted ? static_cast<double>(apart) : -1;
  std::vector<Change> changes;
  for (const Rule& rule : {
           Rule{"difference", difference, static_cast<double>(thresholds.difference_rows),
                "source and target are " + std::to_string(apart) + " rows apart (" +
                    std::to_string(sample.source_rows) + " and " +
                    std::to_string(sample.target_rows) + ")"},
           Rule{"errors", sample.error_rate, thresholds.error_rate,
                Percent(sample.error_rate) + " of the questions to the clusters failed"},
           Rule{"latency", static_cast<double>(sample.latency_ms),
                static_cast<double>(thresholds.latency_ms),
                "a cluster needs " + std::to_string(sample.latency_ms) + " ms to count its rows"},
       }) {
    if (rule.value < 0) continue;
    const bool is_open = open.contains(rule.incident);
    if (!is_open && rule.value > rule.threshold) {
      changes.push_back({.incident = rule.incident, .text = rule.text});
    } else if (is_open && rule.value <= rule.threshold * kOverAt) {
      changes.push_back({.incident = rule.incident, .text = "", .raised = false});
    }
  }
  return changes;
}

Monitor::Monitor(Clock& clock, catalog::Catalog& catalog, catalog::Lease& lease,
                 std::shared_ptr<milvus::Client> source, std::shared_ptr<milvus::Client> target,
                 std::vector<rows::CollectionName> collections, const MonitorOptions& options,
                 std::function<void()> alerted)
    : catalog_(catalog),
      lease_(lease),
      source_(std::move(source)),
      target_(std::move(target)),
      collections_(std::move(collections)),
      options_(options),
      alerted_(std::move(alerted)),
      thread_([this, &clock](const std::stop_token& stop) {
        CancelScope scope{Context(clock)};
        const std::stop_callback cancel(stop, [&scope] { scope.Cancel(); });
        Watch(scope.context());
      }) {}

void Monitor::Watch(const Context& context) {
  while (context.Sleep(options_.interval, "watch the migration").ok()) {
    const catalog::Sample sample = Look(context);
    if (context.cancelled()) return;
    const Status stored = Store(sample);
    if (!stored.ok()) {
      log::Warn("sample not stored", {{"why", std::string(stored.message())}});
    }
  }
}

catalog::Sample Monitor::Look(const Context& context) {
  catalog::Sample sample;
  sample.at_ms = ToUnixMillis(context.clock().Now());
  int asked = 0, failed = 0;
  const auto count = [&](milvus::Client& client) -> std::int64_t {
    std::int64_t rows = 0;
    bool known = true;
    for (const auto& name : collections_) {
      const SteadyTime begun = context.clock().Steady();
      const auto counted = CountLoaded(context, client, name);
      const auto took =
          std::chrono::duration_cast<std::chrono::milliseconds>(context.clock().Steady() - begun);
      sample.latency_ms = std::max<std::int64_t>(sample.latency_ms, took.count());
      ++asked;
      if (!counted.ok()) ++failed;
      known = known && counted.ok() && *counted;
      if (known) rows += **counted;
    }
    return known ? rows : -1;
  };
  sample.source_rows = count(*source_);
  sample.target_rows = count(*target_);
  if (asked > 0) sample.error_rate = static_cast<double>(failed) / asked;
  return sample;
}

Status Monitor::Store(const catalog::Sample& looked) {
  AERIE_ASSIGN(const catalog::Migration m, catalog_.Find(lease_.id()));
  AERIE_ASSIGN(const State state, StateFromText(m.state));
  AERIE_ASSIGN(const auto alerts, catalog_.Alerts(lease_.id(), true));
  std::set<std::string> open;
  for (const auto& alert : alerts) open.insert(alert.incident);
  catalog::Sample sample = looked;
  sample.round = static_cast<std::int64_t>(state.rounds);
  const auto changes = JudgeSample(sample, state.phase, options_.thresholds, open);
  AERIE_TRY(lease_.Append(sample, changes));
  if (!changes.empty()) alerted_();
  return Ok();
}

}  // namespace aerie::migrate
