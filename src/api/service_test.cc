// Every route of the table without login, with each role, forged, malformed; and what the checks
// that all have in common promise.
#include <set>

#include <gtest/gtest.h>

#include "api/schemas.h"
#include "api/service_testing.h"
#include "base/log.h"
#include "base/trace.h"
#include "migrate/pace.h"

namespace aerie::api {
namespace {

// The least that a schema takes.
Json Sample(const Json& schema) {
  if (schema.contains("$ref")) {
    return Sample(Schemas().at(schema["$ref"].get<std::string>().substr(21)));
  }
  if (schema.contains("enum")) return schema["enum"][0];
  const std::string type = schema["type"].is_array() ? schema["type"][0] : schema["type"];
  if (type == "string") return std::string(std::max(1, schema.value("minLength", 1)), 'a');
  if (type == "integer") return schema.value("minimum", 1);
  if (type == "boolean") return true;
  if (type == "array") return Json::array();
  Json object = Json::object();
  for (const Json& name : schema.value("required", Json::array())) {
    object[name.get<std::string>()] = Sample(schema["properties"][name.get<std::string>()]);
  }
  return object;
}

Json BodyOf(const Route& route) {
  if (route.request.empty()) return Json();
  Json body = Sample(Schemas()[route.request]);
  if (route.request == "NewJob") body["kind"] = "backup";
  if (route.request == "UserChange") body["role"] = "viewer";
  if (route.request == "ScheduleRules") body = {{"when", "daily"}, {"kind", "backup"}};
  if (route.request == "NewSchedule") {
    body = {{"id", "new"}, {"rules", {{"when", "daily"}, {"kind", "backup"}}}};
  }
  if (body.contains("backup_name")) body["backup_name"] = "first";
  return body;
}

// A path of things that are there, in the World of RouteTest.
std::string PathOf(const Route& route) {
  std::string path = route.path;
  const auto put = [&](const std::string& name, const std::string& value) {
    const std::size_t at = path.find("{" + name + "}");
    if (at != std::string::npos) path.replace(at, name.size() + 2, value);
  };
  put("number", "1");
  put("snapshot", "aaaa");
  const bool cluster = path.find("/clusters/") != std::string::npos;
  const bool user = path.find("/users/") != std::string::npos;
  put("name", cluster ? "prod" : user ? "victim" : "main");
  const bool schedule = path.find("/schedules/") != std::string::npos;
  put("id", schedule ? "nightly" : path.find("/tokens/") != std::string::npos ? "spare" : "m1");
  if (route.id == "diffSnapshots") path += "?with=bbbb";
  if (route.id == "approveMigration") path += "?request=1";
  return path;
}

HttpRequest RequestOf(const Route& route) {
  const Json body = BodyOf(route);
  return World::Request(NameOf(route.method), PathOf(route), body.is_null() ? "" : body.dump());
}

class RouteTest : public ::testing::Test {
 protected:
  RouteTest() {
    world.AddUser("root", Role::kAdmin);
    world.AddUser("victim", Role::kViewer);
    world.AddToken("spare", Role::kViewer);
    for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
      tokens[role] = world.AddToken(NameOf(role), role);
    }
    world.AddJob("backup");
    EXPECT_TRUE(
        world.parts()
            .schedules
            .Create("nightly", R"({"when": "daily", "kind": "backup", "job": {}})", world.NowMs())
            .ok());
    world.AddMigration("m1", {.phase = migrate::Phase::kCopying, .running = true, .open = {}});
    EXPECT_TRUE(world.catalog->Say("m1", "cutover", 0, world.NowMs()).ok());
  }
  HttpResponse AskAs(const HttpRequest& request, const std::string& token) {
    auto answer = world.Ask(World::As(request, token));
    // A compatible call that waits for its job.
    if (!answer) return {.status = 0};
    if (answer->stream) answer->stream->Abandon();
    return *answer;
  }

  World world;
  std::map<Role, std::string> tokens;
};

TEST_F(RouteTest, NothingIsToldToWhoIsNotLoggedIn) {
  for (const Route& route : Routes()) {
    const HttpResponse bare = AskAs(RequestOf(route), "");
    const HttpResponse wrong = AskAs(RequestOf(route), "aerie_wrong");
    if (route.role == Role::kNobody) {
      EXPECT_LT(bare.status, 500) << route.id;
      continue;
    }
    for (const HttpResponse& response : {bare, wrong}) {
      EXPECT_EQ(response.status, 401) << route.id;
      EXPECT_EQ(HeaderOf(response, "Content-Type"), "application/problem+json") << route.id;
      EXPECT_EQ(HeaderOf(response, "WWW-Authenticate"), "Bearer") << route.id;
      EXPECT_TRUE(CheckSchema(Schemas()["Problem"], JsonOf(response)).empty()) << response.body;
    }
  }
}

TEST_F(RouteTest, EachRoleMayWhatTheTableSays) {
  for (const Route& route : Routes()) {
    for (const auto& [role, token] : tokens) {
      if (role >= route.role) continue;
      EXPECT_EQ(AskAs(RequestOf(route), token).status, 403) << route.id << " as " << NameOf(role);
    }
  }
}

TEST_F(RouteTest, AnswersAreWhatTheDocumentSaysAndNeverAFault) {
  int good = 0;
  for (const Route& route : Routes()) {
    const HttpResponse response = AskAs(RequestOf(route), tokens[Role::kAdmin]);
    if (response.status == 0) continue;
    // Nobody has the password of the sample.
    EXPECT_EQ(response.status == 401, route.id == "login") << route.id;
    EXPECT_LT(response.status, 500) << route.id << ": " << response.body;
    if (response.status >= 300 || route.response.empty() || route.success == 204) continue;
    ++good;
    for (const Mismatch& wrong : CheckSchema(Schemas()[route.response], JsonOf(response))) {
      ADD_FAILURE() << route.id << " " << wrong.at << " " << wrong.detail << ": " << response.body;
    }
  }
  EXPECT_GT(good, 40);
}

TEST(ServiceTest, SizesOfCollectionsAreEstimatesThatSayWhereTheyAreFrom) {
  World world;
  const Json page = JsonOf(world.Get("/api/v1/clusters/prod/collections"));
  EXPECT_EQ(page["items"][0]["size_bytes"], 1200);
  EXPECT_EQ(page["items"][0]["size_from"], "snapshot");
  EXPECT_TRUE(page["items"][1]["size_bytes"].is_null());
  EXPECT_TRUE(page["items"][1]["size_from"].is_null());
  const Json cluster = JsonOf(world.Get("/api/v1/clusters/prod"));
  EXPECT_EQ(cluster["size_bytes"], 1200);
  EXPECT_EQ(cluster["unsized_collections"], 1);
}

TEST_F(RouteTest, ForeignHostsAndOriginsAreRefused) {
  for (const Route& route : Routes()) {
    HttpRequest request = RequestOf(route);
    request.headers["host"] = "evil.example";
    EXPECT_EQ(AskAs(request, tokens[Role::kAdmin]).status, 421) << route.id;
    if (IsSafe(route.method)) continue;
    request = RequestOf(route);
    request.headers["origin"] = "http://evil.example";
    EXPECT_EQ(AskAs(request, tokens[Role::kAdmin]).status, 403) << route.id;
    request = RequestOf(route);
    request.headers["sec-fetch-site"] = "cross-site";
    EXPECT_EQ(AskAs(request, tokens[Role::kAdmin]).status, 403) << route.id;
  }
}

TEST_F(RouteTest, BodiesAreCheckedBeforeAnythingIsDone) {
  const auto is_problem = [&](const HttpResponse& response, int status, const std::string& what) {
    EXPECT_EQ(response.status, status) << what << ": " << response.body;
  };
  for (const Route& route : Routes()) {
    if (IsSafe(route.method)) continue;
    HttpRequest request = RequestOf(route);
    for (const char* body : {"{", "\xff", "{\"a\":", "nul", "[1,]", "{\"a\" 1}"}) {
      request.body = body;
      request.headers["content-type"] = "application/json";
      is_problem(AskAs(request, tokens[Role::kAdmin]), 400, route.id + " " + body);
    }
    request.body = std::string(1000, '[') + std::string(1000, ']');
    is_problem(AskAs(request, tokens[Role::kAdmin]), 400, route.id);
    if (route.request.empty()) continue;
    for (const char* body : {"[]", "null", "7", "\"text\""}) {
      request.body = body;
      is_problem(AskAs(request, tokens[Role::kAdmin]), 422, route.id + " " + body);
    }
    request = RequestOf(route);
    for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                             "multipart/form-data; boundary=x"}) {
      request.headers["content-type"] = type;
      is_problem(AskAs(request, tokens[Role::kAdmin]), 415, route.id + " " + type);
    }
  }
}

