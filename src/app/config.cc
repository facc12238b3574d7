#include "app/config.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <numeric>
#include <sstream>

#include <yaml-cpp/yaml.h>

#include "app/yaml_section.h"

namespace aerie::app {
namespace {

// Limits are checked with the rest, and made into numbers when they are needed.
void ReadLimits(Section& section, const YAML::Node& node, ClusterLimitTexts& out) {
  section.Text("limit_rows", out.rows);
  section.Text("latency_target", out.latency_target);
  std::optional<bool> adaptive;
  section.Flag("adaptive", adaptive);
  if (adaptive) out.adaptive = *adaptive ? "true" : "false";
  const auto parsed = ThrottleOf({}, out);
  if (!parsed.ok()) section.Fail(node, std::string(parsed.status().message()));
}

void ReadLimits(Section& section, const YAML::Node& node, StoreLimitTexts& out) {
  section.Text("limit_upload", out.upload);
  section.Text("limit_download", out.download);
  section.Text("limit_requests", out.requests);
  section.Text("limit_connections", out.connections);
  const auto parsed = StoreLimitsOf({}, out);
  if (!parsed.ok()) section.Fail(node, std::string(parsed.status().message()));
}

Status ReadCluster(const YAML::Node& node, const std::string& file, const std::string& path,
                   ClusterConfig& out) {
  Section section(node, file, path);
  section.Text("uri", out.uri);
  section.Text("user", out.user);
  section.Text("password", out.password);
  section.Text("token", out.token);
  section.Text("database", out.database);
  section.Text("ca", out.ca);
  section.Text("cert", out.cert);
  section.Text("key", out.key);
  section.Text("server_name", out.server_name);
  ReadLimits(section, node, out.limits);
  if (out.uri.empty()) section.Fail(node, "'" + path + ".uri' is missing");
  return section.Finish();
}

constexpr std::pair<const char*, std::string S3Config::*> kS3Texts[] = {
    {"endpoint", &S3Config::endpoint},
    {"region", &S3Config::region},
    {"ca", &S3Config::ca},
    {"access_key", &S3Config::access_key},
    {"secret_key", &S3Config::secret_key},
    {"session_token", &S3Config::session_token},
    {"profile", &S3Config::profile},
    {"storage_class", &S3Config::storage_class},
    {"sse", &S3Config::sse},
    {"sse_kms_key", &S3Config::sse_kms_key},
    {"retention_mode", &S3Config::retention_mode},
};

void ReadS3(Section& section, const std::string& url, S3Config& out) {
  for (const auto& [key, member] : kS3Texts) section.Text(key, out.*member);
  section.Flag("path_style", out.path_style);
  section.Time("immutable_for", out.immutable_for);
  if (url.starts_with("s3://")) return;
  for (const auto& [key, member] : kS3Texts)
    section.Refuse(key, "is for a url that begins with s3://");
  section.Refuse("path_style", "is for a url that begins with s3://");
  section.Refuse("immutable_for", "is for a url that begins with s3://");
}

Status ReadRepository(const YAML::Node& node, const std::string& file, const std::string& path,
                      RepositoryConfig& out) {
  Section section(node, file, path);
  section.Text("url", out.url);
  section.Text("password", out.password);
  if (out.url.empty()) section.Fail(node, "'" + path + ".url' is missing");
  ReadS3(section, out.url, out.s3);
  ReadLimits(section, node, out.limits);
  return section.Finish();
}

template <class T, class Reader>
Status ReadNamed(const YAML::Node& node, const std::string& file, const std::string& path,
                 std::map<std::string, T>& out, Reader read) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  if (!node.IsMap()) {
    return InvalidError(file + ":" + std::to_string(node.Mark().line + 1) + ": '" + path +
                        "' must be a mapping of names");
  }
  for (const auto& entry : node) {
    const std::string name = entry.first.Scalar();
    AERIE_TRY(read(entry.second, file, path + "." + name, out[name]));
  }
  return Ok();
}

template <class T>
Status CheckDefault(const YAML::Node& defaults, const std::string& name,
                    const std::map<std::string, T>& known, const std::string& file,
                    const char* what) {
  if (name.empty() || known.contains(name)) return Ok();
  std::vector<std::string> names;
  for (const auto& [key, value] : known) names.push_back(key);
  const std::string near = NearestName(name, names);
  const int line = defaults[what].Mark().line + 1;
  return InvalidError(file + ":" + std::to_string(line) + ": defaults." + what + " names '" + name +
                      "', which is not configured" +
                      (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

std::size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::vector<ConfigKey> Joined(std::initializer_list<std::vector<ConfigKey>> sections) {
  std::vector<ConfigKey> all;
  for (const auto& section : sections) all.insert(all.end(), section.begin(), section.end());
  return all;
}

}  // namespace

const std::vector<ConfigKey>& ConfigKeys() {
  static const std::vector<ConfigKey> own = {
      {"clusters.NAME.uri", "address: http://host:19530, milvus+tls://user:password@host/database"},
      {"clusters.NAME.user", "user name, when not in the URI"},
      {"clusters.NAME.password",
       "password; ${env:X}, ${file:P}, ${command:C} or ${fd:N} say where it is kept"},
      {"clusters.NAME.token", "token instead of user and password; references as above"},
      {"clusters.NAME.database", "database meant when none is said"},
      {"clusters.NAME.ca", "PEM file of the authority that signed the server's certificate"},
      {"clusters.NAME.cert", "PEM file of the client's certificate, for mutual TLS"},
      {"clusters.NAME.key", "PEM file of the client's key, for mutual TLS"},
      {"clusters.NAME.server_name", "name the server's certificate must bear, if not the host's"},
      {"clusters.NAME.limit_rows", "rows read a second at most, such as 5000/s"},
      {"clusters.NAME.latency_target",
       "read slower while the cluster answers in more, such as 50ms"},
      {"clusters.NAME.adaptive", "false: do not read slower when the cluster answers slowly"},
      {"repositories.NAME.url", "path, file:///path or s3://bucket/prefix"},
      {"repositories.NAME.password", "passphrase; references as above"},
      {"repositories.NAME.endpoint", "S3: https://host or http://host:port, when it is not AWS"},
      {"repositories.NAME.region", "S3: region; also AWS_REGION or the AWS profile"},
      {"repositories.NAME.path_style", "S3: true for host/bucket/key, false for bucket.host/key"},
      {"repositories.NAME.ca",
       "S3: PEM file of the authority that signed the endpoint's certificate"},
      {"repositories.NAME.access_key", "S3: access key; references as above"},
      {"repositories.NAME.secret_key", "S3: secret key; references as above"},
      {"repositories.NAME.session_token", "S3: token of temporary keys; references as above"},
      {"repositories.NAME.profile", "S3: profile of the AWS configuration files"},
      {"repositories.NAME.storage_class", "S3: storage class of new objects, such as STANDARD_IA"},
      {"repositories.NAME.sse", "S3: encryption at the server, AES256 or aws:kms"},
      {"repositories.NAME.sse_kms_key", "S3: the KMS key for aws:kms"},
      {"repositories.NAME.limit_upload", "bytes written a second at most, such as 20MB/s"},
      {"repositories.NAME.limit_download", "bytes read a second at most, such as 20MB/s"},
      {"repositories.NAME.limit_requests", "requests a second at most, such as 100/s"},
      {"repositories.NAME.limit_connections", "requests at a time at most"},
      {"repositories.NAME.immutable_for",
       "S3: time, such as 30d, for which object lock keeps each new snapshot from everybody"},
      {"repositories.NAME.retention_mode",
       "S3: mode of that, COMPLIANCE (default) or GOVERNANCE, which special rights can undo"},
      {"api.listen", "address and port of the daemon (127.0.0.1:8710)"},
      {"api.tls_cert", "PEM file of its certificate; needed beyond this machine"},
      {"api.tls_key", "PEM file of the certificate's key"},
      {"api.public_url", "where browsers reach it, such as https://aerie.example behind a proxy"},
      {"api.session_idle", "a login ends when it was not used for so long (12h)"},
      {"api.max_connections", "connections at a time at most (512)"},
      {"defaults.cluster", "cluster meant when --cluster is not given"},
      {"defaults.repository", "repository meant when --repo is not given"},
      {"serve.data_dir", "folder of the daemon: catalog and, without another one, a repository"},
      {"serve.places", "jobs that run at once (2)"},
      {"serve.keep_history", "how long jobs that ended are kept (400d)"},
      {"schedules.NAME.when", "such as 'daily at 02:00', or a cron expression"},
      {"schedules.NAME.zone", "time zone of the IANA list (UTC)"},
      {"schedules.NAME.jitter", "up to so much later, such as 10m"},
      {"schedules.NAME.window", "nothing starts outside, such as 22:00-06:00"},
      {"schedules.NAME.blackouts", "list: nothing starts within, such as 2026-12-24..2026-12-26"},
      {"schedules.NAME.missed", "what becomes of missed times: run-once or skip"},
      {"schedules.NAME.overlap", "what becomes of one while the last still runs: queue or skip"},
      {"schedules.NAME.priority", "of jobs that wait, the higher number starts first (0)"},
      {"schedules.NAME.enabled", "false: nothing is due"},
      {"schedules.NAME.kind", "kind of job, see docs/jobs.md"},
      {"schedules.NAME.job", "its spec, see docs/jobs.md"},
  };
  static const std::vector<ConfigKey> keys = Joined({own, AlertConfigKeys()});
  return keys;
}

std::string NearestName(const std::string& word, const std::vector<std::string>& names) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& name : names) {
    const std::size_t distance = EditDistance(word, name);
    if (distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

Result<Config> ParseConfig(const std::string& yaml, const std::string& file) {
  Config config;
  config.file = file;
  YAML::Node root;
  try {
    root = YAML::Load(yaml);
  } catch (const YAML::Exception& e) {
    return InvalidError(file + ":" + std::to_string(e.mark.line + 1) + ": " + e.msg);
  }
  if (root.IsNull()) return config;
  Section section(root, file, "");
  const YAML::Node clusters = section.Child("clusters");
  const YAML::Node repositories = section.Child("repositories");
  const YAML::Node defaults = section.Child("defaults");
  const YAML::Node serve = section.Child("serve");
  const YAML::Node schedules = section.Child("schedules");
  const YAML::Node alerts = section.Child("alerts");
  const YAML::Node api = section.Child("api");
  AERIE_TRY(section.Finish());
  AERIE_TRY(ReadNamed(clusters, file, "clusters", config.clusters, ReadCluster));
  AERIE_TRY(ReadNamed(repositories, file, "repositories", config.repositories, ReadRepository));
  AERIE_TRY(ReadServe(serve, file, config.serve));
  AERIE_TRY(ReadSchedules(schedules, file, config.schedules));
  AERIE_TRY(ReadApi(api, file, config.api));
  std::vector<std::string> repository_names;
  for (const auto& [name, repository] : config.repositories) repository_names.push_back(name);
  AERIE_ASSIGN(config.alerts, ReadAlerts(alerts, file, repository_names));
  if (defaults.IsDefined() && !defaults.IsNull()) {
    Section names(defaults, file, "defaults");
    names.Text("cluster", config.default_cluster);
    names.Text("repository", config.default_repository);
    AERIE_TRY(names.Finish());
    AERIE_TRY(CheckDefault(defaults, config.default_cluster, config.clusters, file, "cluster"));
    AERIE_TRY(
        CheckDefault(defaults, config.default_repository, config.repositories, file, "repository"));
  }
  return config;
}

Result<Config> LoadConfig(const std::optional<std::string>& path) {
  std::vector<std::string> candidates;
  bool required = true;
  if (path) {
    candidates.push_back(*path);
  } else if (const char* set = std::getenv("AERIE_CONFIG"); set != nullptr && *set != '\0') {
    candidates.emplace_back(set);
  } else {
    required = false;
    if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
      candidates.push_back(std::string(home) + "/.config/aerie/aerie.yaml");
    }
    candidates.emplace_back("/etc/aerie/aerie.yaml");
  }
  for (const std::string& candidate : candidates) {
    std::error_code error;
    if (!required && !std::filesystem::exists(candidate, error)) continue;
    std::ifstream in(candidate, std::ios::binary);
    if (!in) {
      return NotFoundError("read configuration " + candidate +
                           ": it cannot be opened; check --config and the file's permissions");
    }
    std::ostringstream text;
    text << in.rdbuf();
    return ParseConfig(text.str(), candidate);
  }
  return Config{};
}

}  // namespace aerie::app
