#include <algorithm>
#include <memory>

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
  const SteadyTime start = env.context.clock().Steady();
  auto cluster = env.session.Cluster(env.context, args.cluster.text, args.cluster.flags);
  if (!cluster.ok()) return Failure(cluster.status());
  const double connect_ms =
      std::chrono::duration<double, std::milli>(env.context.clock().Steady() - start).count();
  CommandResult result;
  auto health = cluster->client->CheckHealth(env.context, {});
  if (!health.ok() && KindOf(health.status()) != Kind::kUnsupported) {
    return Failure(health.status());
  }
  const bool healthy = !health.ok() || health->ishealthy();
  std::vector<std::string> reasons;
  if (health.ok()) reasons.assign(health->reasons().begin(), health->reasons().end());
  const auto endpoint = transfer::MakeClusterEndpoint(cluster->client, {});
  auto names = endpoint->List(env.context);
  if (!names.ok()) return Failure(names.status());
  result.json["cluster"] = cluster->label;
  result.json["version"] = cluster->client->server_version();
  result.json["healthy"] = healthy;
  result.json["reasons"] = reasons;
  result.json["collections"] = names->size();
  result.json["connect_ms"] = connect_ms;
  result.text = cluster->label + ": " + (healthy ? "healthy" : "NOT healthy") + ", Milvus " +
                cluster->client->server_version() + ", " + std::to_string(names->size()) +
                " collections\n";
  for (const auto& reason : reasons) result.text += "  " + reason + "\n";
  if (!healthy) {
    result.status = FailedError("check " + cluster->label + ": the cluster says it is not healthy");
  }
  return result;
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
