#include <memory>

#include "app/daemon.h"
#include "app/kinds/kinds.h"
#include "cli/commands.h"

namespace aerie::cli {
namespace {

// Reading the file was the check of all else.
Status CheckSchedules(Environment& env) {
  if (env.session.config().schedules.empty()) return Ok();
  AERIE_ASSIGN(const app::Config config, app::WithLocalRepository(env.session.config()));
  return app::ConfiguredSchedules(env.context, config, app::MakeJobKinds({.config = config}))
      .status();
}

CommandResult Check(Environment& env) {
  const app::Config& config = env.session.config();
  if (const Status status = CheckSchedules(env); !status.ok()) return Failure(status);
  CommandResult result;
  result.json["file"] = config.file;
  result.text = config.file.empty()
                    ? "no configuration file; none is needed\n"
                    : config.file + ": " + std::to_string(config.clusters.size()) + " clusters, " +
                          std::to_string(config.repositories.size()) + " repositories, " +
                          std::to_string(config.schedules.size()) + " schedules, no fault\n";
  return result;
}

CommandResult Schema(Environment&) {
  CommandResult result;
  result.json["keys"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"KEY", "MEANING"}};
  for (const auto& key : app::ConfigKeys()) {
    result.json["keys"].push_back({{"path", key.path}, {"about", key.about}});
    table.push_back({key.path, key.about});
  }
  result.text = Table(table);
  return result;
}

CommandResult Show(Environment& env) {
  const app::Config& config = env.session.config();
  CommandResult result;
  result.json["file"] = config.file;
  result.json["clusters"] = Json::object();
  result.json["repositories"] = Json::object();
  std::vector<std::vector<std::string>> table = {{"KIND", "NAME", "WHERE"}};
  for (const auto& [name, cluster] : config.clusters) {
    // The URI may carry a password; only the redacted form is ever shown.
    const std::string shown = app::RedactedUri(cluster.uri);
    result.json["clusters"][name] = {{"uri", shown}, {"default", name == config.default_cluster}};
    table.push_back({"cluster", name, shown});
  }
  for (const auto& [name, repository] : config.repositories) {
    result.json["repositories"][name] = {{"url", repository.url},
                                         {"default", name == config.default_repository}};
    table.push_back({"repository", name, repository.url});
  }
  result.json["schedules"] = Json::object();
  for (const app::ScheduleConfig& schedule : config.schedules) {
    const Json spec = Json::parse(schedule.text, nullptr, false);
    result.json["schedules"][schedule.id] = spec;
    table.push_back(
        {"schedule", schedule.id, spec.value("when", "") + ": " + spec.value("kind", "")});
  }
  result.text = table.size() == 1 ? "nothing is configured\n" : Table(table);
  return result;
}

}  // namespace

void AddConfigCommands(CLI::App& root, Action& action) {
  CLI::App* group = root.add_subcommand("config", "Look at the configuration");
  group->require_subcommand(1);
  group->add_subcommand("check", "Whether the configuration is right")->callback([&action] {
    action = Check;
  });
  group->add_subcommand("schema", "Every key and what it means")->callback([&action] {
    action = Schema;
  });
  group->add_subcommand("show", "Clusters and repositories by name, without secrets")
      ->callback([&action] { action = Show; });
}

}  // namespace aerie::cli
