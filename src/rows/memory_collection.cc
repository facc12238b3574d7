#include "rows/memory_collection.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace aerie::rows {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// What the readers of one source share.
struct SourceState {
  MemoryCollection* collection;
  MemorySourceScript script;
  std::mutex mutex;
  std::uint64_t delivered = 0;
};

class MemoryReader final : public RowReader {
 public:
  MemoryReader(std::shared_ptr<SourceState> state, std::string partition, ReadOptions options)
      : state_(std::move(state)),
        partition_(std::move(partition)),
        options_(std::move(options)),
        position_(options_.after) {
    if (live()) return;
    frozen_ = state_->collection->ReadAfter(partition_, position_, kNoLimit, kNoLimit);
    report_.read_ts = 1;
  }

  const std::string& partition() const override { return partition_; }
  std::optional<Key> position() const override { return position_; }
  const ReadReport& report() const override { return report_; }

  Result<std::optional<RowBatch>> Next(const Context& context) override {
    AERIE_TRY(context.Check("read partition " + partition_));
    if (report_.started_ms == 0) report_.started_ms = ToUnixMillis(context.clock().Now());
    for (;;) {
      AERIE_ASSIGN(std::optional<RowBatch> batch, Fetch());
      if (batch) {
        position_ = batch->KeyAt(batch->rows() - 1);
        RowBatch kept = Filtered(*std::move(batch));
        if (kept.rows() == 0) continue;
        report_.rows += kept.rows();
        return std::optional<RowBatch>(std::move(kept));
      }
      report_.counted = report_.rows;
      report_.fuzzy = live();
      report_.finished_ms = ToUnixMillis(context.clock().Now());
      return std::optional<RowBatch>();
    }
  }

 private:
  bool live() const { return state_->script.view == MemorySourceScript::View::kLive; }

  std::size_t ScriptedRows() {
    const auto& sizes = state_->script.batch_rows;
    if (sizes.empty()) return kNoLimit;
    return std::max<std::size_t>(1, sizes[std::min(batches_, sizes.size() - 1)]);
  }

  // The next rows, without the filter, or nullopt at the end.
  Result<std::optional<RowBatch>> Fetch() {
    const MemorySourceScript& script = state_->script;
    std::uint64_t delivered = 0;
    {
      const std::lock_guard lock(state_->mutex);
      delivered = state_->delivered;
    }
    if (script.before_batch) script.before_batch(*state_->collection, delivered);
    std::size_t rows = ScriptedRows();
    ++batches_;
    const std::lock_guard lock(state_->mutex);
    if (script.fail_after_rows) {
      const std::uint64_t left = *script.fail_after_rows - state_->delivered;
      if (left == 0) return script.failure;
      rows = static_cast<std::size_t>(std::min<std::uint64_t>(rows, left));
    }
    const std::size_t bytes = script.batch_rows.empty() ? options_.batch_bytes : kNoLimit;
    RowBatch batch = live() ? state_->collection->ReadAfter(partition_, position_, rows, bytes)
                            : TakeFrozen(rows, bytes);
    if (batch.rows() == 0) return std::optional<RowBatch>();
    state_->delivered += batch.rows();
    return std::optional<RowBatch>(std::move(batch));
  }

  RowBatch TakeFrozen(std::size_t max_rows, std::size_t max_bytes) {
    const std::size_t begin = frozen_rows_taken_;
    std::size_t bytes = 0;
    std::size_t end = begin;
    for (; end < frozen_.rows() && end - begin < max_rows; ++end) {
      for (const Column& column : frozen_.columns()) bytes += column.Cell(end).size();
      if (end > begin && bytes > max_bytes) break;
    }
    frozen_rows_taken_ = end;
    return frozen_.Slice(begin, end);
  }

