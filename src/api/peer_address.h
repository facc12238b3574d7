// Who is at the other end: tries of passwords are counted by it, and the audit log names it.
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
std::string PeerAddress(const HttpRequest& request, const GuardOptions& options);

}  // namespace aerie::api
