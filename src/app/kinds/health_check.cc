#include "app/kinds/health_check.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "app/result_json.h"
#include "repo/pins.h"
#include "repo/repository_core.h"
#include "transfer/endpoint.h"

namespace aerie::app {
namespace {

Json Named(const repo::Snapshot* snapshot) {
  if (snapshot == nullptr) return nullptr;
  return {{"snapshot", snapshot->id.hex},
          {"created", FormatUtc(FromUnixMillis(snapshot->created_ms))}};
}

// The members of one repository; an error when it cannot be looked at.
Result<Json> LookAtRepository(const Tools& tools, const std::string& name) {
  AERIE_ASSIGN(const auto opened,
               tools.session.Repository(tools.context, name, {}, IfAbsent::kFail));
  repo::Repository& repository = *opened.repository;
  AERIE_ASSIGN(const auto snapshots, repository.ListSnapshots(tools.context));
  AERIE_ASSIGN(const auto verified, repo::ListVerified(tools.context, repository));
  AERIE_ASSIGN(const auto stats, repository.Stats(tools.context));
  AERIE_ASSIGN(const auto free, repository.core().store.FreeBytes(tools.context));
  const auto proven = std::ranges::find_if(
      snapshots, [&](const repo::Snapshot& one) { return verified.contains(one.id); });
  return Json{{"snapshots", snapshots.size()},
              {"newest", Named(snapshots.empty() ? nullptr : &snapshots.front())},
              {"newest_verified", Named(proven == snapshots.end() ? nullptr : &*proven)},
              {"stored_bytes", stats.pack_bytes},
              {"free_bytes", free ? Json(*free) : Json(nullptr)}};
}

class HealthCheckKind : public RequestKind<HealthRequest> {
 public:
  using RequestKind::RequestKind;

 private:
  void Read(SpecReader& spec, HealthRequest& request) const override {
    spec.Clusters("clusters", request.clusters);
    spec.Repositories("repositories", request.repositories);
    if (!request.clusters.empty() || !request.repositories.empty()) return;
    for (const auto& [name, cluster] : spec.config().clusters) request.clusters.push_back(name);
    for (const auto& [name, one] : spec.config().repositories) request.repositories.push_back(name);
  }

  std::string Describe(const HealthRequest& request) const override {
    return "check " + std::to_string(request.clusters.size()) + " clusters and " +
           std::to_string(request.repositories.size()) + " repositories";
  }

  CommandResult Work(const Tools& tools, HealthRequest& request, jobs::JobRun&) const override {
    CommandResult result;
    result.json["clusters"] = Json::array();
    result.json["repositories"] = Json::array();
    Status first;
    std::size_t failed = 0;
    const auto failure = [&](const Status& status, Json& json) {
      json["status"] = "failed";
      json["error"] = ErrorToJson(status);
      result.warnings.emplace_back(status.message());
      if (failed++ == 0) first = status;
    };
    for (const std::string& name : request.clusters) {
      CommandResult one = CheckCluster(tools, {.text = name});
      Json json = {{"cluster", name}, {"status", "healthy"}};
      json.update(one.json);
      if (!one.status.ok()) failure(one.status, json);
      result.text += one.text;
      result.json["clusters"].push_back(std::move(json));
    }
    for (const std::string& name : request.repositories) {
      Json json = {{"repository", name}, {"status", "ok"}};
      const auto one = LookAtRepository(tools, name);
      if (one.ok()) {
        json.update(*one);
        result.text += name + ": " + (*one)["snapshots"].dump() + " snapshots\n";
      } else {
        failure(one.status(), json);
      }
      result.json["repositories"].push_back(std::move(json));
    }
    const std::size_t all = request.clusters.size() + request.repositories.size();
    if (failed == 0) return result;
    result.status =
        failed == all
            ? first
            : MakeStatus(Kind::kPartial, "health check: " + std::to_string(failed) + " of " +
                                             std::to_string(all) +
                                             " are not well: " + std::string(first.message()));
    return result;
  }
};

}  // namespace

CommandResult CheckCluster(const Tools& tools, const ClusterArg& arg) {
  const SteadyTime start = tools.context.clock().Steady();
  auto cluster = tools.session.Cluster(tools.context, arg.text, arg.flags);
  if (!cluster.ok()) return Failure(cluster.status());
  const double connect_ms =
      std::chrono::duration<double, std::milli>(tools.context.clock().Steady() - start).count();
  CommandResult result;
  auto health = cluster->client->CheckHealth(tools.context, {});
  if (!health.ok() && KindOf(health.status()) != Kind::kUnsupported) {
    return Failure(health.status());
  }
  const bool healthy = !health.ok() || health->ishealthy();
  std::vector<std::string> reasons;
  if (health.ok()) reasons.assign(health->reasons().begin(), health->reasons().end());
  const auto endpoint = transfer::MakeClusterEndpoint(cluster->client, {});
  auto names = endpoint->List(tools.context);
  if (!names.ok()) return Failure(names.status());
  result.json["cluster"] = cluster->label;
  result.json["version"] = cluster->client->server_version();
  result.json["healthy"] = healthy;
  result.json["reasons"] = reasons;
  result.json["collections"] = names->size();
  result.json["connect_ms"] = connect_ms;
  result.text = cluster->label + ": " + (healthy ? "healthy" : "NOT healthy") + ", Milvus " +
                cluster->client->server_version() + ", " + std::to_string(names->size()) +
                " collections\n";
  for (const auto& reason : reasons) result.text += "  " + reason + "\n";
  if (!healthy) {
    result.status = FailedError("check " + cluster->label + ": the cluster says it is not healthy");
  }
  return result;
}

std::shared_ptr<jobs::JobKind> MakeHealthCheckKind(std::shared_ptr<const KindSetup> setup) {
  return std::make_shared<HealthCheckKind>("health-check", std::move(setup));
}

}  // namespace aerie::app
