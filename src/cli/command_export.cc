#include <memory>
#include <optional>
#include <string>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/version.h"
#include "files/table_format.h"
#include "transfer/endpoint.h"
#include "transfer/export.h"

namespace aerie::cli {
namespace {

struct ExportArgs {
  std::string source;
  std::string folder;
  std::string format = "parquet";
  RepoArg repo;
  app::ClusterFlags login;
  transfer::Selection selection;
  std::size_t file_bytes = transfer::ExportOptions().file_bytes;
  std::size_t parallel = transfer::ExportOptions().parallel_collections;
  int streams = transfer::ExportOptions().streams;
  bool no_load = false;
  bool dry_run = false;
};

// What is exported, with what it stands on.
struct Source {
  app::OpenedRepository opened;
  std::shared_ptr<milvus::Client> client;
  std::unique_ptr<transfer::Endpoint> endpoint;
};

Result<Source> OpenCluster(Environment& env, const ExportArgs& args, const std::string& name,
                           transfer::ExportOptions& options) {
  Source source;
  AERIE_ASSIGN(auto cluster, env.session.Cluster(env.context, name, args.login));
  source.client = cluster.client;
  source.endpoint = transfer::MakeClusterEndpoint(
      source.client, {.load_if_needed = !args.no_load,
                      .database = options.selection.database,
                      .as_of_list = true,
                      .throttle = transfer::ClusterThrottle::Make(cluster.throttle, env.output)});
  options.source = "cluster " + cluster.label;
  options.earlier = files::Earlier::kBeginAnew;
  return source;
}

Result<Source> OpenSnapshot(Environment& env, const ExportArgs& args, const std::string& id,
                            transfer::ExportOptions& options) {
  Source source;
  AERIE_ASSIGN(source.opened, env.session.Repository(env.context, args.repo.text, args.repo.flags,
                                                     app::IfAbsent::kFail));
  AERIE_ASSIGN(auto snapshot, source.opened.repository->FindSnapshot(env.context, id));
  options.source = "snapshot " + snapshot.id.hex;
  options.earlier = files::Earlier::kGoOn;
  source.endpoint = transfer::MakeSnapshotEndpoint(*source.opened.repository, std::move(snapshot));
  return source;
}

Result<Source> OpenSource(Environment& env, const ExportArgs& args,
                          transfer::ExportOptions& options) {
  const app::Target target = app::ParseTarget(args.source);
  if (target.collection) {
    if (!args.selection.collections.empty()) {
      return InvalidError("export: give /database.collection behind the source, or --collections");
    }
    options.selection.collections = {target.collection->ToString()};
  }
  return env.session.LooksLikeCluster(target.thing)
             ? OpenCluster(env, args, target.thing, options)
             : OpenSnapshot(env, args, target.thing, options);
}

CommandResult PlanResult(const transfer::ExportPlan& plan) {
  CommandResult result;
  result.state = "planned";
  result.json["collections"] = Json::array();
  result.json["rows_kept"] = plan.rows_there;
  std::vector<std::vector<std::string>> table = {{"COLLECTION", "ROWS"}};
  for (const auto& item : plan.items) {
    result.json["collections"].push_back({{"name", item.name.ToString()}, {"rows", item.rows}});
    table.push_back({item.name.ToString(),
                     item.rows < 0 ? "?" : Thousands(static_cast<std::uint64_t>(item.rows))});
  }
  result.text = "would export:\n" + Table(table);
  if (plan.rows_there > 0) {
    result.text += "goes on with an interrupted export, which has " + Thousands(plan.rows_there) +
                   " of these rows\n";
  }
  return result;
}

// Adds one collection to the result.
void Report(const transfer::ExportOutcome& outcome, bool alone, CommandResult& result) {
  Json json = ToJson(outcome);
  json["files"] = outcome.files;
  json["file_bytes"] = outcome.file_bytes;
  json["rows_kept"] = outcome.rows_kept;
  json["exact"] = outcome.exact;
  result.json["collections"].push_back(std::move(json));
  for (const auto& warning : outcome.warnings) {
    result.warnings.push_back(outcome.name.ToString() + ": " + warning);
  }
  if (!outcome.status.ok()) {
    if (!alone) result.warnings.emplace_back(outcome.status.message());
    return;
  }
  result.text += "exported " + outcome.name.ToString() + ": " + Thousands(outcome.digest.rows) +
                 " rows in " + Thousands(outcome.files) + " files of " +
                 HumanBytes(outcome.file_bytes) + ", every one read back, " +
                 HumanSeconds(outcome.seconds) +
                 (outcome.rows_kept > 0 ? " (went on with an interrupted export)" : "") + "\n";
}

CommandResult Export(Environment& env, const ExportArgs& args) {
  // What this installation cannot write is said before anything is opened.
  auto format = files::OpenTableFormat(args.format);
  if (!format.ok()) return Failure(format.status());
  auto folder = env.session.Folder(args.folder);
  if (!folder.ok()) return Failure(folder.status());
  transfer::ExportOptions options;
  options.program = kProgram;
  options.selection = args.selection;
  options.parallel_collections = args.parallel;
  options.streams = args.streams;
  options.file_bytes = args.file_bytes;
  auto source = OpenSource(env, args, options);
  if (!source.ok()) return Failure(source.status());
  if (args.dry_run) {
    auto plan = transfer::PlanExport(env.context, *source->endpoint, **folder, **format, options);
    return plan.ok() ? PlanResult(*plan) : Failure(plan.status());
  }

  const SteadyTime start = env.context.clock().Steady();
  auto run =
      transfer::RunExport(env.context, *source->endpoint, *folder, **format, options, env.output);
  if (!run.ok()) return Failure(run.status());
  CommandResult result;
  result.status = run->status;
  result.json["source"] = options.source;
  result.json["folder"] = (*folder)->Describe();
  result.json["format"] = args.format;
  result.json["collections"] = Json::array();
  std::uint64_t rows = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  for (const auto& outcome : run->collections) {
    Report(outcome, run->collections.size() == 1, result);
    rows += outcome.digest.rows;
    files += outcome.files;
    bytes += outcome.file_bytes;
  }
  result.json["rows"] = rows;
  result.json["files"] = files;
  result.json["bytes"] = bytes;
  result.json["seconds"] =
      std::chrono::duration<double>(env.context.clock().Steady() - start).count();
  ReportThrottle(*source->endpoint, result);
  return result;
}

}  // namespace

void AddExportCommand(CLI::App& root, Action& action) {
  auto args = std::make_shared<ExportArgs>();
  CLI::App* cmd = root.add_subcommand(
      "export", "Write collections of a snapshot or a cluster as files for other programs");
  cmd->add_option("SOURCE", args->source, "Snapshot, cluster, or either with /database.collection")
      ->required();
  cmd->add_option("DIR", args->folder, "New or empty folder: a path or s3://bucket/prefix")
      ->required();
  cmd->add_option("--format", args->format, "parquet, or jsonl: a JSON object a line")
      ->check(CLI::IsMember({"parquet", "jsonl"}))
      ->capture_default_str();
  cmd->add_option("--file-size", args->file_bytes,
                  "End a file when its rows take as much, such as 64MB; memory grows with it")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::size_t{1} << 20, std::size_t{1} << 30))
      ->type_name("SIZE")
      ->default_str("32MiB");
  AddRepoOption(*cmd, args->repo, false);
  AddLoginOptions(*cmd, args->login);
  AddReadingOptions(*cmd, args->login.limits);
  AddSelectionOptions(*cmd, args->selection, true);
  cmd->add_option("--parallel", args->parallel, "Collections exported at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_option("--streams", args->streams, "Requests in flight for each collection")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_flag("--no-load", args->no_load,
                "Refuse collections that are not loaded, instead of loading them for the read");
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be exported; write nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Export(env, *args); }; });
}

}  // namespace aerie::cli