  RowBatch Filtered(RowBatch batch) const {
    if (options_.filter.empty()) return batch;
    RowBatch kept = batch.Slice(0, 0);
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      if (state_->script.filter(options_.filter, batch.KeyAt(row))) {
        kept.AppendRows(batch, row, row + 1);
      }
    }
    return kept;
  }

  std::shared_ptr<SourceState> state_;
  std::string partition_;
  ReadOptions options_;
  RowBatch frozen_;
  std::size_t frozen_rows_taken_ = 0;
  std::optional<Key> position_;
  std::size_t batches_ = 0;
  ReadReport report_;
};

class MemorySource final : public CollectionSource {
 public:
  MemorySource(MemoryCollection& collection, MemorySourceScript script)
      : state_(std::make_shared<SourceState>()), spec_(collection.spec()) {
    state_->collection = &collection;
    state_->script = std::move(script);
  }

  const CollectionSpec& spec() const override { return spec_; }

  std::vector<std::string> ReadPartitions() const override {
    if (spec_.has_partition_key()) return {""};
    std::vector<std::string> names;
    for (const PartitionSpec& partition : spec_.partitions) names.push_back(partition.name);
    return names;
  }

  Result<std::unique_ptr<RowReader>> OpenReader(const Context& context,
                                                const std::string& partition,
                                                const ReadOptions& options) override {
    AERIE_TRY(context.Check("open reader of partition " + partition));
    const std::vector<std::string> names = ReadPartitions();
    if (std::find(names.begin(), names.end(), partition) == names.end()) {
      return NotFoundError("open reader of " + spec_.name.ToString() + ": no partition \"" +
                           partition + "\"; name one that the collection has");
    }
    if (!options.filter.empty() && !state_->script.filter) {
      return UnsupportedError("open reader of " + spec_.name.ToString() +
                              ": the script has no filter; set MemorySourceScript::filter");
    }
    return std::unique_ptr<RowReader>(std::make_unique<MemoryReader>(state_, partition, options));
  }

  std::int64_t EstimatedRows() const override {
    return static_cast<std::int64_t>(state_->collection->rows());
  }

  Status Close(const Context&) override {
    const CollectionSpec now = state_->collection->spec();
    if (now.id != spec_.id || !(now.schema == spec_.schema)) {
      return FailedError("close " + spec_.name.ToString() +
                         ": it was replaced or altered while it was read; read it again");
    }
    return state_->script.close_status;
  }

 private:
  std::shared_ptr<SourceState> state_;
  const CollectionSpec spec_;
};

class MemoryWriter final : public RowWriter {
 public:
  MemoryWriter(MemoryCollection& collection, MemoryWriterScript script)
      : collection_(&collection),
        script_(std::move(script)),
        digester_(collection.spec().schema.Columns()) {}

  Status Write(const Context& context, RowBatch batch) override {
    AERIE_TRY(context.Check("write " + std::to_string(batch.rows()) + " rows"));
    AERIE_TRY(batch.Validate());
    if (script_.fail_after_rows &&
        receipt_.written.rows + batch.rows() > *script_.fail_after_rows) {
      if (script_.failing_batch == MemoryWriterScript::FailingBatch::kStored) {
        AERIE_TRY(collection_->Put(batch));
      }
      return script_.failure;
    }
    AERIE_TRY(collection_->Put(batch));
    AERIE_ASSIGN(const RangeDigest digest, digester_.DigestRange(batch));
    receipt_.written.Add(digest);
    return Ok();
  }

  Status Delete(const Context& context, const std::string& partition,
                const std::vector<Key>& keys) override {
    AERIE_TRY(context.Check("delete " + std::to_string(keys.size()) + " keys"));
    for (const Key& key : keys) collection_->Erase(partition, key);
    receipt_.deleted_keys += keys.size();
    return Ok();
  }

  Result<WriteReceipt> Commit(const Context& context) override {
    AERIE_TRY(context.Check("commit"));
    AERIE_TRY(script_.commit_status);
    return receipt_;
  }

  void Abort() override {}

 private:
  MemoryCollection* collection_;
  MemoryWriterScript script_;
  RowDigester digester_;
  WriteReceipt receipt_;
};

}  // namespace

MemoryCollection::MemoryCollection(CollectionSpec spec)
    : spec_(std::move(spec)), columns_(spec_.schema.Columns()) {}

