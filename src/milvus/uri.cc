#include "milvus/uri.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

namespace aerie::milvus {
namespace {

constexpr char kForms[] =
    "write it as http://host:19530 or milvus+tls://user:password@host:19530/database";

struct Scheme {
  std::string_view name;
  bool tls;
};
constexpr std::array kSchemes = {Scheme{"http", false},        Scheme{"https", true},
                                 Scheme{"milvus", false},      Scheme{"milvus+tls", true},
                                 Scheme{"milvus+https", true}, Scheme{"tcp", false},
                                 Scheme{"grpc", false},        Scheme{"grpcs", true}};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

bool HasBlankOrControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
}

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  Result<ClusterUri> Parse() {
    std::string_view rest = text_;
    if (rest.empty()) return Bad("is empty");
    AERIE_TRY(TakeScheme(rest));
    // An @ in the path belongs to the path; the last one before it ends the credentials.
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    rest.remove_prefix(authority.size());
    std::string_view host_port = authority;
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
      AERIE_TRY(TakeCredentials(authority.substr(0, at)));
      host_port = authority.substr(at + 1);
    }
    AERIE_TRY(TakeHostPort(host_port));
    AERIE_TRY(TakePath(rest));
    return uri_;
  }

 private:
  Status Bad(const std::string& what) const {
    return InvalidError("cluster URI " + Shown() + ": " + what + "; " + kForms);
  }

  // The text with everything between "://" and the last @ blanked out.
  std::string Shown() const {
    const auto at = text_.rfind('@');
    if (at == std::string::npos) return "\"" + text_ + "\"";
    const auto scheme = text_.find("://");
    const std::string head =
        scheme == std::string::npos || scheme > at ? "" : text_.substr(0, scheme + 3);
    return "\"" + head + "***" + text_.substr(at) + "\"";
  }

  Status TakeScheme(std::string_view& rest) {
    const auto end = rest.find("://");
    if (end == std::string_view::npos) return Ok();
    std::string name(rest.substr(0, end));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const Scheme& scheme : kSchemes) {
      if (name != scheme.name) continue;
      uri_.tls = scheme.tls;
      rest.remove_prefix(end + 3);
      return Ok();
    }
    return Bad("has an unknown scheme");
  }

  Status TakeCredentials(std::string_view text) {
    const auto colon = text.find(':');
    const auto first = PercentDecode(text.substr(0, colon));
    const auto second = colon == std::string_view::npos ? std::optional<std::string>("")
                                                        : PercentDecode(text.substr(colon + 1));
    if (!first || !second) {
      return Bad("has a percent sign in its credentials that no two hexadecimal digits follow");
    }
    if (colon == std::string_view::npos) {
      if (first->empty()) return Bad("has an empty token before the @");
      uri_.token = *first;
      return Ok();
    }
    if (first->empty()) return Bad("has no user before the password");
    if (first->find(':') != std::string::npos) return Bad("has a colon in the user's name");
    uri_.user = *first;
    uri_.password = *second;
    return Ok();
  }

  Status TakeHostPort(std::string_view text) {
    std::string_view port;
    bool has_port = false;
    if (text.starts_with('[')) {
      const auto close = text.find(']');
      if (close == std::string_view::npos) return Bad("has no ] after the IPv6 address");
      uri_.host = text.substr(1, close - 1);
      text.remove_prefix(close + 1);
      if (!text.empty() && text.front() != ':') return Bad("has text between ] and the port");
      has_port = !text.empty();
      port = has_port ? text.substr(1) : text;
      const bool address = std::all_of(uri_.host.begin(), uri_.host.end(), [](char c) {
        return HexDigit(c) >= 0 || c == ':' || c == '.' || c == '%';
      });
      if (!address || uri_.host.find(':') == std::string::npos) {
        return Bad("has no IPv6 address between the brackets");
      }
    } else {
      const auto colon = text.find(':');
      if (colon != text.rfind(':')) {
        return Bad("has more than one colon after the host (an IPv6 address goes in brackets)");
      }
      uri_.host = text.substr(0, colon);
      has_port = colon != std::string_view::npos;
      if (has_port) port = text.substr(colon + 1);
    }
    if (uri_.host.empty()) return Bad("has no host");
    if (HasBlankOrControl(uri_.host)) return Bad("has a blank or control character in the host");
    if (!has_port) return Ok();
    unsigned number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535) {
      return Bad("has a port that is no number from 1 to 65535");
    }
    uri_.port = static_cast<std::uint16_t>(number);
    return Ok();
  }

  Status TakePath(std::string_view text) {
    if (text.empty() || text == "/") return Ok();
    if (text.front() != '/') return Bad("has a query or fragment, which means nothing here");
    text.remove_prefix(1);
    if (text.find_first_of("?#") != std::string_view::npos) {
      return Bad("has a query or fragment, which means nothing here");
    }
    if (text.ends_with('/')) text.remove_suffix(1);
    if (text.find('/') != std::string_view::npos) {
      return Bad("has more than a database behind the host");
    }
    const auto database = PercentDecode(text);
    if (!database) {
      return Bad("has a percent sign in the database that no two hexadecimal digits follow");
    }
    uri_.database = *database;
    return Ok();
  }

  const std::string& text_;
  ClusterUri uri_;
};

}  // namespace

std::string ClusterUri::Address() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string ClusterUri::ToString() const {
  const bool secret = !user.empty() || !token.empty();
  return std::string(tls ? "https://" : "http://") + (secret ? "***@" : "") + Address() +
         (database.empty() ? "" : "/" + database);
}

Result<ClusterUri> ParseClusterUri(const std::string& text) { return Parser(text).Parse(); }

}  // namespace aerie::milvus
