#include "api/guards.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

namespace aerie::api {
namespace {

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' ||
         c == '_';
}

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

bool SameHost(const HostPort& a, const HostPort& b, const std::string& scheme) {
  const std::string usual = scheme == "https" ? "443" : "80";
  const auto port = [&](const HostPort& at) { return at.port.empty() ? usual : at.port; };
  return a.host == b.host && port(a) == port(b);
}

}  // namespace

std::optional<HostPort> ParseHost(std::string_view text) {
  HostPort out;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = LowerCase(text.substr(1, end - 1));
    port = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    out.host = LowerCase(text.substr(0, colon));
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  if (!port.empty()) {
    if (port.size() < 2 || port.size() > 6 || port[0] != ':') return std::nullopt;
    out.port = port.substr(1);
  }
  const bool good =
      !out.host.empty() && out.host.size() <= 255 &&
      std::all_of(out.host.begin(), out.host.end(), IsHostCharacter) &&
      std::all_of(out.port.begin(), out.port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!good) return std::nullopt;
  return out;
}

std::optional<Origin> ParseOrigin(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string scheme = LowerCase(text.substr(0, end));
  if (scheme != "http" && scheme != "https") return std::nullopt;
  auto at = ParseHost(text.substr(end + 3));
  if (!at) return std::nullopt;
  return Origin{.scheme = scheme, .at = *std::move(at)};
}

bool IsAddress(const std::string& host) {
  in6_addr bytes{};
  return inet_pton(AF_INET, host.c_str(), &bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &bytes) == 1;
}

bool IsLoopback(const std::string& host) {
  return host == "::1" || (host.starts_with("127.") && IsAddress(host));
}

Status CheckHost(const HttpRequest& request, const GuardOptions& options) {
  const auto host = ParseHost(request.Header("host"));
  if (host &&
      (IsAddress(host->host) || host->host == "localhost" || host->host == options.listen_host ||
       (options.public_origin && host->host == options.public_origin->at.host))) {
    return Ok();
  }
  return RefusedError(
      "this server is not known by the name in Host; use an address, localhost, or " +
      std::string("the name in api.public_url of the configuration"));
}

Status CheckSameOrigin(const HttpRequest& request, const GuardOptions& options) {
  const std::string& site = request.Header("sec-fetch-site");
  const std::string& text = request.Header("origin");
  bool good = site.empty() || site == "same-origin" || site == "none";
  if (good && !text.empty()) {
    const auto origin = ParseOrigin(text);
    const auto host = ParseHost(request.Header("host"));
    const std::string ours = options.tls ? "https" : "http";
    good = origin && host &&
           ((origin->scheme == ours && SameHost(origin->at, *host, ours)) ||
            (options.public_origin && origin->scheme == options.public_origin->scheme &&
             SameHost(origin->at, options.public_origin->at, origin->scheme)));
  }
  if (good) return Ok();
  return MakeStatus(
      Kind::kDenied,
      "this change was sent by a page of another origin; use the page of this server");
}

std::optional<std::string> CookieOf(const std::string& header, std::string_view name) {
  std::optional<std::string> found;
  std::string_view rest = header;
  while (!rest.empty()) {
    const std::size_t end = rest.find(';');
    std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    if (found) return std::nullopt;
    found = std::string(pair.substr(equals + 1));
  }
  return found;
}

}  // namespace aerie::api
