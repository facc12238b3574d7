#include "transfer/known_rows.h"

#include <algorithm>
#include <utility>

namespace aerie::transfer {
namespace {

// One file, and the entry where it stands.
struct KeptFile {
  std::unique_ptr<SyncFileReader> reader;
  bool journal = false;
  const SyncEntry* entry = nullptr;  // nullptr: behind the last

  Status Next() {
    AERIE_ASSIGN(entry, reader->Next());
    return Ok();
  }
  bool In(const std::string& partition) const {
    return entry != nullptr && reader->partition() == partition;
  }
};

class KeptRowsOfFiles : public KnownRows {
 public:
  Status Add(SyncFileKind kind, const std::string& path) {
    AERIE_ASSIGN(auto reader, SyncFileReader::Open(kind, path));
    files_.push_back({std::move(reader), kind == SyncFileKind::kJournal});
    return files_.back().Next();
  }

  Status Begin(const Context& context, const std::string& partition) override {
    partition_ = partition;
    for (KeptFile& file : files_) {
      while (file.entry != nullptr && file.reader->partition() < partition) {
        AERIE_TRY(context.Check("read what is kept of the last sync"));
        AERIE_TRY(file.Next());
      }
    }
    Merge();
    return Ok();
  }

  const KnownRow* row() const override { return row_ ? &*row_ : nullptr; }

  Status Advance(const Context&) override {
    for (KeptFile& file : files_) {
      if (file.In(partition_) && file.entry->key == row_->key) AERIE_TRY(file.Next());
    }
    Merge();
    return Ok();
  }

 private:
  // The smallest key of all files; one that stands in a journal is doubtful.
  void Merge() {
    const KeptFile* first = nullptr;
    for (const KeptFile& file : files_) {
      if (file.In(partition_) && (first == nullptr || file.entry->key < first->entry->key)) {
        first = &file;
      }
    }
    row_.reset();
    if (first == nullptr) return;
    row_ = KnownRow{.key = first->entry->key, .digest = {}, .doubtful = false, .kept = false};
    for (const KeptFile& file : files_) {
      if (!file.In(partition_) || file.entry->key != row_->key) continue;
      if (file.journal) {
        row_->doubtful = true;
      } else {
        row_->kept = true;
        row_->digest = file.entry->digest;
      }
    }
  }

  std::vector<KeptFile> files_;
  std::string partition_;
  std::optional<KnownRow> row_;
};

class RowsOfSource : public KnownRows {
 public:
  RowsOfSource(rows::CollectionSource& source, const std::vector<rows::FieldSchema>& columns,
               const rows::ReadOptions& read)
      : source_(source), read_(read), digester_(columns) {}

  Status Begin(const Context& context, const std::string& partition) override {
    reader_.reset();
    batch_.reset();
    row_.reset();
    copies_seen_ = 0;
    has_copies_ = false;
    const auto partitions = source_.ReadPartitions();
    if (std::find(partitions.begin(), partitions.end(), partition) == partitions.end()) return Ok();
    AERIE_ASSIGN(reader_, source_.OpenReader(context, partition, read_));
    return Advance(context);
  }

  const KnownRow* row() const override { return row_ ? &*row_ : nullptr; }

  Status Advance(const Context& context) override {
    if (!batch_ || ++at_ == batch_->rows()) {
      row_.reset();
      AERIE_ASSIGN(batch_, reader_->Next(context));
      if (!batch_) return Ok();
      at_ = 0;
      LookForCopies();
      AERIE_TRY(digester_.DigestRows(*batch_, digests_));
    }
    row_ = KnownRow{.key = batch_->KeyAt(at_), .digest = digests_[at_], .doubtful = has_copies_};
    return Ok();
  }

 private:
  // Which keys are stored more than once is not told, only in which range some are. A row that is
  // written again is there once: so all of the range are.
  void LookForCopies() {
    const rows::ReadReport& report = reader_->report();
    if (range_ended_) has_copies_ = false;
    if (report.duplicate_keys > copies_seen_) has_copies_ = true;
    copies_seen_ = report.duplicate_keys;
    range_ended_ = report.rows + report.duplicate_keys + report.unreadable_keys >= report.counted;
  }

  rows::CollectionSource& source_;
  const rows::ReadOptions read_;
  rows::RowDigester digester_;
  std::uint64_t copies_seen_ = 0;
  bool has_copies_ = false;  // in the range of the batch
  bool range_ended_ = true;  // with the batch
  std::unique_ptr<rows::RowReader> reader_;
  std::optional<rows::RowBatch> batch_;
  std::vector<rows::Digest128> digests_;
  std::size_t at_ = 0;
  std::optional<KnownRow> row_;
};

}  // namespace

Result<std::unique_ptr<KnownRows>> KeptRows(const std::string& rows_path,
                                            const std::vector<std::string>& journals) {
  auto rows = std::make_unique<KeptRowsOfFiles>();
  AERIE_TRY(rows->Add(SyncFileKind::kRows, rows_path));
  for (const std::string& path : journals) AERIE_TRY(rows->Add(SyncFileKind::kJournal, path));
  return std::unique_ptr<KnownRows>(std::move(rows));
}

std::unique_ptr<KnownRows> RowsOf(rows::CollectionSource& source,
                                  const std::vector<rows::FieldSchema>& columns,
                                  const rows::ReadOptions& read) {
  return std::make_unique<RowsOfSource>(source, columns, read);
}

}  // namespace aerie::transfer
