#include "base/bytes.h"

namespace aerie {

std::string ToHex(ByteSpan bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t b : bytes) {
    out.push_back(kDigits[b >> 4]);
    out.push_back(kDigits[b & 15]);
  }
  return out;
}

Result<Bytes> FromHex(std::string_view hex) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (hex.size() % 2 != 0) return InvalidError("parse hex: odd number of digits");
  Bytes out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]);
    const int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return InvalidError("parse hex: not a hexadecimal digit");
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return out;
}

Status ByteReader::Short() const { return CorruptError(std::string(what_) + ": ends too soon"); }

Status ByteReader::Varint(std::uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (in_.empty()) return Short();
    const std::uint8_t b = in_.front();
    in_ = in_.subspan(1);
    if (shift == 63 && b > 1) break;
    value |= static_cast<std::uint64_t>(b & 0x7f) << shift;
    if ((b & 0x80) == 0) return Ok();
  }
  return CorruptError(std::string(what_) + ": number too long");
}

Status ByteReader::VarintUpTo(std::uint64_t limit, std::uint64_t& value) {
  AERIE_TRY(Varint(value));
  if (value > limit) {
    return CorruptError(std::string(what_) + ": number " + std::to_string(value) +
                        " exceeds its limit " + std::to_string(limit));
  }
  return Ok();
}

Status ByteReader::Raw(std::size_t size, ByteSpan& bytes) {
  if (in_.size() < size) return Short();
  bytes = in_.first(size);
  in_ = in_.subspan(size);
  return Ok();
}

Status ByteReader::Sized(ByteSpan& bytes) {
  std::uint64_t size = 0;
  AERIE_TRY(VarintUpTo(in_.size(), size));
  return Raw(static_cast<std::size_t>(size), bytes);
}

Status ByteReader::Sized(std::string& text) {
  ByteSpan bytes;
  AERIE_TRY(Sized(bytes));
  text.assign(AsText(bytes));
  return Ok();
}

Status ByteReader::ExpectEnd() const {
  if (in_.empty()) return Ok();
  return CorruptError(std::string(what_) + ": " + std::to_string(in_.size()) +
                      " bytes follow its end");
}

}  // namespace aerie
