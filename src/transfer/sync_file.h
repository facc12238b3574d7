// The files that a sync keeps between rounds (docs/syncing.md, The state): the rows that the target
// has, and the keys that a round may have written.
//
// Written and read from one end to the other, a block at a time; whatever their size, a block of
// each is in memory. One thread each.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "rows/batch.h"
#include "rows/digest.h"

namespace aerie::transfer {

enum class SyncFileKind { kRows, kJournal };

// What a round did to a key.
enum class Change : std::uint8_t { kWritten = 0, kDeleted = 1 };

struct SyncEntry {
  rows::Key key;
  rows::Digest128 digest;            // of a rows file
  Change change = Change::kWritten;  // of a journal
};

class SyncFileWriter {
 public:
  // Makes the file, only for its owner to read. kExists when it is there.
  static Result<std::unique_ptr<SyncFileWriter>> Create(SyncFileKind kind, std::string path);
  ~SyncFileWriter();
  SyncFileWriter(const SyncFileWriter&) = delete;
  SyncFileWriter& operator=(const SyncFileWriter&) = delete;

  // Partitions ascend, and the keys in each of them.
  Status BeginPartition(const std::string& name);
  Status Add(const SyncEntry& entry);
  // Everything added so far is in the file, and survives a power cut.
  Status Sync();
  // Ends a rows file, and syncs it. A journal has no end.
  Status Finish();

  const std::string& path() const { return path_; }
  std::uint64_t rows() const { return rows_; }

 private:
  SyncFileWriter(SyncFileKind kind, std::string path, int file);
  Status FlushBlock();
  Status WriteBlock(std::uint8_t block, ByteSpan payload);
  Status WriteBytes(ByteSpan bytes);

  const SyncFileKind kind_;
  const std::string path_;
  const int file_;
  bool folder_synced_ = false;
  std::uint64_t blocks_ = 0;
  std::uint64_t rows_ = 0;
  // The block that is being filled: keys, and what goes with each.
  std::uint64_t held_ = 0;
  std::uint8_t key_type_ = 0;
  Bytes keys_;
  Bytes tails_;
};

class SyncFileReader {
 public:
  // kNotFound when it is not there, kCorrupt when it is none.
  static Result<std::unique_ptr<SyncFileReader>> Open(SyncFileKind kind, const std::string& path);
  // The same of bytes in memory, which must outlive the reader.
  static Result<std::unique_ptr<SyncFileReader>> OfBytes(SyncFileKind kind, ByteSpan bytes);

  // The next entry, or nullptr at the end; valid until the next call. kCorrupt when the file is not
  // as it was written, to its very end.
  Result<const SyncEntry*> Next();
  // That of the last entry.
  const std::string& partition() const { return partition_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  SyncFileReader(SyncFileKind kind, std::string name, std::FILE* file)
      : kind_(kind), name_(std::move(name)), file_(file) {}
  Status ReadHead();
  Result<bool> ReadBlock();
  Status DecodePartition(ByteSpan payload);
  Status DecodeEntries(ByteSpan payload);
  Status DecodeEnd(ByteSpan payload);
  Status Damaged(const std::string& what) const;

  const SyncFileKind kind_;
  const std::string name_;
  const std::unique_ptr<std::FILE, CloseFile> file_;
  std::uint64_t blocks_ = 0;
  std::uint64_t rows_ = 0;
  bool ended_ = false;
  bool has_partition_ = false;
  std::string partition_;
  std::optional<rows::Key> last_;  // of the partition so far
  Bytes block_;
  std::vector<SyncEntry> entries_;
  std::size_t at_ = 0;
};

}  // namespace aerie::transfer
