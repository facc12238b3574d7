#include "transfer/same_cluster.h"

#include <algorithm>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

namespace aerie::transfer {
namespace {

using nlohmann::json;

// A member of an object; null where there is none.
json Member(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? json() : *found;
}

// When the cluster's nodes were started; empty where it does not tell (no privilege, an old or a
// managed server).
Result<std::set<std::string>> NodeStarts(const Context& context, milvus::Client& client) {
  milvus::pb::GetMetricsRequest request;
  request.set_request(R"({"metric_type":"system_info"})");
  const auto answer = client.GetMetrics(context, request);
  AERIE_TRY(context.Check("ask when the nodes were started"));
  std::set<std::string> starts;
  if (!answer.ok()) return starts;
  const json metrics = json::parse(answer->response(), nullptr, false);
  for (const json& node : Member(metrics, "nodes_info")) {
    const json start = Member(Member(node, "infos"), "created_time");
    if (start.is_string() && !start.get<std::string>().empty()) starts.insert(start);
  }
  return starts;
}

}  // namespace

void SameCluster::AddSource(const rows::CollectionName& name, const Endpoint::Seen& seen) {
  if (from_ != nullptr) sources_.emplace(std::pair(seen.spec.id, seen.created_ts), name);
}

Result<std::optional<rows::CollectionName>> SameCluster::SourceBehind(
    const Context& context, const milvus::SpecReading& there) {
  const auto found = sources_.find({there.spec.id, there.created_ts});
  if (found == sources_.end()) return std::optional<rows::CollectionName>();
  AERIE_ASSIGN(const bool is_one, IsOneCluster(context));
  return is_one ? std::optional(found->second) : std::nullopt;
}

Result<bool> SameCluster::IsOneCluster(const Context& context) {
  if (!is_one_) {
    AERIE_ASSIGN(const auto ours, NodeStarts(context, *from_));
    AERIE_ASSIGN(const auto theirs, NodeStarts(context, to_));
    const bool shared = std::any_of(ours.begin(), ours.end(),
                                    [&](const auto& start) { return theirs.contains(start); });
    is_one_ = ours.empty() || theirs.empty() || shared;
  }
  return *is_one_;
}

}  // namespace aerie::transfer
