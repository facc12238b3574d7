// What a handler gets, and what it gives back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/access.h"
#include "api/backend.h"
#include "api/event_hub.h"
#include "api/http_message.h"
#include "api/json_schema.h"
#include "api/routes.h"
#include "base/context.h"
#include "catalog/access_store.h"
#include "catalog/audit_store.h"
#include "catalog/catalog.h"
#include "catalog/job_store.h"
#include "catalog/request_store.h"
#include "catalog/schedule_store.h"
#include "jobs/kind.h"

namespace aerie::api {

// What all handlers work with; lives as long as the service.
struct Parts {
  Parts(catalog::Catalog& opened, const jobs::JobKinds& job_kinds, const Ports& given,
        const AccessOptions& options)
      : catalog(opened),
        jobs(opened),
        schedules(opened),
        users(opened),
        audit(opened),
        requests(opened),
        kinds(job_kinds),
        ports(given),
        access(users, options) {}

  catalog::Catalog& catalog;
  catalog::JobStore jobs;
  catalog::ScheduleStore schedules;
  catalog::AccessStore users;
  catalog::AuditStore audit;
  catalog::RequestStore requests;
  const jobs::JobKinds& kinds;
  const Ports ports;
  Access access;
  EventHub hub;
  // What the settings show.
  std::string version{};
  std::string listen{};
  bool tls = false;
  bool secure_cookie = false;
  std::int64_t started_ms = 0;

  // What clusters and repositories have, as it is after every job that has ended: whoever saw a job
  // end sees what it did.
  Result<Backend*> UpToDate();
};

// One request that passed every check of its route.
struct Call {
  const Context& context;
  Parts& parts;
  const Route& route;
  Who who;
  std::map<std::string, std::string> path;
  Json query = Json::object();  // by the schemas, defaults filled in
  Json body = Json();
  std::string address{};
  std::string last_event_id{};
  std::string object{};  // for the audit log; a handler may say it better
  std::int64_t now_ms = 0;

  std::string Text(const char* name) const { return query.value(name, std::string()); }
  std::size_t Limit() const { return query.value("limit", std::size_t{50}); }
};

struct Reply {
  int status = 0;  // 0: the route's
  Json json = Json();
  std::string text{};
  std::vector<std::pair<std::string, std::string>> headers{};
  std::shared_ptr<ByteStream> stream{};
  bool problem = false;  // `json` is one
  // The answer comes later: asked twice a second until it gives one.
  std::function<std::optional<Result<Reply>>(std::int64_t now_ms)> later{};
};
using Handler = Result<Reply> (*)(Call&);

// By operationId: those of all routes.
const std::map<std::string, Handler>& Handlers();
// In the files of each group.
using HandlerMap = std::map<std::string, Handler>;
HandlerMap AccessHandlers();
HandlerMap JobHandlers();
HandlerMap ScheduleHandlers();
HandlerMap EstateHandlers();
HandlerMap MigrationHandlers();
HandlerMap StatisticsHandlers();
HandlerMap CompatibleHandlers();

// --- Errors ---
// The HTTP status of an error that a handler gave.
int HttpStatusOf(Kind kind);
Reply ProblemOf(int status, Kind kind, const std::string& detail,
                const std::vector<Mismatch>& wrong = {});
Reply ProblemOf(const Status& status);
// 422: `confirm` is not the name that it must be.
Reply Unconfirmed(const std::string& what, const std::string& name);

// --- JSON ---
// RFC 3339, or null for 0.
Json TimeOf(std::int64_t ms);
// {"kind", "message"}, or null.
Json FaultOf(const Status& status);
// Of a text that the catalog keeps; null when it is none.
Json ParseKept(const std::string& text);
// nullopt: no time that RFC 3339 has.
std::optional<std::int64_t> ParseTime(const std::string& text);

// --- Lists ---
// A cursor is opaque to those who get it: a number, or texts, of the last item.
std::string CursorOf(const std::string& place);
// kInvalid when it is none of ours.
Result<std::string> PlaceOf(const Call& call);
Result<std::int64_t> NumberPlaceOf(const Call& call);  // 0: from the beginning
// The items of a list that was cut by its cursor already: one more than the limit says that there
// is another page, which begins after `place(last)`.
template <class Item, class ToJsonOf, class ToPlace>
Json PageOf(const std::vector<Item>& items, std::size_t limit, const ToJsonOf& json,
            const ToPlace& place) {
  Json list = Json::array();
  for (std::size_t i = 0; i < items.size() && i < limit; ++i) list.push_back(json(items[i]));
  Json next = nullptr;
  if (items.size() > limit) next = CursorOf(place(items[limit - 1]));
  return {{"items", std::move(list)}, {"next_cursor", std::move(next)}};
}

// --- Shared by handlers ---
Json JobJson(const Parts& parts, const catalog::Job& job, bool whole);
Json LogJson(const catalog::LogEntry& entry);
// kCorrupt when another version of aerie wrote it.
Result<Json> MigrationJson(const Parts& parts, const catalog::Migration& migration,
                           std::int64_t now_ms);

// What making a job asks for.
struct Danger {
  Role role = Role::kOperator;
  std::optional<std::string> confirm{};  // the name
  std::string what{};                    // "delete snapshots"
};
Danger DangerOf(const Parts& parts, const std::string& kind, const Json& spec);
struct WantedJob {
  std::string kind{};
  Json spec = Json::object();
  std::int32_t priority = 0;
  std::string confirm{};
  // Of which it is, besides its times; whoever made that has answered for what it does. Empty:
  // none.
  std::string schedule{};
};
// Makes it, when role and confirmation are there: 202 with the job, or why not.
Result<Reply> MakeJob(Call& call, const WantedJob& wanted);

// A snapshot by its id or the beginning of one, in one repository or in all. kNotFound, kInvalid
// (ambiguous).
struct FoundSnapshot {
  RepositoryView repository;
  SnapshotView view;
};
Result<FoundSnapshot> FindSnapshot(Call& call, const std::string& id,
                                   const std::string& repository);

}  // namespace aerie::api
