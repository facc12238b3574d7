// How a command ended, or a job that does the same, and the words that both use for people.
//
// Plain values and pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/status.h"

namespace aerie::app {

using Json = nlohmann::ordered_json;

// `json` is the result object without status, warnings and errors, which ToJson adds.
struct CommandResult {
  Status status;
  Json json = Json::object();
  std::string text;
  std::vector<std::string> warnings;
  std::string state;  // JSON "status"; empty: from the status ("completed", "failed", ...)
};

// A status as a result without anything else.
CommandResult Failure(Status status);

// The whole result object.
Json ToJson(const CommandResult& result);
// {"kind", "message"}.
Json ErrorToJson(const Status& status);
// One line; what is no UTF-8 came from outside, and must not end the program.
std::string Dump(const Json& json);

// 1234567 -> "1,234,567".
std::string Thousands(std::uint64_t n);
// 118489088 -> "118.5 MB" (powers of 1000).
std::string HumanBytes(std::uint64_t bytes);
// 3.24 -> "3.2 s", 75 -> "1 min 15 s".
std::string HumanSeconds(double seconds);
// Columns of cells, padded with two spaces between; the first row is the heading.
std::string Table(const std::vector<std::vector<std::string>>& rows);

}  // namespace aerie::app
