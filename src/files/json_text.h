// JSON text as JSON lines need it: written piece by piece, and read without losing how a value was
// spelled, which is what keeps big integers, NaN and stored JSON exact.
//
// Plain functions and a cursor over text that it does not own; no thread rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace aerie::files {

bool IsUtf8(std::string_view text);

// `utf8` in quotes.
void AppendJsonString(std::string_view utf8, Bytes& out);
void AppendRaw(std::string_view text, Bytes& out);

// The shortest decimal digits that give the same number back; "-0.0", and what JSON has no number
// for as a string: "Infinity", "-Infinity", "NaN" (the usual quiet one), or "NaN:ffc00001", its
// bits in hexadecimal.
void AppendJsonFloat(float value, Bytes& out);
void AppendJsonFloat(double value, Bytes& out);
void AppendJsonInteger(std::int64_t value, Bytes& out);

// Reads from left to right; each call skips white space first. All errors are kCorrupt.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : rest_(text) {}

  // Whether `c` comes next; it is then passed.
  bool Take(char c);
  Status Expect(char c);
  // Whether this literal comes next; it is then passed.
  bool TakeWord(std::string_view word);
  bool AtEnd();
  // A string, without quotes and escapes.
  Status String(std::string& out);
  Status Integer(std::int64_t& out);
  Status Boolean(bool& out);
  // As AppendJsonFloat spells them.
  Status Float(float& out);
  Status Float(double& out);
  // The next value whole, as it is spelled. Brackets and strings are matched, no more.
  Status Raw(std::string_view& out);
  // What is left to read.
  std::string_view rest();

 private:
  void SkipSpace();
  std::string_view NumberToken();
  Status Unexpected(const char* wanted);
  template <class T, class Bits>
  Status AnyFloat(T& out);
  Status Escape(std::string& out);
  Status Unicode(std::uint32_t& code);

  std::string_view rest_;
};

}  // namespace aerie::files
