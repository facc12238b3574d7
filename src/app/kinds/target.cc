#include "app/kinds/target.h"

#include <map>

namespace aerie::app {

void ReadTarget(SpecReader& spec, const char* parallel, TargetArgs& args) {
  spec.Selection(args.selection, SpecReader::Rows::kPartitions);
  spec.Pairs("rename", args.rename);
  spec.Text("suffix", args.suffix);
  spec.Text("database", args.database);
  spec.Choice("on_conflict", {"fail", "replace", "merge"}, args.on_conflict);
  spec.Flag("no_index", args.no_index);
  spec.Flag("no_load", args.no_load);
  spec.Flag("new_keys", args.new_keys);
  ReadLayout(spec, args.layout);
  spec.Number(parallel, std::size_t{1}, std::size_t{64}, args.parallel);
  spec.Number("writers", 1, 64, args.writers);
}

void ReadLayout(SpecReader& spec, transfer::Layout& layout) {
  spec.Number("shards", std::int32_t{1}, kMostShards, layout.shards);
  spec.Number("replicas", std::int32_t{1}, kMostReplicas, layout.replicas);
}

void ReadFromTo(SpecReader& spec, FromToArgs& args) {
  spec.Cluster("from", SpecReader::Default::kNone, args.from);
  spec.Cluster("to", SpecReader::Default::kNone, args.to);
  spec.Number("streams", 1, 64, args.streams);
  spec.Flag("no_source_load", args.no_source_load);
}

Result<transfer::RestoreOptions> ToOptions(const TargetArgs& args, const std::string& verb) {
  transfer::RestoreOptions options;
  options.selection = args.selection;
  for (const std::string& pair : args.rename) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      return InvalidError(verb + ": --rename takes OLD=NEW, not '" + pair + "'");
    }
    options.rename[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (!options.rename.empty() && !args.suffix.empty()) {
    return InvalidError(verb + ": give --rename or --suffix, not both");
  }
  options.suffix = args.suffix;
  options.database = args.database;
  static const std::map<std::string, transfer::OnConflict> kConflicts = {
      {"fail", transfer::OnConflict::kFail},
      {"replace", transfer::OnConflict::kReplace},
      {"merge", transfer::OnConflict::kMerge}};
  options.on_conflict = kConflicts.at(args.on_conflict);
  options.create_indexes = !args.no_index;
  options.load = !args.no_load;
  options.new_keys = args.new_keys;
  options.layout = args.layout;
  options.parallel_collections = args.parallel;
  options.writers = args.writers;
  options.verb = verb;
  return options;
}

CommandResult PlanResult(const transfer::RestorePlan& plan, const TargetArgs& args,
                         const std::string& verb) {
  CommandResult result;
  result.state = "planned";
  result.json["collections"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"FROM", "TO", "ROWS", "TARGET"}};
  std::string notes;
  std::string refusals;
  for (const auto& item : plan.items) {
    const std::string target =
        !item.refused.empty() ? "refused"
        : item.exists
            ? (args.on_conflict == "fail" ? "exists: refused" : "exists: " + args.on_conflict)
            : (item.resumes ? "goes on with an interrupted " + verb : "new");
    result.json["collections"].push_back(
        {{"from", item.from.ToString()},
         {"to", item.to.ToString()},
         {"rows", item.rows},
         {"exists", item.exists},
         {"resumes", item.resumes},
         {"refused", item.refused.empty() ? Json(nullptr) : Json(item.refused)},
         {"cannot_keep", item.cannot_keep}});
    table.push_back({item.from.ToString(), item.to.ToString(),
                     item.rows < 0 ? "?" : Thousands(static_cast<std::uint64_t>(item.rows)),
                     target});
    if (!item.refused.empty()) refusals += "  " + item.to.ToString() + ": " + item.refused + "\n";
    for (const auto& line : item.cannot_keep) {
      if (item.refused.starts_with(line)) continue;  // it is said above
      notes += "  " + item.to.ToString() + ": " + line + "\n";
    }
  }
  result.text = "would " + verb + ":\n" + Table(table);
  if (!refusals.empty()) result.text += "refused:\n" + refusals;
  if (!notes.empty()) result.text += "cannot be kept there:\n" + notes;
  return result;
}

Json ToJson(const transfer::RestoreOutcome& outcome) {
  Json json = ToJson(static_cast<const transfer::CollectionOutcome&>(outcome));
  json["to"] = outcome.to.ToString();
  json["resumed"] = outcome.resumed;
  json["compared"] = !outcome.new_keys;
  json["rows_written"] = outcome.rows_written;
  return json;
}

const char* HowChecked(const transfer::RestoreOutcome& outcome) {
  return outcome.new_keys ? "counted (their keys are new)" : "every one compared by digest";
}

std::string OutcomeText(const transfer::RestoreOutcome& outcome, const std::string& verb,
                        const std::string& did) {
  return did + " " + outcome.to.ToString() + ": " + Thousands(outcome.digest.rows) + " rows, " +
         HowChecked(outcome) + ", " + HumanSeconds(outcome.seconds) +
         (outcome.resumed ? " (went on with an interrupted " + verb + ")" : "") + "\n";
}

CommandResult RunResult(const transfer::RestoreResult& run, const std::string& verb,
                        const std::string& did) {
  return ResultOfRun(
      run, [](const transfer::RestoreOutcome& outcome) { return ToJson(outcome); },
      [&](const transfer::RestoreOutcome& outcome) { return OutcomeText(outcome, verb, did); });
}

ClusterFlags TargetLogin() {
  ClusterFlags flags;
  flags.stem = "--to-";
  flags.variable_prefix = "MILVUS_TO_";
  return flags;
}

Result<FromTo> OpenFromTo(const Tools& tools, const FromToArgs& args, const std::string& verb) {
  if (!tools.session.LooksLikeCluster(args.from)) {
    return InvalidError(verb + " from '" + args.from +
                        "': it is neither a configured cluster nor an address such as "
                        "http://host:port; a snapshot goes into a cluster by aerie restore");
  }
  const auto open = [&](const std::string& text, const ClusterFlags& flags,
                        const std::string& side) {
    auto opened = tools.session.Cluster(tools.context, text, flags);
    if (opened.ok()) return opened;
    return Result<OpenCluster>(
        Annotate(opened.status(), verb + " " + side + " " + RedactedUri(text)));
  };
  FromTo both;
  AERIE_ASSIGN(both.from, open(args.from, args.from_login, "from"));
  AERIE_ASSIGN(both.to, open(args.to, args.to_login, "to"));
  return both;
}

transfer::ClusterEndpointOptions ReadingOf(const Tools& tools, const FromToArgs& args,
                                           const FromTo& opened,
                                           const transfer::Selection& selection) {
  transfer::ClusterEndpointOptions reading;
  reading.load_if_needed = !args.no_source_load;
  reading.database = selection.database;
  reading.throttle = transfer::ClusterThrottle::Make(opened.from.throttle, tools.progress);
  return reading;
}

}  // namespace aerie::app
