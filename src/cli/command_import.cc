#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/target.h"
#include "transfer/export.h"
#include "transfer/restore.h"

namespace aerie::cli {
namespace {

struct ImportArgs {
  std::string folder;
  ClusterArg to;
  TargetArgs target;
  bool dry_run = false;
};

CommandResult Import(Environment& env, const ImportArgs& args) {
  auto options = ToOptions(args.target, "import");
  if (!options.ok()) return Failure(options.status());
  if (!args.dry_run) {
    const Status confirmed = ConfirmReplace(env, args.target.on_conflict, "import");
    if (!confirmed.ok()) return Failure(confirmed);
  }
  auto folder = env.session.Folder(args.folder);
  if (!folder.ok()) return Failure(folder.status());
  auto from = transfer::OpenExportEndpoint(env.context, *folder);
  if (!from.ok()) return Failure(from.status());
  auto cluster = env.session.Cluster(env.context, args.to.text, args.to.flags);
  if (!cluster.ok()) return Failure(cluster.status());
  if (args.dry_run) {
    auto plan = transfer::PlanRestore(env.context, **from, cluster->client, *options);
    return plan.ok() ? PlanResult(*plan, args.target, "import") : Failure(plan.status());
  }

  const SteadyTime start = env.context.clock().Steady();
  auto run = transfer::RunRestore(env.context, **from, cluster->client, *options, env.output);
  if (!run.ok()) return Failure(run.status());
  CommandResult result = RunResult(*run, "import", "imported");
  result.json["folder"] = (*folder)->Describe();
  result.json["cluster"] = cluster->label;
  result.json["seconds"] =
      std::chrono::duration<double>(env.context.clock().Steady() - start).count();
  return result;
}

}  // namespace

void AddImportCommand(CLI::App& root, Action& action) {
  auto args = std::make_shared<ImportArgs>();
  CLI::App* cmd = root.add_subcommand(
      "import", "Bring what aerie export wrote into a cluster, comparing every row");
  cmd->add_option("DIR", args->folder, "Folder of an export: a path or s3://bucket/prefix")
      ->required();
  AddClusterOption(*cmd, "--to", "Cluster: an address or a configured name", args->to);
  AddTargetOptions(*cmd, args->target, "--parallel");
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be imported; change nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Import(env, *args); }; });
}

}  // namespace aerie::cli
