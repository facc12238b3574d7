// Who is at the other end: the audit log names the address, and tries of passwords are counted by
// its network.
//
// Pure; any thread.
#pragma once

#include <string>

#include "api/guards.h"
#include "api/http_message.h"

namespace aerie::api {

// The address of the connection. Where the configuration names a proxy (`public_origin`) and the
// connection comes from this machine, the last one of X-Forwarded-For, which is what the proxy
// itself saw; a client's own words stand before it. Else all who come through the proxy would be
// one, and one who guesses would keep out all others.
// An IPv4 address mapped into IPv6 (::ffff:10.0.0.1) is given as IPv4.
std::string PeerAddress(const HttpRequest& request, const GuardOptions& options);

// What one peer can send from: an IPv4 address as it is, of an IPv6 address its /64, since whoever
// has one address has 2^64 of them. A text that is no address stays as it is.
std::string PeerNetwork(const std::string& address);

}  // namespace aerie::api
