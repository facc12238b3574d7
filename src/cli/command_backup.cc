#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "app/kinds/backup.h"
#include "app/kinds/verify.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "repo/pins.h"
#include "repo/retain.h"
#include "rows/spec_codec.h"
#include "transfer/diff.h"
#include "transfer/endpoint.h"

namespace aerie::cli {
namespace {

std::string Age(std::int64_t created_ms) {
  return FormatUtc(FromUnixMillis(created_ms)).substr(0, 19) + "Z";
}

// ---- create ----

CommandResult Create(Environment& env, const app::BackupRequest& request) {
  return app::RunBackupRequest(env.tools(), request).result;
}

// ---- list ----

struct ListArgs {
  RepoArg repo;
  transfer::Selection selection;
  std::string cluster;
  std::vector<std::string> tags;
};

bool Wanted(const ListArgs& args, const repo::Snapshot& snapshot) {
  if (!args.cluster.empty() && snapshot.cluster != args.cluster) return false;
  for (const auto& tag : args.tags) {
    if (std::find(snapshot.tags.begin(), snapshot.tags.end(), tag) == snapshot.tags.end()) {
      return false;
    }
  }
  if (args.selection.empty()) return true;
  return std::any_of(snapshot.collections.begin(), snapshot.collections.end(),
                     [&](const auto& c) { return transfer::Selects(args.selection, c.name); });
}

// What the store says of it, too: `kept` are those that it confirms. Empty: nothing is to be said.
std::string ImmutableNote(const Environment& env, const repo::Snapshot& snapshot,
                          const std::set<repo::SnapshotId>& kept) {
  if (!repo::IsImmutable(snapshot, env.context.clock().Now())) return "";
  const std::string text = repo::ImmutableText(snapshot);
  return kept.contains(snapshot.id) ? text : "not " + text + ": the store does not retain it";
}

CommandResult List(Environment& env, const ListArgs& args) {
  auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  auto pins = repo::ListPins(env.context, *opened->repository);
  if (!pins.ok()) return Failure(pins.status());
  std::vector<repo::Finding> damaged;
  auto snapshots = opened->repository->ListSnapshots(env.context, &damaged);
  if (!snapshots.ok()) return Failure(snapshots.status());
  const auto kept = repo::ConfirmedImmutable(env.context, *opened->repository, *snapshots);
  if (!kept.ok()) return Failure(kept.status());
  CommandResult result;
  Json list = Json::array();
  std::vector<std::vector<std::string>> table = {
      {"ID", "CREATED", "CLUSTER", "COLLECTIONS", "ROWS", "SIZE", "STORED", "TAGS"}};
  for (const auto& snapshot : *snapshots) {
    if (!Wanted(args, snapshot)) continue;
    const bool pinned = pins->contains(snapshot.id);
    list.push_back(ToJson(snapshot));
    list.back()["pinned"] = pinned;
    list.back()["immutable"] = kept->contains(snapshot.id);
    std::uint64_t rows = 0;
    for (const auto& c : snapshot.collections) rows += c.digest.rows;
    std::string tags;
    for (const auto& tag : snapshot.tags) tags += (tags.empty() ? "" : ",") + tag;
    if (!snapshot.complete) tags += tags.empty() ? "(incomplete)" : " (incomplete)";
    if (snapshot.repaired_from) {
      tags += (tags.empty() ? "(repaired from " : " (repaired from ") +
              snapshot.repaired_from->Short() + ")";
    }
    const std::string immutable = ImmutableNote(env, snapshot, *kept);
    if (!immutable.empty()) tags += (tags.empty() ? "(" : " (") + immutable + ")";
    if (pinned) tags += tags.empty() ? "(pinned)" : " (pinned)";
    if (snapshot.origin) {
      tags += (tags.empty() ? "(copy of " : " (copy of ") + snapshot.origin->snapshot.Short() + ")";
    }
    table.push_back({snapshot.id.Short(), Age(snapshot.created_ms), snapshot.cluster,
                     std::to_string(snapshot.collections.size()), Thousands(rows),
                     HumanBytes(snapshot.stats.plain_bytes),
                     HumanBytes(snapshot.stats.stored_bytes), tags});
  }
  for (const auto& finding : damaged) {
    result.warnings.push_back(finding.object + ": " + finding.message);
  }
  if (!damaged.empty()) {
    result.status = CorruptError("list snapshots: " + std::to_string(damaged.size()) +
                                 " of them cannot be read; run aerie repo check");
  }
  result.text =
      list.empty() ? "no snapshots in " + opened->repository->Describe() + "\n" : Table(table);
  result.json["snapshots"] = std::move(list);
  return result;
}

// ---- show ----

struct ShowArgs {
  RepoArg repo;
  std::string snapshot;
};

std::string SpecText(const rows::CollectionSpec& spec) {
  std::string text;
  for (const auto& field : spec.schema.Columns()) {
    text += "    " + field.name + "  " + rows::TypeName(field.type);
    if (field.type == rows::DataType::kArray) text += " of " + rows::TypeName(field.element_type);
    for (const auto& [key, value] : field.type_params) text += "  " + key + "=" + value;
    if (field.primary_key) text += "  primary key";
    if (field.auto_id) text += "  auto id";
    if (field.partition_key) text += "  partition key";
    if (field.nullable) text += "  nullable";
    if (!field.default_value.empty()) text += "  has a default";
    text += "\n";
  }
  for (const auto& index : spec.indexes) {
    text += "    index " + index.index_name + " on " + index.field_name + "\n";
  }
  for (const auto& alias : spec.aliases) text += "    alias " + alias + "\n";
  return text;
}

CommandResult Show(Environment& env, const ShowArgs& args) {
  auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  auto snapshot = opened->repository->FindSnapshot(env.context, args.snapshot);
  if (!snapshot.ok()) return Failure(snapshot.status());
  auto pins = repo::ListPins(env.context, *opened->repository);
  if (!pins.ok()) return Failure(pins.status());
  const bool pinned = pins->contains(snapshot->id);
  const auto kept = repo::ConfirmedImmutable(env.context, *opened->repository, {*snapshot});
  if (!kept.ok()) return Failure(kept.status());
  CommandResult result;
  result.json["snapshot"] = ToJson(*snapshot);
  result.json["snapshot"]["pinned"] = pinned;
  result.json["snapshot"]["immutable"] = kept->contains(snapshot->id);
  Json specs = Json::object();
  result.text = "snapshot " + snapshot->id.hex + "\n  created   " + Age(snapshot->created_ms) +
                "\n  cluster   " + snapshot->cluster + " (" + snapshot->server_version +
                ")\n  size      " + HumanBytes(snapshot->stats.plain_bytes) + ", stored " +
                HumanBytes(snapshot->stats.stored_bytes) + " new\n";
  if (pinned) result.text += "  pinned    nothing deletes it until aerie backup unpin\n";
  const std::string immutable = ImmutableNote(env, *snapshot, *kept);
  if (!immutable.empty()) result.text += "  retained  " + immutable + "\n";
  if (snapshot->repaired_from) {
    result.text += "  repaired  from " + snapshot->repaired_from->hex + "\n";
  }
  if (snapshot->origin) {
    result.text += "  copy of   snapshot " + snapshot->origin->snapshot.hex + " in repository " +
                   snapshot->origin->repository.substr(0, 8) + "\n";
  }
  if (!snapshot->complete) result.text += "  INCOMPLETE: a part only, or some collections failed\n";
  for (const auto& collection : snapshot->collections) {
    auto manifest = opened->repository->LoadManifest(env.context, collection);
    if (!manifest.ok()) return Failure(manifest.status());
    specs[collection.name.ToString()] = rows::SpecToJson(manifest->spec);
    result.text += "  " + collection.name.ToString() + "  " + Thousands(collection.digest.rows) +
                   " rows  " + HumanBytes(collection.bytes) + "  " +
                   (collection.report.fuzzy ? "read while it was written (fuzzy)" : "exact") +
                   "\n" + SpecText(manifest->spec);
    for (const auto& partition : manifest->partitions) {
      if (manifest->partitions.size() < 2) break;
      result.text +=
          "    partition " + partition.name + "  " + Thousands(partition.digest.rows) + " rows\n";
    }
  }
  result.json["specs"] = std::move(specs);
  return result;
}

// ---- verify ----

struct VerifyArgs {
  RepoArg repo;
  std::string snapshot = "latest";
  bool all = false;
  app::VerifyRows rows = app::VerifyRows::kStructure;
  std::string against;
  app::ClusterFlags login;
  transfer::Selection selection;
};

CommandResult VerifyAgainst(Environment& env, const VerifyArgs& args,
                            repo::Repository& repository) {
  auto snapshot = repository.FindSnapshot(env.context, args.snapshot);
  if (!snapshot.ok()) return Failure(snapshot.status());
  auto cluster = env.session.Cluster(env.context, args.against, args.login);
  if (!cluster.ok()) return Failure(cluster.status());
  const auto left = transfer::MakeSnapshotEndpoint(repository, *snapshot);
  const auto right = transfer::MakeClusterEndpoint(
      cluster->client,
      {.throttle = transfer::ClusterThrottle::Make(cluster->throttle, env.output)});
  transfer::DiffOptions options;
  options.selection = args.selection;
  options.stored_rows = transfer::StoredRowsAre::kRead;
  if (options.selection.collections.empty()) {
    // Collections that the cluster has beside the snapshot's are no fault of the snapshot.
    for (const auto& c : snapshot->collections) {
      options.selection.collections.push_back(c.name.ToString());
    }
  }
  CommandResult result =
      DiffToResult(transfer::RunDiff(env.context, *left, *right, options, env.output),
                   left->Describe(), right->Describe());
  result.json["snapshot"] = snapshot->id.hex;
  result.json["against"] = cluster->label;
  ReportThrottle(*right, result);
  return result;
}

CommandResult Verify(Environment& env, const VerifyArgs& args) {
  auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  if (!args.against.empty() && args.all) {
    return Failure(InvalidError("verify: --against compares one snapshot; leave out --all"));
  }
  if (!args.against.empty()) return VerifyAgainst(env, args, *opened->repository);

  std::vector<repo::SnapshotId> only;
  if (!args.all) {
    auto snapshot = opened->repository->FindSnapshot(env.context, args.snapshot);
    if (!snapshot.ok()) return Failure(snapshot.status());
    only.push_back(snapshot->id);
  }
  return app::VerifyOpened(env.tools(), *opened->repository, only, args.rows);
}

// ---- diff of snapshots ----

struct DiffArgs {
  RepoArg repo;
  std::string a;
  std::string b;
  transfer::Selection selection;
};

CommandResult DiffSnapshots(Environment& env, const DiffArgs& args) {
  auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  auto a = opened->repository->FindSnapshot(env.context, args.a);
  if (!a.ok()) return Failure(a.status());
  auto b = opened->repository->FindSnapshot(env.context, args.b);
  if (!b.ok()) return Failure(b.status());
  const auto left = transfer::MakeSnapshotEndpoint(*opened->repository, *a);
  const auto right = transfer::MakeSnapshotEndpoint(*opened->repository, *b);
  transfer::DiffOptions options;
  options.selection = args.selection;
  return DiffToResult(transfer::RunDiff(env.context, *left, *right, options, env.output),
                      left->Describe(), right->Describe());
}

}  // namespace

void AddBackupCommands(CLI::App& root, Action& action) {
  CLI::App* backup =
      root.add_subcommand("backup", "Make, list, verify, compare, pin and delete snapshots");
  backup->require_subcommand(1);

  {
    auto args = std::make_shared<app::BackupRequest>();
    CLI::App* cmd = backup->add_subcommand("create", "Back up collections into a new snapshot");
    AddClusterOption(*cmd, "--cluster", "Cluster: an address or a configured name", args->cluster);
    AddRepoOption(*cmd, args->repo, true);
    AddSelectionOptions(*cmd, args->selection, true);
    AddReadingOptions(*cmd, args->cluster.flags.limits);
    cmd->add_option("--tag", args->tags, "Tag of the snapshot (repeatable)")
        ->expected(1)
        ->take_all();
    cmd->add_option("--parallel", args->parallel, "Collections read at once")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    cmd->add_option("--streams", args->streams, "Requests in flight for each collection")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    AddImmutableOption(*cmd, args->immutable_for);
    cmd->add_flag("--no-load", args->no_load,
                  "Refuse collections that are not loaded, instead of loading them for the read");
    cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be backed up; change nothing");
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Create(env, *args); }; });
  }
  {
    auto args = std::make_shared<ListArgs>();
    CLI::App* cmd = backup->add_subcommand("list", "List snapshots, newest first");
    AddRepoOption(*cmd, args->repo, false);
    AddSelectionOptions(*cmd, args->selection, false);
    cmd->add_option("--cluster", args->cluster, "Only snapshots of this cluster");
    cmd->add_option("--tag", args->tags, "Only snapshots with this tag (repeatable)")
        ->expected(1)
        ->take_all();
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return List(env, *args); }; });
  }
  {
    auto args = std::make_shared<ShowArgs>();
    CLI::App* cmd =
        backup->add_subcommand("show", "Show one snapshot: collections, schemas, digests");
    cmd->add_option("SNAPSHOT", args->snapshot, "Id, unambiguous prefix, or latest")->required();
    AddRepoOption(*cmd, args->repo, false);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Show(env, *args); }; });
  }
  {
    auto args = std::make_shared<VerifyArgs>();
    CLI::App* cmd = backup->add_subcommand("verify", "Prove that a snapshot is whole");
    cmd->add_option("SNAPSHOT", args->snapshot, "Id, unambiguous prefix, or latest")
        ->capture_default_str();
    AddRepoOption(*cmd, args->repo, false);
    cmd->add_flag("--all", args->all, "Every snapshot");
    cmd->add_flag_callback(
        "--read-data", [args] { args->rows = app::VerifyRows::kEveryRow; },
        "Read and compare every row, not only the structure");
    cmd->add_option("--against", args->against, "Compare with the rows of this live cluster")
        ->type_name("CLUSTER");
    AddLoginOptions(*cmd, args->login);
    AddReadingOptions(*cmd, args->login.limits);
    AddSelectionOptions(*cmd, args->selection, false);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Verify(env, *args); }; });
  }
  {
    auto args = std::make_shared<DiffArgs>();
    CLI::App* cmd = backup->add_subcommand("diff", "Compare two snapshots");
    cmd->add_option("A", args->a, "Snapshot")->required();
    cmd->add_option("B", args->b, "Snapshot")->required();
    AddRepoOption(*cmd, args->repo, false);
    AddSelectionOptions(*cmd, args->selection, false);
    cmd->callback([&action, args] {
      action = [args](Environment& env) { return DiffSnapshots(env, *args); };
    });
  }
  AddDeleteCommands(*backup, action);
}

}  // namespace aerie::cli
