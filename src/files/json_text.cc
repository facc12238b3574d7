#include "files/json_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <system_error>

namespace aerie::files {
namespace {

constexpr char kInfinity[] = "Infinity";
constexpr char kMinusInfinity[] = "-Infinity";
constexpr char kNan[] = "NaN";

// Length of the UTF-8 sequence that `lead` begins, and the least code point it may stand for; 0
// when none begins so (RFC 3629).
struct Sequence {
  int length;
  std::uint32_t least;
};

Sequence SequenceOf(std::uint8_t lead) {
  if (lead < 0x80) return {1, 0};
  if ((lead & 0xe0) == 0xc0) return {2, 0x80};
  if ((lead & 0xf0) == 0xe0) return {3, 0x800};
  if ((lead & 0xf8) == 0xf0) return {4, 0x10000};
  return {0, 0};
}

void AppendUtf8(std::uint32_t code, std::string& out) {
  const auto push = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return push(code);
  if (code < 0x800) {
    push(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      push(0xe0 | code >> 12);
    } else {
      push(0xf0 | code >> 18);
      push(0x80 | (code >> 12 & 0x3f));
    }
    push(0x80 | (code >> 6 & 0x3f));
  }
  push(0x80 | (code & 0x3f));
}

template <class T, class Bits>
void AppendAnyFloat(T value, Bits usual_nan, Bytes& out) {
  const Bits bits = std::bit_cast<Bits>(value);
  if (std::isnan(value)) {
    std::string text = kNan;
    if (bits != usual_nan) {
      char digits[20];
      std::snprintf(digits, sizeof digits, ":%0*llx", static_cast<int>(2 * sizeof bits),
                    static_cast<unsigned long long>(bits));
      text += digits;
    }
    return AppendJsonString(text, out);
  }
  if (std::isinf(value)) return AppendJsonString(value > 0 ? kInfinity : kMinusInfinity, out);
  if (value == 0 && std::signbit(value)) return AppendRaw("-0.0", out);
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  AppendRaw({text, static_cast<std::size_t>(end - text)}, out);
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool IsNumberChar(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

}  // namespace

bool IsUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    const auto [length, least] = SequenceOf(lead);
    if (length == 0 || text.size() - i < static_cast<std::size_t>(length)) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0x7fU >> length);
    for (int k = 1; k < length; ++k) {
      const auto next = static_cast<std::uint8_t>(text[i + static_cast<std::size_t>(k)]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3fU);
    }
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < least || code > 0x10ffff || surrogate) return false;
    i += static_cast<std::size_t>(length);
  }
  return true;
}

void AppendRaw(std::string_view text, Bytes& out) {
  out.insert(out.end(), text.begin(), text.end());
}

void AppendJsonString(std::string_view utf8, Bytes& out) {
  out.push_back('"');
  for (const char c : utf8) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(byte);
    } else if (byte < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      AppendRaw(escape, out);
    } else {
      out.push_back(byte);
    }
  }
  out.push_back('"');
}

void AppendJsonFloat(float value, Bytes& out) {
  AppendAnyFloat<float, std::uint32_t>(value, 0x7fc00000U, out);
}

void AppendJsonFloat(double value, Bytes& out) {
  AppendAnyFloat<double, std::uint64_t>(value, 0x7ff8000000000000U, out);
}

void AppendJsonInteger(std::int64_t value, Bytes& out) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  AppendRaw({text, static_cast<std::size_t>(end - text)}, out);
}

void JsonCursor::SkipSpace() {
  std::size_t n = 0;
  while (n < rest_.size() && IsSpace(rest_[n])) ++n;
  rest_.remove_prefix(n);
}

std::string_view JsonCursor::rest() {
  SkipSpace();
  return rest_;
}

bool JsonCursor::AtEnd() { return rest().empty(); }

bool JsonCursor::Take(char c) {
  SkipSpace();
  if (rest_.empty() || rest_.front() != c) return false;
  rest_.remove_prefix(1);
  return true;
}

bool JsonCursor::TakeWord(std::string_view word) {
  SkipSpace();
  if (!rest_.starts_with(word)) return false;
  rest_.remove_prefix(word.size());
  return true;
}

Status JsonCursor::Unexpected(const char* wanted) {
  constexpr std::size_t kShown = 20;
  const std::string found =
      rest_.empty() ? "its end" : "'" + std::string(rest_.substr(0, kShown)) + "'";
  return CorruptError(std::string("it has ") + found + " where " + wanted + " must stand");
}

Status JsonCursor::Expect(char c) {
  const char wanted[] = {'\'', c, '\'', 0};
  return Take(c) ? Ok() : Unexpected(wanted);
}

Status JsonCursor::Unicode(std::uint32_t& code) {
  code = 0;
  if (rest_.size() < 4) return Unexpected("four hexadecimal digits");
  const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + 4, code, 16);
  if (error != std::errc() || end != rest_.data() + 4) {
    return Unexpected("four hexadecimal digits");
  }
  rest_.remove_prefix(4);
  return Ok();
}

