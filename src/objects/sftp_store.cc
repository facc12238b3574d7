#include "objects/sftp_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "objects/digests.h"
#include "objects/sftp_connection.h"

namespace aerie::objects {
namespace {

constexpr char kTemporarySuffix[] = "~tmp";
// Smaller objects are sent anew after a cut, under a temporary name that nobody else has.
constexpr std::size_t kResumable = SftpConnection::kPieceBytes;
// Of what an earlier put left, so much is compared before it is gone on with.
constexpr std::size_t kComparedBytes = std::size_t{64} << 10;
constexpr std::size_t kMostIdle = 8;

struct SplitPath {
  std::string folder;  // empty: none
  std::string name;
};

SplitPath Split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

// Beside `path`, with a name that no key has.
std::string TemporaryPath(const std::string& path, ByteSpan bytes) {
  static std::atomic<std::uint64_t> number{0};
  const std::string folder = Split(path).folder;
  std::string what = path;
  if (bytes.size() <= kResumable) {
    what += ToHex(AsBytes(std::to_string(number++))) +
            std::to_string(SystemClock().Now().time_since_epoch().count());
  }
  Bytes named(what.begin(), what.end());
  named.insert(named.end(), bytes.begin(), bytes.end());
  const std::string name = ToHex(Sha256(named)).substr(0, 32) + kTemporarySuffix;
  return folder.empty() ? name : folder + "/" + name;
}

Status UnknownUnlessAnswered(const Status& status) {
  switch (KindOf(status)) {
    case Kind::kTransient:
    case Kind::kCancelled:
    case Kind::kTimeout:
      return UnknownOutcomeError(std::string(status.message()) +
                                 "; whether it was done is not known");
    default: return status;
  }
}

}  // namespace

SftpStore::SftpStore(SftpUri uri, SftpOptions options)
    : uri_(std::move(uri)),
      options_(std::move(options)),
      send_(options_.max_send_rate > 0 ? std::make_unique<TokenBucket>(options_.max_send_rate)
                                       : nullptr),
      receive_(options_.max_receive_rate > 0
                   ? std::make_unique<TokenBucket>(options_.max_receive_rate)
                   : nullptr) {}

SftpStore::~SftpStore() = default;

std::string SftpStore::PathOf(const std::string& key) const {
  return uri_.path == "/" ? "/" + key : uri_.path + "/" + key;
}

Status SftpStore::Pace(const SshCall& call, TokenBucket* meter, std::size_t bytes) const {
  return meter == nullptr ? Ok()
                          : meter->Take(call.context, static_cast<double>(bytes), call.operation);
}

Result<std::unique_ptr<SftpConnection>> SftpStore::Connect(const SshCall& call) {
  auto channel = SshChannel::Start(
      call.operation, options_.command.empty() ? SshCommand(uri_, options_.ssh) : options_.command);
  if (KindOf(channel.status()) == Kind::kNotFound) {
    return FailedError(call.operation + ": there is no program ssh here; install openssh-client");
  }
  AERIE_TRY(channel.status());
  auto connection = std::make_unique<SftpConnection>(*std::move(channel));
  Status status = connection->Begin(call);
  if (!status.ok()) return Explain(call, *connection, std::move(status));
  answered_ = true;
  return connection;
}

Status SftpStore::Explain(const SshCall& call, SftpConnection& connection, Status status) {
  if (KindOf(status) != Kind::kTransient) return status;
  const SshChannel::Said said = connection.channel().LastWords();
  return SshFailure(call.operation, uri_, options_.ssh, said.text, said.host_key, answered_);
}

Status SftpStore::With(const SshCall& call, const Work& work) {
  AERIE_TRY(call.context.Check(call.operation));
  std::unique_ptr<SftpConnection> connection;
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (connection == nullptr) {
    AERIE_ASSIGN(connection, Connect(call));
  }
  Status status = work(*connection);
  std::lock_guard lock(mutex_);
  if (connection->healthy() && idle_.size() < kMostIdle) idle_.push_back(std::move(connection));
  if (!connection || connection->healthy()) return status;
  // Whatever took this connection has most likely taken those that wait.
  if (KindOf(status) == Kind::kTransient) idle_.clear();
  return Explain(call, *connection, std::move(status));
}

// ---- Writing ----

Status SftpStore::Put(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  return Write(context, key, bytes, Commit::kReplace);
}

Status SftpStore::PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  return Write(context, key, bytes, Commit::kExclusive);
}

