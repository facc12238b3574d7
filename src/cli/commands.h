// The commands: each reads its arguments from a struct that the parser filled, does the work
// through app and transfer, and answers with a CommandResult. Called once, from the main thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/kinds/tools.h"
#include "app/session.h"
#include "base/context.h"
#include "cli/output.h"

namespace aerie::cli {

struct GlobalArgs {
  std::string config;
  std::string output = "text";
  bool quiet = false;
  bool verbose = false;
  bool assume_yes = false;
};

// What a running command works with.
struct Environment {
  const Context& context;
  const app::Session& session;
  Output& output;
  const GlobalArgs& globals;

  app::Tools tools() const { return {context, session, output}; }
};

using Action = std::function<CommandResult(Environment&)>;

// Each adds its subcommands to `root`; parsing one sets `action`. The argument structs live as long
// as the action.
void AddBackupCommands(CLI::App& root, Action& action);
void AddRestoreCommand(CLI::App& root, Action& action);
void AddCopyCommand(CLI::App& root, Action& action);
void AddMigrateCommands(CLI::App& root, Action& action);
void AddSyncCommand(CLI::App& root, Action& action);
void AddDiffCommand(CLI::App& root, Action& action);
void AddExportCommand(CLI::App& root, Action& action);
void AddImportCommand(CLI::App& root, Action& action);
void AddBundleCommands(CLI::App& root, Action& action);
void AddClusterCommands(CLI::App& root, Action& action);
void AddRepoCommands(CLI::App& root, Action& action);
void AddServeCommand(CLI::App& root, Action& action);
void AddJobCommands(CLI::App& root, Action& action);
void AddScheduleCommands(CLI::App& root, Action& action);
void AddAlertCommands(CLI::App& root, Action& action);
void AddAccessCommands(CLI::App& root, Action& action);
void AddConfigCommands(CLI::App& root, Action& action);
// Called by AddBackupCommands and AddRepoCommands: what deletes, and what protects from it.
void AddDeleteCommands(CLI::App& backup, Action& action);
void AddPruneCommands(CLI::App& repo, Action& action);
void AddCheckCommands(CLI::App& repo, Action& action);
void AddMirrorCommand(CLI::App& repo, Action& action);
void AddKeyCommands(CLI::App& repo, Action& action);
// `completion bash|zsh|fish` and `man`, made from the same table of commands that parses.
void AddDocumentCommands(CLI::App& root, Action& action);

// Ok when the user confirmed `what`, such as "delete 2 snapshots": by --yes, or by answering on the
// terminal; kRefused otherwise.
Status Confirm(const Environment& env, const std::string& what);

// kRefused unless --yes goes with an `--on-conflict replace` of a restore or copy, named by `verb`.
Status ConfirmReplace(const Environment& env, const std::string& on_conflict,
                      const std::string& verb);

}  // namespace aerie::cli
