// The section `api` of the configuration: where the daemon listens, and for whom.
//
//   api: {listen: "127.0.0.1:8710", public_url: "https://aerie.example"}
//
// Plain values; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace YAML {
class Node;
}

namespace aerie::app {

struct ApiConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8710;
  std::string tls_cert;  // files
  std::string tls_key;
  std::string public_url;
  Duration session_idle = std::chrono::hours(12);
  std::size_t max_connections = 512;
};

// "127.0.0.1:8710", "[::1]:8710", "localhost:0". kInvalid.
Status ReadListen(const std::string& text, ApiConfig& out);
// kInvalid with file and line.
Status ReadApi(const YAML::Node& node, const std::string& file, ApiConfig& out);

}  // namespace aerie::app
