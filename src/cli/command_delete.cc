// aerie backup delete, pin, unpin.
#include <memory>

#include "app/kinds/delete.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "repo/pins.h"

namespace aerie::cli {
namespace {

struct NamedArgs {
  RepoArg repo;
  std::vector<std::string> snapshots;
  bool dry_run = false;
};

CommandResult Delete(Environment& env, const NamedArgs& args) {
  auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  const auto ids = app::ResolveSnapshots(env.context, *opened->repository, args.snapshots);
  if (!ids.ok()) return Failure(ids.status());
  const CommandResult plan = app::PlanDeletion(env.tools(), *opened->repository, *ids);
  if (args.dry_run || !plan.status.ok()) return plan;
  std::string question = "delete " + app::SnapshotCount(ids->size());
  for (const auto& id : *ids) question += " " + id.Short();
  for (const std::string& warning : plan.warnings) question += " (" + warning + ")";
  if (const Status confirmed = Confirm(env, question); !confirmed.ok()) return Failure(confirmed);
  CommandResult result = app::DeleteResolved(env.tools(), *opened->repository, *ids);
  result.warnings.insert(result.warnings.begin(), plan.warnings.begin(), plan.warnings.end());
  return result;
}

enum class Pinning { kPin, kUnpin };

CommandResult SetPins(Environment& env, const NamedArgs& args, Pinning pinning) {
  auto opened =
      env.session.Repository(env.context, args.repo.text, args.repo.flags, app::IfAbsent::kFail);
  if (!opened.ok()) return Failure(opened.status());
  auto ids = app::ResolveSnapshots(env.context, *opened->repository, args.snapshots);
  if (!ids.ok()) return Failure(ids.status());
  CommandResult result;
  const char* const word = pinning == Pinning::kPin ? "pinned" : "unpinned";
  result.json[word] = Json::array();
  for (const auto& id : *ids) {
    const Status done = pinning == Pinning::kPin
                            ? repo::PinSnapshot(env.context, *opened->repository, id)
                            : repo::UnpinSnapshot(env.context, *opened->repository, id);
    if (!done.ok()) {
      result.status = done;
      return result;
    }
    result.json[word].push_back(id.hex);
    result.text += std::string(word) + " snapshot " + id.Short() + "\n";
  }
  return result;
}

std::shared_ptr<NamedArgs> AddNamed(CLI::App& command) {
  auto args = std::make_shared<NamedArgs>();
  command
      .add_option("SNAPSHOT", args->snapshots, "Ids, unambiguous prefixes, or latest (repeatable)")
      ->required();
  AddRepoOption(command, args->repo, false);
  return args;
}

}  // namespace

void AddDeleteCommands(CLI::App& backup, Action& action) {
  {
    CLI::App* cmd = backup.add_subcommand(
        "delete", "Delete snapshots; asks, or needs --yes (repo prune frees the space)");
    const auto args = AddNamed(*cmd);
    cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be deleted; change nothing");
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Delete(env, *args); }; });
  }
  {
    CLI::App* cmd =
        backup.add_subcommand("pin", "Protect snapshots: nothing deletes them until unpin");
    const auto args = AddNamed(*cmd);
    cmd->callback([&action, args] {
      action = [args](Environment& env) { return SetPins(env, *args, Pinning::kPin); };
    });
  }
  {
    CLI::App* cmd = backup.add_subcommand("unpin", "Let snapshots be deleted again");
    const auto args = AddNamed(*cmd);
    cmd->callback([&action, args] {
      action = [args](Environment& env) { return SetPins(env, *args, Pinning::kUnpin); };
    });
  }
}

}  // namespace aerie::cli
