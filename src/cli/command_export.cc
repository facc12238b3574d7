#include <memory>
#include <string>

#include "app/version.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/exported.h"
#include "cli/source.h"
#include "files/table_format.h"
#include "transfer/endpoint.h"
#include "transfer/export.h"

namespace aerie::cli {
namespace {

struct ExportArgs {
  SourceArgs source;
  std::string folder;
  FileArgs files;
  std::size_t parallel = transfer::ExportOptions().parallel_collections;
  int streams = transfer::ExportOptions().streams;
  bool dry_run = false;
};

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

CommandResult Export(Environment& env, const ExportArgs& args) {
  // What this installation cannot write is said before anything is opened.
  auto format = files::OpenTableFormat(args.files.format);
  if (!format.ok()) return Failure(format.status());
  auto folder = env.session.Folder(args.folder);
  if (!folder.ok()) return Failure(folder.status());
  transfer::ExportOptions options;
  options.program = app::kProgram;
  options.parallel_collections = args.parallel;
  options.streams = args.streams;
  options.file_bytes = args.files.file_bytes;
  auto source = OpenSource(env, args.source, "export");
  if (!source.ok()) return Failure(source.status());
  options.source = source->Describe();
  options.selection = source->selection;
  options.earlier = source->snapshot ? files::Earlier::kGoOn : files::Earlier::kBeginAnew;
  if (args.dry_run) {
    auto plan = transfer::PlanExport(env.context, *source->endpoint, **folder, **format, options);
    return plan.ok() ? PlanResult(*plan) : Failure(plan.status());
  }

  const SteadyTime start = env.context.clock().Steady();
  auto run =
      transfer::RunExport(env.context, *source->endpoint, *folder, **format, options, env.output);
  if (!run.ok()) return Failure(run.status());
  CommandResult result = ExportedResult(*run, args.files.format, (*folder)->Describe());
  result.json["source"] = options.source;
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
  AddSourceOptions(*cmd, args->source, "Snapshot, cluster, or either with /database.collection");
  cmd->add_option("DIR", args->folder, "New or empty folder: a path or s3://bucket/prefix")
      ->required();
  AddFileOptions(*cmd, args->files);
  cmd->add_option("--parallel", args->parallel, "Collections exported at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_option("--streams", args->streams, "Requests in flight for each collection")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  cmd->add_flag("-n,--dry-run", args->dry_run, "Show what would be exported; write nothing");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Export(env, *args); }; });
}

}  // namespace aerie::cli
