// An object store in a folder of another machine, over SFTP by the machine's own ssh.
//
// A put writes a temporary beside its target and renames it, so an object is there whole or not at
// all. Of a large object the temporary is named after its bytes: a put of the same bytes goes on
// where an earlier one was cut off, whoever began it, once the end of what is there was compared.
// So what a cut costs is what was on its way.
//
// Connections are kept for the next calls, one for each call at a time. Nothing is repeated here.
// Links are followed on the way to the root, never listed below it. Files get mode 0600 and folders
// 0700. A temporary that nobody goes on with stays, is never listed, and ends in "~tmp".
//
// What the server syncs: the file, where it can (OpenSSH); never the folder. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/token_bucket.h"
#include "objects/object_store.h"
#include "objects/sftp_options.h"
#include "objects/sftp_uri.h"

namespace aerie::objects {

class SftpConnection;
struct SshCall;

class SftpStore : public ObjectStore {
 public:
  // Touches nothing yet.
  SftpStore(SftpUri uri, SftpOptions options);
  ~SftpStore() override;

  std::string Describe() const override { return uri_.ToString(); }
  // A rename that replaces nothing is what OpenSSH and most others do; nobody can be sure of it.
  Capabilities capabilities() const override {
    return {.server_side_copy = false, .put_if_absent_atomic = false};
  }
  // kNoSpace where the server can say so; else kFailed in its words.
  Status Put(const Context& context, const ObjectKey& key, ByteSpan bytes) override;
  Status PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) override;
  Result<Bytes> Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override;
  Result<ObjectInfo> Stat(const Context& context, const ObjectKey& key) override;
  // Empty when the root is not there. kRefused when it meets a link.
  Status List(const Context& context, const std::string& prefix,
              const std::function<Status(const ObjectInfo&)>& visit) override;
  std::vector<RemoveResult> Remove(const Context& context,
                                   const std::vector<ObjectKey>& keys) override;
  // Nothing is ever retained here.
  Status CheckRetention(const Context& context) override;
  Status Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) override;
  Result<std::int64_t> RetainedUntil(const Context& context, const ObjectKey& key) override;
  // kUnsupported.
  Status Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) override;
  Result<std::optional<std::uint64_t>> FreeBytes(const Context& context) override;

 private:
  enum class Commit { kReplace, kExclusive };
  using Work = std::function<Status(SftpConnection&)>;
  struct Scan;
  struct Range {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };

  std::string PathOf(const std::string& key) const;
  Result<std::unique_ptr<SftpConnection>> Connect(const SshCall& call);
  // What ssh said is the reason when the connection is lost.
  Status Explain(const SshCall& call, SftpConnection& connection, Status status);
  // Runs `work` on a connection of its own.
  Status With(const SshCall& call, const Work& work);

  Status Write(const Context& context, const ObjectKey& key, ByteSpan bytes, Commit commit);
  Status Upload(const SshCall& call, SftpConnection& connection, const std::string& path,
                ByteSpan bytes);
  Result<std::string> OpenToWrite(const SshCall& call, SftpConnection& connection,
                                  const std::string& path);
  // How many of `bytes` stand there already, to be gone on from.
  Result<std::uint64_t> Beginning(const SshCall& call, SftpConnection& connection,
                                  const std::string& handle, ByteSpan bytes);
  Status NoSpaceOr(const SshCall& call, SftpConnection& connection, const std::string& path,
                   std::uint64_t needed, Status status);
  Status GiveName(const SshCall& call, SftpConnection& connection, const std::string& from,
                  const std::string& to, Commit commit);
  Status SettleName(const SshCall& call, SftpConnection& connection, const std::string& path,
                    ByteSpan bytes, Commit commit);
  // Reads the range of an open file, whatever has its name by now.
  Status ReadOpened(const SshCall& call, SftpConnection& connection, const std::string& handle,
                    const ObjectKey& key, Range range, Bytes& bytes);
  Status Walk(const SshCall& call, const std::string& folder, const Scan& scan);
  Status Pace(const SshCall& call, TokenBucket* meter, std::size_t bytes) const;

  const SftpUri uri_;
  const SftpOptions options_;
  const std::unique_ptr<TokenBucket> send_;
  const std::unique_ptr<TokenBucket> receive_;
  std::atomic<bool> answered_{false};  // on any connection, ever
  std::mutex mutex_;
  std::vector<std::unique_ptr<SftpConnection>> idle_;
};

}  // namespace aerie::objects
