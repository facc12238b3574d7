#include "cli/target.h"

#include "cli/args.h"

namespace aerie::cli {

void AddNameOptions(CLI::App& command, TargetArgs& args) {
  command.add_option("--rename", args.rename, "OLD=NEW: new name of a collection (repeatable)")
      ->type_name("OLD=NEW")
      ->expected(1)
      ->take_all();
  command.add_option("--suffix", args.suffix, "Append this to every name");
  command.add_option("--database", args.database, "Put all of them into this database");
}

void AddParallelOptions(CLI::App& command, TargetArgs& args, const std::string& parallel) {
  command.add_option(parallel, args.parallel, "Collections written at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command.add_option("--writers", args.writers, "Requests in flight for each collection")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
}

void AddLayoutOptions(CLI::App& command, transfer::Layout& layout) {
  command
      .add_option("--shards", layout.shards, "Of collections that are made; else as at the source")
      ->check(CLI::Range(std::int32_t{1}, app::kMostShards));
  command
      .add_option("--replicas", layout.replicas,
                  "Of collections that are loaded; else as at the source")
      ->check(CLI::Range(std::int32_t{1}, app::kMostReplicas));
}

void AddTargetOptions(CLI::App& command, TargetArgs& args, const std::string& parallel) {
  AddSelectionOptions(command, args.selection, false);
  command
      .add_option("--partitions", args.selection.partitions, "Globs over partitions (repeatable)")
      ->type_name("GLOB")
      ->expected(1)
      ->take_all()
      ->group("Selection");
  AddNameOptions(command, args);
  command
      .add_option("--on-conflict", args.on_conflict,
                  "When the collection exists: fail, replace (needs --yes) or merge")
      ->check(CLI::IsMember({"fail", "replace", "merge"}))
      ->capture_default_str();
  command.add_flag("--no-index", args.no_index, "Leave the indexes out");
  command.add_flag("--no-load", args.no_load, "Leave the collections not loaded");
  command.add_flag("--new-keys", args.new_keys,
                   "Accept new generated keys where the server cannot keep the old ones");
  AddLayoutOptions(command, args.layout);
  AddParallelOptions(command, args, parallel);
}

void AddFromTo(CLI::App& command, FromToArgs& args) {
  command.add_option("FROM", args.from, "Cluster to read: an address or a configured name")
      ->required();
  command.add_option("TO", args.to, "Cluster to write")->required();
}

void AddFromToOptions(CLI::App& command, FromToArgs& args) {
  command.add_option("--streams", args.streams, "Requests in flight reading each collection")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command.add_flag(
      "--no-source-load", args.no_source_load,
      "Fail for a source collection that is not loaded instead of loading it to read it");
  AddReadingOptions(command, args.from_login.limits);
  AddLoginOptions(command, args.from_login);
  AddLoginOptions(command, args.to_login, "Login to the target");
}

}  // namespace aerie::cli
