// `--catalog`, of commands that work on what the catalog keeps.
#pragma once

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "base/status.h"
#include "catalog/catalog.h"

namespace aerie::cli {

struct CatalogArg {
  std::string path;  // empty: that of the state folder
};
void AddCatalogOption(CLI::App& command, CatalogArg& arg);

Result<std::string> CatalogPathOf(const CatalogArg& arg);
// Makes it where it is not there. Errors as Catalog::Open.
Result<std::unique_ptr<catalog::Catalog>> OpenCatalog(const CatalogArg& arg);

}  // namespace aerie::cli
