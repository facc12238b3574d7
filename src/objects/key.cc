#include <algorithm>

#include "objects/object_store.h"

namespace aerie::objects {
namespace {

constexpr std::size_t kMaxKeyBytes = 512;
constexpr std::size_t kMaxSegmentBytes = 255;

bool IsKeyChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '/';
}

Status Bad(const std::string& text, const std::string& why) {
  return InvalidError("object key \"" + text.substr(0, kMaxKeyBytes) + "\": " + why);
}

// The rules that a key and a prefix share. `whole` also demands a proper last segment.
Status CheckText(const std::string& text, bool whole) {
  if (text.size() > kMaxKeyBytes) {
    return Bad(text, "longer than " + std::to_string(kMaxKeyBytes) + " bytes");
  }
  if (!std::all_of(text.begin(), text.end(), IsKeyChar)) {
    return Bad(text, "only letters, digits and . _ - / are allowed");
  }
  std::size_t begin = 0;
  for (;;) {
    const std::size_t slash = text.find('/', begin);
    const bool last = slash == std::string::npos;
    const std::string segment = text.substr(begin, last ? slash : slash - begin);
    if (segment.size() > kMaxSegmentBytes) {
      return Bad(text, "a segment is longer than " + std::to_string(kMaxSegmentBytes) + " bytes");
    }
    if ((!last || whole) && (segment.empty() || segment == "." || segment == "..")) {
      return Bad(text, "an empty, \".\" or \"..\" segment");
    }
    if (last) return Ok();
    begin = slash + 1;
  }
}

}  // namespace

Status CheckKey(const ObjectKey& key) { return CheckText(key.text, true); }

Status CheckPrefix(const std::string& prefix) { return CheckText(prefix, false); }

Status ResolveRange(const std::string& store, const ObjectKey& key, std::uint64_t size,
                    std::uint64_t offset, std::uint64_t& length) {
  if (offset <= size && length == kToEnd) {
    length = size - offset;
    return Ok();
  }
  if (offset <= size && length <= size - offset) return Ok();
  const std::string wanted = length == kToEnd
                                 ? "from " + std::to_string(offset)
                                 : std::to_string(length) + " bytes at " + std::to_string(offset);
  return CorruptError("read " + store + "/" + key.text + ": " + wanted +
                      " asked, but the object has only " + std::to_string(size) +
                      " bytes; it was cut short or its index is wrong");
}

}  // namespace aerie::objects
