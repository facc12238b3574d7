#include "cli/place_option.h"

#include "app/daemon_place.h"

namespace aerie::cli {

void AddPlaceOptions(CLI::App& command, PlaceArg& arg) {
  command
      .add_option("--data-dir", arg.data_dir,
                  "Folder of the daemon (default: serve.data_dir, $AERIE_STATE_DIR, "
                  "$XDG_STATE_HOME/aerie or ~/.local/state/aerie)")
      ->type_name("DIR");
  command
      .add_option(
          "--catalog", arg.catalog,
          "File of jobs, schedules, alerts, users and migrations (default: catalog.db there)")
      ->type_name("FILE");
}

app::Config PlacedConfig(const app::Config& config, const PlaceArg& arg) {
  app::Config placed = config;
  if (!arg.data_dir.empty()) placed.serve.data_dir = arg.data_dir;
  return placed;
}

Result<std::string> CatalogPathOf(const app::Config& config, const PlaceArg& arg) {
  if (!arg.catalog.empty()) return arg.catalog;
  return app::CatalogPath(PlacedConfig(config, arg));
}

Result<std::unique_ptr<catalog::Catalog>> OpenCatalog(const Environment& env, const PlaceArg& arg) {
  AERIE_ASSIGN(const std::string path, CatalogPathOf(env.session.config(), arg));
  return catalog::Catalog::Open(path);
}

}  // namespace aerie::cli