CollectionSpec MemoryCollection::spec() const {
  const std::lock_guard lock(mutex_);
  return spec_;
}

void MemoryCollection::set_spec(CollectionSpec spec) {
  const std::lock_guard lock(mutex_);
  spec_ = std::move(spec);
}

Status MemoryCollection::Put(const RowBatch& batch) {
  const std::lock_guard lock(mutex_);
  const auto named = [&](const PartitionSpec& known) { return known.name == batch.partition(); };
  const bool known = spec_.has_partition_key()
                         ? batch.partition().empty()
                         : std::any_of(spec_.partitions.begin(), spec_.partitions.end(), named);
  if (!known) {
    return NotFoundError("write to " + spec_.name.ToString() + ": no partition \"" +
                         batch.partition() + "\"; create it first");
  }
  std::vector<const Column*> columns;
  for (const FieldSchema& field : columns_) {
    columns.push_back(batch.Find(field.name));
    if (columns.back() == nullptr) {
      return InvalidError("write to " + spec_.name.ToString() + ": no column " + field.name +
                          " in the batch; send every column of the schema");
    }
  }
  auto& stored = partitions_[batch.partition()];
  for (std::size_t i = 0; i < batch.rows(); ++i) {
    Row row;
    row.reserve(columns.size());
    for (const Column* column : columns) {
      const ByteSpan cell = column->Cell(i);
      row.push_back(column->IsNull(i) ? std::nullopt
                                      : std::optional(Bytes(cell.begin(), cell.end())));
    }
    stored.insert_or_assign(batch.KeyAt(i), std::move(row));
  }
  return Ok();
}

bool MemoryCollection::Erase(const std::string& partition, const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto it = partitions_.find(partition);
  return it != partitions_.end() && it->second.erase(key) != 0;
}

std::uint64_t MemoryCollection::rows() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& [name, stored] : partitions_) sum += stored.size();
  return sum;
}

std::uint64_t MemoryCollection::rows(const std::string& partition) const {
  const std::lock_guard lock(mutex_);
  const auto it = partitions_.find(partition);
  return it == partitions_.end() ? 0 : it->second.size();
}

RowBatch MemoryCollection::Read(const std::string& partition) const {
  return ReadAfter(partition, std::nullopt, kNoLimit, kNoLimit);
}

RowBatch MemoryCollection::ReadAfter(const std::string& partition, const std::optional<Key>& after,
                                     std::size_t max_rows, std::size_t max_bytes) const {
  const std::lock_guard lock(mutex_);
  std::vector<Column> columns;
  for (const FieldSchema& field : columns_) columns.emplace_back(field);
  const auto stored = partitions_.find(partition);
  if (stored != partitions_.end()) {
    auto it = after ? stored->second.upper_bound(*after) : stored->second.begin();
    std::size_t bytes = 0;
    for (std::size_t n = 0; it != stored->second.end() && n < max_rows; ++it, ++n) {
      for (const auto& cell : it->second) bytes += cell ? cell->size() : 0;
      if (n > 0 && bytes > max_bytes) break;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const auto& cell = it->second[i];
        cell ? columns[i].Append(*cell) : columns[i].AppendNull();
      }
    }
  }
  return RowBatch(partition, std::move(columns));
}

RangeDigest MemoryCollection::Digest() const {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, stored] : partitions_) names.push_back(name);
  }
  RangeDigest sum;
  for (const std::string& name : names) sum.Add(Digest(name));
  return sum;
}

RangeDigest MemoryCollection::Digest(const std::string& partition) const {
  // Every column is there, so digesting cannot fail.
  return *RowDigester(columns_).DigestRange(Read(partition));
}

std::unique_ptr<CollectionSource> MemoryCollection::OpenSource(MemorySourceScript script) {
  return std::make_unique<MemorySource>(*this, std::move(script));
}

std::unique_ptr<RowWriter> MemoryCollection::OpenWriter(MemoryWriterScript script) {
  return std::make_unique<MemoryWriter>(*this, std::move(script));
}

}  // namespace aerie::rows