// What follows a backslash.
Status JsonCursor::Escape(std::string& out) {
  static constexpr std::string_view kNames = "\"\\/bfnrt";
  static constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
  if (rest_.empty()) return Unexpected("an escape");
  const char name = rest_.front();
  if (const auto at = kNames.find(name); at != std::string_view::npos) {
    out.push_back(kMeant[at]);
    rest_.remove_prefix(1);
    return Ok();
  }
  if (name != 'u') return Unexpected("an escape");
  rest_.remove_prefix(1);
  std::uint32_t code = 0;
  AERIE_TRY(Unicode(code));
  if (code >= 0xdc00 && code <= 0xdfff) return Unexpected("the other half of a surrogate pair");
  if (code >= 0xd800 && code <= 0xdbff) {
    std::uint32_t low = 0;
    if (!rest_.starts_with("\\u")) return Unexpected("the other half of a surrogate pair");
    rest_.remove_prefix(2);
    AERIE_TRY(Unicode(low));
    if (low < 0xdc00 || low > 0xdfff) return Unexpected("the other half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  AppendUtf8(code, out);
  return Ok();
}

Status JsonCursor::String(std::string& out) {
  out.clear();
  if (!Take('"')) return Unexpected("a string");
  for (;;) {
    const std::size_t plain = rest_.find_first_of("\"\\");
    if (plain == std::string_view::npos) {
      rest_ = {};
      return Unexpected("the end of a string");
    }
    out += rest_.substr(0, plain);
    const bool ends = rest_[plain] == '"';
    rest_.remove_prefix(plain + 1);
    if (ends) return Ok();
    AERIE_TRY(Escape(out));
  }
}

std::string_view JsonCursor::NumberToken() {
  SkipSpace();
  std::size_t n = 0;
  while (n < rest_.size() && IsNumberChar(rest_[n])) ++n;
  return rest_.substr(0, n);
}

Status JsonCursor::Integer(std::int64_t& out) {
  const std::string_view token = NumberToken();
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), out);
  if (token.empty() || error != std::errc() || end != token.data() + token.size()) {
    return Unexpected("an integer of at most 64 bits");
  }
  rest_.remove_prefix(token.size());
  return Ok();
}

Status JsonCursor::Boolean(bool& out) {
  out = TakeWord("true");
  return out || TakeWord("false") ? Ok() : Unexpected("true or false");
}

template <class T, class Bits>
Status JsonCursor::AnyFloat(T& out) {
  if (!rest().starts_with('"')) {
    const std::string_view token = NumberToken();
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), out);
    if (token.empty() || error != std::errc() || end != token.data() + token.size()) {
      return Unexpected("a number");
    }
    rest_.remove_prefix(token.size());
    return Ok();
  }
  const std::string_view before = rest_;
  std::string text;
  AERIE_TRY(String(text));
  constexpr T kInf = std::numeric_limits<T>::infinity();
  if (text == kInfinity || text == kMinusInfinity) {
    out = text == kInfinity ? kInf : -kInf;
    return Ok();
  }
  if (text == kNan) {
    out = std::numeric_limits<T>::quiet_NaN();
    return Ok();
  }
  constexpr std::size_t kDigits = 2 * sizeof(Bits);
  Bits bits = 0;
  if (text.starts_with("NaN:") && text.size() == 4 + kDigits) {
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data() + 4, last, bits, 16);
    out = std::bit_cast<T>(bits);
    if (error == std::errc() && end == last && std::isnan(out)) return Ok();
  }
  rest_ = before;
  return Unexpected("a number");
}

Status JsonCursor::Float(float& out) { return AnyFloat<float, std::uint32_t>(out); }
Status JsonCursor::Float(double& out) { return AnyFloat<double, std::uint64_t>(out); }

Status JsonCursor::Raw(std::string_view& out) {
  SkipSpace();
  const std::string_view begin = rest_;
  const auto taken = [&] { return begin.substr(0, begin.size() - rest_.size()); };
  std::string ignored;
  std::size_t depth = 0;
  do {
    SkipSpace();
    if (rest_.empty()) return Unexpected("the end of a value");
    const char c = rest_.front();
    if (c == '"') {
      AERIE_TRY(String(ignored));
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return Unexpected("a value");
      --depth;
    }
    if (depth == 0 && (c == ',' || c == ':')) return Unexpected("a value");
    const bool scalar = std::string_view("{}[],:").find(c) == std::string_view::npos;
    std::size_t size = 1;
    while (scalar && size < rest_.size() && !IsSpace(rest_[size]) &&
           std::string_view("{}[],:\"").find(rest_[size]) == std::string_view::npos) {
      ++size;
    }
    rest_.remove_prefix(size);
  } while (depth > 0);
  out = taken();
  return Ok();
}

}  // namespace aerie::files
