// `--data-dir` and `--catalog`, of commands that work on what the catalog keeps, whether a daemon
// runs or not.
#pragma once

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "app/config.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "cli/commands.h"

namespace aerie::cli {

// Where the daemon is, or would be; empty: as the configuration says.
struct PlaceArg {
  std::string data_dir;
  std::string catalog;
};
void AddPlaceOptions(CLI::App& command, PlaceArg& arg);
// The configuration with the folder that was said.
app::Config PlacedConfig(const app::Config& config, const PlaceArg& arg);

Result<std::string> CatalogPathOf(const app::Config& config, const PlaceArg& arg);
// Makes it where it is not there. Errors as Catalog::Open.
Result<std::unique_ptr<catalog::Catalog>> OpenCatalog(const Environment& env, const PlaceArg& arg);

}  // namespace aerie::cli