Status SftpStore::Write(const Context& context, const ObjectKey& key, ByteSpan bytes,
                        Commit commit) {
  AERIE_TRY(CheckKey(key));
  const std::string operation =
      std::string(commit == Commit::kReplace ? "write " : "create ") + Describe() + "/" + key.text;
  const SshCall call{context, operation};
  const std::string path = PathOf(key.text);
  const std::string temporary = TemporaryPath(path, bytes);
  return With(call, [&](SftpConnection& connection) -> Status {
    if (commit == Commit::kExclusive) {
      const auto there = connection.Stat(call, path);
      if (there.ok()) return MakeStatus(Kind::kExists, operation + ": it exists already");
      if (!connection.healthy()) return there.status();
    }
    AERIE_TRY(Upload(call, connection, temporary, bytes));
    Status named = GiveName(call, connection, temporary, path, commit);
    if (KindOf(named) != Kind::kNotFound) return named;
    return SettleName(call, connection, path, bytes, commit);
  });
}

Result<std::string> SftpStore::OpenToWrite(const SshCall& call, SftpConnection& connection,
                                           const std::string& path) {
  constexpr std::uint32_t kFlags = sftp::kReadFlag | sftp::kWriteFlag | sftp::kCreateFlag;
  auto handle = connection.Open(call, path, kFlags);
  if (KindOf(handle.status()) != Kind::kNotFound) return handle;
  // Each folder from the top: those that are there are refused, and what is really wrong is said
  // when the file is opened again.
  const std::string folder = Split(path).folder;
  for (std::size_t end = folder.find('/', 1);; end = folder.find('/', end + 1)) {
    const Status made = connection.MakeFolder(call, folder.substr(0, end));
    if (!connection.healthy()) return made;
    if (end == std::string::npos) break;
  }
  return connection.Open(call, path, kFlags);
}

Result<std::uint64_t> SftpStore::Beginning(const SshCall& call, SftpConnection& connection,
                                           const std::string& handle, ByteSpan bytes) {
  AERIE_ASSIGN(const auto attributes, connection.StatHandle(call, handle));
  const std::uint64_t there = attributes.size.value_or(0);
  if (there == 0 || there > bytes.size()) return 0;
  Bytes end(std::min<std::uint64_t>(there, kComparedBytes));
  const std::uint64_t offset = there - end.size();
  AERIE_TRY(connection.Read(call, handle, offset, end,
                            [&](std::size_t size) { return Pace(call, receive_.get(), size); }));
  return std::equal(end.begin(), end.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset))
             ? there
             : 0;
}

Status SftpStore::Upload(const SshCall& call, SftpConnection& connection, const std::string& path,
                         ByteSpan bytes) {
  AERIE_ASSIGN(std::string handle, OpenToWrite(call, connection, path));
  AERIE_ASSIGN(std::uint64_t from, Beginning(call, connection, handle, bytes));
  AERIE_ASSIGN(auto attributes, connection.StatHandle(call, handle));
  if (from == 0 && attributes.size.value_or(0) > 0) {
    // Not ours after all. A new file: whoever still writes to the old one does not reach it.
    AERIE_TRY(connection.Close(call, handle));
    const Status removed = connection.Remove(call, path);
    if (KindOf(removed) != Kind::kNotFound) AERIE_TRY(removed);
    AERIE_ASSIGN(handle, OpenToWrite(call, connection, path));
  }
  Status status =
      connection.Write(call, handle, from, bytes.subspan(static_cast<std::size_t>(from)),
                       [&](std::size_t size) { return Pace(call, send_.get(), size); });
  if (!status.ok()) return NoSpaceOr(call, connection, path, bytes.size() - from, status);
  AERIE_TRY(connection.Sync(call, handle));
  AERIE_ASSIGN(attributes, connection.StatHandle(call, handle));
  AERIE_TRY(connection.Close(call, handle));
  if (attributes.size.value_or(bytes.size()) == bytes.size()) return Ok();
  return MakeStatus(Kind::kTransient, call.operation + ": the server has " +
                                          std::to_string(*attributes.size) + " of " +
                                          std::to_string(bytes.size()) + " bytes");
}

// A server has no word for a full disk: it is asked how much is free.
Status SftpStore::NoSpaceOr(const SshCall& call, SftpConnection& connection,
                            const std::string& path, std::uint64_t needed, Status status) {
  if (KindOf(status) != Kind::kFailed || !connection.Has(SftpConnection::kStatVfs)) return status;
  auto other = Connect(call);
  if (!other.ok()) return status;
  const std::string folder = Split(path).folder;
  const auto free = (*other)->FreeBytes(call, folder.empty() ? "." : folder);
  if (!free.ok() || *free >= needed) return status;
  return MakeStatus(Kind::kNoSpace, call.operation + ": the disk there has " +
                                        std::to_string(*free) + " bytes left, " +
                                        std::to_string(needed) + " are needed");
}

