#include "app/limits.h"

#include <charconv>
#include <chrono>

#include "base/rate.h"

namespace aerie::app {
namespace {

constexpr int kMostConnections = 1000;
constexpr double kLongestLatencyMs = 60'000;

// What is to be read, and how a message calls it.
struct Said {
  const std::string& text;
  std::string name;
};

Said Choose(const std::string& said, const char* flag, const std::string& configured,
            const char* key) {
  if (!said.empty()) return {said, flag};
  return {configured, key};
}

Result<int> ParseConnections(const std::string& text, const std::string& what) {
  if (text == "off") return 0;
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < 0 || number > kMostConnections) {
    return InvalidError(what + " " + text + ": give a number from 1 to " +
                        std::to_string(kMostConnections) + ", or off");
  }
  return number;
}

template <class Parse, class T>
Status Read(const Said& said, const Parse& parse, T& into) {
  if (said.text.empty()) return Ok();
  AERIE_ASSIGN(into, parse(said.text, said.name));
  return Ok();
}

}  // namespace

Result<Duration> ParseLatency(const std::string& text, const std::string& what) {
  double number = 0;
  const std::size_t end = text.find_first_not_of("0123456789.");
  const std::string digits = text.substr(0, end);
  const std::string unit = end == std::string::npos ? "" : text.substr(end);
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const double millis = unit == "s" ? number * 1000 : number;
  if (error != std::errc() || stop != digits.data() + digits.size() ||
      (unit != "ms" && unit != "s") || millis <= 0 || millis > kLongestLatencyMs) {
    return InvalidError(what + " " + text + ": give a time up to 60s, such as 50ms or 1.5s");
  }
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(millis));
}

Result<objects::StoreLimits> StoreLimitsOf(const StoreLimitTexts& said,
                                           const StoreLimitTexts& configured) {
  objects::StoreLimits limits;
  AERIE_TRY(Read(Choose(said.upload, "--limit-upload", configured.upload, "limit_upload"),
                 ParseByteRate, limits.upload));
  AERIE_TRY(Read(Choose(said.download, "--limit-download", configured.download, "limit_download"),
                 ParseByteRate, limits.download));
  AERIE_TRY(Read(Choose(said.requests, "--limit-requests", configured.requests, "limit_requests"),
                 ParseRate, limits.requests));
  AERIE_TRY(Read(
      Choose(said.connections, "--limit-connections", configured.connections, "limit_connections"),
      ParseConnections, limits.connections));
  return limits;
}

Result<transfer::ThrottleOptions> ThrottleOf(const ClusterLimitTexts& said,
                                             const ClusterLimitTexts& configured) {
  transfer::ThrottleOptions options;
  AERIE_TRY(Read(Choose(said.rows, "--limit-rows", configured.rows, "limit_rows"), ParseRate,
                 options.rows));
  AERIE_TRY(Read(
      Choose(said.latency_target, "--latency-target", configured.latency_target, "latency_target"),
      ParseLatency, options.latency_target));
  // A target that is asked for by hand is more than a habit that is switched off.
  const std::string& adaptive =
      said.adaptive.empty() && said.latency_target.empty() ? configured.adaptive : said.adaptive;
  options.adaptive = adaptive != "false";
  return options;
}

}  // namespace aerie::app
