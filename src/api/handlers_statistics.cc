// Totals, and day by day.
#include <algorithm>
#include <utility>

#include "api/call.h"

namespace aerie::api {
namespace {

constexpr std::int64_t kDayMs = 24 * 3600 * std::int64_t{1000};

// A collection wherever its snapshots are.
using CollectionOf = std::pair<std::string, rows::CollectionName>;

struct Protected {
  std::int64_t at_ms = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

std::string DateOf(std::int64_t day) {
  return FormatUtc(FromUnixMillis(day * kDayMs)).substr(0, 10);
}

Age AgeOf(const std::vector<RepositoryView>& repositories) {
  Age age;
  for (const RepositoryView& one : repositories) {
    if (age.as_of_ms == 0 || one.age.as_of_ms < age.as_of_ms) age.as_of_ms = one.age.as_of_ms;
    age.stale = age.stale || one.age.stale;
  }
  return age;
}

Result<Reply> GetStatistics(Call& call) {
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  const auto repositories = backend->Repositories(call.context);
  std::map<CollectionOf, Protected> newest;
  std::uint64_t snapshots = 0, verified = 0, stored = 0, rows = 0, bytes = 0;
  std::int64_t newest_ms = 0, newest_verified_ms = 0;
  for (const RepositoryView& repository : repositories) {
    for (const SnapshotView& view : *repository.snapshots) {
      ++snapshots;
      stored += view.snapshot.stats.stored_bytes;
      if (view.verified) ++verified;
      if (!view.snapshot.complete) continue;
      const std::int64_t at_ms = view.snapshot.created_ms;
      newest_ms = std::max(newest_ms, at_ms);
      if (view.verified) newest_verified_ms = std::max(newest_verified_ms, at_ms);
      for (const auto& one : view.snapshot.collections) {
        Protected& known = newest[{view.snapshot.cluster, one.name}];
        if (at_ms >= known.at_ms) {
          known = {.at_ms = at_ms, .rows = one.digest.rows, .bytes = one.bytes};
        }
      }
    }
  }
  for (const auto& [name, known] : newest) {
    rows += known.rows;
    bytes += known.bytes;
  }
  std::int64_t open_alerts = 0;
  if (call.parts.ports.alerts != nullptr) {
    AERIE_ASSIGN(open_alerts, call.parts.ports.alerts->OpenCount());
  }
  AERIE_ASSIGN(const auto counts, call.parts.jobs.Counts());
  std::map<std::string, std::int64_t> states;
  for (const auto& [kind_and_state, count] : counts) states[kind_and_state.second] += count;
  const Age age = AgeOf(repositories);
  return Reply{.json = {{"as_of", TimeOf(age.as_of_ms)},
                        {"stale", age.stale},
                        {"clusters", call.parts.ports.backend->Clusters().size()},
                        {"repositories", repositories.size()},
                        {"snapshots", snapshots},
                        {"verified_snapshots", verified},
                        {"protected_collections", newest.size()},
                        {"protected_rows", rows},
                        {"plain_bytes", bytes},
                        {"stored_bytes", stored},
                        {"newest_snapshot_at", TimeOf(newest_ms)},
                        {"newest_verified_at", TimeOf(newest_verified_ms)},
                        {"open_alerts", open_alerts},
                        {"jobs", states}}};
}

struct Day {
  std::int64_t snapshots = 0;
  std::uint64_t rows = 0;
  std::uint64_t stored = 0;
  std::uint64_t stored_total = 0;
  std::int64_t completed = 0;
  std::int64_t failed = 0;
};

// Snapshots of all repositories into their days; what lies before the first day counts for it.
void AddSnapshots(const std::vector<RepositoryView>& repositories, std::int64_t first,
                  std::vector<Day>& days) {
  std::vector<const repo::Snapshot*> all;
  for (const RepositoryView& repository : repositories) {
    for (const SnapshotView& view : *repository.snapshots) all.push_back(&view.snapshot);
  }
  std::sort(all.begin(), all.end(),
            [](const auto* a, const auto* b) { return a->created_ms < b->created_ms; });
  std::map<CollectionOf, std::uint64_t> newest;
  std::uint64_t rows = 0, stored = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < days.size(); ++i) {
    const std::int64_t day = first + static_cast<std::int64_t>(i);
    for (; next < all.size() && all[next]->created_ms / kDayMs <= day; ++next) {
      const repo::Snapshot& one = *all[next];
      stored += one.stats.stored_bytes;
      if (one.created_ms / kDayMs == day) {
        ++days[i].snapshots;
        days[i].stored += one.stats.stored_bytes;
      }
      if (!one.complete) continue;
      for (const auto& collection : one.collections) {
        std::uint64_t& known = newest[{one.cluster, collection.name}];
        rows += collection.digest.rows - known;
        known = collection.digest.rows;
      }
    }
    days[i].rows = rows;
    days[i].stored_total = stored;
  }
}

Result<Reply> GetStatisticsHistory(Call& call) {
  std::vector<Day> days(call.query.value("days", std::size_t{30}));
  const std::int64_t today = call.now_ms / kDayMs;
  const std::int64_t first = today - static_cast<std::int64_t>(days.size()) + 1;
  AERIE_ASSIGN(Backend* const backend, call.parts.UpToDate());
  const auto repositories = backend->Repositories(call.context);
  AddSnapshots(repositories, first, days);
  AERIE_ASSIGN(const auto ended, call.parts.jobs.CountEnded(first * kDayMs));
  for (const auto& one : ended) {
    // A clock that was set back leaves jobs of days to come.
    if (one.day < first || one.day > today) continue;
    Day& day = days[static_cast<std::size_t>(one.day - first)];
    if (one.state == "completed") day.completed += one.count;
    if (one.state == "failed" || one.state == "partial" || one.state == "unknown") {
      day.failed += one.count;
    }
  }
  Json list = Json::array();
  for (std::size_t i = 0; i < days.size(); ++i) {
    list.push_back({{"date", DateOf(first + static_cast<std::int64_t>(i))},
                    {"snapshots", days[i].snapshots},
                    {"rows", days[i].rows},
                    {"stored_bytes", days[i].stored},
                    {"stored_bytes_total", days[i].stored_total},
                    {"jobs_completed", days[i].completed},
                    {"jobs_failed", days[i].failed}});
  }
  const Age age = AgeOf(repositories);
  return Reply{
      .json = {{"as_of", TimeOf(age.as_of_ms)}, {"stale", age.stale}, {"days", std::move(list)}}};
}

}  // namespace

HandlerMap StatisticsHandlers() {
  return {{"getStatistics", GetStatistics}, {"getStatisticsHistory", GetStatisticsHistory}};
}

}  // namespace aerie::api
