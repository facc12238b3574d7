#include "base/glob.h"

#include <optional>

namespace aerie {
namespace {

// One unit of a pattern that stands for exactly one byte of text.
struct Unit {
  std::size_t size = 0;  // bytes of pattern
  bool matches = false;
};

// `c` against the unit at the front of `pattern`, which is not empty and not a star; nullopt when
// the unit is malformed.
std::optional<Unit> MatchUnit(std::string_view pattern, char c) {
  const auto byte = [](char x) { return static_cast<unsigned char>(x); };
  if (pattern[0] == '?') return Unit{1, true};
  if (pattern[0] == '\\') {
    if (pattern.size() < 2) return std::nullopt;
    return Unit{2, pattern[1] == c};
  }
  if (pattern[0] != '[') return Unit{1, pattern[0] == c};
  std::size_t at = 1;
  const bool negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  bool found = false;
  // A "]" that comes first is itself.
  for (bool first = true;; first = false) {
    if (at >= pattern.size()) return std::nullopt;
    if (pattern[at] == ']' && !first) return Unit{at + 1, found != negated};
    const char low = pattern[at++];
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      high = pattern[at + 1];
      at += 2;
      if (byte(high) < byte(low)) return std::nullopt;
    }
    if (byte(low) <= byte(c) && byte(c) <= byte(high)) found = true;
  }
}

}  // namespace

Status CheckGlob(const std::string& pattern) {
  std::string_view rest = pattern;
  if (rest.starts_with('!')) rest.remove_prefix(1);
  if (rest.empty()) return InvalidError("pattern \"" + pattern + "\": it is empty; use * for all");
  while (!rest.empty()) {
    if (rest[0] == '*') {
      rest.remove_prefix(1);
      continue;
    }
    const auto unit = MatchUnit(rest, '\0');
    if (!unit) {
      return InvalidError("pattern \"" + pattern + "\": " +
                          (rest[0] == '\\' ? "nothing follows the \\ at its end"
                                           : "a [ without its ], or a range that runs backwards") +
                          "; write \\[ for the character itself");
    }
    rest.remove_prefix(unit->size);
  }
  return Ok();
}

bool GlobMatches(std::string_view pattern, std::string_view text) {
  // On a mismatch only the last star can take more: at worst |pattern| * |text| steps.
  std::size_t p = 0;
  std::size_t t = 0;
  std::optional<std::size_t> star;
  std::size_t star_text = 0;
  while (p < pattern.size() || t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    if (p < pattern.size() && t < text.size()) {
      const auto unit = MatchUnit(pattern.substr(p), text[t]);
      if (unit && unit->matches) {
        p += unit->size;
        ++t;
        continue;
      }
    }
    if (!star || star_text >= text.size()) return false;
    p = *star;
    t = ++star_text;
  }
  return true;
}

bool Matches(const std::vector<std::string>& patterns, std::string_view text) {
  bool any_positive = false;
  bool chosen = false;
  for (const std::string_view pattern : patterns) {
    if (pattern.starts_with('!')) {
      if (GlobMatches(pattern.substr(1), text)) return false;
      continue;
    }
    any_positive = true;
    chosen = chosen || GlobMatches(pattern, text);
  }
  return chosen || !any_positive;
}

}  // namespace aerie
