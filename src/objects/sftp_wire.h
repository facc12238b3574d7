// Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), as bytes. All numbers are big-endian.
//
// Pure; a reader never leaves its span: kCorrupt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace aerie::objects::sftp {

enum Type : std::uint8_t {
  kInit = 1,
  kVersion = 2,
  kOpen = 3,
  kClose = 4,
  kRead = 5,
  kWrite = 6,
  kFstat = 8,
  kOpenDir = 11,
  kReadDir = 12,
  kRemove = 13,
  kMkdir = 14,
  kStat = 17,
  kRename = 18,
  kStatus = 101,
  kHandle = 102,
  kData = 103,
  kName = 104,
  kAttributes = 105,
  kExtended = 200,
  kExtendedReply = 201,
};

// Of a kStatus packet.
enum Code : std::uint32_t {
  kOkCode = 0,
  kEof = 1,
  kNoSuchFile = 2,
  kPermissionDenied = 3,
  kFailure = 4,
  kNoConnection = 6,
  kConnectionLost = 7,
  kOpUnsupported = 8,
};

// Of kOpen.
inline constexpr std::uint32_t kReadFlag = 0x01;
inline constexpr std::uint32_t kWriteFlag = 0x02;
inline constexpr std::uint32_t kCreateFlag = 0x08;

struct Attributes {
  std::optional<std::uint64_t> size;
  std::optional<std::uint32_t> permissions;  // with the kind of file, as stat(2) has them
  std::int64_t modified_s = 0;
  bool IsFile() const { return !permissions || (*permissions & 0170000U) == 0100000U; }
  bool IsFolder() const { return permissions && (*permissions & 0170000U) == 0040000U; }
  bool IsLink() const { return permissions && (*permissions & 0170000U) == 0120000U; }
};

class Writer {
 public:
  Writer& U8(std::uint8_t value);
  Writer& U32(std::uint32_t value);
  Writer& U64(std::uint64_t value);
  Writer& Text(std::string_view text);
  // Only permissions.
  Writer& Mode(std::uint32_t permissions);
  const Bytes& bytes() const { return out_; }
  // The same with its length in front.
  Bytes Packet() const;

 private:
  Bytes out_;
};

class Reader {
 public:
  explicit Reader(ByteSpan in) : in_(in) {}
  Status U8(std::uint8_t& value);
  Status U32(std::uint32_t& value);
  Status U64(std::uint64_t& value);
  Status Text(std::string& text);
  // Bytes of the packet, not copied.
  Status Data(ByteSpan& data);
  Status Read(Attributes& attributes);
  std::size_t remaining() const { return in_.size(); }

 private:
  Status Take(std::size_t size, ByteSpan& bytes);
  ByteSpan in_;
};

}  // namespace aerie::objects::sftp
