#include "cli/catalog_option.h"

#include "app/daemon_place.h"

namespace aerie::cli {

void AddCatalogOption(CLI::App& command, CatalogArg& arg) {
  command
      .add_option("--catalog", arg.path,
                  "File that keeps migrations, jobs and alerts (default: catalog.db in "
                  "serve.data_dir, $AERIE_STATE_DIR, $XDG_STATE_HOME/aerie or ~/.local/state/aerie)")
      ->type_name("FILE");
}

Result<std::string> CatalogPathOf(const Environment& env, const CatalogArg& arg) {
  if (!arg.path.empty()) return arg.path;
  return app::CatalogPath(env.session.config());
}

Result<std::unique_ptr<catalog::Catalog>> OpenCatalog(const Environment& env, const CatalogArg& arg) {
  AERIE_ASSIGN(const std::string path, CatalogPathOf(env, arg));
  return catalog::Catalog::Open(path);
}

}  // namespace aerie::cli
