// What the API shows of clusters and repositories: each is opened once, read in the background, and
// kept (app/kept.h).
//
// Thread-safe. Nothing is read before Run runs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/backend.h"
#include "app/kept.h"
#include "app/session.h"

namespace aerie::app {

class ApiBackend : public api::Backend {
 public:
  // The session outlives it. `configured`: ids of schedules that the configuration makes.
  ApiBackend(const Session& session, std::set<std::string> configured = {},
             const KeptTimes& times = {});
  ~ApiBackend() override;

  // Reads until the context is cancelled: a service of the daemon.
  Status Run(const Context& context);

  std::vector<api::ClusterView> Clusters() override;
  Result<api::CollectionList> Collections(const Context& context,
                                          const std::string& cluster) override;
  std::vector<api::RepositoryView> Repositories(const Context& context) override;
  Result<transfer::DiffResult> Diff(const Context& context, const std::string& repository,
                                    const repo::SnapshotId& left,
                                    const repo::SnapshotId& right) override;
  Status Pin(const Context& context, const std::string& repository,
             const repo::SnapshotId& snapshot, bool pinned) override;
  void Changed(std::int64_t mark) override;
  nlohmann::ordered_json Configuration() override;
  std::string ConfigFile() override;
  std::string DefaultCluster() override;
  std::string DefaultRepository() override;
  std::set<std::string> ConfiguredSchedules() override { return configured_; }

 private:
  struct WatchedCluster;
  struct WatchedRepository;
  Result<WatchedRepository*> FindRepository(const std::string& name);

  const Session& session_;
  const std::set<std::string> configured_;
  std::mutex mark_mutex_;
  std::int64_t mark_ = 0;  // that it was told last
  std::map<std::string, std::unique_ptr<WatchedCluster>> clusters_;
  std::map<std::string, std::unique_ptr<WatchedRepository>> repositories_;
};

}  // namespace aerie::app
