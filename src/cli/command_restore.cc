#include <memory>

#include "app/kinds/restore.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/target.h"

namespace aerie::cli {
namespace {

CommandResult Restore(Environment& env, const app::RestoreRequest& request) {
  if (!request.dry_run) {
    const Status confirmed = ConfirmReplace(env, request.target.on_conflict, "restore");
    if (!confirmed.ok()) return Failure(confirmed);
  }
  return app::Restore(env.tools(), request);
}

}  // namespace

void AddRestoreCommand(CLI::App& root, Action& action) {
  auto args = std::make_shared<app::RestoreRequest>();
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
