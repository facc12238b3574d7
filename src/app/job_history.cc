#include "app/job_history.h"

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "app/kinds/backup.h"
#include "app/kinds/request_kind.h"
#include "app/session.h"
#include "base/log.h"
#include "jobs/jobs.h"
#include "repo/pins.h"

namespace aerie::app {
namespace {

constexpr std::size_t kPage = 500;  // jobs

struct Known {
  std::set<std::string> snapshots;  // that jobs made
  // What was stored since then may be of a job that runs now, and has not said so yet.
  std::int64_t running_since_ms = std::numeric_limits<std::int64_t>::max();
};

Result<Known> KnownOf(catalog::JobStore& store) {
  Known known;
  for (catalog::JobFilter filter{.kind = "backup", .limit = kPage};;) {
    AERIE_ASSIGN(const auto jobs, store.List(filter));
    for (const catalog::Job& job : jobs) {
      known.snapshots.insert(ObjectOf(job.result).value("snapshot", ""));
      known.snapshots.insert(ObjectOf(job.checkpoint).value("snapshot", ""));
      if (!job.standing.held) continue;
      known.running_since_ms = std::min(known.running_since_ms, job.started_ms);
    }
    if (jobs.size() < kPage) return known;
    filter.before = jobs.back().number;
  }
}

catalog::Job JobOf(const repo::Snapshot& snapshot, const std::string& repository,
                   const std::string& repository_id, const Json& verified) {
  CommandResult result;
  result.json = BackupJsonOf(snapshot);
  result.json["repository"] = {{"id", repository_id}};
  result.json["verified"] = verified;
  result.json["retention"] = nullptr;
  if (!snapshot.complete) {
    result.status = MakeStatus(Kind::kPartial, "the snapshot has a part only");
  }
  return {.kind = "backup",
          .spec = Dump({{"cluster", snapshot.cluster}, {"repository", repository}}),
          .standing = jobs::StandingOf(snapshot.complete ? jobs::JobState::kCompleted
                                                         : jobs::JobState::kPartial),
          .schedule = ScheduleOf(snapshot),
          .created_ms = snapshot.created_ms,
          .started_ms = snapshot.created_ms,
          .ended_ms = snapshot.finished_ms,
          .result = Dump(ToJson(result)),
          .rebuilt = snapshot.id.hex};
}

}  // namespace

Result<std::size_t> RebuildHistory(const Context& context, repo::Repository& repository,
                                   const std::string& name, Duration keep_history,
                                   catalog::JobStore& store) {
  AERIE_ASSIGN(auto snapshots, repository.ListSnapshots(context));
  AERIE_ASSIGN(const auto verified, repo::ListVerified(context, repository));
  AERIE_ASSIGN(const Known known, KnownOf(store));
  const std::int64_t oldest = ToUnixMillis(context.clock().Now() - keep_history);
  // In the order of time, as the numbers of jobs go.
  std::ranges::sort(snapshots, {}, &repo::Snapshot::created_ms);
  std::size_t made = 0;
  for (const repo::Snapshot& snapshot : snapshots) {
    // What was copied or repaired is no backup that was run into this repository.
    if (snapshot.origin || snapshot.repaired_from) continue;
    if (snapshot.finished_ms < oldest || snapshot.finished_ms >= known.running_since_ms) continue;
    if (known.snapshots.contains(snapshot.id.hex)) continue;
    AERIE_TRY(context.Check("rebuild the history"));
    const Json is_verified = verified.contains(snapshot.id) ? Json(true) : Json(nullptr);
    AERIE_ASSIGN(const auto number,
                 store.CreateRebuilt(JobOf(snapshot, name, repository.id(), is_verified),
                                     ToUnixMillis(context.clock().Now())));
    if (number) ++made;
  }
  return made;
}

Result<std::size_t> RebuildHistories(const Context& context, const Config& config,
                                     catalog::JobStore& store) {
  const Session session(config, NoProgress(), Session::Asking::kNever);
  std::size_t made = 0;
  for (const auto& [name, repository] : config.repositories) {
    auto opened = session.Repository(context, name, {}, IfAbsent::kFail);
    if (KindOf(opened.status()) == Kind::kNotFound) continue;
    Result<std::size_t> one = opened.ok() ? RebuildHistory(context, *opened->repository, name,
                                                           config.serve.keep_history, store)
                                          : opened.status();
    if (context.cancelled()) return made;
    if (one.ok()) {
      made += *one;
      continue;
    }
    log::Warn("history of a repository",
              {{"repository", name}, {"why", std::string(one.status().message())}});
  }
  return made;
}

}  // namespace aerie::app
