#include "files/local_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace aerie::files {
namespace {

Kind KindOfErrno(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return Kind::kNotFound;
    case EACCES:
    case EPERM: return Kind::kDenied;
    case ENOSPC:
    case EDQUOT: return Kind::kNoSpace;
    default: return Kind::kFailed;
  }
}

Status ErrnoError(const std::string& what, int error) {
  return MakeStatus(KindOfErrno(error), what + ": " + std::strerror(error));
}

Status TemporaryError(const std::string& folder, int error) {
  return Annotate(ErrnoError("a file of its own", error),
                  "sort the rows in " + folder +
                      " (give --spool-dir for another folder; it takes the space of the rows, "
                      "twice that while they are sorted)");
}

}  // namespace

Result<std::shared_ptr<const LocalFile>> LocalFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoError("open " + path, errno);
  std::shared_ptr<LocalFile> file(new LocalFile(path, fd, 0));
  struct stat about {};
  if (::fstat(fd, &about) != 0) return ErrnoError("open " + path, errno);
  if (!S_ISREG(about.st_mode)) {
    return RefusedError("open " + path +
                        ": it is no regular file, and is read at more than one place; write it to "
                        "a file first");
  }
  file->size_ = static_cast<std::uint64_t>(about.st_size);
  return file;
}

Result<std::shared_ptr<LocalFile>> LocalFile::MakeTemporary(const std::string& folder) {
  std::string path = folder + "/aerie-import-XXXXXX";
  const int fd = ::mkostemp(path.data(), O_CLOEXEC);  // 0600
  if (fd < 0) return TemporaryError(folder, errno);
  ::unlink(path.c_str());
  return std::shared_ptr<LocalFile>(new LocalFile(folder, fd, 0));
}

LocalFile::~LocalFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status LocalFile::ReadAt(std::uint64_t offset, std::span<std::uint8_t> out) const {
  while (!out.empty()) {
    const ssize_t got = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read " + path_, errno);
    if (got == 0) return CorruptError("read " + path_ + ": it ends too early");
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return Ok();
}

Status LocalFile::Append(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return TemporaryError(path_, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    size_ += static_cast<std::uint64_t>(put);
  }
  return Ok();
}

}  // namespace aerie::files
