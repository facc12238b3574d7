// aerie alert: what is wrong, who is told, and whether that works.
#include <filesystem>
#include <memory>

#include "alerts/metrics.h"
#include "alerts/rules.h"
#include "app/alert_facts.h"
#include "app/version.h"
#include "base/duration.h"
#include "base/glob.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/place_option.h"

namespace aerie::cli {
namespace {

using alerts::Incident;

std::int64_t NowMs(const Environment& env) { return ToUnixMillis(env.context.clock().Now()); }

Json TimeJson(std::int64_t ms) { return ms == 0 ? Json() : Json(FormatUtc(FromUnixMillis(ms))); }

std::string UserName() {
  const char* name = std::getenv("USER");
  return name != nullptr && *name != '\0' ? name : "somebody";
}

// ---- test ----

struct TestArgs {
  std::vector<std::string> channels;
};

Result<std::vector<alerts::ChannelOptions>> ChannelsOf(const Environment& env,
                                                       const std::vector<std::string>& names) {
  const auto& all = env.session.config().alerts.channels;
  if (all.empty()) {
    return InvalidError(
        "no channel is configured: name one under alerts.channels in the "
        "configuration (aerie config schema)");
  }
  if (names.empty()) return all;
  std::vector<alerts::ChannelOptions> chosen;
  std::vector<std::string> known;
  for (const auto& channel : all) known.push_back(channel.audience.channel);
  for (const std::string& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      const std::string near = app::NearestName(name, known);
      return InvalidError("channel '" + name + "' is not configured" +
                          (near.empty() ? "" : "; did you mean '" + near + "'?"));
    }
    chosen.push_back(all[static_cast<std::size_t>(found - known.begin())]);
  }
  return chosen;
}

CommandResult Test(Environment& env, const TestArgs& args) {
  const auto channels = ChannelsOf(env, args.channels);
  if (!channels.ok()) return Failure(channels.status());
  CommandResult result;
  result.json["channels"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"CHANNEL", "TYPE", "OUTCOME"}};
  std::string failures;
  std::size_t failed = 0;
  for (const alerts::ChannelOptions& options : *channels) {
    const std::string& name = options.audience.channel;
    const alerts::Attempt attempt = alerts::OpenChannel(options)->Send(
        env.context.WithTimeout(options.timeout), alerts::TestMessage(HostName(), name, NowMs(env)),
        false);
    const bool ok = attempt.status.ok();
    const std::string why(attempt.status.message());
    if (!ok) {
      ++failed;
      failures += (failures.empty() ? "" : "; ") + why;
    }
    result.json["channels"].push_back({{"channel", name},
                                       {"type", alerts::TypeOf(options)},
                                       {"delivered", ok},
                                       {"note", attempt.note},
                                       {"error", ok ? Json() : Json(why)}});
    table.push_back({name, alerts::TypeOf(options),
                     !ok                    ? "failed"
                     : attempt.note.empty() ? "delivered"
                                            : "delivered, " + attempt.note});
  }
  result.text = Table(table);
  if (failed > 0) {
    result.status =
        MakeStatus(failed == channels->size() ? Kind::kFailed : Kind::kPartial, failures);
  }
  return result;
}

// ---- check, metrics ----

struct CatalogOnly {
  PlaceArg place;
};

// A catalog with what reads the facts of it.
struct Watching {
  std::unique_ptr<catalog::Catalog> catalog;
  std::unique_ptr<app::AlertFacts> source;
};

Result<Watching> Watch(const Environment& env, const PlaceArg& arg) {
  Watching watching;
  AERIE_ASSIGN(const std::string path, CatalogPathOf(env.session.config(), arg));
  AERIE_ASSIGN(watching.catalog, OpenCatalog(env, arg));
  watching.source = std::make_unique<app::AlertFacts>(
      env.session, *watching.catalog,
      app::AlertFactsOptions{.catalog_folder =
                                 std::filesystem::absolute(path).parent_path().string()});
  return watching;
}

Json ToJson(const alerts::Condition& condition) {
  return {{"rule", alerts::NameOf(condition.rule)},
          {"about", condition.about},
          {"known", !condition.undecided},
          {"severity", alerts::NameOf(condition.severity)},
          {"summary", condition.summary},
          {"details", condition.details},
          {"remedy", condition.remedy}};
}

