#include <algorithm>
#include <memory>

#include "app/kinds/health_check.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "milvus/spec_reader.h"
#include "rows/spec_codec.h"
#include "transfer/endpoint.h"

namespace aerie::cli {
namespace {

struct ClusterArgs {
  ClusterArg cluster;
  transfer::Selection selection;
};

CommandResult Check(Environment& env, const ClusterArgs& args) {
  return app::CheckCluster(env.tools(), args.cluster);
}

// The server's own statistic, which counts deleted rows and copies too: a size, not a count.
std::string RowsAbout(Environment& env, milvus::Client& client, const rows::CollectionName& name) {
  milvus::pb::GetCollectionStatisticsRequest request;
  request.set_db_name(name.database);
  request.set_collection_name(name.collection);
  auto answer = client.GetCollectionStatistics(env.context, request);
  if (!answer.ok()) return "?";
  for (const auto& pair : answer->stats()) {
    if (pair.key() == "row_count") return pair.value();
  }
  return "?";
}

CommandResult Show(Environment& env, const ClusterArgs& args) {
  auto cluster = env.session.Cluster(env.context, args.cluster.text, args.cluster.flags);
  if (!cluster.ok()) return Failure(cluster.status());
  transfer::ClusterEndpointOptions options;
  options.load_if_needed = false;
  options.database = args.selection.database;
  const auto endpoint = transfer::MakeClusterEndpoint(cluster->client, options);
  auto all = endpoint->List(env.context);
  if (!all.ok()) return Failure(all.status());
  auto names = transfer::Select(args.selection, *all, endpoint->Describe());
  if (!names.ok()) return Failure(names.status());
  CommandResult result;
  result.json["cluster"] = cluster->label;
  result.json["version"] = cluster->client->server_version();
  result.json["collections"] = Json::array();
  std::vector<std::vector<std::string>> table = {
      {"COLLECTION", "ROWS (ABOUT)", "PARTITIONS", "INDEXES", "ALIASES", "STATE"}};
  for (const auto& name : *names) {
    auto described = milvus::ReadCollectionSpec(env.context, *cluster->client, name);
    if (!described.ok()) return Failure(described.status());
    const rows::CollectionSpec& spec = described->spec;
    const std::string rows_about = RowsAbout(env, *cluster->client, name);
    const bool loaded = spec.load_state == rows::LoadState::kLoaded;
    result.json["collections"].push_back(
        {{"name", name.ToString()}, {"rows_about", rows_about}, {"spec", rows::SpecToJson(spec)}});
    std::string aliases;
    for (const auto& alias : spec.aliases) aliases += (aliases.empty() ? "" : ",") + alias;
    table.push_back({name.ToString(), rows_about, std::to_string(spec.partitions.size()),
                     std::to_string(spec.indexes.size()), aliases.empty() ? "-" : aliases,
                     loaded ? "loaded" : "not loaded"});
  }
  result.text = names->empty() ? cluster->label + " has no collections\n" : Table(table);
  return result;
}

}  // namespace

void AddClusterCommands(CLI::App& root, Action& action) {
  CLI::App* group = root.add_subcommand("cluster", "Look at a cluster");
  group->require_subcommand(1);
  {
    auto args = std::make_shared<ClusterArgs>();
    CLI::App* cmd =
        group->add_subcommand("check", "Whether a cluster answers and says it is healthy");
    cmd->add_option("CLUSTER", args->cluster.text, "Address or configured name");
    AddLoginOptions(*cmd, args->cluster.flags);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Check(env, *args); }; });
  }
  {
    auto args = std::make_shared<ClusterArgs>();
    CLI::App* cmd = group->add_subcommand("show", "The collections of a cluster");
    cmd->add_option("CLUSTER", args->cluster.text, "Address or configured name");
    AddLoginOptions(*cmd, args->cluster.flags);
    AddSelectionOptions(*cmd, args->selection, false);
    cmd->callback(
        [&action, args] { action = [args](Environment& env) { return Show(env, *args); }; });
  }
}

}  // namespace aerie::cli
