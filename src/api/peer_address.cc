#include "api/peer_address.h"

#include <string_view>

namespace aerie::api {

std::string PeerAddress(const HttpRequest& request, const GuardOptions& options) {
  if (!options.public_origin || !IsLoopback(request.address)) return request.address;
  std::string_view last = request.Header("x-forwarded-for");
  last.remove_prefix(last.rfind(',') + 1);  // none: all of it
  while (last.starts_with(' ')) last.remove_prefix(1);
  while (last.ends_with(' ')) last.remove_suffix(1);
  if (IsAddress(std::string(last))) return std::string(last);
  const auto with_port = ParseHost(last);
  return with_port && IsAddress(with_port->host) ? with_port->host : request.address;
}

}  // namespace aerie::api
