// SEAM. Structured log: a level, a fixed message, and key-value pairs.
//
// Goes to standard error (text or JSON lines), never to standard output. A line of a thread that
// works for a trace (base/trace.h) ends with its `trace_id`. Values of secrets are never passed
// here: see base/secret.h. Thread-safe.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

namespace aerie::log {

enum class Level { kDebug, kInfo, kWarn, kError, kOff };
enum class Format { kText, kJson };

struct Field {
  template <class T>
  Field(std::string k, const T& v) : key(std::move(k)), value(ToText(v)) {}
  std::string key;
  std::string value;

 private:
  static std::string ToText(const std::string& v) { return v; }
  static std::string ToText(const char* v) { return v; }
  static std::string ToText(bool v) { return v ? "true" : "false"; }
  template <class N>
  static std::string ToText(const N& v) {
    return std::to_string(v);
  }
};
using Fields = std::initializer_list<Field>;

// Process-wide; call once at the start. The default is text at kWarn.
void Configure(Level level, Format format);
bool Enabled(Level level);
void Write(Level level, const std::string& message, Fields fields);

inline void Debug(const std::string& m, Fields f = {}) { Write(Level::kDebug, m, f); }
inline void Info(const std::string& m, Fields f = {}) { Write(Level::kInfo, m, f); }
inline void Warn(const std::string& m, Fields f = {}) { Write(Level::kWarn, m, f); }
inline void Error(const std::string& m, Fields f = {}) { Write(Level::kError, m, f); }

}  // namespace aerie::log
