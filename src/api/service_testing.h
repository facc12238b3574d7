// A service without sockets, over a catalog in memory, with a backend and kinds of jobs that do
// nothing: for the tests of this room.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "api/service.h"
#include "migrate/spec.h"
#include "migrate/state_json.h"

namespace aerie::api {

inline const PasswordCost kCheap = {.passes = 1, .memory = 8192};

inline SnapshotView ASnapshot(const std::string& id, std::int64_t created_ms,
                              const std::vector<std::string>& tags = {}) {
  SnapshotView view;
  view.snapshot.id.hex = id;
  view.snapshot.created_ms = created_ms;
  view.snapshot.finished_ms = created_ms + 1500;
  view.snapshot.cluster = "prod";
  view.snapshot.tags = tags;
  view.snapshot.stats = {.plain_bytes = 1000, .stored_bytes = 100};
  repo::SnapshotCollection docs;
  docs.name.collection = "docs";
  docs.digest.rows = 10;
  docs.bytes = 1000;
  view.snapshot.collections.push_back(docs);
  return view;
}

inline const std::string kFirstId = "aaaa0000000000000000000000000001";
inline const std::string kSecondId = "bbbb0000000000000000000000000002";

class FakeBackend : public Backend {
 public:
  FakeBackend() {
    SetSnapshots({ASnapshot(kSecondId, 1'700'000'000'000 - 3'600'000, {"second"}),
                  ASnapshot(kFirstId, 1'700'000'000'000 - 7'200'000, {"first"})});
  }
  void SetSnapshots(std::vector<SnapshotView> views) {
    snapshots_ = std::make_shared<const std::vector<SnapshotView>>(std::move(views));
  }

  std::vector<ClusterView> Clusters() override {
    return {{.name = "prod",
             .uri = "http://prod:19530",
             .is_default = true,
             .health = Ok(),
             .server_version = "v2.3.5",
             .checked_ms = 1'700'000'000'000,
             .collections = 2,
             .size_bytes = 1200,
             .unsized = 1}};
  }
  Result<CollectionList> Collections(const Context&, const std::string&) override {
    CollectionView docs;
    docs.name.collection = "docs";
    docs.rows = 12;
    docs.size = transfer::SizeAbout{.bytes = 1200, .from = transfer::SizeAbout::From::kSnapshot};
    CollectionView notes;
    notes.name.collection = "notes";
    return CollectionList{.age = {.as_of_ms = 1'700'000'000'000}, .collections = {docs, notes}};
  }
  std::vector<RepositoryView> Repositories(const Context&) override {
    return {{.name = "main",
             .url = "/backups",
             .is_default = true,
             .health = Ok(),
             .encrypted = true,
             .age = {.as_of_ms = 1'700'000'000'000},
             .snapshots = snapshots_}};
  }
  Result<transfer::DiffResult> Diff(const Context&, const std::string&, const repo::SnapshotId&,
                                    const repo::SnapshotId&) override {
    transfer::DiffResult diff;
    diff.collections.emplace_back();
    diff.collections.back().only_left = true;
    return diff;
  }
  Status Pin(const Context&, const std::string&, const repo::SnapshotId& id, bool on) override {
    pins[id.hex] = on;
    return Ok();
  }
  void Changed(std::int64_t mark) override {
    if (std::exchange(mark_, mark) != mark) ++changes;
  }
  Json Configuration() override { return {{"clusters", Json::object()}}; }
  std::string ConfigFile() override { return ""; }
  std::string DefaultCluster() override { return "prod"; }
  std::string DefaultRepository() override { return "main"; }
  std::set<std::string> ConfiguredSchedules() override { return configured; }

  std::set<std::string> configured;
  std::map<std::string, bool> pins;
  int changes = 0;

 private:
  std::int64_t mark_ = 0;
  std::shared_ptr<const std::vector<SnapshotView>> snapshots_;
};

class FakeKind : public jobs::JobKind {
 public:
  explicit FakeKind(const std::function<void()>& on_preview) : on_preview_(on_preview) {}
  jobs::JobTraits traits() const override { return {.can_pause = true}; }
  Result<std::string> Plan(const Context&, const std::string& spec) override {
    if (spec.find("\"wrong\"") != std::string::npos) return InvalidError("unknown key 'wrong'");
    return std::string("would do it");
  }
  Result<std::string> Preview(const Context& context, const std::string& spec) override {
    AERIE_ASSIGN(const std::string plan, Plan(context, spec));
    if (on_preview_) on_preview_();
    return plan + ", and looked";
  }
  jobs::JobResult Run(const Context&, jobs::JobRun&) override { return {}; }

 private:
  const std::function<void()>& on_preview_;
};

class FakeAlerts : public AlertBook {
 public:
  Result<std::vector<AlertView>> List(bool, std::int64_t before, std::size_t) override {
    if (before != 0) return std::vector<AlertView>();
    return std::vector<AlertView>{One()};
  }
  Result<AlertView> Find(std::int64_t number) override {
    if (number != 1) return NotFoundError("incident is not there");
    return One();
  }
  Status Acknowledge(std::int64_t, const std::string& who) override {
    acknowledged_by = who;
    return Ok();
  }
  Result<std::int64_t> Version() override { return version; }
  Result<std::int64_t> OpenCount() override { return 1; }

  std::string acknowledged_by;
  std::int64_t version = 1;