Status SftpStore::GiveName(const SshCall& call, SftpConnection& connection, const std::string& from,
                           const std::string& to, Commit commit) {
  if (commit == Commit::kReplace && connection.Has(SftpConnection::kPosixRename)) {
    return UnknownUnlessAnswered(connection.Replace(call, from, to));
  }
  if (commit == Commit::kReplace) {
    Status removed = connection.Remove(call, to);
    if (!removed.ok() && KindOf(removed) != Kind::kNotFound) return UnknownUnlessAnswered(removed);
  }
  Status status = connection.Rename(call, from, to);
  if (status.ok() || !connection.healthy()) return UnknownUnlessAnswered(status);
  if (commit == Commit::kReplace) return status;
  const auto there = connection.Stat(call, to);
  if (!connection.healthy()) return UnknownUnlessAnswered(there.status());
  if (!there.ok()) return status;
  (void)connection.Remove(call, from);
  return MakeStatus(Kind::kExists, call.operation + ": it exists already");
}

// The temporary is gone. A server that is still busy with what a connection asked before it was cut
// has given it its name meanwhile, most likely.
Status SftpStore::SettleName(const SshCall& call, SftpConnection& connection,
                             const std::string& path, ByteSpan bytes, Commit commit) {
  if (commit == Commit::kExclusive) {
    return UnknownOutcomeError(call.operation +
                               ": its temporary is gone; whether it was done is not known");
  }
  const Status gone =
      MakeStatus(Kind::kTransient, call.operation + ": its temporary is gone before it had a name");
  auto opened = connection.Open(call, path, sftp::kReadFlag);
  if (KindOf(opened.status()) == Kind::kNotFound) return gone;
  AERIE_ASSIGN(const std::string handle, std::move(opened));
  Bytes there(bytes.size());
  const Status read = connection.Read(
      call, handle, 0, there, [&](std::size_t size) { return Pace(call, receive_.get(), size); });
  if (KindOf(read) == Kind::kCorrupt) return gone;  // it is shorter
  AERIE_TRY(read);
  AERIE_ASSIGN(const auto attributes, connection.StatHandle(call, handle));
  AERIE_TRY(connection.Close(call, handle));
  const bool ours = attributes.size.value_or(bytes.size()) == bytes.size() &&
                    std::equal(there.begin(), there.end(), bytes.begin());
  return ours ? Ok() : gone;
}

// ---- Reading ----

Status SftpStore::ReadOpened(const SshCall& call, SftpConnection& connection,
                             const std::string& handle, const ObjectKey& key, Range range,
                             Bytes& bytes) {
  AERIE_ASSIGN(const auto attributes, connection.StatHandle(call, handle));
  if (!attributes.IsFile()) return NotFoundError(call.operation + ": there is no such object");
  AERIE_TRY(ResolveRange(Describe(), key, attributes.size.value_or(0), range.offset, range.length));
  bytes.resize(static_cast<std::size_t>(range.length));
  return connection.Read(call, handle, range.offset, bytes,
                         [&](std::size_t size) { return Pace(call, receive_.get(), size); });
}

Result<Bytes> SftpStore::Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                             std::uint64_t length) {
  AERIE_TRY(CheckKey(key));
  const std::string operation = "read " + Describe() + "/" + key.text;
  const SshCall call{context, operation};
  Bytes bytes;
  const Status read = With(call, [&](SftpConnection& connection) -> Status {
    auto opened = connection.Open(call, PathOf(key.text), sftp::kReadFlag);
    if (!opened.ok() && connection.healthy()) {
      // Some servers refuse to open a folder; it is no object.
      const auto there = connection.Stat(call, PathOf(key.text));
      if (there.ok() && !there->IsFile()) {
        return NotFoundError(operation + ": there is no such object");
      }
    }
    AERIE_ASSIGN(const auto handle, std::move(opened));
    // The size of what is open: the name may belong to a newer version by now.
    Status status = ReadOpened(call, connection, handle, key, {offset, length}, bytes);
    if (!connection.healthy()) return status;
    const Status closed = connection.Close(call, handle);
    return status.ok() ? closed : std::move(status);
  });
  AERIE_TRY(read);
  return bytes;
}

Result<ObjectInfo> SftpStore::Stat(const Context& context, const ObjectKey& key) {
  AERIE_TRY(CheckKey(key));
  const std::string operation = "look up " + Describe() + "/" + key.text;
  const SshCall call{context, operation};
  ObjectInfo info{key, 0, 0};
  AERIE_TRY(With(call, [&](SftpConnection& connection) -> Status {
    AERIE_ASSIGN(const auto attributes, connection.Stat(call, PathOf(key.text)));
    if (!attributes.IsFile()) return NotFoundError(operation + ": there is no such object");
    info.size = attributes.size.value_or(0);
    info.modified_ms = attributes.modified_s * 1000;
    return Ok();
  }));
  return info;
}

// ---- Listing ----

