#include "app/kinds/backup.h"

#include <algorithm>
#include <utility>

#include "app/kinds/verify.h"
#include "app/version.h"
#include "repo/retain.h"
#include "transfer/endpoint.h"

namespace aerie::app {
namespace {

constexpr char kScheduleTag[] = "schedule:";

CommandResult PlanResult(const transfer::BackupPlan& plan) {
  CommandResult result;
  result.state = "planned";
  Json items = Json::array();
  std::vector<std::vector<std::string>> table = {{"COLLECTION", "ROWS", "PARTITIONS", "LOADED"}};
  for (const auto& item : plan.items) {
    items.push_back({{"name", item.name.ToString()},
                     {"rows", item.rows},
                     {"partitions", item.partitions},
                     {"loaded", item.loaded}});
    table.push_back({item.name.ToString(),
                     item.rows < 0 ? "?" : Thousands(static_cast<std::uint64_t>(item.rows)),
                     std::to_string(item.partitions),
                     item.loaded ? "yes" : "no: loaded for the read, then released"});
  }
  result.json["collections"] = items;
  result.text = "would back up:\n" + Table(table);
  return result;
}

transfer::BackupOptions OptionsOf(const BackupRequest& request, const OpenCluster& cluster,
                                  Duration immutable_for) {
  transfer::BackupOptions options;
  options.cluster_label = cluster.label;
  options.server_version = cluster.client->server_version();
  options.program = kProgram;
  options.host = HostName();
  options.tags = request.tags;
  options.immutable_for = immutable_for;
  options.selection = request.selection;
  options.parallel_collections = request.parallel;
  options.streams = request.streams;
  return options;
}

// Of the repository that was opened, and of the collections that were tried.
CommandResult ResultOf(const OpenedRepository& opened, const transfer::BackupResult& run,
                       double seconds) {
  CommandResult result;
  result.status = run.status;
  Json collections = Json::array();
  std::uint64_t rows = 0;
  for (const auto& outcome : run.collections) {
    collections.push_back(ToJson(outcome));
    if (outcome.status.ok()) rows += outcome.digest.rows;
    for (const auto& warning : outcome.warnings) {
      result.warnings.push_back(outcome.name.ToString() + ": " + warning);
    }
    if (!outcome.status.ok() && run.snapshot) {
      result.warnings.emplace_back(outcome.status.message());
    }
  }
  result.json["repository"] = {{"id", opened.repository->id()},
                               {"created", opened.created},
                               {"encrypted", opened.repository->encrypted()},
                               {"key_file", opened.key_file}};
  result.json["collections"] = collections;
  result.json["rows"] = rows;
  result.json["seconds"] = seconds;
  if (opened.created) {
    result.text += "created repository " + opened.repository->Describe() +
                   (opened.repository->encrypted() ? " (encrypted)\n" : " (not encrypted)\n");
  }
  if (!opened.key_file.empty()) {
    result.warnings.push_back("the passphrase of the new repository was generated and is in " +
                              opened.key_file +
                              "; copy that file to another place: without it the backups cannot "
                              "be read");
  }
  return result;
}

void AddSnapshot(const repo::Snapshot& snapshot, CommandResult& result) {
  result.json["snapshot"] = snapshot.id.hex;
  result.json["bytes"] = snapshot.stats.plain_bytes;
  result.json["stored_bytes"] = snapshot.stats.stored_bytes;
  result.text += "snapshot " + snapshot.id.Short() + ": " +
                 std::to_string(snapshot.collections.size()) + " collections, " +
                 Thousands(result.json["rows"].get<std::uint64_t>()) + " rows, " +
                 HumanBytes(snapshot.stats.plain_bytes) + " in " +
                 HumanSeconds(result.json["seconds"].get<double>()) + "; stored " +
                 HumanBytes(snapshot.stats.stored_bytes) + " new\n";
}

void AddImmutable(const repo::Snapshot& snapshot, CommandResult& result) {
  if (!snapshot.immutable_until_ms) return;
  result.json["immutable_until"] = FormatUtc(FromUnixMillis(*snapshot.immutable_until_ms));
  result.text += "  " + repo::ImmutableText(snapshot) + "\n";
}

// ---- the job ----

struct BackupJob : BackupRequest {
  bool verify = true;
  PruneRequest keep = {};
  bool keeps() const { return !keep.policy.empty() || !keep.keep_within.empty(); }
};

// Where an earlier run was: "snapshot" once it is committed.
struct Reached {
  std::string snapshot;
  bool verified = false;
  std::string partial;  // why some of it is not in it
  std::string Text() const {
    return Dump({{"snapshot", snapshot}, {"verified", verified}, {"partial", partial}});
  }
};

class BackupKind : public RequestKind<BackupJob> {
 public:
  using RequestKind::RequestKind;

