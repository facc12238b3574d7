#include "cli/catalog_option.h"

#include "app/session.h"

namespace aerie::cli {

void AddCatalogOption(CLI::App& command, CatalogArg& arg) {
  command
      .add_option("--catalog", arg.path,
                  "File that keeps migrations, jobs and alerts (default: catalog.db in "
                  "$AERIE_STATE_DIR, $XDG_STATE_HOME/aerie or ~/.local/state/aerie)")
      ->type_name("FILE");
}

Result<std::string> CatalogPathOf(const CatalogArg& arg) {
  if (!arg.path.empty()) return arg.path;
  AERIE_ASSIGN(const std::string folder, app::StateFolder());
  return folder + "/catalog.db";
}

Result<std::unique_ptr<catalog::Catalog>> OpenCatalog(const CatalogArg& arg) {
  AERIE_ASSIGN(const std::string path, CatalogPathOf(arg));
  return catalog::Catalog::Open(path);
}

}  // namespace aerie::cli
