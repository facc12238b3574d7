#include "objects/filesystem_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "objects/errno_status.h"

namespace aerie::objects {
namespace {

// '~' is no key character, so a temporary is never taken for an object.
constexpr char kTemporarySuffix[] = "~tmp";
constexpr std::size_t kWriteChunk = std::size_t{1} << 20;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

struct SplitKey {
  std::string folder;  // without the last slash; empty: the root
  std::string name;
};

SplitKey Split(const std::string& text) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string::npos) return {"", text};
  return {text.substr(0, slash), text.substr(slash + 1)};
}

// Unique among threads and processes, also of other machines that share the folder.
std::string TemporaryName() {
  static std::atomic<std::uint64_t> counter{0};
  static const std::uint64_t start = [] {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
  }();
  char text[80];
  std::snprintf(text, sizeof text, "%lx-%016llx-%llx%s", static_cast<unsigned long>(::getpid()),
                static_cast<unsigned long long>(start), static_cast<unsigned long long>(counter++),
                kTemporarySuffix);
  return text;
}

std::int64_t ModifiedMs(const struct stat& st) {
  return std::int64_t{st.st_mtim.tv_sec} * 1000 + st.st_mtim.tv_nsec / 1'000'000;
}

// Some network and user-space file systems cannot sync a folder and say so; they have no cache of
// names that a sync could flush.
int SyncFolder(int fd) {
  if (::fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP) return 0;
  return errno;
}

int RenameExclusive(int folder, const char* from, const char* to) {
  if (::renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS && errno != EPERM) return errno;
  if (::linkat(folder, from, folder, to, 0) != 0) return errno;
  // The object is in place; a temporary that stays is swept later.
  (void)::unlinkat(folder, from, 0);
  return 0;
}

bool IsSymlinkAt(int folder, const std::string& name) {
  struct stat st {};
  return ::fstatat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

}  // namespace

class FilesystemStore::Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { Close(); }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  // errno of close, which is where network file systems report a full disk.
  int Close() {
    if (fd_ < 0) return 0;
    return ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR ? 0 : errno;
  }

 private:
  int fd_;
};

struct FilesystemStore::Entry {
  std::string name;
  bool folder = false;
  bool temporary = false;
  std::uint64_t size = 0;
  std::int64_t modified_ms = 0;
};

struct FilesystemStore::Scan {
  std::string operation;
  std::string prefix;
  // Called with the folder of an entry that is no folder; temporaries included.
  std::function<Status(const std::string& folder, const Entry&)> visit;
};

FilesystemStore::FilesystemStore(const std::string& root) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(root, error);
  root_ = (error ? std::filesystem::path(root) : absolute).lexically_normal().string();
  while (root_.size() > 1 && root_.back() == '/') root_.pop_back();
}

Result<FilesystemStore::Fd> FilesystemStore::OpenRoot(const std::string& operation) {
  Fd fd(::open(root_.c_str(), kFolderFlags));
  std::unique_lock lock(mutex_);
  if (fd.get() >= 0) {
    root_seen_ = true;
    return fd;
  }
  const int error = errno;
  if (error == ENOENT && root_seen_) {
    return FailedError(operation + ": the folder " + root_ +
                       " was there and is gone; check that its disk is still mounted");
  }
  lock.unlock();
  if (error == ENOTDIR) {
    return InvalidError(operation + ": " + root_ + " is not a folder; choose another path");
  }
  return ErrnoStatus(error, operation + ": open folder", root_);
}

Result<FilesystemStore::Fd> FilesystemStore::OpenFolder(const std::string& folder,
                                                        const std::string& operation) {
  AERIE_ASSIGN(Fd fd, OpenRoot(operation));
  std::size_t begin = 0;
  while (begin < folder.size()) {
    const std::size_t slash = std::min(folder.find('/', begin), folder.size());
    const std::string name = folder.substr(begin, slash - begin);
    Fd next(::openat(fd.get(), name.c_str(), kFolderFlags | O_NOFOLLOW));
    if (next.get() < 0) {
      // A link answers ENOTDIR here, as a plain file does, under which there can be no object.
      int error = errno;
      if (error == ENOTDIR) error = IsSymlinkAt(fd.get(), name) ? ELOOP : ENOENT;
      return ErrnoStatus(error, operation + ": open folder", PathOf(folder.substr(0, slash)));
    }
    fd = std::move(next);
    begin = slash + 1;
  }
  return fd;
}

