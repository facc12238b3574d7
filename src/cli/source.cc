#include "cli/source.h"

#include <utility>

namespace aerie::cli {
namespace {

Status OpenCluster(Environment& env, const SourceArgs& args, const std::string& name,
                   Source& source) {
  AERIE_ASSIGN(auto cluster, env.session.Cluster(env.context, name, args.login));
  source.client = cluster.client;
  source.label = cluster.label;
  source.endpoint = transfer::MakeClusterEndpoint(
      source.client, {.load_if_needed = !args.no_load,
                      .database = args.selection.database,
                      .as_of_list = true,
                      .throttle = transfer::ClusterThrottle::Make(cluster.throttle, env.output)});
  return Ok();
}

Status OpenSnapshot(Environment& env, const SourceArgs& args, const std::string& id,
                    Source& source) {
  AERIE_ASSIGN(source.opened, env.session.Repository(env.context, args.repo.text, args.repo.flags,
                                                     app::IfAbsent::kFail));
  AERIE_ASSIGN(source.snapshot, source.opened.repository->FindSnapshot(env.context, id));
  source.label = source.snapshot->id.hex;
  source.endpoint = transfer::MakeSnapshotEndpoint(*source.opened.repository, *source.snapshot);
  return Ok();
}

}  // namespace

void AddSourceOptions(CLI::App& command, SourceArgs& args, const std::string& about) {
  command.add_option("SOURCE", args.text, about)->required();
  AddRepoOption(command, args.repo, false);
  AddLoginOptions(command, args.login);
  AddReadingOptions(command, args.login.limits);
  AddSelectionOptions(command, args.selection, true);
  command.add_flag("--no-load", args.no_load,
                   "Refuse collections that are not loaded, instead of loading them for the read");
}

Result<Source> OpenSource(Environment& env, const SourceArgs& args, const std::string& verb) {
  Source source;
  source.selection = args.selection;
  const app::Target target = app::ParseTarget(args.text);
  if (target.collection) {
    if (!args.selection.collections.empty()) {
      return InvalidError(verb + ": give /database.collection behind the source, or --collections");
    }
    source.selection.collections = {target.collection->ToString()};
  }
  AERIE_TRY(env.session.LooksLikeCluster(target.thing)
                ? OpenCluster(env, args, target.thing, source)
                : OpenSnapshot(env, args, target.thing, source));
  return source;
}

}  // namespace aerie::cli