TEST_F(RouteTest, ParametersAreCheckedAndUnknownOnesRefused) {
  for (const Route& route : Routes()) {
    HttpRequest request = RequestOf(route);
    request.target += request.target.find('?') == std::string::npos ? "?" : "&";
    const std::string clean = request.target;
    for (const char* query : {"nobody=1", "%zz=1", "limit=1&limit=1"}) {
      request.target = clean + query;
      EXPECT_EQ(AskAs(request, tokens[Role::kAdmin]).status, 400) << route.id << " " << query;
    }
    for (const std::string& name : route.query) {
      const std::string type = ParameterSchemas()[name]["schema"].value("type", "");
      if (type == "string" || name == "with") continue;
      request.target = clean + name + "=x";
      EXPECT_EQ(AskAs(request, tokens[Role::kAdmin]).status, 400) << route.id << " " << name;
    }
  }
}

TEST_F(RouteTest, EachChangeIsInTheAuditLog) {
  for (const Route& route : Routes()) {
    if (IsSafe(route.method) || route.harmless) continue;
    const HttpResponse response = AskAs(RequestOf(route), tokens[Role::kAdmin]);
    const auto entries = world.parts().audit.List({.limit = 1});
    ASSERT_TRUE(entries.ok() && !entries->empty());
    const catalog::AuditEntry& entry = entries->front();
    EXPECT_EQ(entry.action, route.id);
    EXPECT_EQ(entry.actor, "token:admin");
    EXPECT_EQ(entry.role, "admin");
    EXPECT_EQ(entry.address, "127.0.0.1");
    EXPECT_EQ(entry.outcome, response.status < 300 ? "done" : "refused") << route.id;
    EXPECT_EQ(entry.trace.size(), 32u);
    // And the refusal of who may not.
    if (route.role <= Role::kViewer) continue;
    AskAs(RequestOf(route), tokens[Role::kViewer]);
    EXPECT_EQ(world.parts().audit.List({.limit = 1})->front().actor, "token:viewer") << route.id;
    EXPECT_EQ(world.parts().audit.List({.limit = 1})->front().outcome, "refused") << route.id;
  }
}

TEST(ServiceTest, NoChangeIsMadeThatIsNotWrittenDown) {
  int refused = 0;
  for (int works = 0; works < 20; ++works) {
    World world;
    int calls = 0;
    world.catalog->FailCalls(
        [&] { return calls++ < works ? Ok() : MakeStatus(Kind::kNoSpace, "the disk is full"); });
    const HttpResponse response = world.Post(
        "/api/v1/users", {{"name", "root"}, {"role", "admin"}, {"password", World::kPassword}});
    world.catalog->FailCalls(nullptr);
    if (response.status >= 500) ++refused;
    if (world.parts().users.Users()->empty()) continue;
    const auto entries = world.parts().audit.List({});
    ASSERT_EQ(entries->size(), 1u);
    EXPECT_EQ(entries->front().action, "createUser");
    // How it ended may not be known ("begun"), but it is not told wrongly.
    EXPECT_NE(entries->front().outcome, "refused");
  }
  EXPECT_GT(refused, 3);
}

TEST_F(RouteTest, EveryAnswerHasTheSecurityHeaders) {
  std::vector<std::string> targets = {"/", "/nowhere.js", "/api/nothing", "/snapshots/abc"};
  for (const Route& route : Routes()) targets.push_back(PathOf(route));
  for (const std::string& target : targets) {
    const HttpResponse response = AskAs(World::Request("GET", target), tokens[Role::kAdmin]);
    EXPECT_NE(HeaderOf(response, "Content-Security-Policy").find("default-src 'none'"),
              std::string::npos);
    EXPECT_EQ(HeaderOf(response, "Content-Security-Policy").find("unsafe"), std::string::npos);
    EXPECT_EQ(HeaderOf(response, "X-Content-Type-Options"), "nosniff") << target;
    EXPECT_EQ(HeaderOf(response, "X-Frame-Options"), "DENY") << target;
    EXPECT_EQ(HeaderOf(response, "Referrer-Policy"), "no-referrer") << target;
    EXPECT_EQ(HeaderOf(response, "Access-Control-Allow-Origin"), "") << target;
    if (target.starts_with("/api")) {
      EXPECT_EQ(HeaderOf(response, "Cache-Control"), "no-store") << target;
    }
  }
}

TEST_F(RouteTest, NoAnswerHasASecret) {
  const auto users = world.parts().users.Users();
  for (const Route& route : Routes()) {
    if (route.id == "createToken") continue;
    const HttpResponse response = AskAs(RequestOf(route), tokens[Role::kAdmin]);
    for (const auto& [role, token] : tokens) {
      EXPECT_EQ(response.body.find(token), std::string::npos) << route.id;
      EXPECT_EQ(response.body.find(HashRandom(token)), std::string::npos) << route.id;
    }
    EXPECT_EQ(response.body.find("$argon2id"), std::string::npos) << route.id;
    EXPECT_EQ(response.body.find(World::kPassword), std::string::npos) << route.id;
  }
}