Result<FilesystemStore::Fd> FilesystemStore::MakeFolder(const std::string& folder) {
  std::lock_guard lock(mutex_);
  const std::string path = folder.empty() ? root_ : PathOf(folder);
  const auto failed = [&](int error) { return ErrnoStatus(error, "make folder", path); };
  // The root and what is above it may be links of the user's choice: made by path.
  if (!durable_folders_.contains("")) {
    for (std::size_t slash = 1; slash != std::string::npos;) {
      slash = root_.find('/', slash);
      const std::string part = root_.substr(0, slash);
      const bool is_root = slash == std::string::npos;
      if (!is_root) ++slash;
      if (::mkdir(part.c_str(), 0700) != 0) {
        struct stat st {};
        const int error = errno;
        const bool there = ::stat(part.c_str(), &st) == 0;
        if (there && !S_ISDIR(st.st_mode)) {
          return InvalidError("make folder " + path + ": " + part +
                              " is not a folder; choose another path");
        }
        if (!there) return failed(error);
        if (!is_root) continue;
      }
      const Fd parent(::open((Split(part).folder + "/").c_str(), kFolderFlags));
      // A parent that may be written but not read cannot be synced; nothing better can be done.
      if (parent.get() < 0 && errno == EACCES) continue;
      if (parent.get() < 0) return failed(errno);
      if (const int error = SyncFolder(parent.get())) return failed(error);
    }
    durable_folders_.insert("");
  }
  root_seen_ = true;
  Fd fd(::open(root_.c_str(), kFolderFlags));
  if (fd.get() < 0) return failed(errno);
  // A folder found here may be another process's, made a moment ago and not yet synced, so that
  // each folder is synced in its parent once by each store.
  for (std::size_t begin = 0; begin < folder.size();) {
    const std::size_t slash = std::min(folder.find('/', begin), folder.size());
    const std::string name = folder.substr(begin, slash - begin);
    const std::string part = folder.substr(0, slash);
    begin = slash + 1;
    if (::mkdirat(fd.get(), name.c_str(), 0700) != 0 && errno != EEXIST) return failed(errno);
    Fd next(::openat(fd.get(), name.c_str(), kFolderFlags | O_NOFOLLOW));
    if (next.get() < 0) {
      const int error = errno;
      return failed(error == ENOTDIR && IsSymlinkAt(fd.get(), name) ? ELOOP : error);
    }
    if (!durable_folders_.contains(part)) {
      if (const int error = SyncFolder(fd.get())) return failed(error);
      durable_folders_.insert(part);
    }
    fd = std::move(next);
  }
  return fd;
}

