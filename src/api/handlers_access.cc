// Session, users, tokens, audit, settings, and what machines ask.
#include <utility>

#include "api/call.h"
#include "base/duration.h"

namespace aerie::api {
namespace {

Json UserJson(const catalog::User& user) {
  return {{"name", user.name},
          {"role", user.role},
          {"created_at", TimeOf(user.created_ms)},
          {"last_login_at", TimeOf(user.login_ms)}};
}

Json TokenJson(const catalog::AccessToken& token) {
  return {{"id", token.id},
          {"name", token.name},
          {"role", token.role},
          {"created_by", token.owner.empty() ? "command line" : "user:" + token.owner},
          {"created_at", TimeOf(token.created_ms)},
          {"expires_at", TimeOf(token.expires_ms)},
          {"last_used_at", TimeOf(token.used_ms)}};
}

Result<Json> SessionJson(Call& call, const Who& who) {
  AERIE_ASSIGN(const bool open, call.parts.access.IsOpen());
  const bool known = who.role != Role::kNobody;
  return Json{{"mode", open ? "open" : "users"},
              {"authenticated", known},
              {"user", who.user.empty() ? Json(nullptr) : Json(who.user)},
              {"role", known ? Json(NameOf(who.role)) : Json(nullptr)},
              {"csrf_token", who.csrf.empty() ? Json(nullptr) : Json(who.csrf)},
              {"expires_at", TimeOf(who.expires_ms)}};
}

// An empty value ends it.
std::string Cookie(const Parts& parts, std::string_view value) {
  std::string cookie = std::string(kSessionCookie) + "=" + std::string(value) +
                       "; Path=/; HttpOnly; SameSite=Strict";
  if (value.empty()) cookie += "; Max-Age=0";
  if (parts.secure_cookie) cookie += "; Secure";
  return cookie;
}

Reply TooManyTries(const Status& status, Duration wait) {
  Reply reply = ProblemOf(429, Kind::kThrottled, std::string(status.message()));
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  reply.headers.clear();
  reply.headers.emplace_back("Retry-After", std::to_string(seconds));
  return reply;
}

// A wrong password is 401 where one logs in.
Reply NotLetIn(const Status& status, Duration wait) {
  if (KindOf(status) == Kind::kThrottled) return TooManyTries(status, wait);
  return ProblemOf(401, KindOf(status), std::string(status.message()));
}

Result<Reply> GetSession(Call& call) {
  AERIE_ASSIGN(Json json, SessionJson(call, call.who));
  return Reply{.json = std::move(json)};
}

// No user can have it as a name.
constexpr char kUnknownUser[] = "(unknown user)";

Result<Reply> LogIn(Call& call) {
  const std::string user = call.body.at("user");
  std::string password = call.body.at("password");
  AERIE_ASSIGN(const auto known, call.parts.users.FindUser(user));
  // What is no user's name may be a password, typed into the wrong field: it is written nowhere.
  call.object = known ? known->name : kUnknownUser;
  AERIE_ASSIGN(const bool open, call.parts.access.IsOpen());
  if (open) return RefusedError("log in: no users are made yet, so nobody needs to");
  Duration wait{};
  auto login =
      call.parts.access.LogIn(user, Secret::TakeFrom(password), call.address,
                              FromUnixMillis(call.now_ms), call.context.clock().Steady(), wait);
  if (!login.ok()) {
    const Kind kind = KindOf(login.status());
    if (kind != Kind::kDenied && kind != Kind::kThrottled) return login.status();
    return NotLetIn(login.status(), wait);
  }
  AERIE_ASSIGN(Json json, SessionJson(call, login->who));
  return Reply{.json = std::move(json),
               .headers = {{"Set-Cookie", Cookie(call.parts, login->session.Reveal())}}};
}

Result<Reply> LogOut(Call& call) {
  if (!call.who.session.empty()) AERIE_TRY(call.parts.users.EndSession(call.who.session));
  call.object = call.who.user;
  AERIE_ASSIGN(Json json, SessionJson(call, Who{}));
  return Reply{.json = std::move(json), .headers = {{"Set-Cookie", Cookie(call.parts, "")}}};
}

Result<Reply> ChangePassword(Call& call) {
  call.object = call.who.user;
  if (call.who.session.empty()) {
    return RefusedError("change the password: this is for users that are logged in");
  }
  std::string former = call.body.at("old_password");
  std::string wanted = call.body.at("new_password");
  const Secret password = Secret::TakeFrom(wanted);
  AERIE_TRY(CheckPassword(password));
  Duration wait{};
  const Status right = call.parts.access.CheckOwnPassword(call.who.user, Secret::TakeFrom(former),
                                                          call.context.clock().Steady(), wait);
  if (KindOf(right) == Kind::kThrottled) return TooManyTries(right, wait);
  AERIE_TRY(right);
  AERIE_ASSIGN(std::string hash, HashPassword(password, call.parts.access.options().cost));
  AERIE_TRY(call.parts.users.ChangeUser(
      call.who.user, {.password = std::move(hash), .but_session = call.who.session}));
  return GetSession(call);
}

Result<Reply> ListUsers(Call& call) {
  AERIE_ASSIGN(const auto users, call.parts.users.Users());
  return Reply{.json = PageOf(users, users.size(), UserJson, [](auto&) { return ""; })};
}

Result<Reply> FoundUser(Call& call, const std::string& name) {
  AERIE_ASSIGN(const auto user, call.parts.users.FindUser(name));
  if (!user) return NotFoundError("user '" + name + "' is not there");
  return Reply{.json = UserJson(*user)};
}

Result<Reply> CreateUser(Call& call) {
  call.object = call.body.at("name");
  std::string password = call.body.at("password");
  const Secret secret = Secret::TakeFrom(password);
  AERIE_TRY(CheckAccountName(call.object));
  AERIE_TRY(CheckPassword(secret));
  AERIE_ASSIGN(std::string hash, HashPassword(secret, call.parts.access.options().cost));
  AERIE_TRY(call.parts.users.CreateUser({.name = call.object,
                                         .role = call.body.at("role"),
                                         .password = std::move(hash),
                                         .created_ms = call.now_ms}));
  return FoundUser(call, call.object);
}

Result<Reply> ChangeUser(Call& call) {
  const std::string& name = call.path.at("name");
  catalog::AccessStore::UserChange change;
  if (call.body.contains("role")) change.role = call.body.at("role").get<std::string>();
  if (call.body.contains("password")) {
    std::string text = call.body.at("password");
    const Secret password = Secret::TakeFrom(text);
    AERIE_TRY(CheckPassword(password));
    AERIE_ASSIGN(change.password, HashPassword(password, call.parts.access.options().cost));
    if (name == call.who.user) change.but_session = call.who.session;
  }
  AERIE_TRY(call.parts.users.ChangeUser(name, change));
  return FoundUser(call, name);
}

Result<Reply> RemoveUser(Call& call) {
  const std::string& name = call.path.at("name");
  if (call.Text("confirm") != name) return Unconfirmed("remove the user", name);
  AERIE_TRY(call.parts.users.RemoveUser(name));
  return Reply{};
}

Result<Reply> ListTokens(Call& call) {
  AERIE_ASSIGN(const auto tokens, call.parts.users.Tokens());
  return Reply{.json = PageOf(tokens, tokens.size(), TokenJson, [](auto&) { return ""; })};
}

Result<Reply> CreateToken(Call& call) {
  call.object = call.body.at("name");
  std::int64_t expires_ms = 0;
  if (call.body.contains("expires_in")) {
    AERIE_ASSIGN(const Duration life, ParseDuration(call.body.at("expires_in"), "expires_in"));
    expires_ms = call.now_ms + std::chrono::duration_cast<std::chrono::milliseconds>(life).count();
  }
  const Role role = RoleOf(call.body.at("role").get<std::string>()).value_or(Role::kViewer);
  AERIE_ASSIGN(const MadeToken made, MakeToken(call.parts.users, call.object, role, call.who.user,
                                               call.now_ms, expires_ms));
  Json json = TokenJson(made.token);
  json["token"] = std::string(made.text.Reveal());
  return Reply{.json = std::move(json)};
}

Result<Reply> RevokeToken(Call& call) {
  AERIE_TRY(call.parts.users.RevokeToken(call.path.at("id")));
  return Reply{};
}

Json AuditJson(const catalog::AuditEntry& entry) {
  return {{"seq", entry.seq},       {"at", TimeOf(entry.at_ms)}, {"actor", entry.actor},
          {"role", entry.role},     {"address", entry.address},  {"action", entry.action},
          {"object", entry.object}, {"outcome", entry.outcome},  {"detail", entry.detail},
          {"trace_id", entry.trace}};
}

Result<Reply> ListAudit(Call& call) {
  catalog::AuditFilter filter{.actor = call.Text("actor"),
                              .action = call.Text("action"),
                              .object = call.Text("object"),
                              .limit = call.Limit() + 1};
  AERIE_ASSIGN(filter.before, NumberPlaceOf(call));
  for (const auto& [name, into] : {std::pair("from", &filter.from_ms), {"to", &filter.to_ms}}) {
    if (!call.query.contains(name)) continue;
    const auto time = ParseTime(call.Text(name));
    if (!time)
      return InvalidError(std::string(name) + ": give a time such as 2026-11-28T02:00:00Z");
    *into = *time;
  }
  AERIE_ASSIGN(const auto entries, call.parts.audit.List(filter));
  return Reply{.json = PageOf(entries, call.Limit(), AuditJson,
                              [](auto& entry) { return std::to_string(entry.seq); })};
}

Result<Reply> GetSettings(Call& call) {
  AERIE_ASSIGN(const bool open, call.parts.access.IsOpen());
  Backend& backend = *call.parts.ports.backend;
  const std::string file = backend.ConfigFile();
  Json kinds = Json::array();
  for (const auto& [name, kind] : call.parts.kinds) kinds.push_back(name);
  return Reply{.json = {{"version", call.parts.version},
                        {"started_at", TimeOf(call.parts.started_ms)},
                        {"config_file", file.empty() ? Json(nullptr) : Json(file)},
                        {"listen", call.parts.listen},
                        {"tls", call.parts.tls},
                        {"mode", open ? "open" : "users"},
                        {"configuration", backend.Configuration()},
                        {"kinds", std::move(kinds)}}};
}

Result<Reply> Healthz(Call&) {
  return Reply{.json = {{"status", "ok"}, {"checks", Json::object()}}};
}

Result<Reply> Readyz(Call& call) {
  Json checks = Json::object();
  bool good = true;
  const auto check = [&](const char* name, const Status& status) {
    // Whoever is not logged in is told that, not what.
    const bool known = call.who.role != Role::kNobody;
    checks[name] = status.ok() ? "ok" : known ? std::string(status.message()) : "not ready";
    good = good && status.ok();
  };
  check("catalog", call.parts.users.HasUsers().status());
  if (call.parts.ports.ready) check("daemon", call.parts.ports.ready());
  return Reply{.status = good ? 200 : 503,
               .json = {{"status", good ? "ok" : "unready"}, {"checks", std::move(checks)}}};
}

Result<Reply> Metrics(Call& call) {
  if (!call.parts.ports.metrics) return Reply{};
  AERIE_ASSIGN(std::string text, call.parts.ports.metrics());
  return Reply{.text = std::move(text)};
}

Result<Reply> GetOpenApi(Call& call) { return Reply{.json = OpenApiDocument(call.parts.version)}; }

}  // namespace

HandlerMap AccessHandlers() {
  return {{"getSession", GetSession},   {"login", LogIn},
          {"logout", LogOut},           {"changePassword", ChangePassword},
          {"listUsers", ListUsers},     {"createUser", CreateUser},
          {"changeUser", ChangeUser},   {"removeUser", RemoveUser},
          {"listTokens", ListTokens},   {"createToken", CreateToken},
          {"revokeToken", RevokeToken}, {"listAudit", ListAudit},
          {"getSettings", GetSettings}, {"healthz", Healthz},
          {"readyz", Readyz},           {"metrics", Metrics},
          {"getOpenApi", GetOpenApi}};
}

}  // namespace aerie::api
