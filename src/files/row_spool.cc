#define XXH_INLINE_ALL
#include "files/row_spool.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <xxhash.h>

#include "rows/row_order.h"

namespace aerie::files {
namespace {

using rows::Column;
using rows::DataType;
using rows::FieldSchema;
using rows::Key;
using rows::RowBatch;

// Size and checksum before each block.
constexpr std::size_t kBlockHead = 16;

std::vector<FieldSchema> WithNumber(std::vector<FieldSchema> columns) {
  FieldSchema number;
  number.type = DataType::kInt64;
  columns.push_back(number);
  return columns;
}

std::uint64_t NumberAt(const RowBatch& batch, std::size_t row) {
  std::uint64_t number = 0;
  std::memcpy(&number, batch.columns().back().Cell(row).data(), sizeof number);
  return number;
}

template <class T>
ByteSpan RawBytes(const std::vector<T>& values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)};
}

void EncodeBlock(const RowBatch& batch, Bytes& out) {
  ByteWriter writer(out);
  writer.Fixed(static_cast<std::uint64_t>(batch.rows()));
  for (const Column& column : batch.columns()) {
    for (const ByteSpan buffer :
         {ByteSpan(column.data()), RawBytes(column.offsets()), RawBytes(column.validity())}) {
      writer.Fixed(static_cast<std::uint64_t>(buffer.size()));
      writer.Raw(buffer);
    }
  }
}

