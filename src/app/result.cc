#include "app/result.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

namespace aerie::app {
namespace {

const char* StateOf(const Status& status) {
  switch (KindOf(status)) {
    case Kind::kOk: return "completed";
    case Kind::kPartial: return "partial";
    case Kind::kDifferent: return "different";
    case Kind::kCancelled: return "cancelled";
    default: return "failed";
  }
}

}  // namespace

CommandResult Failure(Status status) {
  CommandResult result;
  result.status = std::move(status);
  return result;
}

Json ErrorToJson(const Status& status) {
  return {{"kind", KindName(KindOf(status))}, {"message", std::string(status.message())}};
}

Json ToJson(const CommandResult& result) {
  Json json = {{"status", result.state.empty() ? StateOf(result.status) : result.state}};
  json.update(result.json);
  json["warnings"] = result.warnings;
  json["errors"] = Json::array();
  if (!result.status.ok()) json["errors"].push_back(ErrorToJson(result.status));
  return json;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Thousands(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string HumanBytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  char text[48];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string HumanSeconds(double seconds) {
  char text[64];
  if (seconds < 60) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (seconds < 3600) {
    std::snprintf(text, sizeof text, "%d min %d s", static_cast<int>(seconds) / 60,
                  static_cast<int>(seconds) % 60);
  } else {
    std::snprintf(text, sizeof text, "%d h %d min", static_cast<int>(seconds) / 3600,
                  static_cast<int>(seconds) % 3600 / 60);
  }
  return text;
}

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace aerie::app
