#include "app/kinds/verify.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/duration.h"
#include "repo/pins.h"

namespace aerie::app {
namespace {

constexpr std::size_t kMostHistory = 1000;  // jobs

// Retention keeps the last verified snapshot of each collection, where it can be recorded.
void RecordVerified(const Tools& tools, repo::Repository& repository,
                    const std::vector<repo::SnapshotId>& only, CommandResult& result) {
  std::vector<repo::SnapshotId> ids = only;
  if (ids.empty()) {
    const auto all = repository.ListSnapshots(tools.context);
    if (!all.ok()) return;
    for (const auto& snapshot : *all) ids.push_back(snapshot.id);
  }
  const auto known = repo::ListVerified(tools.context, repository);
  if (!known.ok()) return;
  for (const auto& id : ids) {
    if (known->contains(id)) continue;
    const Status recorded = repo::RecordVerified(tools.context, repository, id);
    const Kind kind = KindOf(recorded);
    if (recorded.ok() || kind == Kind::kNotFound) continue;
    if (kind != Kind::kDenied && kind != Kind::kNoSpace) {
      result.warnings.emplace_back(recorded.message());
    }
    return;
  }
}

// When each was last found whole: what the repository knows, or a later job.
Result<std::map<repo::SnapshotId, std::int64_t>> LastVerified(const Tools& tools,
                                                              repo::Repository& repository,
                                                              catalog::JobStore* history) {
  AERIE_ASSIGN(auto times, repo::ListVerifiedTimes(tools.context, repository));
  if (history == nullptr) return times;
  AERIE_ASSIGN(const auto jobs, history->List({.kind = "verify", .limit = kMostHistory}));
  for (const catalog::Job& job : jobs) {
    const Json result = ObjectOf(job.result);
    for (const Json& one : result.value("snapshots", Json::array())) {
      if (one.value("status", "") != "verified") continue;
      std::int64_t& time = times[{one.value("snapshot", "")}];
      time = std::max(time, job.ended_ms);
    }
  }
  return times;
}

// Never verified ones first, newest first; then by the time of the last verification.
void Order(std::vector<repo::Snapshot>& snapshots,
           const std::map<repo::SnapshotId, std::int64_t>& times) {
  std::ranges::stable_sort(snapshots, [&](const repo::Snapshot& a, const repo::Snapshot& b) {
    const auto of_a = times.find(a.id), of_b = times.find(b.id);
    const bool never_a = of_a == times.end(), never_b = of_b == times.end();
    if (never_a != never_b) return never_a;
    return never_a ? a.created_ms > b.created_ms : of_a->second < of_b->second;
  });
}

Result<std::vector<repo::Snapshot>> Chosen(const Tools& tools, repo::Repository& repository,
                                           const VerifyRequest& request,
                                           catalog::JobStore* history) {
  const auto wanted = [&](const repo::Snapshot& snapshot) {
    return IsOf(snapshot, request.cluster, request.tags);
  };
  std::vector<repo::Snapshot> chosen;
  for (const std::string& name : request.snapshots) {
    AERIE_ASSIGN(repo::Snapshot found, repository.FindSnapshot(tools.context, name, wanted));
    if (std::ranges::count(chosen, found.id, &repo::Snapshot::id) == 0) {
      chosen.push_back(std::move(found));
    }
  }
  if (!request.snapshots.empty()) return chosen;
  AERIE_ASSIGN(const auto all, repository.ListSnapshots(tools.context));
  std::ranges::copy_if(all, std::back_inserter(chosen), wanted);
  AERIE_ASSIGN(const auto times, LastVerified(tools, repository, history));
  Order(chosen, times);
  return chosen;
}

// What is done so far, and kept as the checkpoint.
struct Round {
  Json done = Json::array();
  Json findings = Json::array();
  double seconds = 0;

  bool Has(const repo::SnapshotId& id) const {
    return std::ranges::any_of(
        done, [&](const Json& one) { return one.value("snapshot", "") == id.hex; });
  }
  std::string Text() const {
    return Dump({{"done", done}, {"findings", findings}, {"seconds", seconds}});
  }
};

Round RoundOf(const std::string& checkpoint) {
  const Json json = ObjectOf(checkpoint);
  return {.done = json.value("done", Json::array()),
          .findings = json.value("findings", Json::array()),
          .seconds = json.value("seconds", 0.0)};
}

// The error of one that could not be verified at all; else what was found is in the round.
Status VerifyOne(const Tools& tools, repo::Repository& repository, const repo::Snapshot& snapshot,
                 VerifyRows rows, Round& round, CommandResult& result) {
  const SteadyTime start = tools.context.clock().Steady();
  CommandResult one = VerifyOpened(tools, repository, {snapshot.id}, rows);
  if (!one.json.contains("findings")) return one.status;
  const double seconds = SecondsSince(tools.context, start);
  round.seconds += seconds;
  round.done.push_back({{"snapshot", snapshot.id.hex},
                        {"created", FormatUtc(FromUnixMillis(snapshot.created_ms))},
                        {"cluster", snapshot.cluster},
                        {"status", one.status.ok() ? "verified" : "damaged"},
                        {"findings", one.json["findings"].size()},
                        {"seconds", seconds}});
  for (const Json& finding : one.json["findings"]) round.findings.push_back(finding);
  result.text += one.text;
  result.warnings.insert(result.warnings.end(), one.warnings.begin(), one.warnings.end());
  return Ok();
}

class VerifyKind : public RequestKind<VerifyRequest> {
 public:
  using RequestKind::RequestKind;

