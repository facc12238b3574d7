// What export and bundle unpack share: how files are written, what came of it.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "cli/output.h"
#include "transfer/export.h"

namespace aerie::cli {

struct FileArgs {
  std::string format = "parquet";
  std::size_t file_bytes = transfer::ExportOptions().file_bytes;
};
// `--format` and `--file-size`.
void AddFileOptions(CLI::App& command, FileArgs& args);

// Status, `folder`, `format`, `collections`, `rows`, `files` and `bytes` of a run, warnings and
// text.
CommandResult ExportedResult(const transfer::ExportResult& run, const std::string& format,
                             const std::string& folder);

}  // namespace aerie::cli