 private:
  void Read(SpecReader& spec, BackupJob& job) const override {
    spec.Cluster("cluster", SpecReader::Default::kConfigured, job.cluster.text);
    spec.Repository("repository", SpecReader::Default::kConfigured, job.repo.text);
    spec.Selection(job.selection, SpecReader::Rows::kFilter);
    spec.Texts("tags", job.tags);
    spec.Flag("verify", job.verify);
    ReadKeep(spec, job.keep);
    spec.Number("parallel", std::size_t{1}, std::size_t{64}, job.parallel);
    spec.Number("streams", 1, 64, job.streams);
    spec.Time("immutable_for", job.immutable_for);
    spec.Flag("no_load", job.no_load);
    spec.Flag("dry_run", job.dry_run);
  }

  std::string Describe(const BackupJob& job) const override {
    return "back up " + SelectionText(job.selection) + " of cluster " +
           NamedOr(job.cluster.text, setup().config.default_cluster) + " into repository " +
           NamedOr(job.repo.text, setup().config.default_repository) +
           (job.verify ? ", verify every row" : "") + (job.keeps() ? ", apply retention" : "") +
           DryRunText(job.dry_run);
  }

  CommandResult Work(const Tools& tools, BackupJob& job, jobs::JobRun& run) const override {
    if (!run.schedule().empty()) job.tags.push_back(ScheduleTag(run.schedule()));
    const Json kept = ObjectOf(run.checkpoint());
    Reached reached{.snapshot = kept.value("snapshot", ""),
                    .verified = kept.value("verified", false),
                    .partial = kept.value("partial", "")};
    BackupRun backup =
        reached.snapshot.empty() ? RunBackupRequest(tools, job) : GoOn(tools, job, reached);
    // Somebody deleted it meanwhile: there is nothing to go on with.
    if (!reached.snapshot.empty() && !backup.snapshot &&
        KindOf(backup.result.status) == Kind::kNotFound) {
      reached = {};
      backup = RunBackupRequest(tools, job);
    }
    if (!backup.snapshot) return std::move(backup.result);
    CommandResult& result = backup.result;
    if (reached.snapshot.empty()) {
      reached.snapshot = backup.snapshot->id.hex;
      if (!result.status.ok()) reached.partial = std::string(result.status.message());
      if (const Status saved = run.SaveCheckpoint(reached.Text()); !saved.ok()) {
        result.status = saved;
        return std::move(result);
      }
    }
    if (!Verify(tools, job, backup, reached)) return std::move(result);
    if (const Status saved = run.SaveCheckpoint(reached.Text()); !saved.ok()) {
      result.status = saved;
      return std::move(result);
    }
    Retain(tools, job, backup);
    return std::move(result);
  }

  // The snapshot that an earlier run committed.
  static BackupRun GoOn(const Tools& tools, const BackupJob& job, const Reached& reached) {
    BackupRun backup;
    auto opened = tools.session.Repository(tools.context, job.repo.text, {}, IfAbsent::kFail);
    if (!opened.ok()) return {.result = Failure(opened.status())};
    auto snapshot = opened->repository->FindSnapshot(tools.context, reached.snapshot);
    if (!snapshot.ok()) return {.result = Failure(snapshot.status())};
    backup.opened = *std::move(opened);
    backup.result.json = BackupJsonOf(*snapshot);
    if (!reached.partial.empty()) {
      backup.result.status = MakeStatus(Kind::kPartial, reached.partial);
    }
    backup.snapshot = *std::move(snapshot);
    return backup;
  }

  // Whether the run goes on.
  static bool Verify(const Tools& tools, const BackupJob& job, BackupRun& backup,
                     Reached& reached) {
    CommandResult& result = backup.result;
    result.json["verified"] = nullptr;
    if (!job.verify) return true;
    result.json["verified"] = reached.verified;
    if (reached.verified) return true;
    CommandResult verified = VerifyOpened(tools, *backup.opened->repository, {backup.snapshot->id},
                                          VerifyRows::kEveryRow);
    result.text += verified.text;
    result.warnings.insert(result.warnings.end(), verified.warnings.begin(),
                           verified.warnings.end());
    if (verified.json.contains("findings")) {
      result.json["findings"] = verified.json["findings"];
      result.json["verify_seconds"] = verified.json["seconds"];
    }
    if (!verified.status.ok()) {
      result.status = Annotate(verified.status, "the snapshot is stored, and not proven");
      return false;
    }
    result.json["verified"] = reached.verified = true;
    return true;
  }