template <class T>
Status TakeBuffer(ByteReader& reader, std::vector<T>& out) {
  std::uint64_t size = 0;
  ByteSpan bytes;
  AERIE_TRY(reader.Fixed(size));
  AERIE_TRY(reader.Raw(static_cast<std::size_t>(size), bytes));
  out.resize(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return Ok();
}

Result<RowBatch> DecodeBlock(ByteSpan block, const std::vector<FieldSchema>& columns) {
  ByteReader reader(block, "a block of sorted rows");
  std::uint64_t rows = 0;
  AERIE_TRY(reader.Fixed(rows));
  std::vector<Column> decoded;
  for (const FieldSchema& field : columns) {
    Bytes data;
    std::vector<std::uint32_t> offsets;
    std::vector<std::uint8_t> validity;
    AERIE_TRY(TakeBuffer(reader, data));
    AERIE_TRY(TakeBuffer(reader, offsets));
    AERIE_TRY(TakeBuffer(reader, validity));
    AERIE_ASSIGN(auto column,
                 Column::FromBuffers(field, static_cast<std::size_t>(rows), std::move(data),
                                     std::move(offsets), std::move(validity)));
    decoded.push_back(std::move(column));
  }
  AERIE_TRY(reader.ExpectEnd());
  return RowBatch("", std::move(decoded));
}

// The first row of `batch`, from `begin`, whose key is not below `key`.
std::size_t LowerBound(const RowBatch& batch, std::size_t begin, const Key& key) {
  std::size_t end = batch.rows();
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (batch.KeyAt(middle) < key) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

}  // namespace

struct RowSpool::Run {
  std::shared_ptr<LocalFile> file;
};

// Rows ascending into one file, in blocks.
class RowSpool::RunWriter {
 public:
  static Result<std::unique_ptr<RunWriter>> Make(const RowSpool& spool) {
    AERIE_ASSIGN(auto file, LocalFile::MakeTemporary(spool.options_.folder));
    return std::unique_ptr<RunWriter>(new RunWriter(spool, std::move(file)));
  }

  // Rows of a batch that are behind all before.
  Status Append(const RowBatch& batch, std::size_t begin, std::size_t end) {
    if (begin == end) return Ok();
    last_ = batch.KeyAt(end - 1);
    last_number_ = NumberAt(batch, end - 1);
    // By pieces, so that no block grows far beyond its size.
    const std::size_t row_bytes = batch.ByteSize() / batch.rows() + 1;
    const std::size_t piece = std::max<std::size_t>(1, spool_.options_.block_bytes / row_bytes);
    for (; begin < end; begin = std::min(end, begin + piece)) {
      block_.AppendRows(batch, begin, std::min(end, begin + piece));
      if (block_.ByteSize() >= spool_.options_.block_bytes) AERIE_TRY(WriteBlock());
    }
    return Ok();
  }
  const Key& last() const { return last_; }
  std::uint64_t last_number() const { return last_number_; }

  Result<Run> Finish() {
    if (block_.rows() > 0) AERIE_TRY(WriteBlock());
    return Run{std::move(file_)};
  }

 private:
  RunWriter(const RowSpool& spool, std::shared_ptr<LocalFile> file)
      : spool_(spool), file_(std::move(file)), block_(spool.EmptyBatch()) {}

  Status WriteBlock() {
    Bytes block(kBlockHead);
    EncodeBlock(block_, block);
    const std::uint64_t size = block.size() - kBlockHead;
    const std::uint64_t sum = XXH3_64bits(block.data() + kBlockHead, size);
    std::memcpy(block.data(), &size, 8);
    std::memcpy(block.data() + 8, &sum, 8);
    block_ = spool_.EmptyBatch();
    return file_->Append(block);
  }

  const RowSpool& spool_;
  std::shared_ptr<LocalFile> file_;
  RowBatch block_;
  Key last_;
  std::uint64_t last_number_ = 0;
};

class RowSpool::RunReader {
 public:
  RunReader(const RowSpool& spool, std::shared_ptr<const LocalFile> file)
      : columns_(&spool.columns_), file_(std::move(file)) {}

  Result<std::optional<RowBatch>> Next() {
    if (offset_ == file_->size()) return std::optional<RowBatch>();
    Bytes head(kBlockHead);
    AERIE_TRY(file_->ReadAt(offset_, head));
    std::uint64_t size = 0;
    std::uint64_t sum = 0;
    std::memcpy(&size, head.data(), 8);
    std::memcpy(&sum, head.data() + 8, 8);
    if (size > file_->size() - offset_ - kBlockHead) return Damaged();
    Bytes block(static_cast<std::size_t>(size));
    AERIE_TRY(file_->ReadAt(offset_ + kBlockHead, block));
    if (XXH3_64bits(block.data(), block.size()) != sum) return Damaged();
    offset_ += kBlockHead + size;
    AERIE_ASSIGN(auto batch, DecodeBlock(block, *columns_));
    return std::optional(std::move(batch));
  }

 private:
  Status Damaged() const {
    return CorruptError("read the sorted rows in " + file_->path() +
                        ": they are not as they were written; check the disk, or give --spool-dir "
                        "for another folder");
  }

  const std::vector<FieldSchema>* columns_;
  std::shared_ptr<const LocalFile> file_;
  std::uint64_t offset_ = 0;
};

// The runs of one merge, each with its block and the next row of it.
class RowSpool::Merge {
 public:
  Merge(const RowSpool& spool, const std::vector<Run>& runs) : spool_(spool) {
    for (const Run& run : runs) inputs_.push_back({RunReader(spool, run.file), {}, 0, {}});
  }

  Status Into(const Context& context, RunWriter& out) {
    for (std::size_t i = 0; i < inputs_.size();) AERIE_TRY(Advance(i));
    while (!inputs_.empty()) {
      AERIE_TRY(context.Check("sort rows"));
      std::size_t least = 0;
      std::optional<std::size_t> second;
      FindLeast(least, second);
      Input& input = inputs_[least];
      std::size_t end = input.block.rows();
      if (second) {
        const Input& other = inputs_[*second];
        if (input.key == other.key) {
          return spool_.same_key_(input.key, NumberAt(input.block, input.at),
                                  NumberAt(other.block, other.at));
        }
        end = LowerBound(input.block, input.at + 1, other.key);
      }
      AERIE_TRY(out.Append(input.block, input.at, end));
      input.at = end;
      if (input.at < input.block.rows()) {
        input.key = input.block.KeyAt(input.at);
      } else {
        AERIE_TRY(Advance(least));
      }
    }
    return Ok();
  }

 private:
  struct Input {
    RunReader reader;
    RowBatch block;
    std::size_t at;
    Key key;
  };

  // Its next block; at its end the input goes, else `i` is passed.
  Status Advance(std::size_t& i) {
    AERIE_ASSIGN(auto block, inputs_[i].reader.Next());
    if (!block) {
      inputs_.erase(inputs_.begin() + static_cast<std::ptrdiff_t>(i));
      return Ok();
    }
    inputs_[i].block = *std::move(block);
    inputs_[i].at = 0;
    inputs_[i].key = inputs_[i].block.KeyAt(0);
    ++i;
    return Ok();
  }

  void FindLeast(std::size_t& least, std::optional<std::size_t>& second) const {
    for (std::size_t i = 1; i < inputs_.size(); ++i) {
      if (inputs_[i].key < inputs_[least].key) {
        second = least;
        least = i;
      } else if (!second || inputs_[i].key < inputs_[*second].key) {
        second = i;
      }
    }
  }

  const RowSpool& spool_;
  std::vector<Input> inputs_;
};

RowSpool::RowSpool(std::vector<FieldSchema> columns, SpoolOptions options, SameKey same_key)
    : columns_(WithNumber(std::move(columns))),
      options_(std::move(options)),
      same_key_(std::move(same_key)),
      held_(EmptyBatch()) {}

RowSpool::~RowSpool() = default;

RowBatch RowSpool::EmptyBatch() const {
  std::vector<Column> columns;
  for (const FieldSchema& field : columns_) columns.emplace_back(field);
  return RowBatch("", std::move(columns));
}

Status RowSpool::Add(const Context& context, const RowBatch& batch) {
  auto& columns = held_.mutable_columns();
  for (std::size_t i = 0; i < batch.columns().size(); ++i) {
    columns[i].AppendRange(batch.columns()[i], 0, batch.rows());
  }
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    Bytes number;
    ByteWriter(number).Fixed(++rows_);
    columns.back().Append(number);
  }
  return held_.ByteSize() < options_.run_bytes ? Ok() : WriteOut(context);
}