TEST_F(RouteTest, TrickyPathsLeadNowhere) {
  for (const char* target :
       {"/api/v1/jobs/../users", "/api/v1/jobs/..%2fusers", "/api/v1/%2e%2e/users",
        "//api/v1/users", "/api//v1/users", "/api/v1/users/", "/API/v1/users", "/api/v1/jobs/1%00",
        "/api/v1/jobs/-1", "/api/v1/jobs/99999999999999999999", "/api/v1/jobs/0x1",
        "/api/v1/snapshots/..", "/api/v1/snapshots/zzzz", "/metrics/", "/api/v1/users;a=b",
        "/api/v1/jobs/1/log/../../../users"}) {
    const HttpResponse response = AskAs(World::Request("GET", target), tokens[Role::kAdmin]);
    // Nothing, or the page, which knows no names.
    const bool page = response.status == 200 && response.fixed_body == "<html>";
    EXPECT_TRUE(page || response.status == 400 || response.status == 404) << target;
    EXPECT_EQ(response.body.find("root"), std::string::npos) << target;
  }
  for (const char* target : {"", "http://127.0.0.1/api/v1/users", "*", "/api/v1/us ers", "/\x7f"}) {
    EXPECT_EQ(AskAs(World::Request("GET", target), tokens[Role::kAdmin]).status, 400) << target;
  }
  HttpRequest odd = World::Request("BREW", "/api/v1/jobs");
  const HttpResponse unknown = AskAs(odd, tokens[Role::kAdmin]);
  EXPECT_EQ(unknown.status, 405);
  EXPECT_EQ(HeaderOf(unknown, "Allow"), "GET, POST");
  odd.target = "/api/v1/coffee";
  EXPECT_EQ(AskAs(odd, tokens[Role::kAdmin]).status, 404);
  odd.target = "/api/v1/jobs";
  odd.method = "PUT";
  const HttpResponse wrong = AskAs(odd, tokens[Role::kAdmin]);
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(HeaderOf(wrong, "Allow"), "GET, POST");
}

TEST(ServiceTest, WithoutUsersThisMachineIsAdminUntilTheFirstOne) {
  World world;
  EXPECT_EQ(JsonOf(world.Get("/api/v1/session"))["mode"], "open");
  EXPECT_EQ(world.Get("/api/v1/users").status, 200);
  const Json viewer = {{"name", "v"}, {"role", "viewer"}, {"password", World::kPassword}};
  EXPECT_EQ(world.Post("/api/v1/users", viewer).status, 409);  // the first must be an admin
  const Json admin = {{"name", "root"}, {"role", "admin"}, {"password", World::kPassword}};
  EXPECT_EQ(world.Post("/api/v1/users", admin).status, 201);
  EXPECT_EQ(world.Get("/api/v1/users").status, 401);
  EXPECT_EQ(JsonOf(world.Get("/api/v1/session"))["authenticated"], false);
}

TEST(ServiceTest, WhereOthersCanConnectNoUsersMeansNobody) {
  World world({.access = {.may_be_open = false}});
  EXPECT_EQ(world.Get("/api/v1/jobs").status, 401);
}

TEST(ServiceTest, ASessionNeedsItsCsrfTokenForChanges) {
  World world;
  world.AddUser("root", Role::kAdmin);
  const HttpResponse login =
      world.Post("/api/v1/session", {{"user", "root"}, {"password", World::kPassword}});
  ASSERT_EQ(login.status, 200) << login.body;
  const std::string set = HeaderOf(login, "Set-Cookie");
  EXPECT_NE(set.find("HttpOnly"), std::string::npos);
  EXPECT_NE(set.find("SameSite=Strict"), std::string::npos);
  EXPECT_EQ(set.find("Secure"), std::string::npos);  // without TLS
  const std::string cookie = set.substr(0, set.find(';'));
  const std::string csrf = JsonOf(login)["csrf_token"];
  EXPECT_EQ(login.body.find(cookie.substr(14)), std::string::npos);

  HttpRequest change = World::Request("POST", "/api/v1/jobs/1/cancel");
  change.headers["cookie"] = cookie;
  EXPECT_EQ(world.Ask(change)->status, 403);
  change.headers["x-csrf-token"] = csrf.substr(1);
  EXPECT_EQ(world.Ask(change)->status, 403);
  change.headers["x-csrf-token"] = csrf;
  EXPECT_EQ(world.Ask(change)->status, 404);  // no such job

  HttpRequest read = World::Request("GET", "/api/v1/jobs");
  read.headers["cookie"] = cookie;
  EXPECT_EQ(world.Ask(read)->status, 200);
  world.clock.Advance(std::chrono::hours(13));  // idle
  EXPECT_EQ(world.Ask(read)->status, 401);
}

TEST(ServiceTest, ANewPasswordEndsOtherSessionsAndLogoutItsOwn) {
  World world;
  world.AddUser("root", Role::kAdmin);
  const auto login = [&] {
    const auto response =
        world.Post("/api/v1/session", {{"user", "root"}, {"password", World::kPassword}});
    const std::string set = HeaderOf(response, "Set-Cookie");
    return std::pair(set.substr(0, set.find(';')),
                     JsonOf(response)["csrf_token"].get<std::string>());
  };
  const auto mine = login();
  const auto other = login();
  const auto ask = [&](const auto& session, const char* method, const char* target,
                       const Json& body) {
    HttpRequest request = World::Request(method, target, body.is_null() ? "" : body.dump());
    request.headers["cookie"] = session.first;
    request.headers["x-csrf-token"] = session.second;
    return world.Ask(request)->status;
  };
  EXPECT_EQ(ask(mine, "POST", "/api/v1/session/password",
                {{"old_password", "wrong"}, {"new_password", "another password"}}),
            403);
  EXPECT_EQ(ask(mine, "POST", "/api/v1/session/password",
                {{"old_password", World::kPassword}, {"new_password", "short"}}),
            422);
  EXPECT_EQ(ask(mine, "POST", "/api/v1/session/password",
                {{"old_password", World::kPassword}, {"new_password", "another password"}}),
            200);
  EXPECT_EQ(ask(mine, "GET", "/api/v1/jobs", nullptr), 200);
  EXPECT_EQ(ask(other, "GET", "/api/v1/jobs", nullptr), 401);
  EXPECT_EQ(ask(mine, "DELETE", "/api/v1/session", nullptr), 200);
  EXPECT_EQ(ask(mine, "GET", "/api/v1/jobs", nullptr), 401);
}

TEST(ServiceTest, GuessingPasswordsIsSlowedDown) {
  World world;
  world.AddUser("root", Role::kAdmin);
  const auto login = [&](const char* user, const char* password, const char* address) {
    HttpRequest request = World::Request("POST", "/api/v1/session",
                                         Json{{"user", user}, {"password", password}}.dump());
    request.address = address;
    return *world.Ask(request);
  };
  const HttpResponse nobody = login("nobody", "x", "10.0.0.9");
  for (int i = 0; i < 10; ++i) {
    const HttpResponse wrong = login("root", "x", "10.0.0.1");
    EXPECT_EQ(wrong.status, 401);
    EXPECT_EQ(JsonOf(wrong)["detail"], JsonOf(nobody)["detail"]);
  }
  const HttpResponse slowed = login("root", World::kPassword, "10.0.0.2");  // by user
  EXPECT_EQ(slowed.status, 429);
  EXPECT_EQ(HeaderOf(slowed, "Retry-After"), "6");
  EXPECT_EQ(login("another", "x", "10.0.0.1").status, 429);  // by address
  world.clock.Advance(std::chrono::seconds(6));
  EXPECT_EQ(login("root", World::kPassword, "10.0.0.2").status, 200);
  const auto entries = world.parts().audit.List({.action = "login", .limit = 100});
  EXPECT_EQ(entries->size(), 14u);
  EXPECT_EQ(entries->front().object, "root");
}

