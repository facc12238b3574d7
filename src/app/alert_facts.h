// What alerts are judged by, read from the catalog, the configured clusters and the repositories.
//
// One call at a time. Clusters and repositories are asked side by side, each for a bounded time;
// one that does not answer holds up no other. Clusters are asked at each call, repositories when
// what was read of them is old enough, or a job has ended since.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "alerts/facts.h"
#include "app/session.h"
#include "base/context.h"
#include "catalog/job_store.h"
#include "catalog/schedule_store.h"
#include "repo/repository.h"

namespace aerie::app {

struct AlertFactsOptions {
  std::string catalog_folder{};  // whose disk is the storage "state"; empty: it is not watched
  Duration cluster_timeout = std::chrono::seconds(20);
  Duration repository_timeout = std::chrono::minutes(1);
};

class AlertFacts : public alerts::FactSource {
 public:
  // `session` and `catalog` outlive it.
  AlertFacts(const Session& session, catalog::Catalog& catalog, AlertFactsOptions options);
  Result<alerts::Facts> Read(const Context& context) override;

 private:
  // What was read of a repository, and when.
  struct RepositoryReading {
    std::unique_ptr<repo::Repository> repository;
    SteadyTime read{};
    bool is_read = false;
    bool absent = false;  // there is none at that place
    std::string trouble;
    std::vector<repo::Snapshot> snapshots;
    std::set<repo::SnapshotId> verified;
    std::int64_t bytes = 0;
  };

  Status ReadJobs(alerts::Facts& facts);
  Status ReadSchedules(alerts::Facts& facts, WallTime now);
  Status ReadMigrations(alerts::Facts& facts);
  void ReadRepository(const Context& context, const std::string& name, RepositoryReading& reading);
  Status ReadRepositoryNow(const Context& context, const std::string& name,
                           RepositoryReading& reading);
  Result<std::vector<std::string>> ReadCollections(const Context& context, const std::string& name);
  void ReadCluster(const Context& context, alerts::ClusterFact& cluster);
  void AddBackups(alerts::ClusterFact& cluster) const;
  void ReadStorages(alerts::Facts& facts) const;

  const Session& session_;
  catalog::Catalog& catalog_;
  const AlertFactsOptions options_;
  catalog::JobStore jobs_;
  catalog::ScheduleStore schedules_;
  std::map<std::string, std::shared_ptr<milvus::Client>> clients_;  // by cluster; null: not open
  std::map<std::string, RepositoryReading> repositories_;
  std::int64_t ended_ms_ = 0;  // when the last job ended that is known
};

}  // namespace aerie::app
