#include "app/session.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <vector>

#include <nlohmann/json.hpp>
#include <sodium.h>

#include "base/bytes.h"
#include "base/secret_source.h"
#include "milvus/uri.h"
#include "objects/limited_store.h"
#include "objects/open_store.h"
#include "objects/retrying_store.h"

namespace aerie::app {
namespace {

std::string EnvOr(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

// The secret in an environment variable; none when it is not set or empty.
Result<std::optional<Secret>> FromEnvironment(const char* name) {
  if (EnvOr(name, "").empty()) return std::optional<Secret>();
  AERIE_ASSIGN(Secret secret, SecretFromVariable(name));
  return std::optional(std::move(secret));
}

// Of a cluster: flags before configuration before environment. A copy for gRPC, which keeps texts.
Result<std::string> LoginSecret(const Context& context, const SecretFlags& flags,
                                const std::string& stem, const std::string& configured,
                                const std::string& variable) {
  AERIE_ASSIGN(std::optional<Secret> secret, SecretOf(context, flags, stem));
  if (!secret && !configured.empty()) {
    AERIE_ASSIGN(secret, ResolveSecret(context, configured));
  }
  if (!secret) {
    AERIE_ASSIGN(secret, FromEnvironment(variable.c_str()));
  }
  return std::string(secret ? secret->Reveal() : "");
}

// Reads a line from the terminal without showing it.
Result<Secret> Ask(const std::string& prompt) {
  std::fputs(prompt.c_str(), stderr);
  termios before{};
  tcgetattr(STDIN_FILENO, &before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  std::string line;
  std::getline(std::cin, line);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  std::fputs("\n", stderr);
  if (line.empty()) return InvalidError("read the passphrase: it is empty");
  return Secret::TakeFrom(line);
}

Result<Secret> AskTwice(const std::string& prompt) {
  AERIE_ASSIGN(Secret passphrase, Ask(prompt));
  AERIE_ASSIGN(const Secret again, Ask("the same once more: "));
  if (!(again == passphrase)) return InvalidError("what was typed twice differs; try again");
  return passphrase;
}

bool IsTerminal() { return isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0; }

// A passphrase of 160 random bits, kept where only this user reads it.
Result<std::string> KeepGenerated(const std::string& repository_id, const Secret& passphrase) {
  AERIE_ASSIGN(const std::string folder, KeyFolder());
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder, error);
  if (error) {
    return FailedError("make key folder " + folder + ": " + error.message() +
                       "; set AERIE_PASSWORD or --password-file instead");
  }
  // A folder that was there is the user's: its permissions are not ours to change.
  if (made) chmod(folder.c_str(), 0700);
  const std::string path = folder + "/" + repository_id;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return FailedError("write key " + path + ": " + std::strerror(errno));
  const std::string line = std::string(passphrase.Reveal()) + "\n";
  const bool written =
      write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && fsync(fd) == 0;
  close(fd);
  if (!written) return FailedError("write key " + path + ": " + std::strerror(errno));
  return path;
}

constexpr char kPending[] = "new-";

// Random, since process numbers repeat in containers and a leftover must not be in the way.
std::string PendingName() {
  unsigned char bytes[8];
  randombytes_buf(bytes, sizeof bytes);
  return kPending + ToHex(bytes);
}

void SyncFolder(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

Result<Secret> Generate() {
  if (sodium_init() < 0) return InternalError("start libsodium");
  unsigned char bytes[20];
  randombytes_buf(bytes, sizeof bytes);
  char text[64];
  sodium_bin2base64(text, sizeof text, bytes, sizeof bytes,
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return Secret(text);
}

// The repository's id, which stands in the clear, without opening it.
Result<std::string> RepositoryId(const Context& context, objects::ObjectStore& store) {
  AERIE_ASSIGN(const Bytes config, store.Get(context, {"config"}));
  const auto text = AsText(config);
  const auto json = nlohmann::json::parse(text.substr(0, text.find('\n')), nullptr, false);
  if (!json.is_object() || !json.contains("id") || !json["id"].is_string()) {
    return CorruptError("read config of " + store.Describe() + ": it is damaged");
  }
  return json["id"].get<std::string>();
}

Result<objects::S3Options> S3OptionsOf(const Context& context, const S3Config& config) {
  objects::S3Options out;
  out.endpoint = config.endpoint;
  out.region = config.region;
  out.path_style = config.path_style;
  out.ca = config.ca;
  AERIE_ASSIGN(const Secret access_key, ResolveSecret(context, config.access_key));
  out.access_key = access_key.Reveal();
  AERIE_ASSIGN(out.secret_key, ResolveSecret(context, config.secret_key));
  AERIE_ASSIGN(out.session_token, ResolveSecret(context, config.session_token));
  out.profile = config.profile;
  out.storage_class = config.storage_class;
  out.sse = config.sse;
  out.sse_kms_key = config.sse_kms_key;
  out.retention_mode = config.retention_mode;
  return out;
}

struct GivenPassphrase {
  std::optional<Secret> secret;
  std::string source;    // "AERIE_PASSWORD"
  std::string withdraw;  // how to give it no longer: "unset AERIE_PASSWORD"
};

// A passphrase that was given in words: flag, configuration, environment. What is said for this
// repository goes before what is said for all.
Result<GivenPassphrase> FindGiven(const Context& context, const RepositoryFlags& flags,
                                  const std::string& configured) {
  GivenPassphrase given;
  AERIE_ASSIGN(given.secret, SecretOf(context, flags.password, flags.password_stem));
  if (given.secret) {
    given.source = GivenFlags(flags.password, flags.password_stem).front();
    given.withdraw = "leave it out";
    return given;
  }
  if (!configured.empty()) {
    AERIE_ASSIGN(given.secret, ResolveSecret(context, configured));
    given.source = "the password in the configuration";
    given.withdraw = "take it out";
    return given;
  }
  AERIE_ASSIGN(given.secret, FromEnvironment(flags.password_variable));
  given.source = flags.password_variable;
  given.withdraw = "unset it";
  return given;
}

// The file of the key folder that has the generated passphrase of a repository; none: it has none.
std::optional<std::string> KeptKeyFile(const std::string& repository_id) {
  const auto folder = KeyFolder();
  if (!folder.ok()) return std::nullopt;
  std::string path = *folder + "/" + repository_id;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  return path;
}

// The error of a call with a passphrase that was given. What is given is not passed over for one
// that is found, but where that one would have fitted, the error says so.
Status WithKeptKey(const Context& context, const std::shared_ptr<objects::ObjectStore>& store,
                   const GivenPassphrase& given, const RepositoryFlags& flags,
                   const Status& status) {
  if (KindOf(status) != Kind::kWrongKey) return status;
  const Status usual = flags.unfit.empty() ? status : WithMessage(status, flags.unfit);
  const auto id = RepositoryId(context, *store);
  if (!given.secret || !id.ok()) return usual;
  const auto kept = KeptKeyFile(*id);
  if (!kept) return usual;
  const auto secret = SecretFromFile(*kept);
  if (!secret.ok() || !repo::OpenRepository(context, store, *secret).ok()) return usual;
  return WithMessage(status, "open repository " + store->Describe() + ": " + given.source +
                                 " does not fit; the passphrase that was generated for it does, " +
                                 "but what is given goes before: " + given.withdraw + ", or use " +
                                 flags.password_stem + "-file " + *kept);
}

// The key of a repository whose making was cut off before the key got the repository's name: it is
// the pending one that opens it, and gets the name now.
Result<std::optional<Secret>> PendingPassphrase(const Context& context,
                                                const std::shared_ptr<objects::ObjectStore>& store,
                                                const std::string& folder, const std::string& id) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (!entry.path().filename().string().starts_with(kPending)) continue;
    auto secret = SecretFromFile(entry.path().string());
    if (!secret.ok()) continue;
    const auto opened = repo::OpenRepository(context, store, *secret);
    if (KindOf(opened.status()) == Kind::kWrongKey) continue;
    AERIE_TRY(opened.status());
    const std::string path = folder + "/" + id;
    if (std::rename(entry.path().c_str(), path.c_str()) != 0) {
      return FailedError("keep key " + path + ": " + std::strerror(errno) + "; it is in " +
                         entry.path().string());
    }
    SyncFolder(folder);
    return std::optional(*std::move(secret));
  }
  return std::optional<Secret>();
}

Status NoRepository(const objects::ObjectStore& store) {
  return NotFoundError("open repository " + store.Describe() +
                       ": there is none; check --repo, or make one with aerie repo init");
}

}  // namespace

bool Session::HasTerminal() const { return asking_ == Asking::kTerminal && IsTerminal(); }

Result<Secret> Session::FoundPassphrase(const Context& context,
                                        const std::shared_ptr<objects::ObjectStore>& store) const {
  AERIE_ASSIGN(const std::string id, RepositoryId(context, *store));
  if (const auto kept = KeptKeyFile(id)) return SecretFromFile(*kept);
  if (const auto folder = KeyFolder(); folder.ok()) {
    AERIE_ASSIGN(auto pending, PendingPassphrase(context, store, *folder, id));
    if (pending) return *std::move(pending);
  }
  if (HasTerminal()) return Ask("passphrase of " + store->Describe() + ": ");
  return Secret();
}

Result<std::optional<Secret>> FindNewPassphrase(const Context& context, const SecretFlags& flags) {
  AERIE_ASSIGN(std::optional<Secret> secret, SecretOf(context, flags, "--new-password"));
  if (secret) return secret;
  return FromEnvironment("AERIE_NEW_PASSWORD");
}

Result<Secret> NewPassphrase(const Context& context, const SecretFlags& flags) {
  AERIE_ASSIGN(std::optional<Secret> secret, FindNewPassphrase(context, flags));
  if (secret) return *std::move(secret);
  if (IsTerminal()) return AskTwice("new password: ");
  return InvalidError(
      "no new password was given; use --new-password-file, --new-password-command or "
      "--new-password-fd, or set AERIE_NEW_PASSWORD");
}

std::string CacheFolder() {
  if (const std::string set = EnvOr("AERIE_CACHE_DIR", ""); !set.empty()) return set;
  if (const std::string xdg = EnvOr("XDG_CACHE_HOME", ""); !xdg.empty()) return xdg + "/aerie";
  const std::string home = EnvOr("HOME", "");
  return home.empty() ? "" : home + "/.cache/aerie";
}

Result<std::string> KeyFolder() {
  if (const std::string set = EnvOr("AERIE_KEY_DIR", ""); !set.empty()) return set;
  if (const std::string xdg = EnvOr("XDG_CONFIG_HOME", ""); !xdg.empty()) {
    return xdg + "/aerie/keys";
  }
  const std::string home = EnvOr("HOME", "");
  if (home.empty()) {
    return InvalidError(
        "find the key folder: HOME is not set; set AERIE_PASSWORD or AERIE_KEY_DIR");
  }
  return home + "/.config/aerie/keys";
}

Result<std::string> StateFolder() {
  if (const std::string set = EnvOr("AERIE_STATE_DIR", ""); !set.empty()) return set;
  if (const std::string xdg = EnvOr("XDG_STATE_HOME", ""); !xdg.empty()) return xdg + "/aerie";
  const std::string home = EnvOr("HOME", "");
  if (home.empty()) {
    return InvalidError("find the state folder: HOME is not set; set AERIE_STATE_DIR");
  }
  return home + "/.local/state/aerie";
}

Target ParseTarget(const std::string& text) {
  Target target{text, std::nullopt};
  const auto slash = text.rfind('/');
  if (slash == std::string::npos || slash == 0) return target;
  const std::string end = text.substr(slash + 1);
  const auto dot = end.find('.');
  // "//host.name:port" is an address, not a collection.
  if (dot == std::string::npos || dot == 0 || dot + 1 == end.size() || text[slash - 1] == '/') {
    return target;
  }
  target.thing = text.substr(0, slash);
  target.collection = rows::CollectionName{end.substr(0, dot), end.substr(dot + 1)};
  return target;
}

bool Session::LooksLikeCluster(const std::string& text) const {
  if (config_.clusters.contains(text)) return true;
  return text.find("://") != std::string::npos || text.find(':') != std::string::npos;
}

std::string RedactedUri(const std::string& uri) {
  const auto parsed = milvus::ParseClusterUri(uri);
  return parsed.ok() ? parsed->ToString() : "(not a valid URI)";
}

Result<OpenCluster> Session::Cluster(const Context& context, const std::string& text,
                                     const ClusterFlags& flags) const {
  const std::string named = text.empty() ? config_.default_cluster : text;
  if (named.empty()) {
    return InvalidError(
        "no cluster is named: give its address, such as http://127.0.0.1:19530, or configure "
        "defaults.cluster");
  }
  OpenCluster out;
  std::string uri_text = named;
  std::string password;
  std::string token;
  milvus::ClientOptions options;
  ClusterLimitTexts configured_limits;
  if (const auto it = config_.clusters.find(named); it != config_.clusters.end()) {
    const ClusterConfig& cluster = it->second;
    uri_text = cluster.uri;
    out.label = named;
    configured_limits = cluster.limits;
    options.user = cluster.user;
    options.database = cluster.database;
    options.tls = {cluster.ca, cluster.cert, cluster.key, cluster.server_name};
    password = cluster.password;
    token = cluster.token;
  } else if (!LooksLikeCluster(named)) {
    std::vector<std::string> names;
    for (const auto& [name, cluster] : config_.clusters) names.push_back(name);
    const std::string near = NearestName(named, names);
    return InvalidError(
        "cluster '" + named + "' is neither configured nor an address" +
        (near.empty() ? "; write it as http://host:port" : "; did you mean '" + near + "'?"));
  }
  if (!flags.user.empty()) options.user = flags.user;
  AERIE_ASSIGN(options.password,
               LoginSecret(context, flags.password, flags.stem + "cluster-password", password,
                           flags.variable_prefix + "PASSWORD"));
  AERIE_ASSIGN(options.token, LoginSecret(context, flags.token, flags.stem + "token", token,
                                          flags.variable_prefix + "TOKEN"));
  if (!flags.ca.empty()) options.tls.ca_file = flags.ca;
  if (!flags.cert.empty()) options.tls.cert_file = flags.cert;
  if (!flags.key.empty()) options.tls.key_file = flags.key;
  if (!flags.server_name.empty()) options.tls.server_name = flags.server_name;
  AERIE_ASSIGN(out.throttle, ThrottleOf(flags.limits, configured_limits));
  AERIE_ASSIGN(const milvus::ClusterUri uri, milvus::ParseClusterUri(uri_text));
  // A password in the environment says nothing about a cluster that is addressed without a user.
  if (options.user.empty() && uri.user.empty()) options.password.clear();
  AERIE_ASSIGN(out.client, milvus::Client::Open(context, uri, options));
  if (out.label.empty()) out.label = out.client->cluster();
  return out;
}

// Without `ssh` an sftp:// address is refused.
Result<Session::Located> Session::Locate(const Context& context, const std::string& text,
                                         const StoreLimitTexts& limit_texts,
                                         const objects::SshOptions* ssh) const {
  const std::string named = text.empty() ? config_.default_repository : text;
  if (named.empty()) {
    return InvalidError(
        "no repository is named: give --repo PATH, or set AERIE_REPO, or configure "
        "defaults.repository");
  }
  Located located;
  located.url = named;
  objects::S3Options s3;
  StoreLimitTexts configured_limits;
  if (const auto it = config_.repositories.find(named); it != config_.repositories.end()) {
    located.url = it->second.url;
    located.configured_password = it->second.password;
    configured_limits = it->second.limits;
    AERIE_ASSIGN(s3, S3OptionsOf(context, it->second.s3));
  }
  AERIE_ASSIGN(const objects::StoreLimits limits, StoreLimitsOf(limit_texts, configured_limits));
  s3.max_send_rate = limits.upload;
  s3.max_receive_rate = limits.download;
  objects::SftpOptions sftp{.max_send_rate = limits.upload, .max_receive_rate = limits.download};
  if (ssh != nullptr) sftp.ssh = *ssh;
  AERIE_ASSIGN(auto bare, objects::OpenStore(located.url, s3, ssh == nullptr ? nullptr : &sftp));
  if (limits.any()) bare = std::make_shared<objects::LimitedStore>(std::move(bare), limits);
  located.store = Patient(std::move(bare), located.url);
  return located;
}

std::shared_ptr<objects::ObjectStore> Session::Patient(std::shared_ptr<objects::ObjectStore> bare,
                                                       const std::string& url) const {
  RetryPolicy policy = objects::RetryPolicyFor(url);
  policy.on_long_wait = [&progress = progress_](const std::string& line) {
    progress.OnProgress({.type = ProgressEvent::Type::kRetrying, .message = line});
  };
  return std::make_shared<objects::RetryingStore>(std::move(bare), policy);
}

Result<std::shared_ptr<objects::ObjectStore>> Session::BundlePlace(
    const Context& context, const std::string& text, const StoreLimitTexts& limits,
    const objects::SshOptions* ssh) const {
  AERIE_ASSIGN(Located located, Locate(context, text, limits, ssh));
  return located.store;
}

Result<std::shared_ptr<objects::ObjectStore>> Session::Folder(const std::string& text) const {
  AERIE_ASSIGN(auto bare, objects::OpenStore(text));
  return Patient(std::move(bare), text);
}

Duration Session::ImmutableFor(const std::string& text) const {
  const auto it = config_.repositories.find(text.empty() ? config_.default_repository : text);
  if (it == config_.repositories.end()) return Duration::zero();
  return it->second.s3.immutable_for.value_or(Duration::zero());
}

Result<RepositoryAccess> Session::Access(const Context& context, const std::string& text,
                                         const RepositoryFlags& flags) const {
  AERIE_ASSIGN(Located located, Locate(context, text, flags.limits, nullptr));
  AERIE_ASSIGN(const bool exists, repo::RepositoryExists(context, *located.store));
  if (!exists) return NoRepository(*located.store);
  RepositoryAccess access{.store = located.store, .passphrase = {}, .key_file = {}, .explain = {}};
  AERIE_ASSIGN(const GivenPassphrase given, FindGiven(context, flags, located.configured_password));
  access.explain = [context, store = located.store, given, flags](const Status& status) {
    return WithKeptKey(context, store, given, flags, status);
  };
  if (given.secret) {
    access.passphrase = *given.secret;
    return access;
  }
  AERIE_ASSIGN(access.passphrase, FoundPassphrase(context, located.store));
  AERIE_ASSIGN(const std::string id, RepositoryId(context, *located.store));
  access.key_file = KeptKeyFile(id).value_or("");
  return access;
}

Result<OpenedRepository> Session::Repository(const Context& context, const std::string& text,
                                             const RepositoryFlags& flags, IfAbsent absent,
                                             const std::function<void()>& is_empty) const {
  AERIE_ASSIGN(const Located located, Locate(context, text, flags.limits, nullptr));
  const auto& store = located.store;
  AERIE_ASSIGN(const bool exists, repo::RepositoryExists(context, *store));
  AERIE_ASSIGN(const GivenPassphrase given, FindGiven(context, flags, located.configured_password));
  std::optional<Secret> passphrase = given.secret;

  OpenedRepository out;
  if (exists) {
    if (!passphrase) {
      AERIE_ASSIGN(passphrase, FoundPassphrase(context, store));
    }
    if (is_empty) {
      AERIE_ASSIGN(const bool has_snapshots, repo::HoldsSnapshots(context, *store));
      if (!has_snapshots) is_empty();
    }
    repo::OpenOptions options;
    // A folder is read as fast as the cache would be.
    if (!flags.no_cache && located.url.starts_with("s3:")) options.cache_folder = CacheFolder();
    auto opened = repo::OpenRepository(context, store, *passphrase, options);
    if (!opened.ok()) return WithKeptKey(context, store, given, flags, opened.status());
    out.repository = *std::move(opened);
    return out;
  }
  if (absent == IfAbsent::kFail) return NoRepository(*store);
  if (is_empty) is_empty();
  repo::CreateOptions create;
  create.encrypted = !flags.unencrypted;
  bool generated = false;
  if (create.encrypted && !passphrase && HasTerminal()) {
    AERIE_ASSIGN(passphrase, AskTwice("new passphrase of " + store->Describe() + ": "));
  } else if (create.encrypted && !passphrase) {
    AERIE_ASSIGN(passphrase, Generate());
    generated = true;
  }
  if (create.encrypted) {
    create.passphrase = *passphrase;
    AERIE_ASSIGN(const repo::KdfCost cost, repo::ChooseKdfCost(flags.kdf));
    create.kdf_passes = cost.passes;
    create.kdf_memory = cost.memory;
  }
  if (generated) {
    // The key must be safe before anything is encrypted with it, so it is kept under a name of its
    // own until the repository's id is known.
    AERIE_ASSIGN(const std::string pending, KeepGenerated(PendingName(), *passphrase));
    auto made = repo::CreateRepository(context, store, create);
    if (!made.ok()) {
      std::remove(pending.c_str());
      return made.status();
    }
    out.repository = *std::move(made);
    AERIE_ASSIGN(const std::string folder, KeyFolder());
    out.key_file = folder + "/" + out.repository->id();
    if (std::rename(pending.c_str(), out.key_file.c_str()) != 0) {
      return FailedError("keep key " + out.key_file + ": " + std::strerror(errno) + "; it is in " +
                         pending);
    }
    SyncFolder(folder);
  } else {
    AERIE_ASSIGN(out.repository, repo::CreateRepository(context, store, create));
  }
  out.created = true;
  return out;
}

}  // namespace aerie::app