TEST(ServiceTest, GuessingFromManyAddressesOfANetworkIsOneGuesser) {
  World world;
  world.AddUser("root", Role::kAdmin);
  const auto login = [&](const std::string& password, const std::string& address) {
    HttpRequest request = World::Request(
        "POST", "/api/v1/session",
        Json{{"user", password == "x" ? "u" + address : "root"}, {"password", password}}.dump());
    request.address = address;
    return world.Ask(request)->status;
  };
  for (int i = 1; i <= 10; ++i) {
    EXPECT_EQ(login("x", "2001:db8:1:2:" + std::to_string(i) + "::1"), 401);
    EXPECT_EQ(login("x", i % 2 == 0 ? "10.0.0.1" : "::ffff:10.0.0.1"), 401);
  }
  EXPECT_EQ(login("x", "2001:db8:1:2:ffff::1"), 429);
  EXPECT_EQ(login("x", "::ffff:10.0.0.1"), 429);
  EXPECT_EQ(login(World::kPassword, "2001:db8:1:3::1"), 200);
  EXPECT_EQ(login(World::kPassword, "::ffff:10.0.0.2"), 200);
  const auto entries = world.parts().audit.List({.action = "login", .limit = 2});
  EXPECT_EQ(entries->front().address, "10.0.0.2");
  EXPECT_EQ(entries->back().address, "2001:db8:1:3::1") << "the audit log has it whole";
}

TEST(ServiceTest, APasswordInTheFieldOfTheNameIsWrittenNowhere) {
  World world;
  constexpr char kTyped[] = "hunter2-hunter2";
  const auto login = [&](const char* user, const char* password) {
    return world.Post("/api/v1/session", {{"user", user}, {"password", password}}).status;
  };
  log::Configure(log::Level::kDebug, log::Format::kText);
  testing::internal::CaptureStderr();
  EXPECT_EQ(login(kTyped, "x"), 409);  // no users are made
  world.AddUser("root", Role::kAdmin);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(login(kTyped, "x"), 401);
  EXPECT_EQ(login(kTyped, "x"), 429);
  EXPECT_EQ(login("root", kTyped), 429);
  const std::string logged = testing::internal::GetCapturedStderr();
  log::Configure(log::Level::kWarn, log::Format::kText);
  EXPECT_NE(logged.find("api: request"), std::string::npos);
  EXPECT_EQ(logged.find(kTyped), std::string::npos) << logged;
  const auto entries = world.parts().audit.List({.limit = 100});
  ASSERT_EQ(entries->size(), 13u);
  for (const catalog::AuditEntry& entry : *entries) {
    const bool last = entry.seq == entries->front().seq;
    EXPECT_EQ(entry.object, last ? "root" : "(unknown user)");
    EXPECT_EQ(entry.detail.find(kTyped), std::string::npos);
  }
}

TEST(ServiceTest, GuessingThroughAProxyKeepsOutNobodyElse) {
  World world({.guard = {.public_origin = ParseOrigin("https://aerie.example")}});
  world.AddUser("root", Role::kAdmin);
  world.AddUser("anna", Role::kAdmin);
  const auto login = [&](const char* user, const char* password, const char* forwarded) {
    HttpRequest request = World::Request("POST", "/api/v1/session",
                                         Json{{"user", user}, {"password", password}}.dump());
    request.headers["x-forwarded-for"] = forwarded;
    return world.Ask(request)->status;
  };
  // What a client says of itself does not make it another one.
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(login("root", "x", ("10.9.9." + std::to_string(i) + ", 10.0.0.1").c_str()), 401);
  }
  EXPECT_EQ(login("anna", World::kPassword, "10.0.0.1"), 429);
  EXPECT_EQ(login("anna", World::kPassword, "10.0.0.2"), 200);
  EXPECT_EQ(world.parts().audit.List({.action = "login", .limit = 1})->front().address, "10.0.0.2");
}

TEST(ServiceTest, ATokenEndsAndIsNeverWorthMoreThanItsOwner) {
  World world;
  world.AddUser("root", Role::kAdmin);
  world.AddUser("anna", Role::kAdmin);
  auto made = MakeToken(world.parts().users, "t", Role::kAdmin, "anna", world.NowMs(),
                        world.NowMs() + 1000);
  const std::string token(made->text.Reveal());
  EXPECT_EQ(world.Get("/api/v1/users", token).status, 200);
  EXPECT_TRUE(world.parts().users.ChangeUser("anna", {.role = "viewer"}).ok());
  EXPECT_EQ(world.Get("/api/v1/users", token).status, 403);
  EXPECT_EQ(world.Get("/api/v1/jobs", token).status, 200);
  world.clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(world.Get("/api/v1/jobs", token).status, 401);
  // One that nobody could ever use is not made.
  const auto none =
      MakeToken(world.parts().users, "none", Role::kViewer, "", world.NowMs(), world.NowMs());
  EXPECT_EQ(KindOf(none.status()), Kind::kInvalid);
}

TEST(ServiceTest, APreviewLooksMakesNoJobAndLeavesWorkersToOthers) {
  World world;
  const Json job = {{"kind", "restore"}, {"spec", {{"to", "b"}, {"on_conflict", "replace"}}}};
  std::vector<int> statuses;
  std::string retry_after;
  // Each is asked for while the one before looks.
  world.on_preview = [&] {
    const HttpResponse one = world.Post("/api/v1/jobs:preview", job);
    statuses.push_back(one.status);
    if (one.status == 503) retry_after = HeaderOf(one, "Retry-After");
  };
  const HttpResponse first = world.Post("/api/v1/jobs:preview", job);
  EXPECT_EQ(JsonOf(first)["summary"], "would do it, and looked");
  EXPECT_EQ(JsonOf(first)["confirm"], "b");
  EXPECT_EQ(statuses, std::vector<int>({503, 200}));
  EXPECT_EQ(retry_after, "5");
  world.on_preview = nullptr;
  EXPECT_EQ(world.Post("/api/v1/jobs:preview", job).status, 200) << "places are given back";
  EXPECT_EQ(JsonOf(world.Post("/api/v1/jobs:plan", job))["summary"], "would do it");
  EXPECT_TRUE(world.jobs_store().List({})->empty());
  EXPECT_EQ(
      world.Post("/api/v1/jobs:preview", {{"kind", "restore"}, {"spec", {{"wrong", 1}}}}).status,
      422);
}

