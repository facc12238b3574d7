// SEAM. Byte strings and the little-endian wire helpers shared by every format of ours.
//
// ByteReader never reads outside its span: a short input gives kCorrupt with the name of what was
// being read. Plain values; no thread rule.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/status.h"

namespace aerie {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;

static_assert(std::endian::native == std::endian::little, "Aerie's formats are little-endian");

inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::string ToHex(ByteSpan bytes);
// kInvalid unless `hex` has an even number of hexadecimal digits.
Result<Bytes> FromHex(std::string_view hex);

class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}
  template <class T>
  void Fixed(T value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    const auto at = out_.size();
    out_.resize(at + sizeof(T));
    std::memcpy(out_.data() + at, &value, sizeof(T));
  }
  // LEB128: 7 bits a byte, low bits first.
  void Varint(std::uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<std::uint8_t>(value) | 0x80);
      value >>= 7;
    }
    out_.push_back(static_cast<std::uint8_t>(value));
  }
  void Raw(ByteSpan bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  // Varint length, then the bytes.
  void Sized(ByteSpan bytes) {
    Varint(bytes.size());
    Raw(bytes);
  }
  void Sized(std::string_view text) { Sized(AsBytes(text)); }

 private:
  Bytes& out_;
};

class ByteReader {
 public:
  // `what` leads the error messages and must outlive the reader.
  ByteReader(ByteSpan in, const char* what) : in_(in), what_(what) {}
  template <class T>
  Status Fixed(T& value) {
    // Any byte but 0 and 1 in a bool is undefined behaviour: read a std::uint8_t.
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
    if (in_.size() < sizeof(T)) return Short();
    std::memcpy(&value, in_.data(), sizeof(T));
    in_ = in_.subspan(sizeof(T));
    return Ok();
  }
  Status Varint(std::uint64_t& value);
  // A varint that must not exceed `limit`: use for every count and length that sizes memory.
  Status VarintUpTo(std::uint64_t limit, std::uint64_t& value);
  Status Raw(std::size_t size, ByteSpan& bytes);
  Status Sized(ByteSpan& bytes);
  Status Sized(std::string& text);
  std::size_t remaining() const { return in_.size(); }
  ByteSpan rest() const { return in_; }
  // kCorrupt unless everything was read.
  Status ExpectEnd() const;

 private:
  Status Short() const;
  ByteSpan in_;
  const char* what_;
};

}  // namespace aerie