Status RowSpool::CheckDistinct(const RowBatch& sorted) const {
  for (std::size_t row = 1; row < sorted.rows(); ++row) {
    if (sorted.KeyAt(row - 1) != sorted.KeyAt(row)) continue;
    return same_key_(sorted.KeyAt(row), NumberAt(sorted, row - 1), NumberAt(sorted, row));
  }
  return Ok();
}

// What is held goes behind the open run, or begins another.
Status RowSpool::WriteOut(const Context& context) {
  AERIE_TRY(context.Check("sort rows"));
  RowBatch batch = std::exchange(held_, EmptyBatch());
  if (batch.rows() == 0) return Ok();
  rows::SortByKey(batch);
  AERIE_TRY(CheckDistinct(batch));
  const Key first = batch.KeyAt(0);
  if (open_ && open_->last() == first) {
    return same_key_(first, open_->last_number(), NumberAt(batch, 0));
  }
  if (open_ && first < open_->last()) AERIE_TRY(CloseRun(context));
  if (!open_) {
    AERIE_ASSIGN(open_, RunWriter::Make(*this));
  }
  return open_->Append(batch, 0, batch.rows());
}

// The open run is one more to merge. When a level is full its runs become one of the next level, so
// that no more than a few dozen files are open.
Status RowSpool::CloseRun(const Context& context) {
  if (!open_) return Ok();
  AERIE_ASSIGN(Run run, open_->Finish());
  open_.reset();
  for (std::size_t level = 0;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    levels_[level].push_back(std::move(run));
    if (levels_[level].size() < options_.fan_in) return Ok();
    AERIE_TRY(MergeRuns(context, std::exchange(levels_[level], {}), run));
  }
}

Status RowSpool::MergeRuns(const Context& context, std::vector<Run> runs, Run& out) {
  AERIE_ASSIGN(auto writer, RunWriter::Make(*this));
  AERIE_TRY(Merge(*this, runs).Into(context, *writer));
  AERIE_ASSIGN(out, writer->Finish());
  return Ok();
}

Status RowSpool::Finish(const Context& context) {
  AERIE_TRY(WriteOut(context));
  AERIE_TRY(CloseRun(context));
  std::vector<Run> runs;
  for (auto& level : levels_) std::move(level.begin(), level.end(), std::back_inserter(runs));
  levels_.clear();
  while (runs.size() > 1) {
    const auto end =
        runs.begin() + static_cast<std::ptrdiff_t>(std::min(runs.size(), options_.fan_in));
    std::vector<Run> some(std::move_iterator(runs.begin()), std::move_iterator(end));
    runs.erase(runs.begin(), end);
    AERIE_TRY(MergeRuns(context, std::move(some), runs.emplace_back()));
  }
  if (!runs.empty()) sorted_ = std::make_unique<Run>(std::move(runs.front()));
  return Ok();
}

std::unique_ptr<SpoolReader> RowSpool::Open(const std::string& partition) const {
  class Reader final : public SpoolReader {
   public:
    Reader(const RowSpool& spool, std::string name) : partition_(std::move(name)) {
      if (spool.sorted_) run_.emplace(spool, spool.sorted_->file);
    }
    Result<std::optional<RowBatch>> Next() override {
      if (!run_) return std::optional<RowBatch>();
      AERIE_ASSIGN(auto block, run_->Next());
      if (!block) return block;
      std::vector<Column> columns = std::move(block->mutable_columns());
      columns.pop_back();
      return std::optional(RowBatch(partition_, std::move(columns)));
    }

   private:
    const std::string partition_;
    std::optional<RunReader> run_;
  };
  return std::make_unique<Reader>(*this, partition);
}

}  // namespace aerie::files
