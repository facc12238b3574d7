// A file of another program on this machine, read at any offset; and the temporary that rows wait
// in.
//
// Thread-safe: reads carry their own offset.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace aerie::files {

class LocalFile {
 public:
  // kNotFound when it is not there, kRefused when it is no regular file, kDenied when it may not be
  // read.
  static Result<std::shared_ptr<const LocalFile>> Open(const std::string& path);
  // Readable by its owner only and without a name: gone with the process, however that ends.
  // `folder` must be there.
  static Result<std::shared_ptr<LocalFile>> MakeTemporary(const std::string& folder);

  ~LocalFile();
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  // Fills `out`. kCorrupt when the file ends before, as one does that is cut while it is read.
  Status ReadAt(std::uint64_t offset, std::span<std::uint8_t> out) const;
  // Of a temporary; one thread. kNoSpace, with the remedy, when the disk is full.
  Status Append(ByteSpan bytes);

 private:
  LocalFile(std::string path, int fd, std::uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}

  const std::string path_;
  const int fd_;
  std::uint64_t size_;
};

}  // namespace aerie::files