TEST(ServiceTest, WhatMayDestroyTakesAnAdminAndTheName) {
  World world;
  world.AddUser("root", Role::kAdmin);
  const std::string op = world.AddToken("op", Role::kOperator);
  const std::string admin = world.AddToken("admin", Role::kAdmin);
  const struct {
    const char* kind;
    Json spec;
    const char* confirm;
  } dangerous[] = {
      {"delete", {{"repository", "main"}, {"snapshots", {kFirstId}}}, kFirstId.c_str()},
      {"prune", {{"repository", "cloud"}}, "cloud"},
      {"restore", {{"snapshot", "latest"}, {"to", "other"}, {"on_conflict", "replace"}}, "other"},
      {"copy", {{"from", "a"}, {"on_conflict", "merge"}}, "prod"},
      {"sync", {{"from", "a"}, {"to", "b"}, {"prune_extra", true}}, "b"},
  };
  for (const auto& one : dangerous) {
    Json job = {{"kind", one.kind}, {"spec", one.spec}};
    EXPECT_EQ(world.Post("/api/v1/jobs", job, op).status, 403) << one.kind;
    EXPECT_EQ(world.Post("/api/v1/jobs", job, admin).status, 422) << one.kind;
    EXPECT_EQ(JsonOf(world.Post("/api/v1/jobs:plan", job, op))["confirm"], one.confirm);
    job["confirm"] = "something";
    EXPECT_EQ(world.Post("/api/v1/jobs", job, admin).status, 422) << one.kind;
    job["confirm"] = one.confirm;
    EXPECT_EQ(world.Post("/api/v1/jobs", job, op).status, 403) << one.kind;
    EXPECT_TRUE(world.jobs_store().List({})->empty());
    EXPECT_EQ(world.Post("/api/v1/jobs", job, admin).status, 202) << one.kind;
    EXPECT_EQ(world.jobs_store().List({})->size(), 1u);
    const std::int64_t number = world.jobs_store().List({})->front().number;
    world.EndJob(number, "completed");
    ASSERT_TRUE(world.jobs_store().Forget(world.NowMs() + 1).ok());
    job["spec"]["dry_run"] = true;
    job.erase("confirm");
    EXPECT_EQ(world.Post("/api/v1/jobs", job, op).status, 202) << one.kind;
    world.EndJob(number + 1, "completed");
    ASSERT_TRUE(world.jobs_store().Forget(world.NowMs() + 1).ok());
  }
  HttpRequest remove = World::As(World::Request("DELETE", "/api/v1/snapshots/aaaa"), admin);
  EXPECT_EQ(world.Ask(remove)->status, 422);
  remove.target += "?confirm=" + kFirstId.substr(0, 8);
  EXPECT_EQ(world.Ask(remove)->status, 202);
  const Json rules = {{"when", "daily"}, {"kind", "backup"}, {"job", {{"keep", {{"daily", 7}}}}}};
  EXPECT_EQ(world.Post("/api/v1/schedules", {{"id", "s"}, {"rules", rules}}, op).status, 403);
  EXPECT_EQ(world.Post("/api/v1/schedules", {{"id", "s"}, {"rules", rules}}, admin).status, 201);
  EXPECT_EQ(world.Ask(World::As(World::Request("POST", "/api/v1/schedules/s/run"), op))->status,
            202);
  EXPECT_EQ(world.Ask(World::As(World::Request("DELETE", "/api/v1/schedules/s"), admin))->status,
            422);
  EXPECT_EQ(world.Ask(World::As(World::Request("DELETE", "/api/v1/schedules/s?confirm=s"), admin))
                ->status,
            204);
}

TEST(ServiceTest, WrongSpecsAndSchedulesOfTheConfigurationAreRefused) {
  World world;
  EXPECT_EQ(world.Post("/api/v1/jobs", {{"kind", "backup"}, {"spec", {{"wrong", 1}}}}).status, 422);
  EXPECT_EQ(world.Post("/api/v1/jobs", {{"kind", "baking"}, {"spec", Json::object()}}).status, 422);
  const Json rules = {{"when", "daily"}, {"kind", "backup"}};
  EXPECT_EQ(world.Post("/api/v1/schedules", {{"id", "s"}, {"rules", rules}}).status, 201);
  EXPECT_EQ(world.Post("/api/v1/schedules", {{"id", "s"}, {"rules", rules}}).status, 409);
  world.backend.configured = {"s"};
  EXPECT_EQ(world.Ask(World::Request("PUT", "/api/v1/schedules/s", rules.dump()))->status, 409);
  EXPECT_EQ(world.Ask(World::Request("DELETE", "/api/v1/schedules/s?confirm=s"))->status, 409);
  EXPECT_EQ(JsonOf(world.Get("/api/v1/schedules/s"))["managed_by"], "configuration");
}

TEST(ServiceTest, TheSameKeyIsDoneOnce) {
  World world;
  const Json job = {{"kind", "backup"}, {"spec", Json::object()}};
  HttpRequest request = World::Request("POST", "/api/v1/jobs", job.dump());
  request.headers["idempotency-key"] = "k1";
  const HttpResponse first = *world.Ask(request);
  const HttpResponse again = *world.Ask(request);
  EXPECT_EQ(first.status, 202);
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(HeaderOf(again, "Location"), HeaderOf(first, "Location"));
  EXPECT_EQ(HeaderOf(again, "Idempotency-Replayed"), "true");
  EXPECT_EQ(world.jobs_store().List({})->size(), 1u);
  HttpRequest other = request;
  other.body = Json{{"kind", "verify"}, {"spec", Json::object()}}.dump();
  EXPECT_EQ(world.Ask(other)->status, 422);
  // What was refused may be put right under the same key.
  other.headers["idempotency-key"] = "k2";
  other.body = Json{{"kind", "baking"}, {"spec", Json::object()}}.dump();
  EXPECT_EQ(world.Ask(other)->status, 422);
  EXPECT_EQ(world.Ask(other)->status, 422);
  // Killed in the middle: it may have been done, so it is not begun again.
  const std::string key = "k3";
  request.headers["idempotency-key"] = key;
  ASSERT_TRUE(
      world.parts()
          .requests
          .Take("local", key, HashRandom("POST\n/api/v1/jobs\n" + job.dump()), world.NowMs(), 0)
          .ok());
  EXPECT_EQ(world.Ask(request)->status, 409);
  world.clock.Advance(std::chrono::hours(25));
  EXPECT_EQ(world.Ask(request)->status, 202);
}

TEST(ServiceTest, PagesAreStableWhileThingsAreAdded) {
  World world;
  for (int i = 0; i < 25; ++i) world.AddJob(i % 2 == 0 ? "backup" : "verify");
  std::vector<std::int64_t> seen;
  std::string cursor;
  for (int page = 0; page < 10; ++page) {
    const Json json = JsonOf(world.Get("/api/v1/jobs?limit=4&kind=backup" + cursor));
    for (const Json& job : json["items"]) seen.push_back(job["number"]);
    world.AddJob("backup");
    if (json["next_cursor"].is_null()) break;
    cursor = "&cursor=" + json["next_cursor"].get<std::string>();
  }
  std::vector<std::int64_t> wanted;
  for (std::int64_t number = 25; number > 0; number -= 2) wanted.push_back(number);
  EXPECT_EQ(seen, wanted);
  EXPECT_EQ(world.Get("/api/v1/jobs?cursor=%21").status, 422);
  EXPECT_EQ(world.Get("/api/v1/jobs?cursor=abcd").status, 422);
}

