// `--catalog`, of commands that work on what the catalog keeps.
#pragma once

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "base/status.h"
#include "catalog/catalog.h"
#include "cli/commands.h"

namespace aerie::cli {

struct CatalogArg {
  std::string path;  // empty: that of the daemon
};
void AddCatalogOption(CLI::App& command, CatalogArg& arg);

Result<std::string> CatalogPathOf(const Environment& env, const CatalogArg& arg);
// Makes it where it is not there. Errors as Catalog::Open.
Result<std::unique_ptr<catalog::Catalog>> OpenCatalog(const Environment& env, const CatalogArg& arg);

}  // namespace aerie::cli
