// What restore, copy, sync and import share: where collections go and how, what would come of it,
// what came of it. On the command line: cli/target.h.
//
// Values and free functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/kinds/spec_reader.h"
#include "app/kinds/tools.h"
#include "app/result_json.h"
#include "transfer/restore.h"

namespace aerie::app {

// More than any server takes as it comes (16 shards in 2.3), or any cluster has query nodes for.
inline constexpr std::int32_t kMostShards = 1024;
inline constexpr std::int32_t kMostReplicas = 1024;

struct TargetArgs {
  transfer::Selection selection;
  std::vector<std::string> rename;
  std::string suffix;
  std::string database;
  std::string on_conflict = "fail";
  bool no_index = false;
  bool no_load = false;
  bool new_keys = false;
  transfer::Layout layout;
  std::size_t parallel = 4;
  int writers = 2;
};
// The same from the spec of a job; `parallel` names the member for the collections.
void ReadTarget(SpecReader& spec, const char* parallel, TargetArgs& args);
// Of it, what a sync takes too: `shards` and `replicas`.
void ReadLayout(SpecReader& spec, transfer::Layout& layout);
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
ClusterFlags TargetLogin();

// A cluster that is read and one that is written, as copy and sync take them.
struct FromToArgs {
  std::string from;
  std::string to;
  ClusterFlags from_login;
  ClusterFlags to_login = TargetLogin();
  int streams = 2;
  bool no_source_load = false;
};
// The same from the spec of a job.
void ReadFromTo(SpecReader& spec, FromToArgs& args);

struct FromTo {
  OpenCluster from;
  OpenCluster to;
};
Result<FromTo> OpenFromTo(const Tools& tools, const FromToArgs& args, const std::string& verb);
// How the one that is read is read.
transfer::ClusterEndpointOptions ReadingOf(const Tools& tools, const FromToArgs& args,
                                           const FromTo& opened,
                                           const transfer::Selection& selection);

}  // namespace aerie::app