CommandResult Check(Environment& env, const CatalogOnly& args) {
  const auto watching = Watch(env, args.place);
  if (!watching.ok()) return Failure(watching.status());
  catalog::AlertStore store(*watching->catalog);
  const auto conditions =
      alerts::JudgeNow(env.context, *watching->source, store, env.session.config().alerts.policy);
  if (!conditions.ok()) return Failure(conditions.status());
  CommandResult result;
  result.json["conditions"] = Json::array();
  std::size_t wrong = 0;
  for (const alerts::Condition& condition : *conditions) {
    result.json["conditions"].push_back(ToJson(condition));
    const std::string name = std::string(alerts::NameOf(condition.rule)) + ", " + condition.about;
    if (condition.undecided) {
      result.text += "[not known] " + name + "\n";
      continue;
    }
    ++wrong;
    result.text +=
        std::string("[") + alerts::NameOf(condition.severity) + "] " + condition.summary + "\n";
    for (const std::string& detail : condition.details) result.text += "  " + detail + "\n";
    result.text += "  To do: " + condition.remedy + "\n  (" + name + ")\n";
  }
  result.json["wrong"] = wrong;
  if (conditions->empty()) result.text = "nothing is wrong, by the rules\n";
  if (wrong > 0) {
    result.status =
        FailedError(std::to_string(wrong) + (wrong == 1 ? " thing is wrong" : " things are wrong"));
  }
  return result;
}

CommandResult Metrics(Environment& env, const CatalogOnly& args) {
  const auto watching = Watch(env, args.place);
  if (!watching.ok()) return Failure(watching.status());
  catalog::AlertStore store(*watching->catalog);
  const auto text = alerts::MetricsNow(env.context, app::kVersion, *watching->source, store);
  if (!text.ok()) return Failure(text.status());
  CommandResult result;
  result.text = *text;
  result.json["metrics"] = *text;
  return result;
}

// ---- list, show ----

struct ListArgs {
  PlaceArg place;
  bool all = false;
  std::size_t limit = 100;
};

Json ToJson(const Incident& incident) {
  return {{"incident", incident.number},
          {"rule", alerts::NameOf(incident.rule)},
          {"about", incident.about},
          {"severity", alerts::NameOf(incident.severity)},
          {"summary", incident.summary},
          {"details", incident.details},
          {"remedy", incident.remedy},
          {"opened", TimeJson(incident.opened_ms)},
          {"acknowledged", TimeJson(incident.acknowledged_ms)},
          {"acknowledged_by", incident.acknowledged_by},
          {"resolved", TimeJson(incident.resolved_ms)}};
}

std::string StateOf(const Incident& incident) {
  if (incident.resolved_ms != 0) return "resolved";
  return incident.acknowledged_ms != 0 ? "acknowledged" : "open";
}

CommandResult List(Environment& env, const ListArgs& args) {
  const auto catalog = OpenCatalog(env, args.place);
  if (!catalog.ok()) return Failure(catalog.status());
  catalog::AlertStore store(**catalog);
  const auto rows = store.List(!args.all, 0, args.limit);
  if (!rows.ok()) return Failure(rows.status());
  const auto view = store.View(NowMs(env));
  if (!view.ok()) return Failure(view.status());
  CommandResult result;
  result.json["incidents"] = Json::array();
  std::vector<std::vector<std::string>> table = {
      {"INCIDENT", "SEVERITY", "STATE", "SINCE", "SUMMARY"}};
  for (const catalog::AlertIncident& row : *rows) {
    const auto incident = alerts::IncidentOf(row);
    if (!incident.ok()) return Failure(incident.status());
    result.json["incidents"].push_back(ToJson(*incident));
    table.push_back({std::to_string(row.number), row.severity, StateOf(*incident),
                     FormatUtc(FromUnixMillis(row.opened_ms)).substr(0, 16) + "Z",
                     incident->summary});
  }
  result.text = rows->empty() ? "no incidents\n" : Table(table);
  result.json["silences"] = Json::array();
  for (const catalog::AlertSilence& silence : view->silences) {
    result.json["silences"].push_back({{"silence", silence.number},
                                       {"rule", silence.rule},
                                       {"about", silence.about},
                                       {"until", TimeJson(silence.until_ms)},
                                       {"reason", silence.reason},
                                       {"by", silence.made_by}});
    result.text += "silence " + std::to_string(silence.number) + ": " + silence.rule + ":" +
                   silence.about + " until " + FormatUtc(FromUnixMillis(silence.until_ms)) +
                   (silence.reason.empty() ? "" : " (" + silence.reason + ")") + "\n";
  }
  result.json["channels"] = Json::array();
  for (const catalog::AlertChannel& channel : view->channels) {
    result.json["channels"].push_back({{"channel", channel.name},
                                       {"delivered", channel.delivered},
                                       {"failed", channel.failed},
                                       {"given_up", channel.given_up},
                                       {"waiting", channel.waiting},
                                       {"error", channel.error}});
    if (channel.error.empty()) continue;
    result.text += "channel " + channel.name + ": " + std::to_string(channel.waiting) +
                   " messages wait: " + channel.error + "\n";
  }
  return result;
}

struct OneArgs {
  PlaceArg place;
  std::int64_t number = 0;
  std::string by;
};