  // After a backup that is not whole nothing is removed.
  static void Retain(const Tools& tools, const BackupJob& job, BackupRun& backup) {
    CommandResult& result = backup.result;
    result.json["retention"] = nullptr;
    if (!job.keeps() || !result.status.ok()) return;
    PruneRequest request = job.keep;
    request.apply = true;
    request.judges = [cluster = backup.snapshot->cluster, &job](const repo::Snapshot& snapshot) {
      return IsOf(snapshot, cluster, job.tags);
    };
    const CommandResult pruned = PruneOpened(tools, *backup.opened->repository, request);
    result.json["retention"] = ToJson(pruned);
    if (pruned.status.ok()) {
      result.text +=
          "retention removed " + pruned.json["snapshots_removed"].dump() + " snapshots\n";
      return;
    }
    const std::string why = "the snapshot is stored, and retention waits for the next run: " +
                            std::string(pruned.status.message());
    if (KindOf(pruned.status) == Kind::kLocked) {
      result.warnings.push_back(why);
    } else {
      result.status = MakeStatus(Kind::kPartial, why);
    }
  }
};

}  // namespace

BackupRun RunBackupRequest(const Tools& tools, const BackupRequest& request) {
  const auto immutable_for = ImmutableFor(tools.session, request.immutable_for, request.repo.text);
  if (!immutable_for.ok()) return {Failure(immutable_for.status())};
  auto cluster = tools.session.Cluster(tools.context, request.cluster.text, request.cluster.flags);
  if (!cluster.ok()) return {Failure(cluster.status())};
  transfer::ClusterEndpointOptions endpoint_options;
  endpoint_options.load_if_needed = !request.no_load;
  endpoint_options.database = request.selection.database;
  endpoint_options.as_of_list = true;
  endpoint_options.throttle = transfer::ClusterThrottle::Make(cluster->throttle, tools.progress);
  const auto endpoint = transfer::MakeClusterEndpoint(cluster->client, endpoint_options);
  const transfer::BackupOptions options = OptionsOf(request, *cluster, *immutable_for);
  if (request.dry_run) {
    auto plan = transfer::PlanBackup(tools.context, *endpoint, options);
    return {plan.ok() ? PlanResult(*plan) : Failure(plan.status())};
  }
  BackupRun out;
  const auto open = [&](const Context& context,
                        const std::function<void()>& is_empty) -> Result<repo::Repository*> {
    AERIE_ASSIGN(out.opened,
                 tools.session.Repository(context, request.repo.text, request.repo.flags,
                                          IfAbsent::kCreate, is_empty));
    return out.opened->repository.get();
  };
  const SteadyTime start = tools.context.clock().Steady();
  auto run = transfer::RunBackup(tools.context, *endpoint, open, options, tools.progress);
  if (!out.opened) return {Failure(run.status())};
  // What the user must know of a new repository is said also when the backup failed.
  if (!run.ok()) {
    transfer::BackupResult failed;
    failed.status = run.status();
    run = std::move(failed);
  }
  out.result = ResultOf(*out.opened, *run, SecondsSince(tools.context, start));
  out.snapshot = run->snapshot;
  if (out.snapshot) AddSnapshot(*out.snapshot, out.result);
  ReportThrottle(*endpoint, out.result);
  if (out.snapshot) AddImmutable(*out.snapshot, out.result);
  return out;
}

Json BackupJsonOf(const repo::Snapshot& snapshot) {
  Json collections = Json::array();
  std::uint64_t rows = 0;
  for (const repo::SnapshotCollection& collection : snapshot.collections) {
    rows += collection.digest.rows;
    collections.push_back({{"name", collection.name.ToString()},
                           {"status", "completed"},
                           {"rows", collection.digest.rows},
                           {"bytes", collection.bytes},
                           {"digest", collection.digest.sum.ToHex()}});
  }
  return {{"collections", std::move(collections)},
          {"rows", rows},
          {"seconds", static_cast<double>(snapshot.finished_ms - snapshot.created_ms) / 1000},
          {"snapshot", snapshot.id.hex},
          {"bytes", snapshot.stats.plain_bytes},
          {"stored_bytes", snapshot.stats.stored_bytes}};
}

std::string ScheduleTag(const std::string& schedule) { return kScheduleTag + schedule; }

std::string ScheduleOf(const repo::Snapshot& snapshot) {
  for (const std::string& tag : snapshot.tags) {
    if (tag.starts_with(kScheduleTag)) return tag.substr(sizeof kScheduleTag - 1);
  }
  return "";
}

std::shared_ptr<jobs::JobKind> MakeBackupKind(std::shared_ptr<const KindSetup> setup) {
  return std::make_shared<BackupKind>("backup", std::move(setup));
}

}  // namespace aerie::app
