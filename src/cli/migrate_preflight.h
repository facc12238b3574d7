// What `migrate plan` and `migrate run` are told for the checks before a migration.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/target.h"
#include "migrate/preflight.h"

namespace aerie::cli {

struct PreflightArgs {
  RepoArg repo;
  std::string max_backup_age = "24h";
  std::string target_free;
};
void AddPreflightOptions(CLI::App& command, PreflightArgs& args);

struct PreparedPreflight {
  migrate::PreflightOptions options;
  app::OpenedRepository repository;  // what options.backup refers to
};
// Opens the repository that was named; an error when there is none, or it cannot be opened.
Result<PreparedPreflight> PreparePreflight(Environment& env, const PreflightArgs& args,
                                           const FromTo& pair,
                                           const transfer::Selection& selection);

Json ToJson(const std::vector<migrate::Finding>& findings);

}  // namespace aerie::cli
