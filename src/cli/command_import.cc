#include <map>
#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "transfer/export.h"
#include "transfer/restore.h"

namespace aerie::cli {
namespace {

struct ImportArgs {
  std::string folder;
  ClusterArg to;
  transfer::Selection selection;
  std::vector<std::string> rename;
  std::string suffix;
  std::string database;
  std::string on_conflict = "fail";
  bool no_index = false;
  bool no_load = false;
  bool new_keys = false;
  std::size_t parallel = 2;
  int writers = 2;
  bool dry_run = false;
};

Result<transfer::RestoreOptions> ToOptions(const ImportArgs& args) {
  transfer::RestoreOptions options;
  options.selection = args.selection;
  for (const std::string& pair : args.rename) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      return InvalidError("import: --rename takes OLD=NEW, not '" + pair + "'");
    }
    options.rename[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (!options.rename.empty() && !args.suffix.empty()) {
    return InvalidError("import: give --rename or --suffix, not both");
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
  return options;
}

std::string TargetText(const transfer::RestorePlan::Item& item, const std::string& on_conflict) {
  if (item.exists && on_conflict == "fail") return "exists: refused";
  if (item.exists) return "exists: " + on_conflict;
  return item.resumes ? "goes on with an interrupted import" : "new";
}

CommandResult PlanResult(const transfer::RestorePlan& plan, const ImportArgs& args) {
  CommandResult result;
  result.state = "planned";
  result.json["collections"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"FROM", "TO", "ROWS", "TARGET"}};
  std::string notes;
  for (const auto& item : plan.items) {
    result.json["collections"].push_back({{"from", item.from.ToString()},
                                          {"to", item.to.ToString()},
                                          {"rows", item.rows},
                                          {"exists", item.exists},
                                          {"resumes", item.resumes},
                                          {"cannot_keep", item.cannot_keep}});
    table.push_back({item.from.ToString(), item.to.ToString(),
                     Thousands(static_cast<std::uint64_t>(item.rows)),
                     TargetText(item, args.on_conflict)});
    for (const auto& line : item.cannot_keep) {
      notes += "  " + item.to.ToString() + ": " + line + "\n";
    }
  }
  result.text = "would import:\n" + Table(table);
  if (!notes.empty()) result.text += "cannot be kept there:\n" + notes;
  return result;
}

// Adds one collection to the result.
void Report(const transfer::RestoreOutcome& outcome, bool alone, CommandResult& result) {
  Json json = ToJson(outcome);
  json["to"] = outcome.to.ToString();
  json["resumed"] = outcome.resumed;
  json["rows_written"] = outcome.rows_written;
  result.json["collections"].push_back(std::move(json));
  for (const auto& warning : outcome.warnings) {
    result.warnings.push_back(outcome.to.ToString() + ": " + warning);
  }
  if (!outcome.status.ok()) {
    if (!alone) result.warnings.emplace_back(outcome.status.message());
    return;
  }
  result.text += "imported " + outcome.to.ToString() + ": " + Thousands(outcome.digest.rows) +
                 " rows, every one compared by digest, " + HumanSeconds(outcome.seconds) +
                 (outcome.resumed ? " (went on with an interrupted import)" : "") + "\n";
}

CommandResult Import(Environment& env, const ImportArgs& args) {
  auto options = ToOptions(args);
  if (!options.ok()) return Failure(options.status());
  if (options->on_conflict == transfer::OnConflict::kReplace && !args.dry_run &&
      !env.globals.assume_yes) {
    return Failure(RefusedError(
        "import: --on-conflict replace drops collections; add --yes to confirm, or --dry-run to "
        "see which"));
  }
  auto folder = env.session.Folder(args.folder);
  if (!folder.ok()) return Failure(folder.status());
  auto from = transfer::OpenExportEndpoint(env.context, *folder);
  if (!from.ok()) return Failure(from.status());
  auto cluster = env.session.Cluster(env.context, args.to.text, args.to.flags);
  if (!cluster.ok()) return Failure(cluster.status());
  if (args.dry_run) {
    auto plan = transfer::PlanRestore(env.context, **from, cluster->client, *options);
    return plan.ok() ? PlanResult(*plan, args) : Failure(plan.status());
  }

  const SteadyTime start = env.context.clock().Steady();
  auto run = transfer::RunRestore(env.context, **from, cluster->client, *options, env.output);
  if (!run.ok()) return Failure(run.status());
  CommandResult result;
  result.status = run->status;
  result.json["folder"] = (*folder)->Describe();
  result.json["cluster"] = cluster->label;
  result.json["collections"] = Json::array();
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  for (const auto& outcome : run->collections) {
    Report(outcome, run->collections.size() == 1, result);
    if (!outcome.status.ok()) continue;
    rows += outcome.digest.rows;
    bytes += outcome.bytes;
  }
  result.json["rows"] = rows;
  result.json["bytes"] = bytes;
  result.json["seconds"] =
      std::chrono::duration<double>(env.context.clock().Steady() - start).count();
  return result;
}

}  // namespace

void AddImportCommand(CLI::App& root, Action& action) {
  auto args = std::make_shared<ImportArgs>();
  CLI::App* cmd = root.add_subcommand(
      "import", "Bring what aerie export wrote into a cluster, comparing every row");
  cmd->add_option("DIR", args->folder, "Folder of an export: a path or s3://bucket/prefix")
      ->required();
  AddClusterOption(*cmd, "--to", "Cluster: an address or a configured name", args->to);
  AddSelectionOptions(*cmd, args->selection, false);
  cmd->add_option("--partitions", args->selection.partitions, "Globs over partitions (repeatable)")
      ->type_name("GLOB")
      ->expected(1)
      ->take_all()
      ->group("Selection");
  cmd->add_option("--rename", args->rename, "OLD=NEW: new name of a collection (repeatable)")
      ->type_name("OLD=NEW")
      ->expected(1)
      ->take_all();
  cmd->add_option("--suffix", args->suffix, "Append this to every name");
  cmd->add_option("--database", args->database, "Import into this database");
  cmd->add_option("--on-conflict", args->on_conflict,
                  "When the collection exists: fail, replace (needs --yes) or merge")
      ->check(CLI::IsMember({"fail", "replace", "merge"}))
      ->capture_default_str();
  cmd->add_flag("--no-index", args->no_index, "Leave the indexes out");
  cmd->add_flag("--no-load", args->no_load, "Leave the collections not loaded");
  cmd->add_flag("--new-keys", args->new_keys,
                "Accept new generated keys where the server cannot keep the old ones");
  cmd->add_option("--parallel", args->parallel, "Collections imported at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_option("--writers", args->writers, "Requests in flight for each collection")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be imported; change nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Import(env, *args); }; });
}

}  // namespace aerie::cli
