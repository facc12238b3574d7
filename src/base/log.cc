#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <mutex>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/trace.h"

namespace aerie::log {
namespace {

std::atomic<Level> g_level{Level::kWarn};
std::atomic<Format> g_format{Format::kText};
std::mutex g_mutex;

const char* LevelName(Level level) {
  switch (level) {
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarn: return "warning";
    case Level::kError: return "error";
    case Level::kOff: return "off";
  }
  return "?";
}

// One record is one line whatever it quotes: control characters are escaped as in JSON.
std::string OneLine(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned char>(c));
      out += escaped;
    }
  }
  return out;
}

}  // namespace

void Configure(Level level, Format format) {
  g_level = level;
  g_format = format;
}

bool Enabled(Level level) { return level >= g_level.load() && level != Level::kOff; }

void Write(Level level, const std::string& message, Fields fields) {
  if (!Enabled(level)) return;
  const std::string time = FormatUtc(SystemClock().Now());
  const std::string& trace = CurrentTrace().id;
  std::string line;
  if (g_format.load() == Format::kJson) {
    nlohmann::ordered_json object = {
        {"time", time}, {"level", LevelName(level)}, {"message", message}};
    for (const auto& field : fields) object[field.key] = field.value;
    if (!trace.empty()) object["trace_id"] = trace;
    line = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  } else {
    line = time + " " + LevelName(level) + ": " + OneLine(message);
    for (const auto& field : fields) line += "  " + field.key + "=" + OneLine(field.value);
    if (!trace.empty()) line += "  trace_id=" + trace;
  }
  line += '\n';
  std::lock_guard lock(g_mutex);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace aerie::log
