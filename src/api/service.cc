#include "api/service.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "api/peer_address.h"
#include "api/percent.h"
#include "api/schemas.h"
#include "base/log.h"
#include "jobs/jobs.h"
#include "web/assets.h"

namespace aerie::api {
namespace {

constexpr char kProblemType[] = "application/problem+json";
constexpr char kJsonType[] = "application/json";
constexpr std::size_t kLongestTarget = 8 << 10;
constexpr int kDeepestBody = 32;
constexpr std::int64_t kKeyLife = 24 * 3600 * std::int64_t{1000};

bool IsOfApi(const std::string& path) {
  return path == "/api" || path.starts_with("/api/") || path == "/healthz" || path == "/readyz" ||
         path == "/metrics";
}

// Bytes that no honest client sends.
bool IsPlainTarget(const std::string& target) {
  if (target.empty() || target.size() > kLongestTarget || target[0] != '/') return false;
  for (const char c : target) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      return false;
  }
  return true;
}

std::string ObjectOf(const RouteMatch& match) {
  std::string object;
  for (const auto& [name, value] : match.path) object += (object.empty() ? "" : "/") + value;
  return object;
}

// In the surface's own words.
Reply Compatible(const Reply& problem) {
  if (!problem.problem) return problem;
  const std::string kind = problem.json.value("kind", "");
  int code = ExitCode(Kind::kFailed);
  for (int k = 0; k <= static_cast<int>(Kind::kInternal); ++k) {
    if (kind == KindName(static_cast<Kind>(k))) code = ExitCode(static_cast<Kind>(k));
  }
  std::string message = problem.json.value("detail", "");
  for (const Json& wrong : problem.json.value("errors", Json::array())) {
    message += "; " + wrong.value("at", "") + ": " + wrong.value("detail", "");
  }
  Reply reply = problem;
  reply.problem = false;
  reply.json = {{"code", code}, {"message", message}, {"data", nullptr}};
  return reply;
}

std::string Dump(const Json& json) {
  // What is no UTF-8 came from outside, and must not end the program.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

struct Service::Progress {
  std::shared_ptr<const HttpRequest> request;
  Trace trace{};
  std::string path{};
  std::string query{};
  std::optional<Method> method{};
  const api::Route* route = nullptr;
  Who who{};
  std::string object{};
  std::int64_t now_ms = 0;
  Clock* clock = nullptr;
  SteadyTime begun{};
};

struct Service::Waiting {
  std::function<std::optional<Result<Reply>>(std::int64_t now_ms)> later;
  std::function<void(Result<Reply>)> done;
};

Service::Service(catalog::Catalog& catalog, const jobs::JobKinds& kinds, const Ports& ports,
                 const ServiceOptions& options)
    : options_(options), parts_(catalog, kinds, ports, options.access) {
  parts_.version = options.version;
  parts_.listen = options.listen;
  parts_.tls = options.tls;
  parts_.secure_cookie = options.tls || (options.guard.public_origin &&
                                         options.guard.public_origin->scheme == "https");
}

Service::~Service() { Close(); }

void Service::Handle(const Context& context, HttpRequest sent, const Done& done) {
  sent.address = PeerAddress(sent, options_.guard);
  Progress progress{.request = std::make_shared<const HttpRequest>(std::move(sent))};
  const HttpRequest& request = *progress.request;
  progress.now_ms = ToUnixMillis(context.clock().Now());
  progress.clock = &context.clock();
  progress.begun = context.clock().Steady();
  progress.trace = ParseTrace(request.Header("traceparent"), request.Header("tracestate"))
                       .value_or(Trace{.id = HashRandom(RandomText().Reveal()).substr(0, 32)});
  const TraceScope scope(progress.trace);
  const std::size_t mark = request.target.find('?');
  progress.path = request.target.substr(0, mark);
  if (mark != std::string::npos) progress.query = request.target.substr(mark + 1);
  // HEAD is a GET whose body stays behind; the server knows.
  progress.method = MethodOf(request.method == "HEAD" ? "GET" : request.method);

  if (IsPlainTarget(request.target) && !IsOfApi(progress.path) &&
      CheckHost(request, options_.guard).ok()) {
    return done(AssetAnswer(request, progress.path));
  }
  const Context limited = context.WithTimeout(options_.handler_limit);
  Result<Reply> reply = Route(progress, limited);
  if (!reply.ok() || !reply->later) return done(Finish(progress, std::move(reply)));

  const bool taken = AddWaiting({.later = reply->later, .done = [this, done, progress](auto late) {
                                   done(Finish(progress, std::move(late)));
                                 }});
  if (!taken) {
    done(
        Finish(progress, ProblemOf(503, Kind::kTransient,
                                   "too many requests wait for jobs; the job was made and goes on, "
                                   "see GET /api/v1/jobs")));
  }
}

Result<Reply> Service::Route(Progress& progress, const Context& context) {
  const HttpRequest& request = *progress.request;
  if (!IsPlainTarget(request.target)) {
    return ProblemOf(400, Kind::kInvalid, "the path is malformed");
  }
  if (const Status host = CheckHost(request, options_.guard); !host.ok()) {
    return ProblemOf(421, Kind::kRefused, std::string(host.message()));
  }
  const RouteMatch match = FindRoute(progress.method, progress.path);
  if (match.route == nullptr) {
    if (match.allowed.empty()) {
      return ProblemOf(404, Kind::kNotFound, "there is no such path; see /api/v1/openapi.json");
    }
    Reply reply = ProblemOf(405, Kind::kInvalid, "this path does not take that method");
    std::string allowed;
    for (const Method method : match.allowed) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(NameOf(method));
    }
    reply.headers.emplace_back("Allow", allowed);
    return reply;
  }
  progress.route = match.route;
  progress.object = ObjectOf(match);
  AERIE_ASSIGN(Reply refused, Admit(progress, match));
  if (refused.status != 0) return refused;

  Call call{.context = context,
            .parts = parts_,
            .route = *match.route,
            .who = progress.who,
            .path = {},
            .address = request.address,
            .last_event_id = request.Header("last-event-id").substr(0, 64),
            .object = progress.object,
            .now_ms = progress.now_ms};
  AERIE_ASSIGN(refused, ReadParameters(progress, match, call));
  if (refused.status != 0) return refused;
  AERIE_ASSIGN(refused, ReadBody(progress, call));
  if (refused.status != 0) return refused;
  const bool keyed = match.route->idempotent && !request.Header("idempotency-key").empty();
  Result<Reply> reply = keyed ? RunKeyed(progress, call) : RunAudited(progress, call);
  progress.object = call.object;
  return reply;
}

// Who it is, and whether he may; a reply of status 0: yes.
Result<Reply> Service::Admit(Progress& progress, const RouteMatch& match) {
  const HttpRequest& request = *progress.request;
  const api::Route& route = *match.route;
  const bool changes = !IsSafe(route.method);
  if (changes) {
    if (const Status same = CheckSameOrigin(request, options_.guard); !same.ok()) {
      return ProblemOf(403, Kind::kDenied, std::string(same.message()));
    }
  }
  Result<Who> who = parts_.access.WhoIs(request, progress.now_ms);
  // Who logs in, or asks who he is, may come with what has ended; and who asks whether all is well
  // is told also when it is not.
  if (!who.ok() && route.role == Role::kNobody &&
      (!changes || KindOf(who.status()) == Kind::kDenied)) {
    who = Who{};
  }
  if (!who.ok() && KindOf(who.status()) != Kind::kDenied) return who.status();
  if (!who.ok() || who->role < route.role) {
    const bool known = who.ok() && who->role != Role::kNobody;
    if (known) progress.who = *who;
    const std::string detail = known ? std::string("this takes the role ") + NameOf(route.role) +
                                           ", and " + who->actor + " is " + NameOf(who->role)
                               : who.ok() ? "log in first, or bring a token"
                                          : std::string(who.status().message());
    if (changes && known) NoteRefusal(progress, 403, detail);
    Reply reply = ProblemOf(known ? 403 : 401, Kind::kDenied, detail);
    if (!known) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
  }
  progress.who = *who;
  if (changes && !route.session && !who->session.empty()) {
    const Secret sent(request.Header("x-csrf-token"));
    if (!(sent == Secret(who->csrf))) {
      return ProblemOf(403, Kind::kDenied,
                       "X-CSRF-Token is not that of the session; GET /api/v1/session has it");
    }
  }
  return Reply{};
}

Result<Reply> Service::ReadParameters(Progress& progress, const RouteMatch& match, Call& call) {
  std::vector<Mismatch> wrong;
  const auto take = [&](const std::string& name, const std::string& text, const char* place) {
    ParsedParameter parsed =
        ParseParameter(ParameterSchemas().at(name).at("schema"), text, place + (":" + name));
    wrong.insert(wrong.end(), parsed.wrong.begin(), parsed.wrong.end());
    return parsed.value;
  };
  for (const auto& [name, text] : match.path) {
    const Json value = take(name, text, "path");
    call.path[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  const auto sent = DecodeQuery(progress.query);
  if (!sent) return ProblemOf(400, Kind::kInvalid, "the query is malformed, or names one twice");
  for (const std::string& name : match.route->query) {
    const Json& known = ParameterSchemas().at(name);
    const auto found = sent->find(name);
    if (found != sent->end()) {
      call.query[name] = take(name, found->second, "query");
    } else if (known.value("required", false)) {
      wrong.push_back({"query:" + name, "is missing"});
    } else if (known.at("schema").contains("default")) {
      call.query[name] = known.at("schema").at("default");
    }
  }
  for (const auto& [name, text] : *sent) {
    const auto& names = match.route->query;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      wrong.push_back({"query:" + name.substr(0, 64), "is not known here"});
    }
  }
  if (wrong.empty()) return Reply{};
  return ProblemOf(400, Kind::kInvalid,
                   "a parameter is wrong: " + wrong[0].at + " " + wrong[0].detail, wrong);
}

Result<Reply> Service::ReadBody(Progress& progress, Call& call) {
  const HttpRequest& request = *progress.request;
  const std::string& schema = call.route.request;
  if (schema.empty()) {
    if (request.body.empty()) return Reply{};
    // A client may send {} or nothing where there is nothing to say.
    if (Json::parse(request.body, nullptr, false) == Json::object()) return Reply{};
    return ProblemOf(400, Kind::kInvalid, "this takes no body");
  }
  const std::string type =
      request.Header("content-type").substr(0, request.Header("content-type").find(';'));
  if (type != kJsonType) {
    return ProblemOf(415, Kind::kInvalid, "the body must be sent as application/json");
  }
  if (!IsUtf8(request.body) || IsDeeperThan(request.body, kDeepestBody)) {
    return ProblemOf(400, Kind::kInvalid, "the body is no UTF-8, or nested too deeply");
  }
  call.body = Json::parse(request.body, nullptr, false);
  if (call.body.is_discarded()) return ProblemOf(400, Kind::kInvalid, "the body is no JSON");
  const auto wrong = CheckSchema(Schemas().at(schema), call.body);
  if (wrong.empty()) return Reply{};
  return ProblemOf(
      422, Kind::kInvalid,
      "the body is wrong: " + (wrong[0].at.empty() ? "" : wrong[0].at + " ") + wrong[0].detail,
      wrong);
}

Result<Reply> Service::RunKeyed(Progress& progress, Call& call) {
  using State = catalog::KeyedRequest::State;
  const HttpRequest& request = *progress.request;
  const std::string& key = request.Header("idempotency-key");
  const std::string& actor = progress.who.actor;
  if (key.size() > 255) {
    return ProblemOf(400, Kind::kInvalid, "Idempotency-Key has more than 255 characters");
  }
  const std::string hash =
      HashRandom(request.method + "\n" + request.target + "\n" + Dump(call.body));
  AERIE_ASSIGN(const auto known,
               parts_.requests.Take(actor, key, hash, progress.now_ms, progress.now_ms - kKeyLife));
  switch (known.state) {
    case State::kOther:
      return ProblemOf(422, Kind::kInvalid,
                       "this Idempotency-Key was used for another request; take a new one");
    case State::kOpen:
      return ProblemOf(409, Kind::kUnknownOutcome,
                       "the request of this Idempotency-Key is at work, or was cut off; look "
                       "whether it was done before you send it under another key");
    case State::kAnswered: {
      Reply reply{.status = known.answer.status,
                  .json = Json::parse(known.answer.body, nullptr, false)};
      if (!known.answer.location.empty()) {
        reply.headers.emplace_back("Location", known.answer.location);
      }
      reply.headers.emplace_back("Idempotency-Replayed", "true");
      return reply;
    }
    case State::kFresh: break;
  }
  Result<Reply> reply = RunAudited(progress, call);
  const int status = !reply.ok() ? 500 : reply->status == 0 ? call.route.success : reply->status;
  if (reply.ok() && status < 300) {
    catalog::KeyedAnswer answer{.status = status, .body = Dump(reply->json)};
    for (const auto& [name, value] : reply->headers) {
      if (name == "Location") answer.location = value;
    }
    AERIE_TRY(parts_.requests.Answer(actor, key, answer));
  } else if (status < 500 || KindOf(reply.status()) != Kind::kUnknownOutcome) {
    AERIE_TRY(parts_.requests.Drop(actor, key));
  }
  return reply;
}

Result<Reply> Service::RunAudited(Progress& progress, Call& call) {
  const Handler handler = Handlers().at(call.route.id);
  if (IsSafe(call.route.method) || call.route.harmless) return handler(call);
  AERIE_ASSIGN(const std::int64_t seq, parts_.audit.Append({.at_ms = progress.now_ms,
                                                            .actor = progress.who.actor,
                                                            .role = NameOf(progress.who.role),
                                                            .address = progress.request->address,
                                                            .action = call.route.id,
                                                            .object = call.object,
                                                            .outcome = "begun",
                                                            .trace = progress.trace.id}));
  Result<Reply> reply = handler(call);
  EndAudit(seq, call.object, reply);
  return reply;
}

void Service::EndAudit(std::int64_t seq, const std::string& object, const Result<Reply>& reply) {
  std::string outcome = "done";
  std::string detail;
  if (!reply.ok()) {
    const Kind kind = KindOf(reply.status());
    // Whoever reads "begun" knows that the end is not known.
    outcome = kind == Kind::kUnknownOutcome ? "begun"
              : HttpStatusOf(kind) < 500    ? "refused"
                                            : "failed";
    detail = std::string(reply.status().message());
  } else if (reply->problem) {
    outcome = reply->status < 500 ? "refused" : "failed";
    detail = reply->json.value("detail", "");
  }
  const Status stored = parts_.audit.End(seq, outcome, object, detail);
  if (!stored.ok()) {
    log::Error("api: how a change ended could not be written into the audit log",
               {{"entry", seq}, {"outcome", outcome}, {"error", std::string(stored.message())}});
  }
}

void Service::NoteRefusal(const Progress& progress, int status, const std::string& detail) {
  const auto noted = parts_.audit.Append({.at_ms = progress.now_ms,
                                          .actor = progress.who.actor,
                                          .role = NameOf(progress.who.role),
                                          .address = progress.request->address,
                                          .action = progress.route->id,
                                          .object = progress.object,
                                          .outcome = "refused",
                                          .detail = detail,
                                          .trace = progress.trace.id});
  if (!noted.ok()) {
    log::Error("api: a refusal could not be written into the audit log",
               {{"status", status}, {"error", std::string(noted.status().message())}});
  }
}

HttpResponse Service::Finish(const Progress& progress, Result<Reply> answered) {
  const TraceScope scope(progress.trace);
  const std::string& trace = progress.trace.id;
  Reply reply = answered.ok() ? *std::move(answered) : ProblemOf(answered.status());
  const api::Route* route = progress.route;
  if (route != nullptr && route->surface == Surface::kCompatible && reply.status != 401 &&
      reply.status != 403) {
    reply = Compatible(reply);
  }
  HttpResponse response{.status = reply.status != 0  ? reply.status
                                  : route != nullptr ? route->success
                                                     : 200};
  response.headers = std::move(reply.headers);
  const auto type = [&](const char* name) { response.headers.emplace_back("Content-Type", name); };
  if (reply.stream) {
    type("text/event-stream; charset=utf-8");
    response.headers.emplace_back("X-Accel-Buffering", "no");
    response.stream = std::move(reply.stream);
  } else if (reply.problem) {
    type(kProblemType);
    reply.json["trace_id"] = progress.trace.id;
    response.body = Dump(reply.json) + "\n";
  } else if (route != nullptr && route->answer == Answer::kText) {
    type("text/plain; version=0.0.4; charset=utf-8");
    response.body = std::move(reply.text);
  } else if (response.status != 204) {
    type(kJsonType);
    response.body = Dump(reply.json) + "\n";
  }
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("Traceresponse", "00-" + trace + "-" + trace.substr(0, 16) + "-01");
  AddSecurityHeaders(*progress.request, response);
  const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(
      progress.clock->Steady() - progress.begun);
  const bool told = response.status >= 500 || (route != nullptr && !IsSafe(route->method));
  log::Write(response.status >= 500 ? log::Level::kWarn
             : told                 ? log::Level::kInfo
                                    : log::Level::kDebug,
             "api: request",
             {{"method", progress.request->method},
              {"path", progress.path.substr(0, 256)},
              {"status", response.status},
              {"actor", progress.who.actor},
              {"address", progress.request->address},
              {"ms", static_cast<std::int64_t>(taken.count())},
              {"detail", reply.problem ? reply.json.value("detail", "") : std::string()}});
  return response;
}

void Service::AddSecurityHeaders(const HttpRequest& request, HttpResponse& response) const {
  const auto add = [&](const char* name, const char* value) {
    response.headers.emplace_back(name, value);
  };
  add("Content-Security-Policy", web::kContentSecurityPolicy);
  add("X-Content-Type-Options", "nosniff");
  add("X-Frame-Options", "DENY");
  add("Referrer-Policy", "no-referrer");
  add("Cross-Origin-Opener-Policy", "same-origin");
  add("Cross-Origin-Resource-Policy", "same-origin");
  add("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
  // On a name that is reached without TLS too, by a developer, it would lock him out for a year.
  const auto host = ParseHost(request.Header("host"));
  if (options_.tls && host && !IsAddress(host->host) && host->host != "localhost") {
    add("Strict-Transport-Security", "max-age=31536000");
  }
}

HttpResponse Service::AssetAnswer(const HttpRequest& request, const std::string& path) {
  HttpResponse response{.status = 404};
  std::optional<Asset> asset;
  if (request.method != "GET" && request.method != "HEAD") {
    response.status = 405;
    response.headers.emplace_back("Allow", "GET, HEAD");
  } else if (parts_.ports.assets != nullptr) {
    asset = parts_.ports.assets->Find(path == "/" ? "/index.html" : path);
    // Paths of the page's own are names without an ending; a file that is gone is gone.
    const bool named = path.find('.', path.rfind('/')) != std::string::npos;
    if (!asset && !named) asset = parts_.ports.assets->Find("/index.html");
  }
  if (!asset) {
    response.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    response.body = response.status == 405 ? "not with this method\n" : "there is no such page\n";
  } else {
    response.status = request.Header("if-none-match") == asset->etag ? 304 : 200;
    response.headers.emplace_back("ETag", std::string(asset->etag));
    response.headers.emplace_back(
        "Cache-Control", asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    response.headers.emplace_back("Vary", "Accept-Encoding");
    if (response.status == 200) {
      response.headers.emplace_back("Content-Type", std::string(asset->content_type));
      const bool zipped = !asset->gzip.empty() &&
                          request.Header("accept-encoding").find("gzip") != std::string::npos;
      if (zipped) response.headers.emplace_back("Content-Encoding", "gzip");
      response.fixed_body = zipped ? asset->gzip : asset->bytes;
    }
  }
  AddSecurityHeaders(request, response);
  return response;
}

bool Service::AddWaiting(Waiting waiting) {
  std::lock_guard lock(waiting_mutex_);
  if (closed_ || waiting_.size() >= kMostWaiting) return false;
  waiting_.push_back(std::move(waiting));
  return true;
}

void Service::AnswerWaiting(std::int64_t now_ms) {
  std::vector<std::pair<Waiting, Result<Reply>>> ready;
  {
    std::lock_guard lock(waiting_mutex_);
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      auto reply = at->later(now_ms);
      if (!reply) {
        ++at;
        continue;
      }
      ready.emplace_back(std::move(*at), *std::move(reply));
      at = waiting_.erase(at);
    }
  }
  for (auto& [waiting, reply] : ready) waiting.done(std::move(reply));
}

void Service::Close() {
  parts_.hub.Close();
  std::list<Waiting> left;
  {
    std::lock_guard lock(waiting_mutex_);
    closed_ = true;
    left.swap(waiting_);
  }
  for (Waiting& waiting : left) {
    waiting.done(ProblemOf(503, Kind::kTransient,
                           "the daemon stops; the job goes on when it runs again, see "
                           "GET /api/v1/jobs"));
  }
}

void Service::Tick(const Context& context) {
  const std::int64_t now_ms = ToUnixMillis(context.clock().Now());
  AnswerWaiting(now_ms);
  parts_.hub.Feed();
  for (const Status& watched :
       {WatchJobs(), WatchSchedules(), WatchMigrations(now_ms), WatchAlerts()}) {
    if (!watched.ok()) {
      log::Warn("api: what listeners are to be told could not be read",
                {{"error", std::string(watched.message())}});
    }
  }
  watching_ = true;
}

Status Service::WatchJobs() {
  AERIE_ASSIGN(const auto open, parts_.jobs.List({.open_only = true}));
  std::map<std::int64_t, std::string> said;
  for (const catalog::Job& job : open) said[job.number] = Dump(JobJson(parts_, job, false));
  // Those that ended, and those that were made and ended between two looks.
  AERIE_ASSIGN(std::vector<catalog::Job> ended, NewJobs());
  for (const catalog::Job& job : ended) newest_job_ = std::max(newest_job_, job.number);
  std::erase_if(ended, [&](const catalog::Job& job) { return said.contains(job.number); });
  for (const auto& [number, text] : open_jobs_) {
    if (said.contains(number)) continue;
    auto job = parts_.jobs.Find(number);
    if (job.ok()) ended.push_back(*std::move(job));
  }
  // Before listeners are told, who then ask for what jobs did.
  AERIE_TRY(parts_.UpToDate().status());
  if (watching_) {
    for (const auto& [number, text] : said) {
      const auto before = open_jobs_.find(number);
      if (before == open_jobs_.end() || before->second != text) parts_.hub.Publish("job", text);
    }
    for (const catalog::Job& job : ended) {
      parts_.hub.Publish("job", Dump(JobJson(parts_, job, false)));
    }
  }
  open_jobs_ = std::move(said);
  return Ok();
}

// Those that were made since the last look; at the first look, the newest one.
Result<std::vector<catalog::Job>> Service::NewJobs() {
  std::vector<catalog::Job> made;
  catalog::JobFilter filter{.limit = watching_ ? std::size_t{20} : std::size_t{1}};
  for (;;) {
    AERIE_ASSIGN(const auto page, parts_.jobs.List(filter));
    for (const catalog::Job& job : page) {
      if (job.number <= newest_job_) return made;
      made.push_back(job);
    }
    if (page.size() < filter.limit || !watching_) return made;
    filter.before = page.back().number;
  }
}

Status Service::WatchSchedules() {
  AERIE_ASSIGN(const auto list, parts_.schedules.List());
  std::map<std::string, std::string> seen;
  for (const catalog::Schedule& schedule : list) {
    seen[schedule.id] =
        std::to_string(schedule.updated_ms) + " " + std::to_string(schedule.decided_ms);
  }
  if (watching_) {
    const auto publish = [&](const std::string& id, bool removed) {
      parts_.hub.Publish("schedule", Dump({{"id", id}, {"removed", removed}}));
    };
    for (const auto& [id, mark] : seen) {
      const auto before = schedules_.find(id);
      if (before == schedules_.end() || before->second != mark) publish(id, false);
    }
    for (const auto& [id, mark] : schedules_) {
      if (!seen.contains(id)) publish(id, true);
    }
  }
  schedules_ = std::move(seen);
  return Ok();
}

Status Service::WatchMigrations(std::int64_t now_ms) {
  AERIE_ASSIGN(const auto open, parts_.catalog.List(true));
  std::map<std::string, std::string> said;
  const auto tell = [&](const catalog::Migration& migration) -> Status {
    const auto made = MigrationJson(parts_, migration, now_ms);
    // Of another version: who asks for it is told so.
    if (KindOf(made.status()) == Kind::kCorrupt) return Ok();
    AERIE_TRY(made.status());
    const Json& json = *made;
    // Time alone is no change.
    Json still = json;
    still.erase("lag_ms");
    const std::string text = Dump(still);
    const auto before = open_migrations_.find(migration.id);
    const bool changed = before == open_migrations_.end() || before->second != text;
    if (watching_ && changed) parts_.hub.Publish("migration", Dump(json));
    if (migration.ended_ms == 0) said[migration.id] = text;
    return Ok();
  };
  for (const catalog::Migration& migration : open) AERIE_TRY(tell(migration));
  for (const auto& [id, text] : open_migrations_) {
    if (said.contains(id)) continue;
    AERIE_ASSIGN(const auto ended, parts_.catalog.Find(id));
    AERIE_TRY(tell(ended));
  }
  open_migrations_ = std::move(said);
  return Ok();
}

Status Service::WatchAlerts() {
  if (parts_.ports.alerts == nullptr) return Ok();
  AERIE_ASSIGN(const std::int64_t version, parts_.ports.alerts->Version());
  if (version == alerts_version_) return Ok();
  AERIE_ASSIGN(const std::int64_t open, parts_.ports.alerts->OpenCount());
  if (watching_) parts_.hub.Publish("alerts", Dump({{"open", open}}));
  alerts_version_ = version;
  return Ok();
}

}  // namespace aerie::api
