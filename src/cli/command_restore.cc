#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/target.h"
#include "transfer/restore.h"

namespace aerie::cli {
namespace {

struct RestoreArgs {
  std::string snapshot;
  RepoArg repo;
  ClusterArg to;
  TargetArgs target;
  bool dry_run = false;
};

CommandResult Restore(Environment& env, const RestoreArgs& args) {
  auto options = ToOptions(args.target, "restore");
  if (!options.ok()) return Failure(options.status());
  if (!args.dry_run) {
    const Status confirmed = ConfirmReplace(env, args.target.on_conflict, "restore");
    if (!confirmed.ok()) return Failure(confirmed);
  }
  auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  auto snapshot = opened->repository->FindSnapshot(
      env.context, args.snapshot, [&](const repo::Snapshot& candidate) {
        if (args.target.selection.empty()) return true;
        for (const auto& c : candidate.collections) {
          if (transfer::Selects(args.target.selection, c.name)) return true;
        }
        return false;
      });
  if (!snapshot.ok()) {
    std::string asked;
    for (const auto& glob : args.target.selection.collections) asked += " " + glob;
    return Failure(asked.empty() ? snapshot.status()
                                 : Annotate(snapshot.status(), "restore collections" + asked));
  }
  auto cluster = env.session.Cluster(env.context, args.to.text, args.to.flags);
  if (!cluster.ok()) return Failure(cluster.status());
  const auto from = transfer::MakeSnapshotEndpoint(*opened->repository, *snapshot);
  if (args.dry_run) {
    auto plan = transfer::PlanRestore(env.context, *from, cluster->client, *options);
    return plan.ok() ? PlanResult(*plan, args.target, "restore") : Failure(plan.status());
  }

  const SteadyTime start = env.context.clock().Steady();
  auto run = transfer::RunRestore(env.context, *from, cluster->client, *options, env.output);
  if (!run.ok()) return Failure(run.status());
  CommandResult result = RunResult(*run, "restore", "restored");
  result.json["snapshot"] = snapshot->id.hex;
  result.json["cluster"] = cluster->label;
  result.json["seconds"] =
      std::chrono::duration<double>(env.context.clock().Steady() - start).count();
  return result;
}

}  // namespace

void AddRestoreCommand(CLI::App& root, Action& action) {
  auto args = std::make_shared<RestoreArgs>();
  CLI::App* cmd = root.add_subcommand(
      "restore", "Restore collections of a snapshot into a cluster, comparing every row");
  cmd->add_option("SNAPSHOT", args->snapshot, "Id, unambiguous prefix, or latest")->required();
  AddClusterOption(*cmd, "--to", "Cluster: an address or a configured name", args->to);
  AddRepoOption(*cmd, args->repo, false);
  AddTargetOptions(*cmd, args->target, "--parallel");
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be restored; change nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Restore(env, *args); }; });
}

}  // namespace aerie::cli