CommandResult Show(Environment& env, const OneArgs& args) {
  const auto catalog = OpenCatalog(env, args.place);
  if (!catalog.ok()) return Failure(catalog.status());
  catalog::AlertStore store(**catalog);
  const auto row = store.Find(args.number);
  if (!row.ok()) return Failure(row.status());
  const auto incident = alerts::IncidentOf(*row);
  if (!incident.ok()) return Failure(incident.status());
  const auto deliveries = store.Deliveries(args.number);
  if (!deliveries.ok()) return Failure(deliveries.status());
  CommandResult result;
  result.json = ToJson(*incident);
  result.text = "incident " + std::to_string(row->number) + ": " + row->rule + ", " + row->about +
                "\n[" + row->severity + "] " + incident->summary + "\n";
  for (const std::string& detail : incident->details) result.text += "  " + detail + "\n";
  result.text +=
      "To do: " + incident->remedy + "\nopened " + FormatUtc(FromUnixMillis(row->opened_ms)) + "\n";
  if (row->acknowledged_ms != 0) {
    result.text += "acknowledged " + FormatUtc(FromUnixMillis(row->acknowledged_ms)) + " by " +
                   row->acknowledged_by + "\n";
  }
  if (row->resolved_ms != 0) {
    result.text += "resolved " + FormatUtc(FromUnixMillis(row->resolved_ms)) + "\n";
  }
  result.json["deliveries"] = Json::array();
  std::vector<std::vector<std::string>> table = {
      {"MESSAGE", "CHANNEL", "MADE", "STATE", "ATTEMPTS", "SAID"}};
  for (const catalog::AlertDelivery& each : *deliveries) {
    const auto message = alerts::MessageFromText(each.message);
    const std::string event = message.ok() ? alerts::NameOf(message->event) : "?";
    result.json["deliveries"].push_back({{"key", each.key},
                                         {"event", event},
                                         {"channel", each.channel},
                                         {"made", TimeJson(each.created_ms)},
                                         {"state", NameOf(each.state)},
                                         {"attempts", each.attempts},
                                         {"ended", TimeJson(each.ended_ms)},
                                         {"error", each.error}});
    table.push_back({event, each.channel, FormatUtc(FromUnixMillis(each.created_ms)),
                     NameOf(each.state), std::to_string(each.attempts), each.error});
  }
  if (table.size() > 1) result.text += Table(table);
  return result;
}

// ---- ack, silence, unsilence ----

CommandResult Acknowledge(Environment& env, const OneArgs& args) {
  const auto catalog = OpenCatalog(env, args.place);
  if (!catalog.ok()) return Failure(catalog.status());
  const auto row = catalog::AlertStore(**catalog).Acknowledge(
      args.number, args.by.empty() ? UserName() : args.by, NowMs(env));
  if (!row.ok()) return Failure(row.status());
  const auto incident = alerts::IncidentOf(*row);
  if (!incident.ok()) return Failure(incident.status());
  CommandResult result;
  result.json = ToJson(*incident);
  result.text = "incident " + std::to_string(row->number) + " is acknowledged by " +
                row->acknowledged_by + "; no more reminders of it\n";
  return result;
}

struct SilenceArgs {
  PlaceArg place;
  std::string pattern;
  std::string duration;
  std::string reason;
  std::int64_t number = 0;
};

