#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/import_mapping_file.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/target.h"
#include "files/foreign_files.h"
#include "transfer/export.h"
#include "transfer/import.h"
#include "transfer/restore.h"

namespace aerie::cli {
namespace {

struct ImportArgs {
  std::string folder;
  ClusterArg to;
  TargetArgs target;
  bool dry_run = false;
  std::string collection;
  std::string mapping;
  std::string spool_folder;
};

// ---- files of other programs ----

std::string TypeText(const rows::FieldSchema& field) {
  std::string text = rows::TypeName(field.type);
  if (field.element_type != rows::DataType::kNone) {
    text += "<" + rows::TypeName(field.element_type) + ">";
  }
  for (const char* const key : {"dim", "max_length"}) {
    const std::string* const value = rows::FindValue(field.type_params, key);
    if (value != nullptr) text += "(" + *value + ")";
  }
  return text;
}

std::string SourceText(const files::PlannedField& planned,
                       const std::vector<files::ForeignColumn>& columns) {
  if (planned.generated) return "made by the server";
  if (planned.gathers) return "columns without a field";
  if (planned.column) {
    const files::ForeignColumn& column = columns[*planned.column];
    return column.name + ": " + column.type;
  }
  return planned.default_cell ? "" : "null";
}

std::string RemarkText(const files::PlannedField& planned) {
  std::vector<std::string> remarks;
  if (planned.field.primary_key) remarks.emplace_back("key");
  if (planned.field.partition_key) remarks.emplace_back("partition key");
  if (planned.default_cell) remarks.push_back("default '" + planned.default_text + "'");
  if (planned.empty_is_text) remarks.emplace_back("empty is text");
  if (planned.rounding == files::Rounding::kNearest) remarks.emplace_back("rounded");
  std::string text;
  for (const std::string& remark : remarks) text += (text.empty() ? "" : ", ") + remark;
  return text;
}

std::vector<std::string> NamesOf(const std::vector<std::size_t>& columns,
                                 const transfer::FileImport& import) {
  std::vector<std::string> names;
  for (const std::size_t i : columns) names.push_back(import.columns()[i].name);
  return names;
}

std::string Line(const std::string& head, const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return items.empty() ? "" : head + text + "\n";
}

// What goes where; `result` is that of the target.
void DescribePlan(const transfer::FileImport& import, CommandResult& result) {
  std::vector<std::vector<std::string>> table = {{"FIELD", "TYPE", "FROM", ""}};
  Json& fields = result.json["fields"] = Json::array();
  for (const files::PlannedField& planned : import.plan().fields) {
    const std::string from = SourceText(planned, import.columns());
    fields.push_back({{"name", planned.field.name},
                      {"type", TypeText(planned.field)},
                      {"key", planned.field.primary_key},
                      {"from", from}});
    table.push_back({planned.field.name, TypeText(planned.field), from, RemarkText(planned)});
  }
  const auto gathered = NamesOf(import.plan().gathered, import);
  const auto ignored = NamesOf(import.plan().ignored, import);
  result.json["partition"] = import.plan().partition;
  result.json["dynamic"] = gathered;
  result.json["ignored"] = ignored;
  result.text += Table(table) + Line("kept in $meta: ", gathered) + Line("ignored: ", ignored);
}

// What a dry run answers. A row that does not fit is its result, with the plan that was tried.
CommandResult PlanOfFiles(Environment& env, const ImportArgs& args, transfer::FileImport& import) {
  const Status read = import.ReadRows(env.context, env.output);
  const auto target = import.PlanTarget(env.context);
  if (!target.ok()) return Failure(target.status());
  CommandResult result = PlanResult(*target, args.target, "import");
  DescribePlan(import, result);
  result.json["first_rows"] = Json::array();
  if (!import.first_rows().empty()) result.text += "first rows:\n";
  for (const std::string& row : import.first_rows()) {
    result.json["first_rows"].push_back(row);
    result.text += "  " + row + "\n";
  }
  result.json["rows"] = import.rows();
  result.status = read;
  if (read.ok()) {
    result.text += "every one of " + Thousands(import.rows()) + " rows fits\n";
  } else {
    result.state = {};
  }
  return result;
}

Result<rows::CollectionName> TargetOf(const ImportArgs& args, const files::ImportMapping& mapping) {
  const std::string& text = args.collection.empty() ? mapping.collection : args.collection;
  if (text.empty()) {
    return InvalidError("import " + args.folder +
                        ": say into which collection, with --collection or in the mapping");
  }
  rows::CollectionName name;
  const auto dot = text.find('.');
  if (dot == std::string::npos) {
    name.collection = text;
  } else {
    name = {text.substr(0, dot), text.substr(dot + 1)};
  }
  if (!args.target.database.empty()) name.database = args.target.database;
  if (name.database.empty() || name.collection.empty()) {
    return InvalidError("import: '" + text + "' is no NAME or DATABASE.NAME of a collection");
  }
  return name;
}

// Options that are for exports alone, which have names and partitions of their own.
Status CheckForFiles(const ImportArgs& args) {
  const TargetArgs& target = args.target;
  const bool selects = !target.selection.collections.empty() ||
                       !target.selection.partitions.empty() || !target.selection.database.empty();
  if (!selects && target.rename.empty() && target.suffix.empty()) return Ok();
  return InvalidError("import " + args.folder +
                      ": it was not written by aerie export; of such files, say --collection, and "
                      "none of --collections, --only-database, --partitions, --rename, --suffix");
}

Result<transfer::ImportOptions> OptionsForFiles(const ImportArgs& args,
                                                const transfer::RestoreOptions& restore) {
  AERIE_TRY(CheckForFiles(args));
  transfer::ImportOptions options;
  if (!args.mapping.empty()) {
    AERIE_ASSIGN(options.mapping, app::LoadImportMapping(args.mapping));
  }
  AERIE_ASSIGN(options.name, TargetOf(args, options.mapping));
  const char* const set = std::getenv("TMPDIR");
  options.spool.folder = !args.spool_folder.empty()       ? args.spool_folder
                         : set != nullptr && *set != '\0' ? set
                                                          : "/tmp";
  options.restore = restore;
  return options;
}

CommandResult ImportFiles(Environment& env, const ImportArgs& args,
                          const files::ForeignInput& input,
                          const transfer::RestoreOptions& restore) {
  auto options = OptionsForFiles(args, restore);
  if (!options.ok()) return Failure(options.status());
  auto cluster = env.session.Cluster(env.context, args.to.text, args.to.flags);
  if (!cluster.ok()) return Failure(cluster.status());
  const SteadyTime start = env.context.clock().Steady();
  auto import =
      transfer::FileImport::Open(env.context, input, cluster->client, *std::move(options));
  if (!import.ok()) return Failure(import.status());
  if (args.dry_run) return PlanOfFiles(env, args, **import);
  auto run = (*import)->Run(env.context, env.output);
  if (!run.ok()) return Failure(run.status());
  CommandResult result = RunResult(*run, "import", "imported");
  result.json["files"] = input.paths;
  result.json["cluster"] = cluster->label;
  result.json["seconds"] =
      std::chrono::duration<double>(env.context.clock().Steady() - start).count();
  return result;
}

// ---- exports of ours ----

CommandResult Import(Environment& env, const ImportArgs& args) {
  auto options = ToOptions(args.target, "import");
  if (!options.ok()) return Failure(options.status());
  if (!args.dry_run) {
    const Status confirmed = ConfirmReplace(env, args.target.on_conflict, "import");
    if (!confirmed.ok()) return Failure(confirmed);
  }
  auto input = files::FindForeignInput(args.folder);
  if (!input.ok()) return Failure(input.status());
  if (*input) return ImportFiles(env, args, **input, *options);
  if (!args.collection.empty() || !args.mapping.empty()) {
    return Failure(InvalidError("import " + args.folder +
                                ": --collection and --mapping are for files of other programs, and "
                                "there are none (.parquet, .csv, .npy, .jsonl, .ndjson), or it is "
                                "an export, which says what it is itself"));
  }
  auto folder = env.session.Folder(args.folder);
  if (!folder.ok()) return Failure(folder.status());
  auto from = transfer::OpenExportEndpoint(env.context, *folder);
  if (!from.ok()) return Failure(from.status());
  auto cluster = env.session.Cluster(env.context, args.to.text, args.to.flags);
  if (!cluster.ok()) return Failure(cluster.status());
  if (args.dry_run) {
    auto plan = transfer::PlanRestore(env.context, **from, cluster->client, *options);
    return plan.ok() ? PlanResult(*plan, args.target, "import") : Failure(plan.status());
  }

  const SteadyTime start = env.context.clock().Steady();
  auto run = transfer::RunRestore(env.context, **from, cluster->client, *options, env.output);
  if (!run.ok()) return Failure(run.status());
  CommandResult result = RunResult(*run, "import", "imported");
  result.json["folder"] = (*folder)->Describe();
  result.json["cluster"] = cluster->label;
  result.json["seconds"] =
      std::chrono::duration<double>(env.context.clock().Steady() - start).count();
  return result;
}

}  // namespace

void AddImportCommand(CLI::App& root, Action& action) {
  auto args = std::make_shared<ImportArgs>();
  CLI::App* cmd = root.add_subcommand(
      "import",
      "Bring an export, or Parquet, CSV, NumPy or JSON lines of other programs, into a cluster, "
      "comparing every row");
  cmd->add_option("SOURCE", args->folder,
                  "An export (a folder or s3://bucket/prefix), or a file or folder of other "
                  "programs")
      ->required();
  AddClusterOption(*cmd, "--to", "Cluster: an address or a configured name", args->to);
  AddTargetOptions(*cmd, args->target, "--parallel");
  cmd->add_option("--collection", args->collection,
                  "Where rows of other programs go: NAME or DATABASE.NAME")
      ->group("Files of other programs");
  cmd->add_option("--mapping", args->mapping,
                  "YAML file that says which column goes to which field, as what")
      ->type_name("FILE")
      ->group("Files of other programs");
  cmd->add_option("--spool-dir", args->spool_folder,
                  "Folder to sort rows in, if not $TMPDIR; it takes their space, up to twice")
      ->type_name("FOLDER")
      ->group("Files of other programs");
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be imported; change nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Import(env, *args); }; });
}

}  // namespace aerie::cli
