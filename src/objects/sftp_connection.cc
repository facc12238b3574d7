#include "objects/sftp_connection.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

namespace aerie::objects {
namespace {

constexpr std::uint32_t kVersion = 3;
// OpenSSH sends at most 256 KiB, and a piece that was asked for is smaller.
constexpr std::size_t kMostPacketBytes = std::size_t{1} << 20;
constexpr std::uint32_t kFileMode = 0600;
constexpr std::uint32_t kFolderMode = 0700;
constexpr char kNoSftp[] =
    "the other side does not speak SFTP; a login that prints something on its own is one reason";

Kind KindOfCode(std::uint32_t code) {
  switch (code) {
    case sftp::kNoSuchFile: return Kind::kNotFound;
    case sftp::kPermissionDenied: return Kind::kDenied;
    case sftp::kOpUnsupported: return Kind::kUnsupported;
    case sftp::kNoConnection:
    case sftp::kConnectionLost: return Kind::kTransient;
    default: return Kind::kFailed;
  }
}

}  // namespace

Status SftpConnection::Broken(Status status) {
  healthy_ = false;
  return status;
}

Status SftpConnection::Odd(const SshCall& call, const std::string& what) {
  return Broken(FailedError(call.operation + ": " + what));
}

Result<Bytes> SftpConnection::ReceivePacket(const SshCall& call) {
  std::array<std::uint8_t, 4> head{};
  Status status = channel_->Read(call, head);
  if (!status.ok()) return Broken(std::move(status));
  std::uint32_t size = 0;
  AERIE_TRY(sftp::Reader(head).U32(size));
  if (size == 0 || size > kMostPacketBytes) return Odd(call, kNoSftp);
  Bytes packet(size);
  status = channel_->Read(call, packet);
  if (!status.ok()) return Broken(std::move(status));
  return packet;
}

Status SftpConnection::Begin(const SshCall& call) {
  const Status written =
      channel_->Write(call, sftp::Writer().U8(sftp::kInit).U32(kVersion).Packet());
  // One that printed something and is gone already does not hear, but what it said tells why.
  auto received = ReceivePacket(call);
  if (!written.ok() && KindOf(received.status()) == Kind::kTransient) return written;
  AERIE_ASSIGN(const Bytes packet, std::move(received));
  sftp::Reader reader(packet);
  std::uint8_t type = 0;
  std::uint32_t version = 0;
  if (!reader.U8(type).ok() || type != sftp::kVersion || !reader.U32(version).ok() ||
      version < kVersion) {
    return Odd(call, kNoSftp);
  }
  while (reader.remaining() > 0) {
    std::string name;
    std::string value;
    if (!reader.Text(name).ok() || !reader.Text(value).ok()) return Odd(call, kNoSftp);
    extensions_[name] = value;
  }
  answered_ = true;
  healthy_ = true;
  return Ok();
}

Status SftpConnection::Send(const SshCall& call, std::uint8_t type, std::uint32_t id,
                            const sftp::Writer& body, ByteSpan data) {
  const Bytes& fixed = body.bytes();
  sftp::Writer head;
  head.U32(static_cast<std::uint32_t>(5 + fixed.size() + data.size())).U8(type).U32(id);
  Bytes packet = head.bytes();
  packet.insert(packet.end(), fixed.begin(), fixed.end());
  packet.insert(packet.end(), data.begin(), data.end());
  Status status = channel_->Write(call, packet);
  return status.ok() ? status : Broken(std::move(status));
}

Result<SftpConnection::Answer> SftpConnection::Receive(const SshCall& call) {
  AERIE_ASSIGN(Bytes packet, ReceivePacket(call));
  Answer answer;
  sftp::Reader reader(packet);
  if (!reader.U8(answer.type).ok() || !reader.U32(answer.id).ok()) {
    return Odd(call, "the server's answer is cut short");
  }
  answer.packet = std::move(packet);
  return answer;
}

Result<SftpConnection::Answer> SftpConnection::Ask(const SshCall& call, std::uint8_t type,
                                                   const sftp::Writer& body) {
  const std::uint32_t id = next_id_++;
  AERIE_TRY(Send(call, type, id, body));
  AERIE_ASSIGN(Answer answer, Receive(call));
  if (answer.id != id) return Odd(call, "the server answers what was not asked");
  return answer;
}

Status SftpConnection::StatusOf(const SshCall& call, const Answer& answer, std::uint32_t* code) {
  sftp::Reader reader(answer.body());
  std::uint32_t said = 0;
  std::string words;
  if (answer.type != sftp::kStatus || !reader.U32(said).ok()) {
    return Odd(call, "the server answers otherwise than SFTP has it");
  }
  if (code != nullptr) *code = said;
  if (said == sftp::kOkCode) return Ok();
  if (!reader.Text(words).ok() || words.empty()) words = "error " + std::to_string(said);
  return MakeStatus(KindOfCode(said), call.operation + ": the server says: " + words);
}

Status SftpConnection::Do(const SshCall& call, std::uint8_t type, const sftp::Writer& body) {
  AERIE_ASSIGN(const Answer answer, Ask(call, type, body));
  return StatusOf(call, answer);
}

Result<SftpConnection::Attributes> SftpConnection::AskAttributes(const SshCall& call,
                                                                 std::uint8_t type,
                                                                 const std::string& what) {
  AERIE_ASSIGN(const Answer answer, Ask(call, type, sftp::Writer().Text(what)));
  if (answer.type == sftp::kStatus) {
    Status status = StatusOf(call, answer);
    return status.ok() ? Odd(call, "the server has no answer") : std::move(status);
  }
  Attributes attributes;
  if (answer.type != sftp::kAttributes || !sftp::Reader(answer.body()).Read(attributes).ok()) {
    return Odd(call, "the server answers otherwise than SFTP has it");
  }
  return attributes;
}

Result<SftpConnection::Handle> SftpConnection::AskHandle(const SshCall& call, std::uint8_t type,
                                                         const sftp::Writer& body) {
  AERIE_ASSIGN(const Answer answer, Ask(call, type, body));
  if (answer.type == sftp::kStatus) {
    Status status = StatusOf(call, answer);
    return status.ok() ? Odd(call, "the server has no answer") : std::move(status);
  }
  Handle handle;
  if (answer.type != sftp::kHandle || !sftp::Reader(answer.body()).Text(handle).ok()) {
    return Odd(call, "the server answers otherwise than SFTP has it");
  }
  return handle;
}

Result<SftpConnection::Attributes> SftpConnection::Stat(const SshCall& call,
                                                        const std::string& path) {
  return AskAttributes(call, sftp::kStat, path);
}

Result<SftpConnection::Attributes> SftpConnection::StatHandle(const SshCall& call,
                                                              const Handle& handle) {
  return AskAttributes(call, sftp::kFstat, handle);
}

Status SftpConnection::MakeFolder(const SshCall& call, const std::string& path) {
  return Do(call, sftp::kMkdir, sftp::Writer().Text(path).Mode(kFolderMode));
}

Status SftpConnection::Remove(const SshCall& call, const std::string& path) {
  return Do(call, sftp::kRemove, sftp::Writer().Text(path));
}

Status SftpConnection::Rename(const SshCall& call, const std::string& from, const std::string& to) {
  return Do(call, sftp::kRename, sftp::Writer().Text(from).Text(to));
}

Status SftpConnection::Replace(const SshCall& call, const std::string& from,
                               const std::string& to) {
  return Do(call, sftp::kExtended, sftp::Writer().Text(kPosixRename).Text(from).Text(to));
}

Result<std::vector<SftpConnection::Entry>> SftpConnection::ReadFolder(const SshCall& call,
                                                                      const std::string& path) {
  AERIE_ASSIGN(const Handle handle, AskHandle(call, sftp::kOpenDir, sftp::Writer().Text(path)));
  std::vector<Entry> entries;
  for (;;) {
    AERIE_ASSIGN(const Answer answer, Ask(call, sftp::kReadDir, sftp::Writer().Text(handle)));
    if (answer.type == sftp::kStatus) {
      std::uint32_t code = 0;
      Status status = StatusOf(call, answer, &code);
      if (code != sftp::kEof) return Broken(std::move(status));
      AERIE_TRY(Close(call, handle));
      return entries;
    }
    sftp::Reader reader(answer.body());
    std::uint32_t count = 0;
    if (answer.type != sftp::kName || !reader.U32(count).ok()) return Odd(call, "no names");
    for (std::uint32_t i = 0; i < count; ++i) {
      Entry entry;
      std::string shown;
      if (!reader.Text(entry.name).ok() || !reader.Text(shown).ok() ||
          !reader.Read(entry.attributes).ok()) {
        return Odd(call, "the server's answer is cut short");
      }
      if (entry.name != "." && entry.name != "..") entries.push_back(std::move(entry));
    }
  }
}

Result<std::uint64_t> SftpConnection::FreeBytes(const SshCall& call, const std::string& path) {
  AERIE_ASSIGN(const Answer answer,
               Ask(call, sftp::kExtended, sftp::Writer().Text(kStatVfs).Text(path)));
  if (answer.type == sftp::kStatus) {
    Status status = StatusOf(call, answer);
    return status.ok() ? Odd(call, "the server has no answer") : std::move(status);
  }
  // f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, ...
  sftp::Reader reader(answer.body());
  std::array<std::uint64_t, 5> numbers{};
  for (std::uint64_t& number : numbers) {
    if (!reader.U64(number).ok()) return Odd(call, "the server's answer is cut short");
  }
  return numbers[1] * numbers[4];
}

Result<SftpConnection::Handle> SftpConnection::Open(const SshCall& call, const std::string& path,
                                                    std::uint32_t flags) {
  return AskHandle(call, sftp::kOpen, sftp::Writer().Text(path).U32(flags).Mode(kFileMode));
}

Status SftpConnection::Sync(const SshCall& call, const Handle& handle) {
  if (!Has(kFsync)) return Ok();
  return Do(call, sftp::kExtended, sftp::Writer().Text(kFsync).Text(handle));
}

Status SftpConnection::Close(const SshCall& call, const Handle& handle) {
  return Do(call, sftp::kClose, sftp::Writer().Text(handle));
}

Status SftpConnection::Write(const SshCall& call, const Handle& handle, std::uint64_t offset,
                             ByteSpan bytes, const Pace& pace) {
  std::deque<std::uint32_t> waiting;
  // Answers are outstanding until the end, whatever ends it.
  healthy_ = false;
  while (!bytes.empty() || !waiting.empty()) {
    while (!bytes.empty() && waiting.size() < kPieces) {
      const ByteSpan piece = bytes.first(std::min(bytes.size(), kPieceBytes));
      AERIE_TRY(pace(piece.size()));
      const std::uint32_t id = next_id_++;
      sftp::Writer body;
      body.Text(handle).U64(offset).U32(static_cast<std::uint32_t>(piece.size()));
      AERIE_TRY(Send(call, sftp::kWrite, id, body, piece));
      waiting.push_back(id);
      offset += piece.size();
      bytes = bytes.subspan(piece.size());
    }
    AERIE_ASSIGN(const Answer answer, Receive(call));
    const auto found = std::find(waiting.begin(), waiting.end(), answer.id);
    if (found == waiting.end()) return Odd(call, "the server answers what was not asked");
    waiting.erase(found);
    AERIE_TRY(StatusOf(call, answer));
  }
  healthy_ = true;
  return Ok();
}

Status SftpConnection::Read(const SshCall& call, const Handle& handle, std::uint64_t offset,
                            std::span<std::uint8_t> out, const Pace& pace) {
  struct Piece {
    std::uint32_t id;
    std::size_t at;
    std::size_t size;
  };
  std::deque<Piece> waiting;
  std::size_t asked = 0;
  healthy_ = false;
  const auto ask = [&](std::size_t at, std::size_t size) {
    const std::uint32_t id = next_id_++;
    sftp::Writer body;
    body.Text(handle).U64(offset + at).U32(static_cast<std::uint32_t>(size));
    waiting.push_back({id, at, size});
    return Send(call, sftp::kRead, id, body);
  };
  while (asked < out.size() || !waiting.empty()) {
    while (asked < out.size() && waiting.size() < kPieces) {
      const std::size_t size = std::min(out.size() - asked, kPieceBytes);
      AERIE_TRY(pace(size));
      AERIE_TRY(ask(asked, size));
      asked += size;
    }
    AERIE_ASSIGN(const Answer answer, Receive(call));
    const auto found = std::find_if(waiting.begin(), waiting.end(),
                                    [&](const Piece& piece) { return piece.id == answer.id; });
    if (found == waiting.end()) return Odd(call, "the server answers what was not asked");
    const Piece piece = *found;
    waiting.erase(found);
    if (answer.type == sftp::kStatus) {
      std::uint32_t code = 0;
      Status status = StatusOf(call, answer, &code);
      if (code == sftp::kEof) return CorruptError(call.operation + ": the file ends too early");
      return status.ok() ? Odd(call, "the server has no answer") : std::move(status);
    }
    ByteSpan data;
    if (answer.type != sftp::kData || !sftp::Reader(answer.body()).Data(data).ok() ||
        data.empty() || data.size() > piece.size) {
      return Odd(call, "the server answers otherwise than SFTP has it");
    }
    std::copy(data.begin(), data.end(), out.begin() + static_cast<std::ptrdiff_t>(piece.at));
    // A server may give less than was asked for.
    if (data.size() < piece.size) AERIE_TRY(ask(piece.at + data.size(), piece.size - data.size()));
  }
  healthy_ = true;
  return Ok();
}

}  // namespace aerie::objects
