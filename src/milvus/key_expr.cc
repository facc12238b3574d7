#include "milvus/key_expr.h"

#include <cstdio>
#include <limits>

namespace aerie::milvus {
namespace {

using rows::Key;

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

// INT64_MIN has no literal (the server reads the digits before the sign), so "is INT64_MIN" and
// "is greater than INT64_MIN" are said with its neighbour.
constexpr char kIsMin[] = " < -9223372036854775807";
constexpr char kAboveMin[] = " >= -9223372036854775807";

bool IsMin(const Key& key) {
  const auto* number = std::get_if<std::int64_t>(&key);
  return number != nullptr && *number == kMin;
}

void AppendEscaped(const std::string& text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '"': out += "\\\""; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          char buffer[8];
          std::snprintf(buffer, sizeof(buffer), "\\u%04x", byte);
          out += buffer;
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

}  // namespace

bool KeyRange::Empty() const {
  if (!after) return false;
  if (to && !(*after < *to)) return true;
  const auto* number = std::get_if<std::int64_t>(&*after);
  return number != nullptr && *number == kMax;
}

bool KeyRange::Contains(const Key& key) const {
  return (!after || *after < key) && (!to || !(*to < key));
}

std::string KeyForMessage(const Key& key) {
  if (const auto* number = std::get_if<std::int64_t>(&key)) return std::to_string(*number);
  const auto& text = std::get<std::string>(key);
  constexpr std::size_t kShown = 80;
  std::string out;
  if (text.size() <= kShown) {
    AppendEscaped(text, out);
    return out;
  }
  std::size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  AppendEscaped(text.substr(0, end), out);
  return out + "... (" + std::to_string(text.size()) + " bytes)";
}

std::string KeyRange::ToText() const {
  return "(" + (after ? KeyForMessage(*after) : "first key") + ", " +
         (to ? KeyForMessage(*to) + "]" : "last key]");
}

std::string KeyLiteral(const Key& key) {
  if (const auto* number = std::get_if<std::int64_t>(&key)) return std::to_string(*number);
  std::string out;
  AppendEscaped(std::get<std::string>(key), out);
  return out;
}

std::string RangeExpr(const rows::FieldSchema& key_field, const KeyRange& range,
                      const std::string& filter) {
  const std::string& name = key_field.name;
  std::string expr;
  if (range.after) {
    expr = name + (IsMin(*range.after) ? kAboveMin : " > " + KeyLiteral(*range.after));
  }
  if (range.to) {
    if (!expr.empty()) expr += " and ";
    expr += name + (IsMin(*range.to) ? kIsMin : " <= " + KeyLiteral(*range.to));
  }
  if (expr.empty()) {
    expr = name + (key_field.type == rows::DataType::kInt64 ? " <= " + std::to_string(kMax)
                                                            : std::string(" >= \"\""));
  }
  if (filter.empty()) return expr;
  return "(" + expr + ") and (" + filter + ")";
}

std::string KeysExpr(const rows::FieldSchema& key_field, const std::vector<Key>& keys) {
  std::string list;
  bool has_min = false;
  for (const Key& key : keys) {
    if (IsMin(key)) {
      has_min = true;
      continue;
    }
    if (!list.empty()) list += ",";
    list += KeyLiteral(key);
  }
  const std::string is_min = key_field.name + kIsMin;
  if (list.empty()) return is_min;
  const std::string in = key_field.name + " in [" + list + "]";
  return has_min ? "(" + in + ") or (" + is_min + ")" : in;
}

}  // namespace aerie::milvus