TEST(ServiceTest, SnapshotsAreFilteredAndPaged) {
  World world;
  std::vector<SnapshotView> views;
  for (int i = 0; i < 10; ++i) {
    views.push_back(ASnapshot("cccc000000000000000000000000000" + std::to_string(i),
                              1'700'000'000'000 + i / 2, {i % 2 == 0 ? "even" : "odd"}));
    views.back().verified = i < 5;
  }
  world.backend.SetSnapshots(views);
  const auto count = [&](const std::string& query) {
    return JsonOf(world.Get("/api/v1/snapshots?" + query))["total"].get<int>();
  };
  EXPECT_EQ(count(""), 10);
  EXPECT_EQ(count("tag=even"), 5);
  EXPECT_EQ(count("verified=true&tag=even"), 3);
  EXPECT_EQ(count("collection=do*"), 10);
  EXPECT_EQ(count("collection=other"), 0);
  EXPECT_EQ(count("cluster=prod"), 10);
  EXPECT_EQ(count("from=2023-11-14T22:13:20.002Z"), 6);
  EXPECT_EQ(count("to=2023-11-14T22:13:20.002Z"), 4);
  EXPECT_EQ(world.Get("/api/v1/snapshots?repository=none").status, 404);
  std::set<std::string> ids;
  std::string cursor;
  for (int page = 0; page < 4; ++page) {
    const Json json = JsonOf(world.Get("/api/v1/snapshots?limit=3" + cursor));
    for (const Json& one : json["items"]) EXPECT_TRUE(ids.insert(one["id"]).second);
    if (json["next_cursor"].is_null()) break;
    cursor = "&cursor=" + json["next_cursor"].get<std::string>();
  }
  EXPECT_EQ(ids.size(), 10u);
  EXPECT_EQ(world.Get("/api/v1/snapshots/cccc").status, 422);  // several begin so
}

std::string ReadAll(const HttpResponse& response) {
  std::string out(1 << 20, '\0');
  out.resize(response.stream->Read(out.data(), out.size()).value_or(0));
  return out;
}

TEST(ServiceTest, WhoWatchesAJobSeesLogStateAndEndAndResumes) {
  World world;
  const std::int64_t number = world.AddJob("backup");
  const HttpResponse watched = world.Get("/api/v1/jobs/1/events");
  ASSERT_TRUE(watched.stream);
  world.Tick();
  EXPECT_NE(ReadAll(watched).find("event: job\ndata: {\"number\":1"), std::string::npos);
  world.Tick();
  EXPECT_EQ(ReadAll(watched), "");  // nothing new
  world.EndJob(number, "completed", {{"rows", 7}});
  world.Tick();
  const std::string end = ReadAll(watched);
  EXPECT_NE(end.find("event: log\ndata: {\"seq\":"), std::string::npos);
  EXPECT_NE(end.find("event: end\n"), std::string::npos);
  EXPECT_NE(end.find("\"result\":{\"rows\":7}"), std::string::npos);
  EXPECT_TRUE(watched.stream->ended());
  HttpRequest again = World::Request("GET", "/api/v1/jobs/1/events");
  const std::size_t id = end.rfind("id: ") + 4;
  again.headers["last-event-id"] = end.substr(id, end.find('\n', id) - id);
  const HttpResponse resumed = *world.Ask(again);
  world.Tick();
  EXPECT_EQ(ReadAll(resumed).find("event: log"), std::string::npos);
  EXPECT_EQ(world.Get("/api/v1/jobs/7/events").status, 404);
}

TEST(ServiceTest, WhoWatchesEverythingSeesEachChangeOnce) {
  World world;
  world.Tick();
  const HttpResponse watched = world.Get("/api/v1/events");
  ReadAll(watched);
  const std::int64_t number = world.AddJob("backup");
  world.Tick();
  EXPECT_NE(ReadAll(watched).find("\"state\":\"queued\""), std::string::npos);
  world.EndJob(number, "completed");
  world.EndJob(world.AddJob("verify"), "failed");  // made and ended between two looks
  ASSERT_TRUE(world.parts().schedules.Create("s", "{}", world.NowMs()).ok());
  world.alerts.version = 2;
  world.Tick();
  const std::string seen = ReadAll(watched);
  EXPECT_NE(seen.find("\"state\":\"completed\""), std::string::npos);
  EXPECT_NE(seen.find("\"state\":\"failed\""), std::string::npos);
  EXPECT_NE(seen.find("event: schedule\ndata: {\"id\":\"s\",\"removed\":false}"),
            std::string::npos);
  EXPECT_NE(seen.find("event: alerts\ndata: {\"open\":1}"), std::string::npos);
  EXPECT_EQ(world.backend.changes, 1);
  world.Tick();
  EXPECT_EQ(ReadAll(watched), "");
}

TEST(ServiceTest, WhoSawAJobEndSeesWhatItDid) {
  World world;
  world.Tick();
  const std::int64_t number = world.AddJob("delete");
  for (const char* path : {"/api/v1/snapshots", "/api/v1/repositories", "/api/v1/clusters/prod",
                           "/api/v1/statistics", "/api/backups"}) {
    EXPECT_EQ(world.Get(path).status, 200) << path;
  }
  EXPECT_EQ(world.backend.changes, 0);
  world.EndJob(number, "completed");
  EXPECT_EQ(world.Get("/api/v1/snapshots").status, 200);  // before anything ticks
  EXPECT_EQ(world.backend.changes, 1);
  EXPECT_EQ(world.Get("/api/v1/snapshots").status, 200);
  EXPECT_EQ(world.backend.changes, 1);
  world.EndJob(world.AddJob("verify"), "failed");  // in the same millisecond
  EXPECT_EQ(world.Get("/api/v1/clusters/prod/collections").status, 200);
  EXPECT_EQ(world.backend.changes, 2);
}

TEST(ServiceTest, AMigrationIsToldWhatItsOperatorWants) {
  World world;
  world.AddUser("root", Role::kAdmin);
  const std::string op = world.AddToken("op", Role::kOperator);
  const std::string admin = world.AddToken("admin", Role::kAdmin);
  world.AddMigration("m1", {.phase = migrate::Phase::kWatching, .due_ms = 1, .open = {}});
  for (const std::string verb : {"cutover", "rollback", "complete", "abort"}) {
    const std::string path = "/api/v1/migrations/m1/" + verb;
    EXPECT_EQ(world.Post(path + "?confirm=m1", Json::object(), op).status, 403) << verb;
    EXPECT_EQ(world.Post(path, Json::object(), admin).status, 422) << verb;
    EXPECT_EQ(world.Post(path + "?confirm=m2", Json::object(), admin).status, 422) << verb;
    EXPECT_EQ(world.Post("/api/v1/migrations/m2/" + verb, Json::object(), admin).status, 404)
        << verb;
  }
  EXPECT_TRUE(world.catalog->Waiting("m1")->empty()) << "nothing was said";

  // Nobody drives it: what needs no action is done at once, what is not possible is refused, the
  // rest waits.
  const HttpResponse refused =
      world.Post("/api/v1/migrations/m1/abort?confirm=m1", Json::object(), admin);
  EXPECT_EQ(refused.status, 409);
  EXPECT_NE(refused.body.find("aerie migrate rollback"), std::string::npos) << refused.body;
  const HttpResponse paused = world.Post("/api/v1/migrations/m1/pause", Json::object(), op);
  EXPECT_EQ(paused.status, 202);
  EXPECT_EQ(JsonOf(paused)["state"], "obeyed");
  const HttpResponse rollback =
      world.Post("/api/v1/migrations/m1/rollback?confirm=m1", Json::object(), admin);
  EXPECT_EQ(rollback.status, 202);
  EXPECT_EQ(JsonOf(rollback)["state"], "waiting");
  const std::string place = HeaderOf(rollback, "Location");
  EXPECT_EQ(JsonOf(world.Get(place, op)), JsonOf(rollback));
  const Json seen = JsonOf(world.Get("/api/v1/migrations/m1", op));
  EXPECT_EQ(seen["waiting"][0], JsonOf(rollback));
  EXPECT_EQ(seen["paused"], true);
  EXPECT_EQ(seen["driven"], false);

  auto lease = world.Drive("m1");
  ASSERT_TRUE(lease->Answer(JsonOf(rollback)["number"], "not now", world.NowMs()).ok());
  EXPECT_EQ(JsonOf(world.Get(place, op))["state"], "refused");
  EXPECT_EQ(JsonOf(world.Get(place, op))["refusal"], "not now");
  world.AddMigration("m2", {.phase = migrate::Phase::kCopying, .open = {}});
  const std::string number = place.substr(place.rfind('/'));
  EXPECT_EQ(world.Get("/api/v1/migrations/m2/commands" + number, op).status, 404);

  lease.reset();
  EXPECT_EQ(JsonOf(world.Post("/api/v1/migrations/m1/complete?confirm=m1", Json::object(),
                              admin))["state"],
            "obeyed");
  EXPECT_EQ(JsonOf(world.Get("/api/v1/migrations/m1", op))["phase"], "done");
  EXPECT_EQ(world.Post("/api/v1/migrations/m1/pause", Json::object(), op).status, 409)
      << "it has ended";
}