struct SftpStore::Scan {
  const std::string& prefix;
  const std::function<Status(const ObjectInfo&)>& visit;
};

Status SftpStore::Walk(const SshCall& call, const std::string& folder, const Scan& scan) {
  std::vector<SftpConnection::Entry> entries;
  const Status read = With(call, [&](SftpConnection& connection) -> Status {
    AERIE_ASSIGN(entries, connection.ReadFolder(call, folder.empty() ? uri_.path : PathOf(folder)));
    return Ok();
  });
  // A folder that is not there, or was removed since its parent was read, holds nothing.
  if (KindOf(read) == Kind::kNotFound) return Ok();
  AERIE_TRY(read);
  // With its slash at the end a folder sorts where the keys below it belong.
  for (auto& entry : entries) {
    if (entry.attributes.IsFolder()) entry.name += "/";
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const auto& entry : entries) {
    const std::string text = folder.empty() ? entry.name : folder + "/" + entry.name;
    if (entry.attributes.IsFolder()) {
      if (!text.starts_with(scan.prefix) && !scan.prefix.starts_with(text)) continue;
      AERIE_TRY(Walk(call, text.substr(0, text.size() - 1), scan));
      continue;
    }
    // What cannot be a key is not ours, and a temporary is not there yet.
    if (!text.starts_with(scan.prefix) || !CheckKey({text}).ok()) continue;
    if (entry.attributes.IsLink()) {
      return RefusedError(call.operation + ": " + text + " is a link, which is not followed");
    }
    AERIE_TRY(call.context.Check(call.operation));
    AERIE_TRY(scan.visit(
        {{text}, entry.attributes.size.value_or(0), entry.attributes.modified_s * 1000}));
  }
  return Ok();
}

Status SftpStore::List(const Context& context, const std::string& prefix,
                       const std::function<Status(const ObjectInfo&)>& visit) {
  AERIE_TRY(CheckPrefix(prefix));
  const std::string operation = "list " + Describe() + "/" + prefix;
  return Walk({context, operation}, Split(prefix).folder, {prefix, visit});
}

// ---- The rest ----

std::vector<RemoveResult> SftpStore::Remove(const Context& context,
                                            const std::vector<ObjectKey>& keys) {
  std::vector<RemoveResult> results;
  for (const ObjectKey& key : keys) {
    const std::string operation = "remove " + Describe() + "/" + key.text;
    const SshCall call{context, operation};
    Status status = CheckKey(key);
    if (status.ok()) {
      status = With(call, [&](SftpConnection& connection) -> Status {
        Status removed = connection.Remove(call, PathOf(key.text));
        if (removed.ok() || !connection.healthy()) return removed;
        // A folder is no object: none of that key is there.
        const auto left = connection.Stat(call, PathOf(key.text));
        const bool gone =
            KindOf(left.status()) == Kind::kNotFound || (left.ok() && !left->IsFile());
        return gone ? Ok() : std::move(removed);
      });
    }
    if (KindOf(status) == Kind::kNotFound) status = Ok();
    results.push_back({key, std::move(status)});
  }
  return results;
}

Status SftpStore::CheckRetention(const Context&) {
  return UnsupportedError("retain objects in " + Describe() +
                          ": SFTP cannot keep its owner from deleting; use a bucket of S3 with "
                          "object lock");
}

Status SftpStore::Retain(const Context& context, const ObjectKey&, std::int64_t) {
  return CheckRetention(context);
}

Result<std::int64_t> SftpStore::RetainedUntil(const Context& context, const ObjectKey& key) {
  AERIE_TRY(Stat(context, key).status());
  return 0;
}

Status SftpStore::Copy(const Context&, const ObjectKey& from, const ObjectKey&) {
  return UnsupportedError("copy " + Describe() + "/" + from.text +
                          ": SFTP cannot copy on the server");
}

Result<std::optional<std::uint64_t>> SftpStore::FreeBytes(const Context& context) {
  const std::string operation = "look for space in " + Describe();
  const SshCall call{context, operation};
  std::optional<std::uint64_t> free;
  AERIE_TRY(With(call, [&](SftpConnection& connection) -> Status {
    if (!connection.Has(SftpConnection::kStatVfs)) return Ok();
    // The nearest folder that is there.
    for (std::string folder = uri_.path;; folder = Split(folder).folder) {
      if (folder.empty()) folder = uri_.path.starts_with("/") ? "/" : ".";
      auto bytes = connection.FreeBytes(call, folder);
      if (bytes.ok()) {
        free = *bytes;
        return Ok();
      }
      if (KindOf(bytes.status()) != Kind::kNotFound || folder == "/" || folder == ".") {
        return bytes.status();
      }
    }
  }));
  return free;
}

}  // namespace aerie::objects
