#include <algorithm>
#include <memory>

#include "app/kinds/health_check.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "rows/load_state.h"
#include "rows/spec_codec.h"
#include "transfer/endpoint.h"
#include "transfer/row_sizes.h"

namespace aerie::cli {
namespace {

struct ClusterArgs {
  ClusterArg cluster;
  transfer::Selection selection;
};

CommandResult Check(Environment& env, const ClusterArgs& args) {
  return app::CheckCluster(env.tools(), args.cluster);
}

std::string Count(std::int64_t n) { return Thousands(static_cast<std::uint64_t>(n)); }

std::string StateText(std::string word) {
  std::replace(word.begin(), word.end(), '_', ' ');
  return word;
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
      {"COLLECTION", "ROWS", "SIZE (ABOUT)", "PARTITIONS", "INDEXES", "ALIASES", "STATE"}};
  transfer::RowSizes sizes;
  for (const auto& name : *names) {
    const auto seen = endpoint->Inspect(env.context, name);
    if (!seen.ok()) return Failure(seen.status());
    const rows::CollectionSpec& spec = seen->spec;
    const auto size = sizes.Of(env.context, cluster->client, *seen);
    const std::string state = rows::LoadWord(spec);
    result.json["collections"].push_back(
        {{"name", name.ToString()},
         {"rows", seen->rows_about < 0 ? Json(nullptr) : Json(seen->rows_about)},
         {"size_bytes", size ? Json(size->bytes) : Json(nullptr)},
         {"size_from", size ? Json(transfer::NameOf(size->from)) : Json(nullptr)},
         {"load_state", state},
         {"spec", rows::SpecToJson(spec)}});
    std::string aliases;
    for (const auto& alias : spec.aliases) aliases += (aliases.empty() ? "" : ",") + alias;
    table.push_back({name.ToString(), seen->rows_about < 0 ? "?" : Count(seen->rows_about),
                     size ? "~ " + HumanBytes(static_cast<std::uint64_t>(size->bytes)) : "?",
                     std::to_string(spec.partitions.size()), std::to_string(spec.indexes.size()),
                     aliases.empty() ? "-" : aliases, StateText(state)});
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
