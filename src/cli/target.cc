#include "cli/target.h"

#include <map>

#include "cli/args.h"

namespace aerie::cli {

void AddNameOptions(CLI::App& command, TargetArgs& args) {
  command.add_option("--rename", args.rename, "OLD=NEW: new name of a collection (repeatable)")
      ->type_name("OLD=NEW")
      ->expected(1)
      ->take_all();
  command.add_option("--suffix", args.suffix, "Append this to every name");
  command.add_option("--database", args.database, "Put all of them into this database");
}

void AddParallelOptions(CLI::App& command, TargetArgs& args, const std::string& parallel) {
  command.add_option(parallel, args.parallel, "Collections written at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command.add_option("--writers", args.writers, "Requests in flight for each collection")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
}

void AddTargetOptions(CLI::App& command, TargetArgs& args, const std::string& parallel) {
  AddSelectionOptions(command, args.selection, false);
  command
      .add_option("--partitions", args.selection.partitions, "Globs over partitions (repeatable)")
      ->type_name("GLOB")
      ->expected(1)
      ->take_all()
      ->group("Selection");
  AddNameOptions(command, args);
  command
      .add_option("--on-conflict", args.on_conflict,
                  "When the collection exists: fail, replace (needs --yes) or merge")
      ->check(CLI::IsMember({"fail", "replace", "merge"}))
      ->capture_default_str();
  command.add_flag("--no-index", args.no_index, "Leave the indexes out");
  command.add_flag("--no-load", args.no_load, "Leave the collections not loaded");
  command.add_flag("--new-keys", args.new_keys,
                   "Accept new generated keys where the server cannot keep the old ones");
  AddParallelOptions(command, args, parallel);
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

app::ClusterFlags TargetLogin() {
  app::ClusterFlags flags;
  flags.stem = "--to-";
  flags.variable_prefix = "MILVUS_TO_";
  return flags;
}

void AddFromTo(CLI::App& command, FromToArgs& args) {
  command.add_option("FROM", args.from, "Cluster to read: an address or a configured name")
      ->required();
  command.add_option("TO", args.to, "Cluster to write")->required();
}

void AddFromToOptions(CLI::App& command, FromToArgs& args) {
  command.add_option("--streams", args.streams, "Requests in flight reading each collection")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command.add_flag(
      "--no-source-load", args.no_source_load,
      "Fail for a source collection that is not loaded instead of loading it to read it");
  AddReadingOptions(command, args.from_login.limits);
  AddLoginOptions(command, args.from_login);
  AddLoginOptions(command, args.to_login, "Login to the target");
}

Result<FromTo> OpenFromTo(Environment& env, const FromToArgs& args, const std::string& verb) {
  if (!env.session.LooksLikeCluster(args.from)) {
    return InvalidError(verb + " from '" + args.from +
                        "': it is neither a configured cluster nor an address such as "
                        "http://host:port; a snapshot goes into a cluster by aerie restore");
  }
  const auto open = [&](const std::string& text, const app::ClusterFlags& flags,
                        const std::string& side) {
    auto opened = env.session.Cluster(env.context, text, flags);
    if (opened.ok()) return opened;
    return Result<app::OpenCluster>(
        Annotate(opened.status(), verb + " " + side + " " + app::RedactedUri(text)));
  };
  FromTo both;
  AERIE_ASSIGN(both.from, open(args.from, args.from_login, "from"));
  AERIE_ASSIGN(both.to, open(args.to, args.to_login, "to"));
  return both;
}

transfer::ClusterEndpointOptions ReadingOf(Environment& env, const FromToArgs& args,
                                           const FromTo& opened,
                                           const transfer::Selection& selection) {
  transfer::ClusterEndpointOptions reading;
  reading.load_if_needed = !args.no_source_load;
  reading.database = selection.database;
  reading.throttle = transfer::ClusterThrottle::Make(opened.from.throttle, env.output);
  return reading;
}

}  // namespace aerie::cli