TEST(ServiceTest, WhatAMigrationAsksIsApprovedByItsNumber) {
  World world;
  world.AddMigration("m1", {.phase = migrate::Phase::kFencing, .running = true, .open = {}});
  const auto lease = world.Drive("m1");
  const auto approve = [&](std::int64_t number) {
    return world.Post("/api/v1/migrations/m1/approve?request=" + std::to_string(number),
                      Json::object());
  };
  EXPECT_EQ(world.Post("/api/v1/migrations/m1/approve", Json::object()).status, 400);
  EXPECT_EQ(approve(1).status, 409) << "nothing is asked";
  const std::int64_t number = *lease->Ask("stop the writes", world.NowMs());
  const Json seen = JsonOf(world.Get("/api/v1/migrations/m1"));
  EXPECT_EQ(seen["request"], Json({{"number", number}, {"text", "stop the writes"}}));
  EXPECT_EQ(seen["actions"][0], "approve");
  EXPECT_EQ(approve(number + 1).status, 409) << "something else is asked";
  EXPECT_TRUE(lease->Commands()->empty());
  EXPECT_EQ(JsonOf(approve(number))["state"], "waiting");
  EXPECT_EQ(lease->Commands()->at(0).request, number);
}

TEST(ServiceTest, AWordWithAKeyIsSaidOnce) {
  World world;
  world.AddMigration("m1", {.phase = migrate::Phase::kReady, .open = {}});
  const auto lease = world.Drive("m1");
  HttpRequest request = World::Request("POST", "/api/v1/migrations/m1/cutover?confirm=m1");
  request.headers["idempotency-key"] = "k1";
  const HttpResponse first = *world.Ask(request);
  EXPECT_EQ(first.status, 202);
  EXPECT_EQ(world.Ask(request)->body, first.body);
  EXPECT_EQ(lease->Commands()->size(), 1u);
}

