// The configuration: named clusters and repositories, and which of them is meant when none is said.
//
// YAML, checked whole when it is read: an unknown key or a wrong value is an error with file, line
// and the nearest right name. Nothing needs a configuration: URIs and paths stand wherever names
// do. Plain values; read once at the start.
//
//   clusters:
//     prod: {uri: "milvus+tls://db.example:19530", user: root, password: "${env:MILVUS_PASSWORD}"}
//   repositories:
//     main: {url: /backups/milvus, password: "${file:/etc/aerie/repo.pass}"}
//     cloud: {url: s3://backups/milvus, region: eu-central-1, password: "${env:AERIE_CLOUD}"}
//   defaults: {cluster: prod, repository: main}
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/config_alerts.h"
#include "app/config_api.h"
#include "app/config_serve.h"
#include "app/limits.h"
#include "base/clock.h"
#include "base/status.h"

namespace aerie::app {

struct ClusterConfig {
  std::string uri;
  std::string user;
  std::string password;  // may be a reference, see base/secret_source.h
  std::string token;
  std::string database;
  std::string ca;
  std::string cert;
  std::string key;
  std::string server_name;
  ClusterLimitTexts limits = {};
};

// Of a repository in S3, as objects::S3Options; the three keys may be references.
struct S3Config {
  std::string endpoint;
  std::string region;
  std::optional<bool> path_style;
  std::string ca;
  std::string access_key;
  std::string secret_key;
  std::string session_token;
  std::string profile;
  std::string storage_class;
  std::string sse;
  std::string sse_kms_key;
  std::string retention_mode;
  std::optional<Duration> immutable_for;  // of every snapshot, by object lock
};

struct RepositoryConfig {
  std::string url;
  std::string password;  // may be a reference
  S3Config s3 = {};
  StoreLimitTexts limits = {};
};

struct Config {
  std::string file;  // where it came from; empty: no file
  std::map<std::string, ClusterConfig> clusters;
  std::map<std::string, RepositoryConfig> repositories;
  std::string default_cluster;
  std::string default_repository;
  ServeConfig serve = {};
  std::vector<ScheduleConfig> schedules = {};
  AlertsConfig alerts;
  ApiConfig api = {};
};

// One documented key, for `config schema`, the docs and the nearest-name hint.
struct ConfigKey {
  std::string path;  // "clusters.NAME.uri"
  std::string about;
};
const std::vector<ConfigKey>& ConfigKeys();

// kInvalid "aerie.yaml:7: unknown key 'pasword' in clusters.prod; did you mean 'password'?"
Result<Config> ParseConfig(const std::string& yaml, const std::string& file);

// Reads `path` when given (kNotFound if it is not there), else $AERIE_CONFIG, else
// ~/.config/aerie/aerie.yaml, else /etc/aerie/aerie.yaml, else an empty configuration.
Result<Config> LoadConfig(const std::optional<std::string>& path);

// The name of `names` nearest to `word` by edit distance, or "" when none is near.
std::string NearestName(const std::string& word, const std::vector<std::string>& names);

}  // namespace aerie::app
