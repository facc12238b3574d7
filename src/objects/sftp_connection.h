// One SFTP session over a channel: version 3, with the extensions of OpenSSH where it has them.
//
// Reads and writes keep up to 1 MiB on the way, so a far server is not waited for with every piece.
// Every error that leaves answers outstanding makes the connection useless: see healthy(). Belongs
// to one thread at a time.
//
// Errors of a server: kNotFound, kDenied, kUnsupported, kFailed with its own words. kTransient: the
// connection is gone, `LastWords` of the channel say why.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "objects/sftp_wire.h"
#include "objects/ssh_channel.h"

namespace aerie::objects {

class SftpConnection {
 public:
  static constexpr std::size_t kPieceBytes = std::size_t{32} << 10;  // what every server takes
  static constexpr std::size_t kPieces = 32;                         // on the way

  explicit SftpConnection(std::unique_ptr<SshChannel> channel) : channel_(std::move(channel)) {}

  // Agrees on the version; first of all. kFailed when the other side speaks no SFTP.
  Status Begin(const SshCall& call);
  bool answered() const { return answered_; }
  bool healthy() const { return healthy_; }
  bool Has(const std::string& extension) const { return extensions_.contains(extension); }
  SshChannel& channel() { return *channel_; }

  using Attributes = sftp::Attributes;
  struct Entry {
    std::string name;
    Attributes attributes;
  };
  // What runs before each piece, such as a meter; its error ends the transfer.
  using Pace = std::function<Status(std::size_t bytes)>;

  Result<Attributes> Stat(const SshCall& call, const std::string& path);
  Status MakeFolder(const SshCall& call, const std::string& path);
  Status Remove(const SshCall& call, const std::string& path);
  // Never over another file; with OpenSSH that is certain.
  Status Rename(const SshCall& call, const std::string& from, const std::string& to);
  // Over another file too. Only where Has(kPosixRename).
  Status Replace(const SshCall& call, const std::string& from, const std::string& to);
  Result<std::vector<Entry>> ReadFolder(const SshCall& call, const std::string& path);
  // Bytes that may still be written there. Only where Has(kStatVfs).
  Result<std::uint64_t> FreeBytes(const SshCall& call, const std::string& path);

  using Handle = std::string;
  // A file, with flags of sftp_wire.h; a new one is for its owner only.
  Result<Handle> Open(const SshCall& call, const std::string& path, std::uint32_t flags);
  Result<Attributes> StatHandle(const SshCall& call, const Handle& handle);
  Status Write(const SshCall& call, const Handle& handle, std::uint64_t offset, ByteSpan bytes,
               const Pace& pace);
  // kCorrupt when the file ends before.
  Status Read(const SshCall& call, const Handle& handle, std::uint64_t offset,
              std::span<std::uint8_t> out, const Pace& pace);
  // Onto the disk, where Has(kFsync); else nothing.
  Status Sync(const SshCall& call, const Handle& handle);
  Status Close(const SshCall& call, const Handle& handle);

  static constexpr char kPosixRename[] = "posix-rename@openssh.com";
  static constexpr char kStatVfs[] = "statvfs@openssh.com";
  static constexpr char kFsync[] = "fsync@openssh.com";

 private:
  struct Answer {
    std::uint8_t type = 0;
    std::uint32_t id = 0;
    Bytes packet;  // with type and id
    ByteSpan body() const { return ByteSpan(packet).subspan(5); }
  };

  Status Broken(Status status);
  Result<Bytes> ReceivePacket(const SshCall& call);
  Result<Answer> Receive(const SshCall& call);
  Status Send(const SshCall& call, std::uint8_t type, std::uint32_t id, const sftp::Writer& body,
              ByteSpan data = {});
  // One request and its answer.
  Result<Answer> Ask(const SshCall& call, std::uint8_t type, const sftp::Writer& body);
  // The same, when the answer is a status.
  Status Do(const SshCall& call, std::uint8_t type, const sftp::Writer& body);
  Result<Attributes> AskAttributes(const SshCall& call, std::uint8_t type, const std::string& what);
  Result<Handle> AskHandle(const SshCall& call, std::uint8_t type, const sftp::Writer& body);
  // The other side does not keep to the protocol.
  Status Odd(const SshCall& call, const std::string& what);
  // What a kStatus packet says.
  Status StatusOf(const SshCall& call, const Answer& answer, std::uint32_t* code = nullptr);

  const std::unique_ptr<SshChannel> channel_;
  std::map<std::string, std::string> extensions_;
  std::uint32_t next_id_ = 1;
  bool answered_ = false;
  bool healthy_ = false;
};

}  // namespace aerie::objects
