#include "base/duration.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>

namespace aerie {

Result<Duration> ParseDuration(const std::string& text, const std::string& what) {
  static const std::map<std::string, std::chrono::seconds> kUnits = {
      {"s", std::chrono::seconds(1)},
      {"m", std::chrono::minutes(1)},
      {"h", std::chrono::hours(1)},
      {"d", std::chrono::hours(24)},
      {"w", std::chrono::hours(24 * 7)}};
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const auto unit = kUnits.find(std::string(rest, end));
  if (error != std::errc() || (unit == kUnits.end() && text != "0")) {
    return InvalidError(what + " " + text + ": give a number and a unit, such as 90s, 15m, 12h, " +
                        "30d or 4w");
  }
  if (unit == kUnits.end()) return Duration::zero();
  constexpr std::chrono::hours kLimit(24 * 36'500);
  const std::chrono::seconds duration = number * unit->second;
  if (duration > kLimit) {
    return InvalidError(what + " " + text + ": that is longer than a hundred years");
  }
  return duration;
}

std::string AgeText(Duration age) {
  const std::int64_t seconds =
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(age).count());
  if (seconds >= 48 * 3600) return std::to_string(seconds / (24 * 3600)) + " days";
  if (seconds >= 3600) return std::to_string(seconds / 3600) + " h";
  if (seconds >= 60) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds) + " s";
}

}  // namespace aerie
