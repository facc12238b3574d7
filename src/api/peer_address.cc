#include "api/peer_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace aerie::api {
namespace {

constexpr std::size_t kNetworkBytes = 8;  // a /64, the least that a provider gives to one customer

// nullopt: it is no IPv6 address. A zone (fe80::1%eth0) says nothing about the other end.
std::optional<in6_addr> ParseSix(const std::string& address) {
  in6_addr six{};
  if (inet_pton(AF_INET6, address.substr(0, address.find('%')).c_str(), &six) != 1) {
    return std::nullopt;
  }
  return six;
}

std::string TextOf(int family, const void* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, bytes, text.data(), text.size());
  return text.data();
}

// An IPv4 address that came as IPv6, as it does at a socket of both, is the IPv4 address.
std::string Unmapped(const std::string& address) {
  const auto six = ParseSix(address);
  if (!six || !IN6_IS_ADDR_V4MAPPED(&*six)) return address;
  return TextOf(AF_INET, &six->s6_addr[12]);
}

}  // namespace

std::string PeerNetwork(const std::string& address) {
  std::string plain = Unmapped(address);
  auto six = ParseSix(plain);
  if (!six) return plain;
  std::fill(six->s6_addr + kNetworkBytes, six->s6_addr + sizeof six->s6_addr, 0);
  return TextOf(AF_INET6, &*six) + "/64";
}

std::string PeerAddress(const HttpRequest& request, const GuardOptions& options) {
  const std::string peer = Unmapped(request.address);
  if (!options.public_origin || !IsLoopback(peer)) return peer;
  std::string_view last = request.Header("x-forwarded-for");
  last.remove_prefix(last.rfind(',') + 1);  // none: all of it
  while (last.starts_with(' ')) last.remove_prefix(1);
  while (last.ends_with(' ')) last.remove_suffix(1);
  if (IsAddress(std::string(last))) return Unmapped(std::string(last));
  const auto with_port = ParseHost(last);
  return with_port && IsAddress(with_port->host) ? Unmapped(with_port->host) : peer;
}

}  // namespace aerie::api
