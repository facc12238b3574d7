#include "cli/exported.h"

#include <utility>

#include "cli/args.h"

namespace aerie::cli {
namespace {

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

}  // namespace

void AddFileOptions(CLI::App& command, FileArgs& args) {
  command.add_option("--format", args.format, "parquet, or jsonl: a JSON object a line")
      ->check(CLI::IsMember({"parquet", "jsonl"}))
      ->capture_default_str();
  command
      .add_option("--file-size", args.file_bytes,
                  "End a file when its rows take as much, such as 64MB; memory grows with it")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::size_t{1} << 20, std::size_t{1} << 30))
      ->type_name("SIZE")
      ->default_str("32MiB");
}

CommandResult ExportedResult(const transfer::ExportResult& run, const std::string& format,
                             const std::string& folder) {
  CommandResult result;
  result.status = run.status;
  result.json["folder"] = folder;
  result.json["format"] = format;
  result.json["collections"] = Json::array();
  std::uint64_t rows = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  for (const auto& outcome : run.collections) {
    Report(outcome, run.collections.size() == 1, result);
    rows += outcome.digest.rows;
    files += outcome.files;
    bytes += outcome.file_bytes;
  }
  result.json["rows"] = rows;
  result.json["files"] = files;
  result.json["bytes"] = bytes;
  return result;
}

}  // namespace aerie::cli
