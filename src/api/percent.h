// Percent-encoding of URLs, decoded strictly. Pure; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace aerie::api {

// Nothing for a % without two hexadecimal digits, for control characters, and for what is no UTF-8:
// no name of ours has such, and whoever sends it wants to be read differently by somebody else.
std::optional<std::string> DecodePercent(std::string_view text);

// The parameters of a query, "+" being a space. Nothing when one cannot be decoded, or is there
// twice.
std::optional<std::map<std::string, std::string>> DecodeQuery(std::string_view query);

// Whether it is well-formed UTF-8.
bool IsUtf8(std::string_view text);

}  // namespace aerie::api