 private:
  void Read(SpecReader& spec, VerifyRequest& request) const override {
    spec.Repository("repository", SpecReader::Default::kConfigured, request.repo.text);
    spec.Texts("snapshots", request.snapshots);
    spec.Text("cluster", request.cluster);
    spec.Texts("tags", request.tags);
    spec.Flag("read_data", request.read_data);
    spec.Time("max_duration", request.max_duration);
  }

  std::string Describe(const VerifyRequest& request) const override {
    std::string text = "verify ";
    for (const std::string& name : request.snapshots) text += "snapshot " + name + " ";
    if (request.snapshots.empty()) {
      text += "the snapshots ";
      if (!request.cluster.empty()) text += "of cluster " + request.cluster + " ";
    }
    text += "in repository " + NamedOr(request.repo.text, setup().config.default_repository) +
            (request.read_data ? ", every row" : ", structure only");
    if (!request.max_duration.empty()) text += ", for " + request.max_duration;
    return text;
  }

  CommandResult Work(const Tools& tools, VerifyRequest& request, jobs::JobRun& run) const override {
    auto opened = tools.session.Repository(tools.context, request.repo.text, {}, IfAbsent::kFail);
    if (!opened.ok()) return Failure(opened.status());
    const auto chosen = Chosen(tools, *opened->repository, request, setup().history);
    if (!chosen.ok()) return Failure(chosen.status());
    Duration most = Duration::max();
    if (!request.max_duration.empty()) {
      const auto parsed = ParseDuration(request.max_duration, "verify: 'max_duration'");
      if (!parsed.ok()) return Failure(parsed.status());
      most = *parsed;
    }
    CommandResult result;
    Round round = RoundOf(run.checkpoint());
    const VerifyRows rows = request.read_data ? VerifyRows::kEveryRow : VerifyRows::kStructure;
    for (const repo::Snapshot& snapshot : *chosen) {
      if (round.Has(snapshot.id)) continue;
      if (!round.done.empty() && std::chrono::duration<double>(most).count() <= round.seconds)
        break;
      const Status status = VerifyOne(tools, *opened->repository, snapshot, rows, round, result);
      // Retention removed it meanwhile.
      if (KindOf(status) == Kind::kNotFound) continue;
      if (!status.ok()) return Failure(status);
      if (const Status saved = run.SaveCheckpoint(round.Text()); !saved.ok()) return Failure(saved);
    }
    Conclude(round, chosen->size(), request, result);
    return result;
  }

  static void Conclude(const Round& round, std::size_t chosen, const VerifyRequest& request,
                       CommandResult& result) {
    const std::size_t done = round.done.size();
    const auto damaged = std::ranges::count_if(
        round.done, [](const Json& one) { return one.value("status", "") == "damaged"; });
    result.json["verified"] =
        std::to_string(done) + " of " + std::to_string(std::max(chosen, done)) + " snapshots";
    result.json["read_data"] = request.read_data;
    result.json["seconds"] = round.seconds;
    result.json["findings"] = round.findings;
    result.json["snapshots"] = round.done;
    result.json["remaining"] = chosen > done ? chosen - done : 0;
    if (damaged == 0) return;
    result.status =
        CorruptError("verify: " + std::to_string(damaged) + " of " + std::to_string(done) +
                     " snapshots are damaged; its result says where, and docs/"
                     "checking.md what to do");
  }
};

}  // namespace

bool IsOf(const repo::Snapshot& snapshot, const std::string& cluster,
          const std::vector<std::string>& tags) {
  if (!cluster.empty() && snapshot.cluster != cluster) return false;
  return std::ranges::all_of(tags, [&](const std::string& tag) {
    return std::ranges::find(snapshot.tags, tag) != snapshot.tags.end();
  });
}

CommandResult VerifyOpened(const Tools& tools, repo::Repository& repository,
                           const std::vector<repo::SnapshotId>& only, VerifyRows rows) {
  const bool every_row = rows == VerifyRows::kEveryRow;
  repo::Repository::CheckOptions options;
  options.read_data = every_row;
  options.only = only;
  options.progress = [&](std::uint64_t done, std::uint64_t) {
    tools.progress.OnProgress({.type = ProgressEvent::Type::kCounts,
                               .phase = "verify",
                               .collection = {},
                               .bytes_done = static_cast<std::int64_t>(done),
                               .message = {}});
  };
  const std::string what = only.size() == 1 ? "snapshot " + only.front().Short() : "every snapshot";
  const SteadyTime start = tools.context.clock().Steady();
  auto findings = repository.Check(tools.context, options);
  if (!findings.ok()) return Failure(findings.status());
  const double seconds = SecondsSince(tools.context, start);
  CommandResult result;
  result.json["verified"] = what;
  result.json["read_data"] = every_row;
  result.json["seconds"] = seconds;
  result.json["findings"] = Json::array();
  for (const auto& finding : *findings) {
    result.json["findings"].push_back(ToJson(finding));
    result.text += FindingText(finding, "damaged");
  }
  if (findings->empty() && every_row) RecordVerified(tools, repository, only, result);
  if (findings->empty()) {
    result.text = "verified " + what + ": " +
                  (every_row ? "structure and every row"
                             : "structure (rows were not read; --read-data reads them)") +
                  ", no damage, " + HumanSeconds(seconds) + "\n";
  } else {
    result.status = CorruptError("verify " + what + ": " + std::to_string(findings->size()) +
                                 " findings; restore what you need from another snapshot, and "
                                 "keep the rest of a damaged one with aerie repo repair");
  }
  return result;
}

std::shared_ptr<jobs::JobKind> MakeVerifyKind(std::shared_ptr<const KindSetup> setup) {
  return std::make_shared<VerifyKind>("verify", std::move(setup));
}

}  // namespace aerie::app