 private:
  static AlertView One() {
    return {.number = 1,
            .rule = "storage-full",
            .about = "main",
            .severity = "critical",
            .summary = "full",
            .remedy = "prune",
            .opened_ms = 1'700'000'000'000};
  }
};

class FakeAssets : public Assets {
 public:
  std::optional<Asset> Find(std::string_view path) override {
    if (path == "/index.html") return Asset{"text/html", "<html>", "zipped", "\"1\"", false};
    if (path == "/assets/app-1.js") return Asset{"text/javascript", "let a", "", "\"2\"", true};
    return std::nullopt;
  }
};

// A service that answers at once.
class World {
 public:
  explicit World(ServiceOptions options = {}) {
    for (const char* kind : {"backup", "verify", "restore", "delete", "prune", "copy", "sync"}) {
      kinds[kind] = std::make_shared<FakeKind>(on_preview);
    }
    catalog = *catalog::Catalog::Open(catalog::kInMemory);
    options.access.cost = kCheap;
    options.version = "0.1.0";
    service = std::make_unique<Service>(
        *catalog, kinds,
        Ports{.backend = &backend,
              .alerts = &alerts,
              .assets = &assets,
              .metrics = [] { return Result<std::string>("aerie_up 1\n"); }},
        options);
    parts().started_ms = NowMs();
  }

  std::string AddUser(const std::string& name, Role role) {
    EXPECT_TRUE(parts()
                    .users
                    .CreateUser({.name = name,
                                 .role = NameOf(role),
                                 .password = *HashPassword(Secret(kPassword), kCheap),
                                 .created_ms = NowMs()})
                    .ok());
    return name;
  }
  // A token's text, for Authorization.
  std::string AddToken(const std::string& name, Role role) {
    auto made = MakeToken(parts().users, name, role, "", NowMs(), 0);
    EXPECT_TRUE(made.ok()) << made.status();
    return std::string(made->text.Reveal());
  }

  static HttpRequest Request(const std::string& method, const std::string& target,
                             const std::string& body = "") {
    HttpRequest request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.address = "127.0.0.1";
    request.headers["host"] = "127.0.0.1:8710";
    if (!body.empty()) request.headers["content-type"] = "application/json";
    return request;
  }
  static HttpRequest As(HttpRequest request, const std::string& token) {
    if (!token.empty()) request.headers["authorization"] = "Bearer " + token;
    return request;
  }

  // nullopt: it will come later, by Later().
  std::optional<HttpResponse> Ask(HttpRequest request) {
    auto answer = std::make_shared<std::optional<HttpResponse>>();
    service->Handle(Context(clock), std::move(request),
                    [answer](HttpResponse response) { *answer = std::move(response); });
    late_ = answer;
    return *answer;
  }
  HttpResponse Get(const std::string& target, const std::string& token = "") {
    return *Ask(As(Request("GET", target), token));
  }
  HttpResponse Post(const std::string& target, const Json& body, const std::string& token = "") {
    return *Ask(As(Request("POST", target, body.dump()), token));
  }
  std::optional<HttpResponse> Later() { return *late_; }
  void Tick() { service->Tick(Context(clock)); }

  std::int64_t AddJob(const std::string& kind, const Json& spec = Json::object()) {
    return *jobs_store().Create(
        {.kind = kind, .spec = spec.dump(), .standing = {.state = "queued", .turn = 1}}, NowMs());
  }
  void EndJob(std::int64_t number, const std::string& state, const Json& result = Json::object(),
              const Status& error = Ok()) {
    EXPECT_TRUE(jobs_store()
                    .Change(
                        number,
                        [&](const catalog::Job&) -> Result<std::optional<catalog::JobChange>> {
                          return catalog::JobChange{.standing = {.state = state, .ended = true},
                                                    .result = result.dump(),
                                                    .error = error,
                                                    .log = {{.kind = "event", .text = state}}};
                        },
                        NowMs())
                    .ok());
  }

  void AddMigration(const std::string& id, const migrate::State& state) {
    migrate::MigrationSpec spec;
    spec.from = "http://old:19530";
    spec.to = "prod";
    spec.collections = {"docs"};
    EXPECT_TRUE(catalog
                    ->Create({.id = id,
                              .spec = ToText(spec),
                              .state = ToText(state),
                              .phase = NameOf(state.phase),
                              .created_ms = NowMs()})
                    .ok());
  }
  // Somebody who drives it, until it is given back.
  std::unique_ptr<catalog::Lease> Drive(const std::string& id) {
    return *catalog->Take(id, {.process = ThisProcess(), .host = "here", .renewed_ms = NowMs()});
  }

  Parts& parts() { return service->parts(); }
  catalog::JobStore& jobs_store() { return service->parts().jobs; }
  std::int64_t NowMs() const { return ToUnixMillis(clock.Now()); }

  static constexpr char kPassword[] = "a long password";
  FakeClock clock;
  std::function<void()> on_preview;  // what happens while a kind looks
  FakeBackend backend;
  FakeAlerts alerts;
  FakeAssets assets;
  jobs::JobKinds kinds;
  std::unique_ptr<catalog::Catalog> catalog;
  std::unique_ptr<Service> service;

 private:
  std::shared_ptr<std::optional<HttpResponse>> late_;
};

inline Json JsonOf(const HttpResponse& response) {
  return Json::parse(response.body, nullptr, false);
}
inline std::string HeaderOf(const HttpResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace aerie::api
