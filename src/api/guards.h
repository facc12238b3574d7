// What is known of a request before anybody asks who sent it: whether it is meant for this server,
// and whether another site's page made the browser send it (docs/api.md, Browsers).
//
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/http_message.h"
#include "base/status.h"

namespace aerie::api {

// "Example.com:8710" -> host "example.com", port "8710"; "[::1]" -> host "::1". nullopt: malformed.
struct HostPort {
  std::string host;
  std::string port;  // empty: not said
};
std::optional<HostPort> ParseHost(std::string_view text);
// Of "https://aerie.example:8443", what a browser sends as Origin; nullopt: it is none.
struct Origin {
  std::string scheme;
  HostPort at;
};
std::optional<Origin> ParseOrigin(std::string_view text);

bool IsAddress(const std::string& host);   // in numbers, IPv4 or IPv6
bool IsLoopback(const std::string& host);  // an address of loopback

struct GuardOptions {
  std::string listen_host{};
  std::optional<Origin> public_origin{};
  bool tls = false;  // of our own listener
};

// Ok, or kRefused: the Host names another server. A name that is not ours may be one of a foreign
// site that is made to point here; numbers cannot be.
Status CheckHost(const HttpRequest& request, const GuardOptions& options);
// Ok, or kDenied: for requests that change something.
Status CheckSameOrigin(const HttpRequest& request, const GuardOptions& options);

// One cookie of a Cookie header; nullopt: it is not there, or there twice.
std::optional<std::string> CookieOf(const std::string& header, std::string_view name);

}  // namespace aerie::api
