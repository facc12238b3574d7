// Migrations: told, watched, and the words that their operators have for them.
#include <utility>

#include "api/call.h"
#include "base/process.h"
#include "migrate/standing.h"
#include "migrate/words.h"

namespace aerie::api {
namespace {

Json Known(std::int64_t value) { return value < 0 ? Json(nullptr) : Json(value); }

Json SampleJson(const std::optional<catalog::Sample>& sample) {
  if (!sample) return nullptr;
  const bool both = sample->source_rows >= 0 && sample->target_rows >= 0;
  return {{"at", TimeOf(sample->at_ms)},
          {"source_rows", Known(sample->source_rows)},
          {"target_rows", Known(sample->target_rows)},
          {"difference", both ? Json(sample->source_rows - sample->target_rows) : Json(nullptr)},
          {"error_rate", sample->error_rate},
          {"latency_ms", Known(sample->latency_ms)},
          {"round", sample->round}};
}

Json WorkJson(const std::optional<migrate::Standing::Work>& work) {
  if (!work) return nullptr;
  return {{"kind", work->pace.kind},
          {"reads", NameOf(work->pace.from)},
          {"began_at", TimeOf(work->pace.begun_ms)},
          {"rows", work->pace.rows},
          {"rows_total", Known(work->rows_total)},
          {"rows_per_second", work->rows_per_second},
          {"estimated_end_at", TimeOf(work->estimated_end_ms.value_or(0))}};
}

Json WayJson(const migrate::Way& way) {
  Json phases = Json::array();
  for (const migrate::Phase phase : way.phases) phases.push_back(NameOf(phase));
  return {{"phases", std::move(phases)}, {"at", way.at}};
}

Json CommandJson(const catalog::Command& command) {
  const char* state = !command.answered         ? "waiting"
                      : command.refusal.empty() ? "obeyed"
                                                : "refused";
  return {{"number", command.number},
          {"migration", command.migration},
          {"verb", command.verb},
          {"said_at", TimeOf(command.at_ms)},
          {"state", state},
          {"refusal", command.refusal.empty() ? Json(nullptr) : Json(command.refusal)}};
}

Json HolderJson(const std::optional<catalog::Holder>& holder) {
  if (!holder) return nullptr;
  return {{"host", holder->host}, {"pid", holder->process.pid}};
}

Json RequestJson(const catalog::Request& request) {
  if (request.number == 0) return nullptr;
  return {{"number", request.number}, {"text", request.text}};
}

Result<Reply> ListMigrations(Call& call) {
  AERIE_ASSIGN(const auto migrations, call.parts.catalog.List(call.query.value("open", false)));
  Json items = Json::array();
  for (const catalog::Migration& migration : migrations) {
    AERIE_ASSIGN(Json json, MigrationJson(call.parts, migration, call.now_ms));
    items.push_back(std::move(json));
  }
  return Reply{.json = {{"items", std::move(items)}, {"next_cursor", nullptr}}};
}

Result<Reply> GetMigration(Call& call) {
  AERIE_ASSIGN(const auto migration, call.parts.catalog.Find(call.path.at("id")));
  AERIE_ASSIGN(Json json, MigrationJson(call.parts, migration, call.now_ms));
  return Reply{.json = std::move(json)};
}

Result<Reply> GetMigrationLog(Call& call) {
  AERIE_ASSIGN(const std::int64_t after, NumberPlaceOf(call));
  AERIE_TRY(call.parts.catalog.Find(call.path.at("id")).status());
  AERIE_ASSIGN(const auto log, call.parts.catalog.Log(call.path.at("id"), after, call.Limit() + 1));
  return Reply{.json = PageOf(log, call.Limit(), LogJson,
                              [](auto& entry) { return std::to_string(entry.seq); })};
}

Result<Reply> GetCommand(Call& call) {
  const std::string& number = call.path.at("number");
  AERIE_ASSIGN(const auto command, call.parts.catalog.FindCommand(std::stoll(number)));
  if (command.migration != call.path.at("id")) {
    return NotFoundError("command " + number + " was not said to migration '" + call.path.at("id") +
                         "'");
  }
  return Reply{.json = CommandJson(command)};
}

Result<Reply> Tell(Call& call, const std::string& verb, std::int64_t request = 0) {
  const std::string& id = call.path.at("id");
  const catalog::Holder me{.process = ThisProcess(), .host = "", .renewed_ms = call.now_ms};
  AERIE_ASSIGN(const auto said, migrate::Say(call.parts.catalog, id, verb, request, me,
                                             FromUnixMillis(call.now_ms)));
  if (!said.refusal.empty()) return RefusedError("migration " + id + ": " + said.refusal);
  AERIE_ASSIGN(const auto command, call.parts.catalog.FindCommand(said.number));
  return Reply{.json = CommandJson(command),
               .headers = {{"Location", "/api/v1/migrations/" + id + "/commands/" +
                                            std::to_string(said.number)}}};
}

// What moves clients, or takes a way back away: its name must be said.
Result<Reply> TellDangerous(Call& call, const std::string& verb) {
  const std::string& id = call.path.at("id");
  AERIE_TRY(call.parts.catalog.Find(id).status());
  if (call.Text("confirm") != id) return Unconfirmed(verb + " the migration", id);
  return Tell(call, verb);
}

Result<Reply> Approve(Call& call) {
  return Tell(call, "approve", call.query.at("request").get<std::int64_t>());
}
Result<Reply> Pause(Call& call) { return Tell(call, "pause"); }
Result<Reply> Resume(Call& call) { return Tell(call, "resume"); }
Result<Reply> Cutover(Call& call) { return TellDangerous(call, "cutover"); }
Result<Reply> Rollback(Call& call) { return TellDangerous(call, "rollback"); }
Result<Reply> Complete(Call& call) { return TellDangerous(call, "complete"); }
Result<Reply> Abort(Call& call) { return TellDangerous(call, "abort"); }

}  // namespace

Result<Json> MigrationJson(const Parts& parts, const catalog::Migration& m, std::int64_t now_ms) {
  const WallTime now = FromUnixMillis(now_ms);
  AERIE_ASSIGN(const migrate::Standing standing, migrate::StandingOf(parts.catalog, m, now));
  const migrate::State& state = standing.state;
  const migrate::Rules& rules = standing.spec.rules;
  Json alerts = Json::array();
  for (const catalog::Alert& alert : standing.alerts) {
    alerts.push_back({{"incident", alert.incident},
                      {"raised_at", TimeOf(alert.raised_ms)},
                      {"text", alert.text}});
  }
  Json waiting = Json::array();
  for (const catalog::Command& command : standing.waiting) waiting.push_back(CommandJson(command));
  Json spec = ParseKept(m.spec);
  return Json{{"id", m.id},
              {"strategy", NameOf(rules.strategy)},
              {"from", standing.spec.from},
              {"to", standing.spec.to},
              {"collections", standing.spec.collections},
              {"phase", m.phase},
              {"about", TraitsOf(state.phase).about},
              {"way", WayJson(WayOf(rules, state))},
              {"paused", state.paused},
              {"cutover_wanted", state.cutover_wanted},
              {"rounds", state.rounds},
              {"writes_stopped_since", TimeOf(state.pause_began_ms)},
              {"last_pause_ms", Known(state.last_pause_ms)},
              {"max_pause_ms",
               std::chrono::duration_cast<std::chrono::milliseconds>(rules.max_pause).count()},
              {"created_at", TimeOf(m.created_ms)},
              {"updated_at", TimeOf(m.updated_ms)},
              {"ended_at", TimeOf(m.ended_ms)},
              {"spec", std::move(spec)},
              {"driven", standing.driven},
              {"holder", HolderJson(m.holder)},
              {"request", RequestJson(m.request)},
              {"actions", AllowedWords(m, standing, now)},
              {"waiting", std::move(waiting)},
              {"sample", SampleJson(standing.sample)},
              {"work", WorkJson(standing.work)},
              {"lag_ms", standing.lag_ms ? Json(*standing.lag_ms) : Json(nullptr)},
              {"open_alerts", std::move(alerts)}};
}

HandlerMap MigrationHandlers() {
  return {{"listMigrations", ListMigrations},
          {"getMigration", GetMigration},
          {"getMigrationLog", GetMigrationLog},
          {"getMigrationCommand", GetCommand},
          {"approveMigration", Approve},
          {"pauseMigration", Pause},
          {"resumeMigration", Resume},
          {"cutoverMigration", Cutover},
          {"rollbackMigration", Rollback},
          {"completeMigration", Complete},
          {"abortMigration", Abort}};
}

}  // namespace aerie::api
