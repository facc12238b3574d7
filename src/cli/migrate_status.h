// What `migrate status` shows of a migration: as JSON, as text, as a screen that refreshes.
#pragma once

#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "migrate/machine.h"

namespace aerie::cli {

Json StateToJson(const migrate::State& state);
// All of it. Times are as the catalog has them, but for `lag_ms`, which is of `now`.
Result<Json> DescribeMigration(catalog::Catalog& catalog, const catalog::Migration& migration,
                               WallTime now);
// A few lines of what DescribeMigration made.
std::string DescribeText(const Json& json, WallTime now);
std::string LogText(const std::vector<catalog::LogEntry>& log);

// Shows it at each change until it has ended: on a terminal as a screen, else one after the other.
CommandResult WatchMigration(Environment& env, catalog::Catalog& catalog, const std::string& id);

}  // namespace aerie::cli
