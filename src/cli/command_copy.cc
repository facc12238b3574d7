// aerie copy.
#include <memory>

#include "app/kinds/copy.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/target.h"

namespace aerie::cli {
namespace {

CommandResult Copy(Environment& env, const app::CopyRequest& request) {
  if (!request.dry_run) {
    const Status confirmed = ConfirmReplace(env, request.target.on_conflict, "copy");
    if (!confirmed.ok()) return Failure(confirmed);
  }
  return app::Copy(env.tools(), request);
}

}  // namespace

void AddCopyCommand(CLI::App& root, Action& action) {
  auto args = std::make_shared<app::CopyRequest>();
  CLI::App* cmd = root.add_subcommand(
      "copy", "Copy collections of a cluster into another, largest first, comparing every row");
  AddFromTo(*cmd, args->clusters);
  AddTargetOptions(*cmd, args->target, "--workers");
  AddFromToOptions(*cmd, args->clusters);
  cmd->add_flag("-n,--dry-run", args->dry_run,
                "Show what would be copied and about how long it takes; change nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Copy(env, *args); }; });
}

}  // namespace aerie::cli
