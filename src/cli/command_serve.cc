// aerie serve.
#include <memory>

#include "app/daemon.h"
#include "app/version.h"
#include "base/log.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/job_desk.h"
#include "jobs/schedule.h"

namespace aerie::cli {
namespace {

struct ServeArgs {
  PlaceArg place;
  std::string log_format;
  std::string listen;
};

// What it does, as it stands when it starts.
CommandResult Screen(Environment& env, app::Daemon& daemon) {
  const app::Config& config = daemon.config();
  CommandResult result;
  const auto open = daemon.jobs().List({.open_only = true});
  if (!open.ok()) return Failure(open.status());
  const auto schedules = daemon.schedules().List();
  if (!schedules.ok()) return Failure(schedules.status());
  result.json = {{"event", "serving"},
                 {"program", app::kProgram},
                 {"pid", ThisProcess().pid},
                 {"url", daemon.url()},
                 {"configuration", config.file},
                 {"catalog", daemon.catalog_path()},
                 {"places", config.serve.places},
                 {"open_jobs", open->size()},
                 {"clusters", Json::array()},
                 {"repositories", Json::array()},
                 {"schedules", Json::array()}};
  std::string clusters, repositories;
  for (const auto& [name, cluster] : config.clusters) {
    result.json["clusters"].push_back(name);
    clusters += "\n    " + name + "  " + app::RedactedUri(cluster.uri);
  }
  for (const auto& [name, repository] : config.repositories) {
    result.json["repositories"].push_back(name);
    repositories += "\n    " + name + "  " + repository.url;
  }
  std::vector<std::vector<std::string>> table = {{"    SCHEDULE", "KIND", "WHEN"}};
  for (const catalog::Schedule& one : *schedules) {
    const auto spec = jobs::ScheduleFromText(one.id, one.spec);
    result.json["schedules"].push_back(one.id);
    table.push_back({"    " + one.id, spec.ok() ? spec->kind : "?",
                     spec.ok() ? jobs::Describe(*spec, env.context.clock().Now())
                               : std::string(spec.status().message())});
  }
  result.text =
      std::string(app::kProgram) + " serves, process " + std::to_string(ThisProcess().pid) +
      "\n  page and API   " + daemon.url() + "\n  configuration  " +
      (config.file.empty() ? "none; none is needed" : config.file) + "\n  catalog        " +
      daemon.catalog_path() + "\n  jobs           " + std::to_string(config.serve.places) +
      " at once, " + std::to_string(open->size()) + " to go on with\n  clusters" +
      (clusters.empty() ? "       none configured; jobs may name an address" : clusters) +
      "\n  repositories" + repositories + "\n  schedules" +
      (schedules->empty() ? "      none; aerie schedule create makes one\n" : "\n" + Table(table)) +
      "Ctrl-C stops it; aerie job list shows what it does\n";
  return result;
}

CommandResult Serve(Environment& env, const ServeArgs& args) {
  if (!env.globals.quiet) {
    const bool json =
        args.log_format.empty() ? env.globals.output == "json" : args.log_format == "json";
    log::Configure(env.globals.verbose ? log::Level::kDebug : log::Level::kInfo,
                   json ? log::Format::kJson : log::Format::kText);
  }
  app::Config config = PlacedConfig(env.session.config(), args.place);
  if (!args.listen.empty()) {
    const Status read = app::ReadListen(args.listen, config.api);
    if (!read.ok()) return Failure(read);
  }
  auto daemon = app::Daemon::Open(env.context, std::move(config), {.catalog = args.place.catalog});
  if (!daemon.ok()) return Failure(daemon.status());
  const CommandResult screen = Screen(env, **daemon);
  if (!screen.status.ok()) return screen;
  CommandResult result;
  result.status = (*daemon)->Run(env.context, [&] { env.output.Say(screen.text, screen.json); });
  if (!result.status.ok()) return result;
  const auto open = (*daemon)->jobs().List({.open_only = true});
  if (!open.ok()) return Failure(open.status());
  result.json["open_jobs"] = open->size();
  result.text = "stopped; " + std::to_string(open->size()) + " jobs go on at the next start\n";
  return result;
}

}  // namespace

void AddServeCommand(CLI::App& root, Action& action) {
  auto args = std::make_shared<ServeArgs>();
  CLI::App* cmd = root.add_subcommand("serve",
                                      "The daemon: schedules, jobs, alerts, the page and the API, "
                                      "until it is stopped (docs/jobs.md)");
  AddPlaceOptions(*cmd, args->place);
  cmd->add_option("--listen", args->listen,
                  "Address and port of the page and the API, such as 127.0.0.1:8710 (api.listen of "
                  "the configuration); port 0 takes a free one")
      ->type_name("ADDRESS");
  cmd->add_option("--log-format", args->log_format, "Of the log on standard error: text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  cmd->callback(
      [&action, args] { action = [args](Environment& env) { return Serve(env, *args); }; });
}

}  // namespace aerie::cli
