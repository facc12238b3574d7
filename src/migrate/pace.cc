#include "migrate/pace.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/log.h"

namespace aerie::migrate {
namespace {

using Json = nlohmann::ordered_json;

// How often what is under way is stored anew.
constexpr std::int64_t kStoreEveryMs = 1'000;

Side SideFromName(const std::string& name) {
  return name == NameOf(Side::kTarget) ? Side::kTarget : Side::kSource;
}

}  // namespace

std::optional<std::int64_t> LagMs(const Pace& pace, Side from, std::int64_t now_ms) {
  if (pace.done.begun_ms == 0 || pace.done.from != from) return std::nullopt;
  return std::max<std::int64_t>(now_ms - pace.done.begun_ms, 0);
}

double RowsASecond(const Pace::Work& work) {
  const std::int64_t ms = work.seen_ms - work.begun_ms;
  return ms > 0 ? static_cast<double>(work.rows) * 1000 / static_cast<double>(ms) : 0;
}

std::optional<std::int64_t> EstimatedEndMs(const Pace& pace, std::int64_t rows_total) {
  const Pace::Work& work = pace.work;
  if (work.kind.empty()) return std::nullopt;
  const double rate = RowsASecond(work);
  const std::int64_t total = std::max(rows_total, work.rows_total);
  const auto last = pace.took_ms.find(work.kind);
  // It begins slowly, with looking and waiting: its own speed tells only later.
  const bool tells = last == pace.took_ms.end() || work.rows * 2 >= total ||
                     work.begun_ms + last->second < work.seen_ms;
  if (rate > 0 && total >= 0 && tells) {
    const auto left = static_cast<double>(std::max<std::int64_t>(total - work.rows, 0));
    return work.seen_ms + static_cast<std::int64_t>(left / rate * 1000);
  }
  if (last == pace.took_ms.end()) return std::nullopt;
  return work.begun_ms + last->second;
}

std::string ToText(const Pace& pace) {
  return Json{{"kind", pace.work.kind},
              {"from", NameOf(pace.work.from)},
              {"begun_ms", pace.work.begun_ms},
              {"seen_ms", pace.work.seen_ms},
              {"rows", pace.work.rows},
              {"rows_total", pace.work.rows_total},
              {"done_from", NameOf(pace.done.from)},
              {"done_begun_ms", pace.done.begun_ms},
              {"took_ms", pace.took_ms}}
      .dump();
}

Pace PaceFromText(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return {};
  try {
    Pace pace;
    json.at("kind").get_to(pace.work.kind);
    pace.work.from = SideFromName(json.at("from").get<std::string>());
    json.at("begun_ms").get_to(pace.work.begun_ms);
    json.at("seen_ms").get_to(pace.work.seen_ms);
    json.at("rows").get_to(pace.work.rows);
    json.at("rows_total").get_to(pace.work.rows_total);
    pace.done.from = SideFromName(json.at("done_from").get<std::string>());
    json.at("done_begun_ms").get_to(pace.done.begun_ms);
    json.at("took_ms").get_to(pace.took_ms);
    return pace;
  } catch (const Json::exception&) {
    return {};
  }
}

PaceKeeper::PaceKeeper(Clock& clock, catalog::Lease& lease, ProgressSink& to)
    : clock_(clock), lease_(lease), to_(to) {
  const auto kept = lease_.KeptUnder(kPaceKey);
  if (kept.ok() && kept->contains(kPaceKey)) pace_ = PaceFromText(kept->at(kPaceKey));
  pace_.work = {};  // of a driver that is no more
}

void PaceKeeper::OnProgress(const ProgressEvent& event) {
  to_.OnProgress(event);
  if (event.type != ProgressEvent::Type::kCounts) return;
  std::lock_guard lock(mutex_);
  if (pace_.work.kind.empty()) return;
  collections_[event.collection] = event;
  const std::int64_t now_ms = NowMs();
  if (now_ms - pace_.work.seen_ms < kStoreEveryMs) return;
  pace_.work.seen_ms = now_ms;
  pace_.work.rows = 0;
  pace_.work.rows_total = -1;
  for (const auto& [name, last] : collections_) {
    pace_.work.rows += last.rows_done;
    if (last.rows_total < 0) continue;
    pace_.work.rows_total = std::max<std::int64_t>(pace_.work.rows_total, 0) + last.rows_total;
  }
  Store();
}

void PaceKeeper::Begin(const std::string& kind, Side from) {
  std::lock_guard lock(mutex_);
  const std::int64_t now_ms = NowMs();
  pace_.work = {.kind = kind, .from = from, .begun_ms = now_ms, .seen_ms = now_ms};
  collections_.clear();
  Store();
}

void PaceKeeper::End(bool well) {
  std::lock_guard lock(mutex_);
  if (well) {
    pace_.done = {.from = pace_.work.from, .begun_ms = pace_.work.begun_ms};
    pace_.took_ms[pace_.work.kind] = NowMs() - pace_.work.begun_ms;
  }
  pace_.work = {};
  Store();
}

// It is only shown: rows do not wait for it.
void PaceKeeper::Store() {
  const Status stored = lease_.Keep(kPaceKey, ToText(pace_));
  if (!stored.ok()) log::Warn("pace not stored", {{"why", std::string(stored.message())}});
}

Result<CopyReport> PacedMover::Copy(const Context& context, Haste haste) {
  keeper_.Begin("copy", Side::kSource);
  auto report = mover_.Copy(context, haste);
  keeper_.End(report.ok());
  return report;
}

Result<RoundReport> PacedMover::Round(const Context& context, Side from, Haste haste) {
  keeper_.Begin("round", from);
  auto report = mover_.Round(context, from, haste);
  keeper_.End(report.ok());
  return report;
}

Result<RoundReport> PacedMover::Audit(const Context& context, Side from) {
  keeper_.Begin("audit", from);
  auto report = mover_.Audit(context, from);
  keeper_.End(report.ok());
  return report;
}

Result<ProofReport> PacedMover::Prove(const Context& context, Side from) {
  keeper_.Begin("proof", from);
  auto report = mover_.Prove(context, from);
  keeper_.End(report.ok());
  return report;
}

}  // namespace aerie::migrate