TEST(ServiceTest, AMigrationShowsItsWayAndWhatIsUnderWay) {
  World world;
  migrate::State state{
      .phase = migrate::Phase::kBlocked, .blocked_at = migrate::Phase::kCopying, .open = {}};
  world.AddMigration("m1", state);
  Json seen = JsonOf(world.Get("/api/v1/migrations/m1"));
  EXPECT_EQ(seen["strategy"], "hot");
  EXPECT_EQ(seen["to"], "prod");
  EXPECT_EQ(seen["collections"], Json::array({"docs"}));
  EXPECT_EQ(seen["way"]["phases"][seen["way"]["at"].get<std::size_t>()], "copying");
  EXPECT_EQ(seen["work"], nullptr);
  EXPECT_EQ(seen["lag_ms"], nullptr);

  world.AddMigration("m2", {.phase = migrate::Phase::kCopying, .running = true, .open = {}});
  const auto lease = world.Drive("m2");
  migrate::Pace pace;
  pace.work = {.kind = "copy",
               .begun_ms = world.NowMs() - 2'000,
               .seen_ms = world.NowMs(),
               .rows = 500,
               .rows_total = 600};
  ASSERT_TRUE(lease->Keep(migrate::kPaceKey, ToText(pace)).ok());
  ASSERT_TRUE(lease
                  ->Append({.at_ms = 5, .source_rows = 1'000, .target_rows = 400},
                           {{.incident = "latency", .text = "a count took 9 s"}})
                  .ok());
  seen = JsonOf(world.Get("/api/v1/migrations/m2"));
  EXPECT_EQ(seen["work"]["rows"], 500);
  EXPECT_EQ(seen["work"]["rows_total"], 1'000);
  EXPECT_EQ(seen["work"]["rows_per_second"], 250);
  EXPECT_EQ(seen["sample"]["difference"], 600);
  EXPECT_EQ(seen["open_alerts"][0]["text"], "a count took 9 s");
  EXPECT_EQ(seen["driven"], true);
}

TEST(ServiceTest, WhoWatchesEverythingSeesMigrationsChange) {
  World world;
  world.AddMigration("m1", {.phase = migrate::Phase::kReady, .open = {}});
  world.Tick();
  const HttpResponse watched = world.Get("/api/v1/events");
  ReadAll(watched);
  world.Tick();
  world.clock.Advance(std::chrono::seconds(1));
  world.Tick();
  EXPECT_EQ(ReadAll(watched), "") << "time alone is no change";
  world.AddMigration("m2", {.phase = migrate::Phase::kCopying, .open = {}});
  world.Tick();
  std::string seen = ReadAll(watched);
  EXPECT_NE(seen.find("event: migration\ndata: {\"id\":\"m2\""), std::string::npos) << seen;
  EXPECT_EQ(seen.find("\"id\":\"m1\""), std::string::npos);
  EXPECT_EQ(world.Post("/api/v1/migrations/m1/abort?confirm=m1", Json::object()).status, 202);
  world.Tick();
  seen = ReadAll(watched);
  EXPECT_NE(seen.find("\"phase\":\"aborted\""), std::string::npos) << seen;
  world.Tick();
  EXPECT_EQ(ReadAll(watched), "");
}

TEST(ServiceTest, CompatibleCallsAnswerWhenTheJobHasEnded) {
  World world;
  const auto start = [&](const char* method, const char* target, const Json& body) {
    return world.Ask(World::Request(method, target, body.dump()));
  };
  EXPECT_FALSE(
      start("POST", "/api/v1/backup/create",
            {{"backup_name", "full_1"}, {"collections", {"docs"}}, {"compression", true}}));
  world.Tick();
  EXPECT_FALSE(world.Later());
  const auto job = world.jobs_store().List({})->front();
  EXPECT_EQ(Json::parse(job.spec), Json::parse(R"({"collections": ["docs"], "tags": ["full_1"]})"));
  world.EndJob(job.number, "completed", {{"snapshot", kFirstId}, {"rows", 7}, {"bytes", 70}});
  world.Tick();
  Json answer = JsonOf(*world.Later());
  EXPECT_EQ(answer["code"], 0);
  EXPECT_EQ(answer["data"]["entities"], 7);
  EXPECT_EQ(answer["data"]["size"], 70);

  const auto verify = [&](const char* state, const Status& error) {
    EXPECT_FALSE(start("POST", "/api/v1/backup/verify", {{"backup_name", "first"}}));
    world.EndJob(world.jobs_store().List({})->front().number, state, Json::object(), error);
    world.Tick();
    return *world.Later();
  };
  EXPECT_EQ(JsonOf(verify("completed", Ok()))["data"]["is_valid"], true);
  const HttpResponse damaged = verify("failed", CorruptError("a leaf is damaged"));
  EXPECT_EQ(damaged.status, 200);
  EXPECT_EQ(JsonOf(damaged)["data"]["is_valid"], false);
  // What could not be read is not called invalid, nor valid.
  const HttpResponse unread = verify("failed", MakeStatus(Kind::kTransient, "no network"));
  EXPECT_EQ(unread.status, 503);
  EXPECT_EQ(JsonOf(unread)["code"], 1);
  EXPECT_EQ(JsonOf(unread)["data"]["is_valid"], nullptr);

  EXPECT_EQ(start("DELETE", "/api/v1/backup/delete", {{"backup_name", "first"}})->status, 422);
  EXPECT_EQ(start("DELETE", "/api/v1/backup/delete", {{"backup_name", "no"}})->status, 404);
  EXPECT_FALSE(
      start("DELETE", "/api/v1/backup/delete", {{"backup_name", "first"}, {"confirm", "first"}}));
  const auto removal = world.jobs_store().List({})->front();
  EXPECT_EQ(Json::parse(removal.spec)["snapshots"][0], kFirstId);
  world.EndJob(removal.number, "completed");
  world.Tick();
  EXPECT_EQ(JsonOf(*world.Later())["code"], 0);

  const auto asynchronous = start("POST", "/api/backup/create", Json::object());
  EXPECT_EQ(asynchronous->status, 202);
  EXPECT_EQ(JsonOf(*asynchronous)["code"], 0);
  EXPECT_FALSE(start("POST", "/api/v1/backup/create", Json::object()));
  world.service->Close();
  EXPECT_EQ(world.Later()->status, 503);
}

TEST(ServiceTest, CompatibleListsCountRowsOnce) {
  World world;
  Json json = JsonOf(world.Get("/api/backups"));
  EXPECT_EQ(json["code"], 0);
  EXPECT_EQ(json["data"]["total"], 2);
  EXPECT_EQ(json["data"]["backups"][0]["backup_name"], "second");
  EXPECT_EQ(json["data"]["backups"][0]["duration"], 1.5);
  json = JsonOf(world.Get("/api/stats"));
  EXPECT_EQ(json["data"]["total_backups"], 2);
  EXPECT_EQ(json["data"]["total_entities"], 10);  // the same rows, twice backed up
  EXPECT_EQ(json["data"]["latest_backup"]["backup_name"], "second");
  world.backend.SetSnapshots({});
  json = JsonOf(world.Get("/api/stats"));
  EXPECT_EQ(json["data"]["latest_backup"], nullptr);
  EXPECT_EQ(json["data"]["total_entities"], 0);
}

TEST(ServiceTest, StatisticsAndTheirHistory) {
  World world;
  world.EndJob(world.AddJob("backup"), "completed");
  world.EndJob(world.AddJob("verify"), "failed");
  const Json totals = JsonOf(world.Get("/api/v1/statistics"));
  EXPECT_EQ(totals["snapshots"], 2);
  EXPECT_EQ(totals["protected_rows"], 10);
  EXPECT_EQ(totals["jobs"]["completed"], 1);
  const Json days = JsonOf(world.Get("/api/v1/statistics/history?days=3"))["days"];
  ASSERT_EQ(days.size(), 3u);
  EXPECT_EQ(days[2]["date"], "2023-11-14");
  EXPECT_EQ(days[2]["snapshots"], 2);
  EXPECT_EQ(days[2]["stored_bytes_total"], 200);
  EXPECT_EQ(days[2]["jobs_completed"], 1);
  EXPECT_EQ(days[2]["jobs_failed"], 1);
  EXPECT_EQ(days[0]["rows"], 0);
}

TEST(ServiceTest, ThePageIsServedOutsideTheApi) {
  World world;
  EXPECT_EQ(world.Get("/").fixed_body, "<html>");
  EXPECT_EQ(world.Get("/snapshots/abc").fixed_body, "<html>");
  EXPECT_EQ(world.Get("/assets/gone-2.js").status, 404);
  const HttpResponse script = world.Get("/assets/app-1.js");
  EXPECT_NE(HeaderOf(script, "Cache-Control").find("immutable"), std::string::npos);
  HttpRequest again = World::Request("GET", "/");
  again.headers["if-none-match"] = "\"1\"";
  EXPECT_EQ(world.Ask(again)->status, 304);
  again.headers.erase("if-none-match");
  again.headers["accept-encoding"] = "br, gzip";
  EXPECT_EQ(world.Ask(again)->fixed_body, "zipped");
  EXPECT_EQ(world.Ask(World::Request("POST", "/"))->status, 405);
}

TEST(ServiceTest, HealthAndTraces) {
  World world;
  EXPECT_EQ(world.Get("/healthz").status, 200);
  EXPECT_EQ(world.Get("/readyz").status, 200);
  EXPECT_EQ(world.Get("/metrics").body, "aerie_up 1\n");
  HttpRequest traced = World::Request("GET", "/api/v1/jobs/9");
  traced.headers["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const HttpResponse response = *world.Ask(traced);
  EXPECT_EQ(JsonOf(response)["trace_id"], "0af7651916cd43dd8448eb211c80319c");
  HttpRequest making = World::Request("POST", "/api/v1/jobs", R"({"kind": "backup", "spec": {}})");
  making.headers["traceparent"] = traced.headers["traceparent"];
  making.headers["tracestate"] = "vendor=a";
  const Json made = JsonOf(*world.Ask(making));
  EXPECT_EQ(made["trace_id"], "0af7651916cd43dd8448eb211c80319c");
  const auto job = world.jobs_store().Find(made["number"]);
  EXPECT_EQ(job->traceparent, traced.headers["traceparent"]);
  EXPECT_EQ(job->tracestate, "vendor=a");
  EXPECT_TRUE(JsonOf(world.Post("/api/v1/jobs", {{"kind", "backup"}, {"spec", Json::object()}}))
                  .at("trace_id")
                  .is_null());
  making.target = "/api/v1/jobs:preview";
  std::string previewed;
  world.on_preview = [&] { previewed = CurrentTrace().parent; };
  EXPECT_EQ(world.Ask(making)->status, 200);
  EXPECT_EQ(previewed, traced.headers["traceparent"]);
  world.on_preview = nullptr;
  world.catalog->FailCalls([] { return FailedError("the disk is gone"); });
  const HttpResponse unready = world.Get("/readyz");
  EXPECT_EQ(unready.status, 503);
  EXPECT_EQ(JsonOf(unready)["checks"]["catalog"],
            "not ready");  // what is wrong is for who is logged in
  EXPECT_EQ(world.Get("/healthz").status, 200);
}

}  // namespace
}  // namespace aerie::api
