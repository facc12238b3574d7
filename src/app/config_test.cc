#include "app/config.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/result.h"
#include "jobs/schedule.h"

namespace aerie::app {
namespace {

using testing::HasSubstr;

// Every documented key, each with a value of its own.
constexpr char kWhole[] = R"(clusters:
  prod:
    uri: milvus://db:19530
    user: root
    password: "${env:PW}"
    token: tok
    database: dbname
    ca: ca.pem
    cert: cert.pem
    key: key.pem
    server_name: db.example
    limit_rows: 5000/s
    latency_target: 50ms
    adaptive: false
repositories:
  main:
    url: /backups
    password: "${file:/p}"
    limit_upload: 20MB/s
    limit_download: 30MB/s
    limit_requests: 100/s
    limit_connections: 4
  cloud:
    url: s3://bucket/prefix
    endpoint: https://minio:9000
    region: eu-central-1
    path_style: false
    ca: s3.pem
    access_key: AKIA
    secret_key: "${env:SECRET}"
    session_token: "${env:TOKEN}"
    profile: backups
    storage_class: STANDARD_IA
    sse: aws:kms
    sse_kms_key: key-1
    immutable_for: 30d
    retention_mode: GOVERNANCE
defaults:
  cluster: prod
  repository: main
serve:
  data_dir: /var/lib/aerie
  places: 4
  keep_history: 90d
schedules:
  nightly:
    when: daily at 02:00
    zone: Europe/Berlin
    jitter: 600s
    window: 22:00-06:00
    blackouts: [2026-12-24..2026-12-26]
    missed: skip
    overlap: skip
    priority: 5
    enabled: false
    kind: backup
    job: {keep: {daily: 7}, collections: [docs]}
api:
  listen: "[::1]:9000"
  tls_cert: api.pem
  tls_key: api.key
  public_url: https://aerie.example
  session_idle: 2h
  max_connections: 64
)";

// A member of the schedule, as the catalog would keep it.
std::string OfSchedule(const Config& config, const std::string& key) {
  const auto spec = jobs::ScheduleFromText(config.schedules.at(0).id, config.schedules.at(0).text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.ok() ? Json::parse(jobs::ToText(*spec)).at(key).dump() : "";
}

std::string ErrorOf(const std::string& yaml) {
  const auto config = ParseConfig(yaml, "aerie.yaml");
  EXPECT_EQ(KindOf(config.status()), Kind::kInvalid);
  return std::string(config.status().message());
}

TEST(Config, EveryDocumentedKeyIsReadAndHasAnEffect) {
  const auto config = ParseConfig(kWhole, "aerie.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  const ClusterConfig& prod = config->clusters.at("prod");
  const RepositoryConfig& main = config->repositories.at("main");
  const S3Config& s3 = config->repositories.at("cloud").s3;
  const std::map<std::string, std::pair<std::string, std::string>> values = {
      {"clusters.NAME.uri", {prod.uri, "milvus://db:19530"}},
      {"clusters.NAME.user", {prod.user, "root"}},
      {"clusters.NAME.password", {prod.password, "${env:PW}"}},
      {"clusters.NAME.token", {prod.token, "tok"}},
      {"clusters.NAME.database", {prod.database, "dbname"}},
      {"clusters.NAME.ca", {prod.ca, "ca.pem"}},
      {"clusters.NAME.cert", {prod.cert, "cert.pem"}},
      {"clusters.NAME.key", {prod.key, "key.pem"}},
      {"clusters.NAME.server_name", {prod.server_name, "db.example"}},
      {"clusters.NAME.limit_rows", {prod.limits.rows, "5000/s"}},
      {"clusters.NAME.latency_target", {prod.limits.latency_target, "50ms"}},
      {"clusters.NAME.adaptive", {prod.limits.adaptive, "false"}},
      {"repositories.NAME.limit_upload", {main.limits.upload, "20MB/s"}},
      {"repositories.NAME.limit_download", {main.limits.download, "30MB/s"}},
      {"repositories.NAME.limit_requests", {main.limits.requests, "100/s"}},
      {"repositories.NAME.limit_connections", {main.limits.connections, "4"}},
      {"repositories.NAME.url", {main.url, "/backups"}},
      {"repositories.NAME.password", {main.password, "${file:/p}"}},
      {"repositories.NAME.endpoint", {s3.endpoint, "https://minio:9000"}},
      {"repositories.NAME.region", {s3.region, "eu-central-1"}},
      {"repositories.NAME.path_style", {s3.path_style == false ? "false" : "?", "false"}},
      {"repositories.NAME.ca", {s3.ca, "s3.pem"}},
      {"repositories.NAME.access_key", {s3.access_key, "AKIA"}},
      {"repositories.NAME.secret_key", {s3.secret_key, "${env:SECRET}"}},
      {"repositories.NAME.session_token", {s3.session_token, "${env:TOKEN}"}},
      {"repositories.NAME.profile", {s3.profile, "backups"}},
      {"repositories.NAME.storage_class", {s3.storage_class, "STANDARD_IA"}},
      {"repositories.NAME.sse", {s3.sse, "aws:kms"}},
      {"repositories.NAME.sse_kms_key", {s3.sse_kms_key, "key-1"}},
      {"repositories.NAME.immutable_for",
       {s3.immutable_for == std::chrono::hours(24 * 30) ? "30d" : "?", "30d"}},
      {"repositories.NAME.retention_mode", {s3.retention_mode, "GOVERNANCE"}},
      {"api.listen", {config->api.address + " " + std::to_string(config->api.port), "::1 9000"}},
      {"api.tls_cert", {config->api.tls_cert, "api.pem"}},
      {"api.tls_key", {config->api.tls_key, "api.key"}},
      {"api.public_url", {config->api.public_url, "https://aerie.example"}},
      {"api.session_idle", {config->api.session_idle == std::chrono::hours(2) ? "2h" : "?", "2h"}},
      {"api.max_connections", {std::to_string(config->api.max_connections), "64"}},
      {"defaults.cluster", {config->default_cluster, "prod"}},
      {"defaults.repository", {config->default_repository, "main"}},
      {"serve.data_dir", {config->serve.data_dir, "/var/lib/aerie"}},
      {"serve.places", {std::to_string(config->serve.places), "4"}},
      {"serve.keep_history",
       {config->serve.keep_history == std::chrono::hours(24 * 90) ? "90d" : "?", "90d"}},
      {"schedules.NAME.when", {OfSchedule(*config, "when"), "\"daily at 02:00\""}},
      {"schedules.NAME.zone", {OfSchedule(*config, "zone"), "\"Europe/Berlin\""}},
      {"schedules.NAME.jitter", {OfSchedule(*config, "jitter"), "\"600s\""}},
      {"schedules.NAME.window", {OfSchedule(*config, "window"), "\"22:00-06:00\""}},
      {"schedules.NAME.blackouts",
       {OfSchedule(*config, "blackouts"), "[\"2026-12-24..2026-12-26\"]"}},
      {"schedules.NAME.missed", {OfSchedule(*config, "missed"), "\"skip\""}},
      {"schedules.NAME.overlap", {OfSchedule(*config, "overlap"), "\"skip\""}},
      {"schedules.NAME.priority", {OfSchedule(*config, "priority"), "5"}},
      {"schedules.NAME.enabled", {OfSchedule(*config, "enabled"), "false"}},
      {"schedules.NAME.kind", {OfSchedule(*config, "kind"), "\"backup\""}},
      {"schedules.NAME.job",
       {OfSchedule(*config, "job"), "{\"keep\":{\"daily\":\"7\"},\"collections\":[\"docs\"]}"}},
  };
  std::size_t own = 0;
  for (const ConfigKey& key : ConfigKeys()) {
    // config_alerts_test.cc
    if (key.path.starts_with("alerts.")) continue;
    ++own;
    ASSERT_TRUE(values.contains(key.path)) << key.path << " has no test";
    EXPECT_EQ(values.at(key.path).first, values.at(key.path).second) << key.path;
    EXPECT_FALSE(key.about.empty());
  }
  EXPECT_EQ(values.size(), own);
}

TEST(Config, AnUnknownKeyIsNamedWithLineAndTheNearestRightOne) {
  EXPECT_EQ(ErrorOf("clusters:\n  prod:\n    uri: a:1\n    pasword: x\n"),
            "aerie.yaml:4: unknown key 'pasword' in clusters.prod; did you mean 'password'?");
  EXPECT_THAT(ErrorOf("cluster: {}\n"), HasSubstr("aerie.yaml:1: unknown key 'cluster'; did you "
                                                  "mean 'clusters'?"));
  EXPECT_THAT(ErrorOf("clusters: {}\nzzzzzzzzzz: 1\n"), HasSubstr("known keys: clusters"));
}

TEST(Config, WhereTheApiListensIsChecked) {
  for (const char* listen : {"example.com:80", "127.0.0.1:x", "127.0.0.1:99999", ":80"}) {
    EXPECT_THAT(ErrorOf(std::string("api:\n  listen: '") + listen + "'\n"),
                HasSubstr("aerie.yaml:2: 'api.listen' must be an address"))
        << listen;
  }
  EXPECT_THAT(ErrorOf("api: {tls_cert: a.pem}\n"), HasSubstr("go together"));
  EXPECT_THAT(ErrorOf("api: {public_url: aerie.example}\n"), HasSubstr("scheme and host"));
  EXPECT_THAT(ErrorOf("api: {max_connections: 2}\n"), HasSubstr("8 to 10000"));
  EXPECT_THAT(ErrorOf("api: {session_idle: 1s}\n"), HasSubstr("a minute or more"));
  EXPECT_THAT(ErrorOf("api: {listn: x}\n"), HasSubstr("did you mean 'listen'?"));
}

TEST(Config, KeysOfS3AreForS3) {
  EXPECT_EQ(ErrorOf("repositories:\n  main:\n    url: /backups\n    region: x\n"),
            "aerie.yaml:4: 'repositories.main.region' is for a url that begins with s3://");
  EXPECT_THAT(ErrorOf("repositories:\n  main: {url: s3://b/p, path_style: maybe}\n"),
              HasSubstr("must be true or false"));
  EXPECT_EQ(ErrorOf("repositories:\n  main: {url: /backups, immutable_for: 30d}\n"),
            "aerie.yaml:2: 'repositories.main.immutable_for' is for a url that begins with s3://");
  EXPECT_THAT(ErrorOf("repositories:\n  main: {url: s3://b/p, immutable_for: 30}\n"),
              HasSubstr("'repositories.main.immutable_for' 30: give a number and a unit"));
}

TEST(Config, WrongValuesAreErrors) {
  EXPECT_THAT(ErrorOf("clusters:\n  prod: {user: x}\n"),
              HasSubstr("'clusters.prod.uri' is missing"));
  EXPECT_THAT(ErrorOf("clusters:\n  prod: {uri: [1]}\n"), HasSubstr("must be a text"));
  EXPECT_THAT(ErrorOf("clusters: [1]\n"), HasSubstr("'clusters' must be a mapping"));
  EXPECT_THAT(ErrorOf("repositories:\n  main: {}\n"), HasSubstr("'repositories.main.url'"));
  EXPECT_THAT(ErrorOf("a: [\n"), HasSubstr("aerie.yaml:"));
  EXPECT_THAT(ErrorOf("repositories:\n  main: {url: /b, limit_upload: 20}\n"),
              HasSubstr("aerie.yaml:2: limit_upload 20: give bytes a second with their unit"));
  EXPECT_THAT(ErrorOf("clusters:\n  prod: {uri: 'a:1', latency_target: 50}\n"),
              HasSubstr("latency_target 50: give a time"));
  EXPECT_THAT(ErrorOf("clusters:\n  prod: {uri: 'a:1', adaptive: no way}\n"),
              HasSubstr("must be true or false"));
  EXPECT_THAT(ErrorOf("clusters: {prod: {uri: 'a:1'}}\ndefaults: {cluster: prud}\n"),
              HasSubstr("did you mean 'prod'?"));
}

TEST(Config, WrongSchedulesAreErrors) {
  EXPECT_THAT(ErrorOf("serve: {places: 0}\n"), HasSubstr("a number between 1 and 64"));
  EXPECT_THAT(ErrorOf("serve: {place: 1}\n"), HasSubstr("did you mean 'places'?"));
  EXPECT_THAT(ErrorOf("schedules: [1]\n"), HasSubstr("'schedules' must be a mapping"));
  EXPECT_THAT(ErrorOf("schedules:\n  a: {when: daily, kind: backup, zome: UTC}\n"),
              HasSubstr("aerie.yaml:2: unknown key 'zome' in schedules.a; did you mean 'zone'?"));
  EXPECT_THAT(ErrorOf("schedules:\n  a: {when: never, kind: backup}\n"),
              HasSubstr("aerie.yaml:2: "));
  EXPECT_THAT(ErrorOf("schedules:\n  a: {when: daily}\n"), HasSubstr("'schedules.a.kind'"));
  EXPECT_THAT(ErrorOf("schedules:\n  a: {when: daily, kind: backup, priority: high}\n"),
              HasSubstr("must be a number"));
}

TEST(Config, NothingIsAConfiguration) {
  const auto config = ParseConfig("", "aerie.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->clusters.empty());
  EXPECT_TRUE(config->default_cluster.empty());
}

TEST(Config, TheFileIsTheNamedOneOrTheEnvironments) {
  EXPECT_EQ(KindOf(LoadConfig("/nowhere/aerie.yaml").status()), Kind::kNotFound);
  const std::string path = testing::TempDir() + "/config_test_aerie.yaml";
  std::ofstream(path) << kWhole;
  ASSERT_EQ(LoadConfig(path)->default_cluster, "prod");
  setenv("AERIE_CONFIG", path.c_str(), 1);
  const auto config = LoadConfig(std::nullopt);
  unsetenv("AERIE_CONFIG");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->file, path);
  std::remove(path.c_str());
}

TEST(Config, TheNearestName) {
  EXPECT_EQ(NearestName("pasword", {"user", "password"}), "password");
  EXPECT_EQ(NearestName("quite else", {"user", "password"}), "");
}

}  // namespace
}  // namespace aerie::app
