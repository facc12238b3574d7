// What restore, copy and import share: where collections go and how, what would come of it, what
// came of it.
#pragma once

#include <cstdint>
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
// `--rename`, `--suffix` and `--database`.
void AddNameOptions(CLI::App& command, TargetArgs& args);
// How much at once; `parallel` names the option for the collections.
void AddParallelOptions(CLI::App& command, TargetArgs& args, const std::string& parallel);
// These, and what is selected, refused, left out.
void AddTargetOptions(CLI::App& command, TargetArgs& args, const std::string& parallel);
// kInvalid, beginning with `verb`, when they do not fit together.
Result<transfer::RestoreOptions> ToOptions(const TargetArgs& args, const std::string& verb);

// What a restore or import (`verb`) would do.
CommandResult PlanResult(const transfer::RestorePlan& plan, const TargetArgs& args,
                         const std::string& verb);

Json ToJson(const transfer::RestoreOutcome& outcome);
// Of its rows, for a sentence: "every one compared by digest".
const char* HowChecked(const transfer::RestoreOutcome& outcome);
// "restored docs: 10 rows, every one compared by digest, 2 s", a line. `did` is what was done by
// `verb`.
std::string OutcomeText(const transfer::RestoreOutcome& outcome, const std::string& verb,
                        const std::string& did);

// Status, `collections`, `rows` and `bytes` of a run, warnings, and the text of each that is well;
// the error of each that is not, unless it is the only one and so the status. `json` and `text` are
// asked for each outcome.
template <class Run, class ToJsonOf, class ToTextOf>
CommandResult ResultOfRun(const Run& run, const ToJsonOf& json, const ToTextOf& text) {
  CommandResult result;
  result.status = run.status;
  result.json["collections"] = Json::array();
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  for (const auto& outcome : run.collections) {
    result.json["collections"].push_back(json(outcome));
    for (const auto& warning : outcome.warnings) {
      result.warnings.push_back(outcome.to.ToString() + ": " + warning);
    }
    if (!outcome.status.ok()) {
      if (run.collections.size() > 1) result.warnings.emplace_back(outcome.status.message());
      continue;
    }
    rows += outcome.digest.rows;
    bytes += outcome.bytes;
    result.text += text(outcome);
  }
  result.json["rows"] = rows;
  result.json["bytes"] = bytes;
  return result;
}
// The same with ToJson and OutcomeText.
CommandResult RunResult(const transfer::RestoreResult& run, const std::string& verb,
                        const std::string& did);

// The login to the cluster that is written, beside that of the one that is read.
app::ClusterFlags TargetLogin();

// A cluster that is read and one that is written, as copy and sync take them.
struct FromToArgs {
  std::string from;
  std::string to;
  app::ClusterFlags from_login;
  app::ClusterFlags to_login = TargetLogin();
  int streams = 2;
  bool no_source_load = false;
};
// FROM and TO; then, when a command has added its own options, how they are read and logged in to.
void AddFromTo(CLI::App& command, FromToArgs& args);
void AddFromToOptions(CLI::App& command, FromToArgs& args);

struct FromTo {
  app::OpenCluster from;
  app::OpenCluster to;
};
Result<FromTo> OpenFromTo(Environment& env, const FromToArgs& args, const std::string& verb);
// How the one that is read is read.
transfer::ClusterEndpointOptions ReadingOf(Environment& env, const FromToArgs& args,
                                           const FromTo& opened,
                                           const transfer::Selection& selection);

}  // namespace aerie::cli
