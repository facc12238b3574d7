// The address of a cluster as a user writes it.
//
// Plain values; no thread rule. A password or token is never part of a message or of ToString.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace aerie::milvus {

struct ClusterUri {
  std::string host;  // a name or an address; an IPv6 address without its brackets
  std::uint16_t port = 19530;
  bool tls = false;
  std::string user;  // with `password`, or empty
  std::string password;
  std::string token;     // an API key, given instead of user:password
  std::string database;  // "" when the URI names none

  // "host:port" as gRPC and a shell take it; an IPv6 address in brackets.
  std::string Address() const;
  // "https://***@host:port/database": for messages. Shows that there are credentials, not which.
  std::string ToString() const;
};

// Reads http://, https://, milvus://, milvus+tls:// or a bare host[:port], with
// [user:password@ | token@] before the host and /database behind it; user, password, token and
// database percent-encoded. The port is 19530 unless it is written, whatever the scheme.
// Errors: kInvalid, naming what is wrong without repeating credentials.
Result<ClusterUri> ParseClusterUri(const std::string& text);

}  // namespace aerie::milvus
