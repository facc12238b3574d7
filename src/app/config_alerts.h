// The section `alerts` of the configuration: docs/alerting.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "alerts/monitor.h"
#include "base/clock.h"
#include "base/status.h"

namespace YAML {
class Node;
}

namespace aerie::app {

struct ConfigKey;

struct AlertsConfig {
  bool enabled = true;
  Duration interval = std::chrono::minutes(1);
  Duration repositories_every = std::chrono::minutes(10);
  Duration keep = std::chrono::hours(24 * 90);
  std::string link{};
  std::map<std::string, std::int64_t> capacity{};  // bytes, by repository
  alerts::Policy policy{};
  std::vector<alerts::ChannelOptions> channels{};  // by name
  alerts::HeartbeatOptions heartbeat{};
  alerts::DeliveryOptions delivery{};
};

// kInvalid, naming file, line and key. `repositories`: the names that `capacity` may have.
Result<AlertsConfig> ReadAlerts(const YAML::Node& node, const std::string& file,
                                const std::vector<std::string>& repositories);

std::vector<ConfigKey> AlertConfigKeys();

// What a monitor of that configuration works by. `host`: this machine's name.
alerts::MonitorOptions MonitorOptionsOf(const AlertsConfig& config, const std::string& host);

}  // namespace aerie::app
