// The sections `serve` and `schedules` of the configuration: what the daemon does, and when.
//
//   serve: {data_dir: /var/lib/aerie, places: 2, keep_history: 400d}
//   schedules:
//     nightly:
//       when: daily at 02:00
//       zone: Europe/Berlin
//       kind: backup
//       job: {cluster: prod, repository: main, keep: {daily: 7}}
//
// Plain values; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace YAML {
class Node;
}

namespace aerie::app {

struct ServeConfig {
  std::string data_dir;  // empty: see DataFolder in daemon_place.h
  std::int64_t places = 2;
  Duration keep_history = std::chrono::hours(24 * 400);
};

// As jobs::ScheduleFromText takes it; read, and its job not yet looked at.
struct ScheduleConfig {
  std::string id;
  std::string text;
  int line = 0;  // of its job, or of itself
};

Status ReadServe(const YAML::Node& node, const std::string& file, ServeConfig& out);
Status ReadSchedules(const YAML::Node& node, const std::string& file,
                     std::vector<ScheduleConfig>& out);

}  // namespace aerie::app
