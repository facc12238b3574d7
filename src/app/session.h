// Wiring: from what the user named to open clusters and repositories.
//
// One Session a command or a run of a job; used from one thread, what it opens is thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/config.h"
#include "app/limits.h"
#include "app/secret_flags.h"
#include "base/context.h"
#include "base/progress.h"
#include "base/secret.h"
#include "milvus/client.h"
#include "objects/object_store.h"
#include "objects/sftp_options.h"
#include "repo/kdf_cost.h"
#include "repo/repository.h"
#include "rows/schema.h"

namespace aerie::app {

// What the command line says about reaching a cluster; empty: not said. Password and token come
// from the flags, else the configuration, else $MILVUS_PASSWORD and $MILVUS_TOKEN; of a second
// cluster, from other flags and variables, so that none is sent to the wrong one.
struct ClusterFlags {
  std::string user;
  SecretFlags password;
  SecretFlags token;
  std::string ca;
  std::string cert;
  std::string key;
  std::string server_name;
  ClusterLimitTexts limits = {};
  std::string stem = "--";                  // what its flags begin with
  std::string variable_prefix = "MILVUS_";  // and its variables
};

// Where a repository's passphrase comes from, first that is given: one of the flags,
// the configuration, $AERIE_PASSWORD, the key folder (see KeyFolder), the terminal.
struct RepositoryFlags {
  SecretFlags password;
  bool unencrypted = false;                  // when a repository is created
  repo::KdfRequest kdf = {};                 // likewise
  bool no_cache = false;                     // see CacheFolder
  const char* password_stem = "--password";  // what its flags begin with
  const char* password_variable = "AERIE_PASSWORD";
  // What to say instead when no passphrase fits, where others than the usual ways give it.
  std::string unfit = {};
  StoreLimitTexts limits = {};
};

struct OpenCluster {
  std::shared_ptr<milvus::Client> client;
  std::string label;  // configured name, or the address without credentials
  transfer::ThrottleOptions throttle = {};
};

struct OpenedRepository {
  std::unique_ptr<repo::Repository> repository;
  bool created = false;
  std::string key_file;  // a generated passphrase was put there; empty otherwise
};

enum class IfAbsent { kFail, kCreate };

// A repository that is there, not opened, and the passphrase that should open it.
struct RepositoryAccess {
  std::shared_ptr<objects::ObjectStore> store;
  Secret passphrase;
  std::string key_file;  // where the passphrase was found in the key folder; empty: it was given
  // The error of a call with `passphrase`; where that does not fit, it says what would.
  std::function<Status(const Status&)> explain;
};

class Session {
 public:
  // Whether a passphrase that is nowhere may be asked for where there is a terminal.
  enum class Asking { kTerminal, kNever };
  // `progress` hears of calls to stores that are made again; it must outlive all that is opened.
  explicit Session(Config config, ProgressSink& progress = NoProgress(),
                   Asking asking = Asking::kTerminal)
      : config_(std::move(config)), progress_(progress), asking_(asking) {}
  const Config& config() const { return config_; }

  // `text` is a configured name or an address; empty: the configured default.
  Result<OpenCluster> Cluster(const Context& context, const std::string& text,
                              const ClusterFlags& flags) const;

  // `text` is a configured name, a path or a URL; empty: the configured default. `is_empty`, when
  // given, is called before a key is derived if no snapshot is stored there. A passphrase that is
  // given and does not fit is kWrongKey, though one in the key folder may fit, which is said then.
  Result<OpenedRepository> Repository(const Context& context, const std::string& text,
                                      const RepositoryFlags& flags, IfAbsent absent,
                                      const std::function<void()>& is_empty = {}) const;

  // For how long the configuration wants its snapshots to be immutable; zero: it says nothing.
  Duration ImmutableFor(const std::string& text) const;

  // The same without opening it, for what is done to its keys. kNotFound when there is none.
  Result<RepositoryAccess> Access(const Context& context, const std::string& text,
                                  const RepositoryFlags& flags) const;

  // A place for files that are no repository: a path or a URL. Nothing is read or made yet.
  Result<std::shared_ptr<objects::ObjectStore>> Folder(const std::string& text) const;

  // A place of a bundle: as that of a repository (a configured name, a path, a URL), and with `ssh`
  // sftp:// too.
  Result<std::shared_ptr<objects::ObjectStore>> BundlePlace(const Context& context,
                                                            const std::string& text,
                                                            const StoreLimitTexts& limits,
                                                            const objects::SshOptions* ssh) const;

  // Whether `text` names a cluster (configured, or shaped like an address) and not a snapshot.
  bool LooksLikeCluster(const std::string& text) const;

 private:
  struct Located {
    std::shared_ptr<objects::ObjectStore> store;
    std::string url;
    std::string configured_password;
  };
  // Asks again what may succeed then, as patiently as fits the medium of `url`.
  std::shared_ptr<objects::ObjectStore> Patient(std::shared_ptr<objects::ObjectStore> bare,
                                                const std::string& url) const;
  Result<Located> Locate(const Context& context, const std::string& text,
                         const StoreLimitTexts& limits, const objects::SshOptions* ssh) const;

  bool HasTerminal() const;
  // Of an existing repository when none was given: the key folder, then the terminal.
  Result<Secret> FoundPassphrase(const Context& context,
                                 const std::shared_ptr<objects::ObjectStore>& store) const;

  Config config_;
  ProgressSink& progress_;
  const Asking asking_;
};

// "THING/database.collection" -> THING and the name; a text without such an end is THING alone.
struct Target {
  std::string thing;
  std::optional<rows::CollectionName> collection;
};
Target ParseTarget(const std::string& text);

// A passphrase that is new to a repository: one of the flags, $AERIE_NEW_PASSWORD, or asked for
// twice on the terminal. kInvalid when there is none of these.
Result<Secret> NewPassphrase(const Context& context, const SecretFlags& flags);
// The same where a new one is a choice: none when none was given, and nobody is asked.
Result<std::optional<Secret>> FindNewPassphrase(const Context& context, const SecretFlags& flags);

// An address without its credentials; "(not a valid URI)" for what is none.
std::string RedactedUri(const std::string& uri);

// Folder of passphrases that Aerie generated itself, one file a repository id:
// $AERIE_KEY_DIR, or $XDG_CONFIG_HOME/aerie/keys, or ~/.config/aerie/keys.
Result<std::string> KeyFolder();

// Folder of what can be fetched again (lists of snapshots): $AERIE_CACHE_DIR, or
// $XDG_CACHE_HOME/aerie, or ~/.cache/aerie; empty without a home.
std::string CacheFolder();

// Folder of what is believed between runs, such as what a sync left where: $AERIE_STATE_DIR, or
// $XDG_STATE_HOME/aerie, or ~/.local/state/aerie.
Result<std::string> StateFolder();

}  // namespace aerie::app
