// What restore, copy and import share: where collections go and how, what would come of it, what
// came of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/output.h"
#include "transfer/restore.h"

namespace aerie::cli {

struct TargetArgs {
  transfer::Selection selection;
  std::vector<std::string> rename;
  std::string suffix;
  std::string database;
  std::string on_conflict = "fail";
  bool no_index = false;
  bool no_load = false;
  bool new_keys = false;
  std::size_t parallel = 4;
  int writers = 2;
};
// `parallel` names the option for the collections at once.
void AddTargetOptions(CLI::App& command, TargetArgs& args, const std::string& parallel);
// kInvalid, beginning with `verb`, when they do not fit together.
Result<transfer::RestoreOptions> ToOptions(const TargetArgs& args, const std::string& verb);

// What a restore or import (`verb`) would do.
CommandResult PlanResult(const transfer::RestorePlan& plan, const TargetArgs& args,
                         const std::string& verb);

Json ToJson(const transfer::RestoreOutcome& outcome);
// "restored docs: 10 rows, every one compared by digest, 2 s", a line. `did` is what was done by
// `verb`.
std::string OutcomeText(const transfer::RestoreOutcome& outcome, const std::string& verb,
                        const std::string& did);

// Status, `collections`, `rows` and `bytes` of a run, warnings, and the text of each that is well;
// the error of each that is not, unless it is the only one and so the status.
CommandResult RunResult(const transfer::RestoreResult& run,
                        const std::function<Json(const transfer::RestoreOutcome&)>& json,
                        const std::function<std::string(const transfer::RestoreOutcome&)>& text);
// The same with ToJson and OutcomeText.
CommandResult RunResult(const transfer::RestoreResult& run, const std::string& verb,
                        const std::string& did);

}  // namespace aerie::cli
