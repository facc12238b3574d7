#include "milvus/server_version.h"

#include <cctype>
#include <optional>

namespace aerie::milvus {
namespace {

struct Number {
  int value = 0;
  std::size_t end = 0;
};

std::optional<Number> NumberAt(const std::string& text, std::size_t at) {
  std::size_t end = at;
  int value = 0;
  while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) && end - at < 6) {
    value = value * 10 + (text[end] - '0');
    ++end;
  }
  if (end == at) return std::nullopt;
  return Number{value, end};
}

}  // namespace

ServerVersion ParseServerVersion(const std::string& text) {
  ServerVersion best;
  bool best_has_patch = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (at > 0 && (std::isdigit(static_cast<unsigned char>(text[at - 1])) || text[at - 1] == '.')) {
      continue;
    }
    const auto major = NumberAt(text, at);
    if (!major || major->end >= text.size() || text[major->end] != '.') continue;
    const auto minor = NumberAt(text, major->end + 1);
    if (!minor) continue;
    const auto patch = minor->end < text.size() && text[minor->end] == '.'
                           ? NumberAt(text, minor->end + 1)
                           : std::nullopt;
    if (best.known() && (best_has_patch || !patch)) continue;
    best = {major->value, minor->value, patch ? patch->value : 0, false};
    best_has_patch = patch.has_value();
  }
  // "v2.3.5-lite" is the full server in one process; milvus_lite is another program.
  best.lite = text.find("milvus_lite") != std::string::npos ||
              text.find("milvus-lite") != std::string::npos;
  return best;
}

}  // namespace aerie::milvus
