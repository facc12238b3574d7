#include "base/rate.h"

#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace aerie {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 10> kByteUnits = {
    {{"B", 1},
     {"kB", 1e3},
     {"KB", 1e3},
     {"MB", 1e6},
     {"GB", 1e9},
     {"KiB", 1024},
     {"MiB", 1024.0 * 1024},
     {"GiB", 1 << 30},
     {"TB", 1e12},
     {"TiB", 1024.0 * (1 << 30)}}};
constexpr double kLeast = 1e-3;
constexpr double kMost = 1e15;

struct Number {
  double value = 0;
  std::string_view rest;
};

// Digits with at most one point; nothing that only a C parser takes for a number.
bool ReadNumber(std::string_view text, Number& number) {
  const std::size_t end = text.find_first_not_of("0123456789.");
  const std::string_view digits = text.substr(0, end);
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number.value);
  if (error != std::errc() || stop != digits.data() + digits.size()) return false;
  number.rest = end == std::string_view::npos ? std::string_view() : text.substr(end);
  return true;
}

bool IsOff(const std::string& text) { return text == "0" || text == "off"; }

std::optional<double> ReadBytes(const Number& number) {
  for (const auto& [name, factor] : kByteUnits) {
    if (number.rest == name) return number.value * factor;
  }
  return std::nullopt;
}

bool InRange(double rate) { return rate >= kLeast && rate <= kMost; }

}  // namespace

Result<double> ParseByteRate(const std::string& text, const std::string& what) {
  if (IsOff(text)) return 0.0;
  Number number;
  if (ReadNumber(text, number)) {
    if (number.rest.ends_with("/s")) number.rest.remove_suffix(2);
    const auto bytes = ReadBytes(number);
    if (bytes && InRange(*bytes)) return *bytes;
  }
  return InvalidError(what + " " + text +
                      ": give bytes a second with their unit, such as 500KB/s, 20MB/s, 1.5MiB/s, "
                      "or off");
}

Result<std::int64_t> ParseByteSize(const std::string& text, const std::string& what) {
  if (text == "0") return 0;
  Number number;
  if (ReadNumber(text, number)) {
    const auto bytes = ReadBytes(number);
    if (bytes && InRange(*bytes)) return static_cast<std::int64_t>(*bytes);
  }
  return InvalidError(what + " " + text +
                      ": give bytes with their unit, such as 500MB, 200GB, 1.5TiB");
}

Result<double> ParseRate(const std::string& text, const std::string& what) {
  if (IsOff(text)) return 0.0;
  Number number;
  if (ReadNumber(text, number)) {
    const double rate = number.rest == "/m" ? number.value / 60 : number.value;
    if ((number.rest.empty() || number.rest == "/s" || number.rest == "/m") && InRange(rate)) {
      return rate;
    }
  }
  return InvalidError(what + " " + text +
                      ": give a number a second, such as 100/s, or a minute, such as 30/m, or off");
}

}  // namespace aerie
