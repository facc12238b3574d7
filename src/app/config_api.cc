#include "app/config_api.h"

#include <charconv>
#include <optional>

#include "api/guards.h"
#include "app/yaml_section.h"

namespace aerie::app {
namespace {

Status ReadCount(const std::string& text, std::size_t& out) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  if (error == std::errc() && stop == end && out >= 8 && out <= 10'000) return Ok();
  return InvalidError("'api.max_connections' must be a number from 8 to 10000");
}

}  // namespace

Status ReadListen(const std::string& text, ApiConfig& out) {
  const auto at = api::ParseHost(text);
  unsigned port = out.port;
  if (at && !at->port.empty())
    std::from_chars(at->port.data(), at->port.data() + at->port.size(), port);
  if (!at || port > 65535 || (at->host != "localhost" && !api::IsAddress(at->host))) {
    return InvalidError("'api.listen' must be an address and a port, such as 127.0.0.1:8710 or " +
                        std::string("[::1]:8710"));
  }
  out.address = at->host == "localhost" ? "127.0.0.1" : at->host;
  out.port = static_cast<std::uint16_t>(port);
  return Ok();
}

Status ReadApi(const YAML::Node& node, const std::string& file, ApiConfig& out) {
  if (!node.IsDefined() || node.IsNull()) return Ok();
  Section section(node, file, "api");
  const auto check = [&](const char* key, const Status& status) {
    if (!status.ok()) section.Fail(node[key], std::string(status.message()));
  };
  std::string listen, connections;
  std::optional<Duration> idle;
  section.Text("listen", listen);
  section.Text("tls_cert", out.tls_cert);
  section.Text("tls_key", out.tls_key);
  section.Text("public_url", out.public_url);
  section.Time("session_idle", idle);
  section.Text("max_connections", connections);
  AERIE_TRY(section.status());
  if (!listen.empty()) check("listen", ReadListen(listen, out));
  if (!connections.empty()) check("max_connections", ReadCount(connections, out.max_connections));
  if (idle) out.session_idle = *idle;
  if (idle && *idle < std::chrono::minutes(1)) {
    check("session_idle", InvalidError("'api.session_idle' must be a minute or more"));
  }
  if (out.tls_cert.empty() != out.tls_key.empty()) {
    section.Fail(node, "'api.tls_cert' and 'api.tls_key' go together");
  }
  std::string url = out.public_url;
  while (url.ends_with('/')) url.pop_back();
  if (!url.empty() && !api::ParseOrigin(url)) {
    check("public_url",
          InvalidError("'api.public_url' must be scheme and host, such as https://aerie.example"));
  }
  return section.Finish();
}

}  // namespace aerie::app