Status FilesystemStore::WriteTemporary(const Context& context, int folder, const std::string& name,
                                       const std::string& path, ByteSpan bytes) {
  const std::string operation = "write " + path;
  Fd fd(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd.get() < 0) return ErrnoStatus(errno, "write", path);
  while (!bytes.empty()) {
    AERIE_TRY(context.Check(operation));
    const ssize_t wrote = ::write(fd.get(), bytes.data(), std::min(bytes.size(), kWriteChunk));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoStatus(errno, "write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
  if (::fsync(fd.get()) != 0) return ErrnoStatus(errno, "sync", path);
  if (const int error = fd.Close()) return ErrnoStatus(error, "close", path);
  return Ok();
}

Status FilesystemStore::Write(const Context& context, const ObjectKey& key, ByteSpan bytes,
                              Commit commit) {
  AERIE_TRY(CheckKey(key));
  const std::string path = PathOf(key.text);
  AERIE_TRY(context.Check("write " + path));
  const SplitKey split = Split(key.text);
  bool known = false;
  {
    std::lock_guard lock(mutex_);
    known = durable_folders_.contains(split.folder);
  }
  Result<Fd> folder = known ? OpenFolder(split.folder, "write " + path) : MakeFolder(split.folder);
  if (known && KindOf(folder.status()) == Kind::kNotFound) {
    // Somebody removed the folder since; what is known of the ones below it is void, too.
    {
      std::lock_guard lock(mutex_);
      durable_folders_.clear();
    }
    folder = MakeFolder(split.folder);
  }
  if (!folder.ok()) return folder.status();
  const int at = folder->get();

  const auto exists = [&] {
    return MakeStatus(Kind::kExists, "create " + path + ": the object exists already");
  };
  if (commit == Commit::kExclusive && ::faccessat(at, split.name.c_str(), F_OK, 0) == 0) {
    return exists();
  }
  const std::string temporary = TemporaryName();
  Status status = WriteTemporary(context, at, temporary, path, bytes);
  if (status.ok()) {
    int error = 0;
    if (commit == Commit::kExclusive) {
      error = RenameExclusive(at, temporary.c_str(), split.name.c_str());
    } else if (::renameat(at, temporary.c_str(), at, split.name.c_str()) != 0) {
      error = errno;
    }
    if (error == 0) {
      if ((error = SyncFolder(at)) == 0) return Ok();
      return UnknownOutcomeError(
          std::string(ErrnoStatus(error, "sync the folder of", path).message()));
    }
    if (commit == Commit::kExclusive && error == EEXIST) {
      status = exists();
    } else if (commit == Commit::kExclusive && (error == EPERM || error == EOPNOTSUPP)) {
      status = UnsupportedError("create " + path +
                                ": this file system has neither exclusive renames nor hard links; "
                                "choose a folder on another one");
    } else {
      status = ErrnoStatus(error, "rename a temporary to", path);
    }
  }
  (void)::unlinkat(at, temporary.c_str(), 0);
  return status;
}

Status FilesystemStore::Put(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  return Write(context, key, bytes, Commit::kReplace);
}

Status FilesystemStore::PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  return Write(context, key, bytes, Commit::kExclusive);
}

Result<FilesystemStore::Fd> FilesystemStore::OpenObject(const ObjectKey& key,
                                                        const std::string& operation) {
  AERIE_TRY(CheckKey(key));
  const std::string path = PathOf(key.text);
  const SplitKey split = Split(key.text);
  AERIE_ASSIGN(const Fd folder, OpenFolder(split.folder, operation + " " + path));
  // Without O_NONBLOCK a named pipe put there by somebody would block for ever.
  Fd fd(::openat(folder.get(), split.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return ErrnoStatus(errno, operation, path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return ErrnoStatus(errno, operation, path);
  if (!S_ISREG(st.st_mode)) return NotFoundError(operation + " " + path + ": not a plain file");
  return fd;
}

Result<Bytes> FilesystemStore::Get(const Context& context, const ObjectKey& key,
                                   std::uint64_t offset, std::uint64_t length) {
  AERIE_ASSIGN(const Fd fd, OpenObject(key, "read"));
  const std::string path = PathOf(key.text);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return ErrnoStatus(errno, "read", path);
  AERIE_TRY(ResolveRange(Describe(), key, static_cast<std::uint64_t>(st.st_size), offset, length));
  Bytes bytes(length);
  std::size_t have = 0;
  while (have < bytes.size()) {
    AERIE_TRY(context.Check("read " + path));
    const ssize_t got = ::pread(fd.get(), bytes.data() + have, bytes.size() - have,
                                static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", path);
    if (got == 0) return CorruptError("read " + path + ": cut short while being read");
    have += static_cast<std::size_t>(got);
  }
  AERIE_TRY(context.Check("read " + path));
  return bytes;
}

Result<ObjectInfo> FilesystemStore::Stat(const Context& context, const ObjectKey& key) {
  AERIE_TRY(CheckKey(key));
  const std::string path = PathOf(key.text);
  AERIE_TRY(context.Check("look up " + path));
  const SplitKey split = Split(key.text);
  AERIE_ASSIGN(const Fd folder, OpenFolder(split.folder, "look up " + path));
  struct stat st {};
  if (::fstatat(folder.get(), split.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, "look up", path);
  }
  if (S_ISLNK(st.st_mode)) return ErrnoStatus(ELOOP, "look up", path);
  if (!S_ISREG(st.st_mode)) return NotFoundError("look up " + path + ": not a plain file");
  return ObjectInfo{key, static_cast<std::uint64_t>(st.st_size), ModifiedMs(st)};
}

Result<std::vector<FilesystemStore::Entry>> FilesystemStore::ReadFolder(
    const std::string& folder, const std::string& operation) {
  AERIE_ASSIGN(Fd fd, OpenFolder(folder, operation));
  DIR* raw = ::fdopendir(fd.get());
  if (raw == nullptr) return ErrnoStatus(errno, operation + ": read folder", PathOf(folder));
  const int at = fd.Release();
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(raw, ::closedir);
  std::vector<Entry> entries;
  for (;;) {
    errno = 0;
    const dirent* found = ::readdir(dir.get());
    if (found == nullptr) {
      if (errno != 0) return ErrnoStatus(errno, operation + ": read folder", PathOf(folder));
      return entries;
    }
    Entry entry{.name = found->d_name};
    entry.temporary = entry.name.ends_with(kTemporarySuffix);
    if (!entry.temporary && !CheckKey({entry.name}).ok()) continue;
    const std::string path = PathOf(folder.empty() ? entry.name : folder + "/" + entry.name);
    struct stat st {};
    if (::fstatat(at, found->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // removed since
      return ErrnoStatus(errno, operation + ": look up", path);
    }
    if (S_ISLNK(st.st_mode)) return ErrnoStatus(ELOOP, operation + ": look up", path);
    entry.folder = S_ISDIR(st.st_mode);
    if (!entry.folder && !S_ISREG(st.st_mode)) continue;
    entry.size = static_cast<std::uint64_t>(st.st_size);
    entry.modified_ms = ModifiedMs(st);
    entries.push_back(std::move(entry));
  }
}

Status FilesystemStore::Walk(const Context& context, const std::string& folder, const Scan& scan) {
  AERIE_TRY(context.Check(scan.operation));
  auto entries = ReadFolder(folder, scan.operation);
  // A folder that is not there, or was removed since its parent was read, holds nothing.
  if (KindOf(entries.status()) == Kind::kNotFound) return Ok();
  if (!entries.ok()) return entries.status();
  // With its slash at the end a folder sorts where the keys below it belong.
  const auto sort_name = [](const Entry& e) { return e.folder ? e.name + "/" : e.name; };
  std::sort(entries->begin(), entries->end(),
            [&](const Entry& a, const Entry& b) { return sort_name(a) < sort_name(b); });
  for (const Entry& entry : *entries) {
    const std::string text = folder.empty() ? entry.name : folder + "/" + entry.name;
    if (entry.folder && !entry.temporary) {
      const std::string inside = text + "/";
      if (!inside.starts_with(scan.prefix) && !scan.prefix.starts_with(inside)) continue;
      AERIE_TRY(Walk(context, text, scan));
    } else if (text.starts_with(scan.prefix)) {
      AERIE_TRY(context.Check(scan.operation));
      AERIE_TRY(scan.visit(folder, entry));
    }
  }
  return Ok();
}

Status FilesystemStore::List(const Context& context, const std::string& prefix,
                             const std::function<Status(const ObjectInfo&)>& visit) {
  AERIE_TRY(CheckPrefix(prefix));
  Scan scan{.operation = "list " + Describe() + "/" + prefix, .prefix = prefix, .visit = {}};
  scan.visit = [&](const std::string& folder, const Entry& entry) {
    if (entry.temporary) return Ok();
    return visit(
        {{folder.empty() ? entry.name : folder + "/" + entry.name}, entry.size, entry.modified_ms});
  };
  return Walk(context, Split(prefix).folder, scan);
}

std::vector<RemoveResult> FilesystemStore::Remove(const Context& context,
                                                  const std::vector<ObjectKey>& keys) {
  std::vector<RemoveResult> results;
  std::set<std::string> touched;
  for (const ObjectKey& key : keys) {
    const std::string path = PathOf(key.text);
    const SplitKey split = Split(key.text);
    const auto remove = [&]() -> Status {
      AERIE_TRY(CheckKey(key));
      AERIE_TRY(context.Check("remove " + path));
      AERIE_ASSIGN(const Fd folder, OpenFolder(split.folder, "remove " + path));
      if (::unlinkat(folder.get(), split.name.c_str(), 0) == 0) {
        touched.insert(split.folder);
        return Ok();
      }
      // A folder is no object: none of that key is there.
      return errno == EISDIR ? Ok() : ErrnoStatus(errno, "remove", path);
    };
    Status status = remove();
    if (KindOf(status) == Kind::kNotFound) status = Ok();
    results.push_back({key, std::move(status)});
  }
  // One sync a folder for all its keys. What is gone but not synced may come back at a power cut.
  for (const std::string& folder : touched) {
    auto fd = OpenFolder(folder, "remove from " + PathOf(folder));
    if (KindOf(fd.status()) == Kind::kNotFound) continue;
    const int error = fd.ok() ? SyncFolder(fd->get()) : EIO;
    if (error == 0) continue;
    for (RemoveResult& result : results) {
      if (!result.status.ok() || Split(result.key.text).folder != folder) continue;
      result.status = UnknownOutcomeError(
          std::string(ErrnoStatus(error, "sync the folder of", PathOf(result.key.text)).message()));
    }
  }
  return results;
}

Status FilesystemStore::CheckRetention(const Context&) {
  return UnsupportedError("retain objects in " + Describe() +
                          ": a folder cannot keep its owner from deleting; use a bucket of S3 with "
                          "object lock");
}

Status FilesystemStore::Retain(const Context& context, const ObjectKey&, std::int64_t) {
  return CheckRetention(context);
}

Result<std::int64_t> FilesystemStore::RetainedUntil(const Context& context, const ObjectKey& key) {
  AERIE_TRY(Stat(context, key).status());
  return 0;
}

Status FilesystemStore::Copy(const Context&, const ObjectKey& from, const ObjectKey&) {
  return UnsupportedError("copy " + PathOf(from.text) +
                          ": a folder has no server to copy in; read and write it instead");
}

std::unique_ptr<FilesystemStore> FilesystemStore::FromDescription(const std::string& description) {
  constexpr std::string_view kScheme = "file://";
  if (!description.starts_with(kScheme)) return nullptr;
  return std::make_unique<FilesystemStore>(description.substr(kScheme.size()));
}

Result<SweptFiles> FilesystemStore::SweepTemporaries(const Context& context, Duration age) {
  const std::int64_t before =
      ToUnixMillis(context.clock().Now() - std::chrono::duration_cast<WallTime::duration>(age));
  SweptFiles swept;
  Scan scan{.operation = "sweep temporaries of " + Describe(), .prefix = "", .visit = {}};
  scan.visit = [&](const std::string& folder, const Entry& entry) -> Status {
    if (!entry.temporary || entry.modified_ms >= before) return Ok();
    AERIE_ASSIGN(const Fd fd, OpenFolder(folder, scan.operation));
    if (::unlinkat(fd.get(), entry.name.c_str(), 0) == 0) {
      ++swept.files;
      swept.bytes += entry.size;
    } else if (errno != ENOENT) {
      return ErrnoStatus(errno, scan.operation + ": remove", PathOf(folder) + "/" + entry.name);
    }
    return Ok();
  };
  AERIE_TRY(Walk(context, "", scan));
  return swept;
}

Result<std::optional<std::uint64_t>> FilesystemStore::FreeBytes(const Context& context) {
  const std::string operation = "look for space in " + Describe();
  AERIE_TRY(context.Check(operation));
  struct statvfs state {};
  // The root may not be there yet: of the nearest folder above it that is.
  std::string folder = root_;
  while (::statvfs(folder.c_str(), &state) != 0) {
    if (errno != ENOENT || folder.size() <= 1)
      return ErrnoStatus(errno, "look for space in", root_);
    folder.erase(std::max<std::size_t>(folder.rfind('/'), 1));
  }
  return std::optional<std::uint64_t>(std::uint64_t{state.f_frsize} * state.f_bavail);
}

}  // namespace aerie::objects