Result<catalog::AlertSilence> SilenceOf(const Environment& env, const SilenceArgs& args) {
  catalog::AlertSilence silence{.reason = args.reason, .made_by = UserName()};
  const auto colon = args.pattern.find(':');
  silence.rule = args.pattern.substr(0, colon);
  silence.about = colon == std::string::npos ? "*" : args.pattern.substr(colon + 1);
  AERIE_TRY(CheckGlob(silence.rule));
  AERIE_TRY(CheckGlob(silence.about));
  const auto names = alerts::RuleNames();
  if (std::none_of(names.begin(), names.end(),
                   [&](const auto& name) { return GlobMatches(silence.rule, name); })) {
    const std::string near = app::NearestName(silence.rule, names);
    return InvalidError("no rule is called '" + silence.rule + "'" +
                        (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
  AERIE_ASSIGN(const Duration duration, ParseDuration(args.duration, "--for"));
  if (duration <= Duration::zero()) return InvalidError("--for must be longer than nothing");
  silence.until_ms =
      NowMs(env) + std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return silence;
}

CommandResult AddSilence(Environment& env, const SilenceArgs& args) {
  const auto silence = SilenceOf(env, args);
  if (!silence.ok()) return Failure(silence.status());
  const auto catalog = OpenCatalog(env, args.place);
  if (!catalog.ok()) return Failure(catalog.status());
  const auto number = catalog::AlertStore(**catalog).AddSilence(*silence, NowMs(env));
  if (!number.ok()) return Failure(number.status());
  CommandResult result;
  result.json["silence"] = *number;
  result.json["until"] = TimeJson(silence->until_ms);
  result.text = "silence " + std::to_string(*number) + " until " +
                FormatUtc(FromUnixMillis(silence->until_ms)) + "\n";
  return result;
}

CommandResult RemoveSilence(Environment& env, const SilenceArgs& args) {
  const auto catalog = OpenCatalog(env, args.place);
  if (!catalog.ok()) return Failure(catalog.status());
  const Status removed = catalog::AlertStore(**catalog).RemoveSilence(args.number);
  if (!removed.ok()) return Failure(removed);
  CommandResult result;
  result.json["silence"] = args.number;
  result.text = "silence " + std::to_string(args.number) + " has ended\n";
  return result;
}

// ---- watch ----

CommandResult RunWatch(Environment& env, const CatalogOnly& args) {
  const app::AlertsConfig& config = env.session.config().alerts;
  if (!config.enabled) {
    return Failure(RefusedError("alerts.enabled is false in the configuration; nothing to do"));
  }
  const auto watching = Watch(env, args.place);
  if (!watching.ok()) return Failure(watching.status());
  alerts::Monitor monitor(*watching->catalog, *watching->source,
                          app::MonitorOptionsOf(config, HostName()));
  env.output.Say(
      "watching; " + std::to_string(config.channels.size()) + " channels; interrupt to end\n",
      {{"event", "watching"}, {"channels", config.channels.size()}});
  CommandResult result;
  result.status = monitor.Run(env.context);
  return result;
}

// Adds a command whose arguments live as long as its action.
template <class Args>
CLI::App* Add(CLI::App& group, Action& action, const char* name, const char* about,
              CommandResult (*run)(Environment&, const Args&), std::shared_ptr<Args>& args) {
  args = std::make_shared<Args>();
  CLI::App* command = group.add_subcommand(name, about);
  command->callback(
      [&action, args, run] { action = [args, run](Environment& env) { return run(env, *args); }; });
  return command;
}

}  // namespace

void AddAlertCommands(CLI::App& root, Action& action) {
  CLI::App* group = root.add_subcommand("alert", "What is wrong, and who is told");
  group->require_subcommand(1);

  std::shared_ptr<TestArgs> test;
  Add(*group, action, "test", "Send a message through each channel, now", Test, test)
      ->add_option("CHANNEL", test->channels, "Only these");

  std::shared_ptr<CatalogOnly> only;
  AddPlaceOptions(*Add(*group, action, "check", "Ask the rules now, and tell nobody", Check, only),
                  only->place);
  AddPlaceOptions(
      *Add(*group, action, "metrics", "What /metrics says, for Prometheus", Metrics, only),
      only->place);
  AddPlaceOptions(*Add(*group, action, "watch",
                       "Watch and tell until interrupted, without a daemon", RunWatch, only),
                  only->place);

  std::shared_ptr<ListArgs> list;
  CLI::App* cmd = Add(*group, action, "list", "Open incidents", List, list);
  AddPlaceOptions(*cmd, list->place);
  cmd->add_flag("--all", list->all, "Those that are over, too");
  cmd->add_option("--limit", list->limit, "How many, newest first")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N")
      ->capture_default_str();

  std::shared_ptr<OneArgs> one;
  cmd = Add(*group, action, "show", "One incident, and what became of its messages", Show, one);
  AddPlaceOptions(*cmd, one->place);
  cmd->add_option("INCIDENT", one->number, "Its number")->required();

  cmd = Add(*group, action, "ack", "Somebody works on it: no more reminders", Acknowledge, one);
  AddPlaceOptions(*cmd, one->place);
  cmd->add_option("INCIDENT", one->number, "Its number")->required();
  cmd->add_option("--by", one->by, "Who (default: $USER)")->type_name("NAME");

  std::shared_ptr<SilenceArgs> silence;
  cmd = Add(*group, action, "silence", "Tell nothing of these for a while", AddSilence, silence);
  AddPlaceOptions(*cmd, silence->place);
  cmd->add_option("RULE[:ABOUT]", silence->pattern,
                  "Such as storage-full:main or 'cluster-*:prod'; * is anything")
      ->required();
  cmd->add_option("--for", silence->duration, "How long, such as 2h")
      ->type_name("TIME")
      ->required();
  cmd->add_option("--reason", silence->reason, "Why")->type_name("TEXT");

  cmd = Add(*group, action, "unsilence", "End a silence", RemoveSilence, silence);
  AddPlaceOptions(*cmd, silence->place);
  cmd->add_option("SILENCE", silence->number, "Its number")->required();
}

}  // namespace aerie::cli
