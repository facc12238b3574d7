// What syncs keep between rounds, in a folder of this machine (docs/syncing.md, The state): for
// each pair of collections a record, the rows that the target has, and journals of rounds that are
// not committed.
//
// Losing it loses no data: the next round is an audit, or asks before it takes a collection over.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "milvus/spec_reader.h"
#include "objects/filesystem_store.h"
#include "rows/digest.h"
#include "rows/schema.h"
#include "transfer/sync_file.h"

namespace aerie::transfer {

// One end of a pair.
struct SyncEnd {
  std::string cluster;  // its address, without credentials
  rows::CollectionName name;
  std::int64_t id = 0;  // the server's, of the collection

  bool operator==(const SyncEnd&) const = default;
};

// What is believed of a pair.
struct SyncRecord {
  SyncEnd from;
  SyncEnd to;
  bool made = false;       // the sync made the target's collection; false: it was adopted
  std::int64_t round = 0;  // of the last commit; 0: none yet
  std::string rows_file;   // empty: what the target has is not known
  std::string audit;       // why the next round must be an audit; empty: it need not be one
  std::vector<std::string> columns;  // what the digests cover, see ColumnsOf
  std::int64_t as_of_ms = 0;         // the last whole round began
  std::int64_t audited_ms = 0;       // the last round began that compared all rows of both
  rows::RangeDigest digest;
  rows::CollectionSpec spec;  // the source's: what of the target came from it
  // How the target was loaded before it was released to change an index; none: it is as it was.
  std::optional<milvus::LoadSnapshot> load_back;
};

std::string EncodeRecord(const SyncRecord& record);
// kCorrupt when it is not as it was written, or of another version.
Result<SyncRecord> DecodeRecord(std::string_view text);

// "name type element" of each column that digests cover, by name.
std::vector<std::string> ColumnsOf(const rows::CollectionSchema& schema);

// What is kept of one pair, locked for as long as it lives. One thread.
class SyncPair {
 public:
  ~SyncPair();
  SyncPair(const SyncPair&) = delete;
  SyncPair& operator=(const SyncPair&) = delete;

  // None: nothing is known, or what there is cannot be believed.
  const std::optional<SyncRecord>& record() const { return record_; }
  // Replaces the record, durably.
  Status Save(const Context& context, const SyncRecord& record);
  // Everything of the pair goes.
  Status Forget(const Context& context);

  // The files of the round after the last commit. A journal that is there already is one of a round
  // that broke off: each attempt has its own.
  Result<std::unique_ptr<SyncFileWriter>> NewRows();
  Result<std::unique_ptr<SyncFileWriter>> NewJournal();
  // Paths of the journals of attempts since the last commit.
  Result<std::vector<std::string>> Journals() const;
  std::string RowsPath() const;  // of the record
  // `rows`, which was finished, is what the target has: the record that says so is saved, and what
  // was before goes. Sets the record's round and rows_file.
  Status Commit(const Context& context, const SyncFileWriter& rows, SyncRecord record);
  // Removes the journals: the record says that an audit is due, which needs none.
  Status DropJournals();

 private:
  friend class SyncState;
  SyncPair(std::string folder, int lock);
  Status Load(const Context& context);
  Status RemoveOthers(const std::string& keep);

  const std::string folder_;
  const int lock_;
  objects::FilesystemStore store_;
  std::optional<SyncRecord> record_;
};

// The folder. Thread-safe, also between processes.
class SyncState {
 public:
  explicit SyncState(std::string folder) : folder_(std::move(folder)) {}

  // Locks the pair. kLocked, naming the process, when another one is at it.
  Result<std::unique_ptr<SyncPair>> Open(const Context& context, const SyncEnd& from,
                                         const SyncEnd& to);
  // What is known of pairs of these two clusters, locked or not, by the name of the source's.
  Result<std::vector<SyncRecord>> Records(const Context& context, const std::string& from_cluster,
                                          const std::string& to_cluster) const;
  // What is kept of a pair, looked at without its lock.
  struct Peeked {
    std::optional<SyncRecord> record;  // none as SyncPair::record()
    std::string rows_path;
    std::vector<std::string> journals;
  };
  Result<Peeked> Peek(const Context& context, const SyncEnd& from, const SyncEnd& to) const;

 private:
  std::string PairFolder(const SyncEnd& from, const SyncEnd& to) const;

  const std::string folder_;
};

}  // namespace aerie::transfer
