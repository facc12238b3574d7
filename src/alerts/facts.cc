#include "alerts/facts.h"

namespace aerie::alerts {

SeenTimes ObserveCollections(Facts& facts, const SeenTimes& seen, std::int64_t now_ms) {
  SeenTimes kept;
  for (ClusterFact& cluster : facts.clusters) {
    const std::string prefix = cluster.name + "/";
    if (!cluster.trouble.empty()) {
      for (const auto& [thing, at] : seen) {
        if (thing == cluster.name || thing.starts_with(prefix)) kept[thing] = at;
      }
      continue;
    }
    const bool known = seen.contains(cluster.name);
    kept[cluster.name] = known ? seen.at(cluster.name) : now_ms;
    for (CollectionFact& collection : cluster.collections) {
      const auto found = seen.find(prefix + collection.name);
      collection.first_seen_ms = found != seen.end() ? found->second : known ? now_ms : 0;
      kept[prefix + collection.name] = collection.first_seen_ms;
    }
  }
  return kept;
}

}  // namespace aerie::alerts
