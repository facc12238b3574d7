// aerie repo mirror.
#include <memory>

#include "app/kinds/mirror.h"
#include "cli/args.h"
#include "cli/commands.h"

namespace aerie::cli {
namespace {

CommandResult Mirror(Environment& env, const app::MirrorRequest& request) {
  return app::Mirror(env.tools(), request);
}

void AddTargetOptions(CLI::App& command, app::MirrorRequest& args) {
  command
      .add_option("--to", args.to.text,
                  "Repository to copy to: a path, s3://bucket/prefix or configured name")
      ->type_name("REPO")
      ->required()
      ->group("Target");
  AddSecretOptions(command, args.to.flags.password, app::kMirrorPasswordStem,
                   "the target's passphrase", " (or set AERIE_TO_PASSWORD)", "Target");
  AddImmutableOption(command, args.immutable_for);
  command.add_flag("--init", args.init, "Make the target where there is none")->group("Target");
  command
      .add_flag("--to-unencrypted", args.to.flags.unencrypted,
                "Do not encrypt the target, when --init makes it")
      ->group("Target");
}

}  // namespace

void AddMirrorCommand(CLI::App& repo, Action& action) {
  auto args = std::make_shared<app::MirrorRequest>();
  CLI::App* cmd = repo.add_subcommand(
      "mirror", "Copy snapshots to a second repository, with a key of its own, and compare them");
  cmd->add_option("SNAPSHOT", args->options.snapshots,
                  "Ids, unambiguous prefixes or latest; without any: all");
  AddRepoOption(*cmd, args->from, false);
  AddTargetOptions(*cmd, *args);
  AddSelectionOptions(*cmd, args->options.selection, false);
  cmd->add_option("--cluster", args->options.cluster, "Only snapshots of this cluster")
      ->group("Selection");
  cmd->add_option("--tag", args->options.tags, "Only snapshots with this tag (repeatable)")
      ->expected(1)
      ->take_all()
      ->group("Selection");
  cmd->add_option("--last", args->options.last, "Only the newest N of those")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->group("Selection");
  cmd->add_flag("--pins", args->options.pins, "Pin the copies of what is pinned");
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be copied; change nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Mirror(env, *args); }; });
}

}  // namespace aerie::cli
