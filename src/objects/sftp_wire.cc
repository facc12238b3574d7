#include "objects/sftp_wire.h"

#include <string_view>

namespace aerie::objects::sftp {
namespace {

// Flags of attributes.
constexpr std::uint32_t kSize = 0x1;
constexpr std::uint32_t kOwner = 0x2;
constexpr std::uint32_t kPermissions = 0x4;
constexpr std::uint32_t kTimes = 0x8;
constexpr std::uint32_t kMore = 0x80000000U;

std::uint64_t BigEndian(ByteSpan bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

}  // namespace

Writer& Writer::U8(std::uint8_t value) {
  out_.push_back(value);
  return *this;
}

Writer& Writer::U32(std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out_.push_back(static_cast<std::uint8_t>(value >> shift));
  return *this;
}

Writer& Writer::U64(std::uint64_t value) {
  return U32(static_cast<std::uint32_t>(value >> 32)).U32(static_cast<std::uint32_t>(value));
}

Writer& Writer::Text(std::string_view text) {
  U32(static_cast<std::uint32_t>(text.size()));
  out_.insert(out_.end(), text.begin(), text.end());
  return *this;
}

Writer& Writer::Mode(std::uint32_t permissions) { return U32(kPermissions).U32(permissions); }

Bytes Writer::Packet() const {
  Bytes packet = Writer().U32(static_cast<std::uint32_t>(out_.size())).bytes();
  packet.insert(packet.end(), out_.begin(), out_.end());
  return packet;
}

Status Reader::Take(std::size_t size, ByteSpan& bytes) {
  if (size > in_.size()) return CorruptError("the server's answer is cut short");
  bytes = in_.first(size);
  in_ = in_.subspan(size);
  return Ok();
}

Status Reader::U8(std::uint8_t& value) {
  ByteSpan bytes;
  AERIE_TRY(Take(1, bytes));
  value = bytes[0];
  return Ok();
}

Status Reader::U32(std::uint32_t& value) {
  ByteSpan bytes;
  AERIE_TRY(Take(4, bytes));
  value = static_cast<std::uint32_t>(BigEndian(bytes));
  return Ok();
}

Status Reader::U64(std::uint64_t& value) {
  ByteSpan bytes;
  AERIE_TRY(Take(8, bytes));
  value = BigEndian(bytes);
  return Ok();
}

Status Reader::Data(ByteSpan& data) {
  std::uint32_t size = 0;
  AERIE_TRY(U32(size));
  return Take(size, data);
}

Status Reader::Text(std::string& text) {
  ByteSpan data;
  AERIE_TRY(Data(data));
  text = AsText(data);
  return Ok();
}

Status Reader::Read(Attributes& attributes) {
  std::uint32_t flags = 0;
  std::uint32_t number = 0;
  AERIE_TRY(U32(flags));
  attributes = {};
  if ((flags & kSize) != 0) AERIE_TRY(U64(attributes.size.emplace()));
  if ((flags & kOwner) != 0) {
    AERIE_TRY(U32(number));
    AERIE_TRY(U32(number));
  }
  if ((flags & kPermissions) != 0) AERIE_TRY(U32(attributes.permissions.emplace()));
  if ((flags & kTimes) != 0) {
    AERIE_TRY(U32(number));
    AERIE_TRY(U32(number));
    attributes.modified_s = number;
  }
  if ((flags & kMore) == 0) return Ok();
  std::uint32_t count = 0;
  AERIE_TRY(U32(count));
  ByteSpan passed;
  for (std::uint32_t i = 0; i < 2 * std::uint64_t{count}; ++i) AERIE_TRY(Data(passed));
  return Ok();
}

}  // namespace aerie::objects::sftp
