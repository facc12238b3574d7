// SEAM. What the API shows and does that only rooms above it can reach: clusters and repositories
// by their configured names, what is wrong, the metrics, the files of the page.
//
// All methods are called by several threads at a time. What is slow to get is kept by whoever
// implements them, and told with its age; only what is marked so may take as long as its context
// lets it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/context.h"
#include "base/status.h"
#include "repo/repository.h"
#include "rows/schema.h"
#include "transfer/diff.h"
#include "transfer/row_sizes.h"

namespace aerie::api {

// When something that is kept was read; 0: never yet.
struct Age {
  std::int64_t as_of_ms = 0;
  bool stale = false;  // it is being read anew
};

struct ClusterView {
  std::string name{};
  std::string uri{};  // without credentials
  bool is_default = false;
  std::optional<Status> health{};  // none: not looked at yet
  std::string server_version{};
  std::int64_t checked_ms = 0;
  std::optional<std::int64_t> collections{};
  // Of the collections that were read last: the sizes that are known, and of how many none is.
  // none: not read yet.
  std::optional<std::int64_t> size_bytes{};
  std::optional<std::int64_t> unsized{};
};

struct CollectionView {
  rows::CollectionName name{};
  std::optional<std::int64_t> rows{};
  std::optional<transfer::SizeAbout> size{};  // of the rows, plain
  std::string load_state = "unknown";         // loaded, partly_loaded, not_loaded, unknown
  std::int64_t replicas = 0;
  std::int64_t partitions = 0;
  std::int64_t fields = 0;
  std::int64_t indexes = 0;
  std::vector<std::string> aliases{};
};
struct CollectionList {
  Age age{};
  std::vector<CollectionView> collections{};  // by name
};

// A snapshot with what is said of it.
struct SnapshotView {
  repo::Snapshot snapshot{};
  bool verified = false;
  bool pinned = false;
};
struct RepositoryView {
  std::string name{};
  std::string url{};
  bool is_default = false;
  // none: not read yet; kNotFound: the first backup makes it; else why it could not be read, and
  // then `snapshots` are those of the time before.
  std::optional<Status> health{};
  std::optional<bool> encrypted{};
  Age age{};
  // Newest first. Shared with the backend, never null.
  std::shared_ptr<const std::vector<SnapshotView>> snapshots =
      std::make_shared<const std::vector<SnapshotView>>();
  std::optional<std::int64_t> used_bytes{};  // of the disk
  std::optional<std::int64_t> free_bytes{};
  std::optional<std::int64_t> total_bytes{};
};

class Backend {
 public:
  virtual ~Backend() = default;

  // All that are configured, by name. At once: with what is known.
  virtual std::vector<ClusterView> Clusters() = 0;
  // Waits for what is not known yet, and a little for what has changed. kNotFound for a name that
  // is not configured.
  virtual Result<CollectionList> Collections(const Context& context,
                                             const std::string& cluster) = 0;

  // All that are configured, by name. Waits, as long as the context lets it, for those that were
  // never read, and a little for those that have changed.
  virtual std::vector<RepositoryView> Repositories(const Context& context) = 0;
  // May take long. kNotFound.
  virtual Result<transfer::DiffResult> Diff(const Context& context, const std::string& repository,
                                            const repo::SnapshotId& left,
                                            const repo::SnapshotId& right) = 0;
  // May take long. What was read before is not true any more. kNotFound, kLocked.
  virtual Status Pin(const Context& context, const std::string& repository,
                     const repo::SnapshotId& snapshot, bool pinned) = 0;
  // Jobs may have changed what was read before it was told this number for the first time
  // (JobStore::EndedMark): it is read anew.
  virtual void Changed(std::int64_t mark) = 0;

  // The configuration without secrets.
  virtual nlohmann::ordered_json Configuration() = 0;
  virtual std::string ConfigFile() = 0;  // empty: none
  // Names of a cluster or repository that is meant where a spec says none; empty: none.
  virtual std::string DefaultCluster() = 0;
  virtual std::string DefaultRepository() = 0;
  // Ids of schedules that the configuration makes, which nobody else may change.
  virtual std::set<std::string> ConfiguredSchedules() = 0;
};

// What is wrong: filled by the room that watches.
struct AlertView {
  std::int64_t number = 0;
  std::string rule{};
  std::string about{};
  std::string severity{};  // info, warning, error, critical
  std::string summary{};
  std::vector<std::string> details{};
  std::string remedy{};
  std::int64_t opened_ms = 0;
  std::int64_t acknowledged_ms = 0;  // 0: not
  std::string acknowledged_by{};     // "user:ada"
  std::int64_t resolved_ms = 0;      // 0: open
};
class AlertBook {
 public:
  virtual ~AlertBook() = default;
  // Newest first, those with smaller numbers than `before` (0: all), `limit` at most.
  virtual Result<std::vector<AlertView>> List(bool open_only, std::int64_t before,
                                              std::size_t limit) = 0;
  virtual Result<AlertView> Find(std::int64_t number) = 0;  // kNotFound
  virtual Status Acknowledge(std::int64_t number, const std::string& who) = 0;
  // Grows with each change, so that watchers look again; and how many are open.
  virtual Result<std::int64_t> Version() = 0;
  virtual Result<std::int64_t> OpenCount() = 0;
};

// Files of the page, which live as long as the process.
struct Asset {
  std::string_view content_type{};
  std::string_view bytes{};
  std::string_view gzip{};  // the same, compressed; empty: it is not
  std::string_view etag{};  // with its quotes
  bool immutable = false;   // its name changes with its bytes
};
class Assets {
 public:
  virtual ~Assets() = default;
  // By path, such as "/index.html"; nullopt: there is none.
  virtual std::optional<Asset> Find(std::string_view path) = 0;
};

// Ports that may be absent are null.
struct Ports {
  Backend* backend = nullptr;  // required
  AlertBook* alerts = nullptr;
  Assets* assets = nullptr;
  // The text of /metrics.
  std::function<Result<std::string>()> metrics{};
  // Why the daemon cannot work, by the name of the part; Ok: it can.
  std::function<Status()> ready{};
  // There is a new job, or a word for one.
  std::function<void()> wake{};
};

}  // namespace aerie::api
