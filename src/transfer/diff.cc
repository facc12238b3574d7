#include "transfer/diff.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace aerie::transfer {
namespace {

using rows::CollectionName;
using rows::RowBatch;

// One side of the merge: the current row of an ordered stream of batches.
class Side {
 public:
  Side(rows::RowReader& reader, const std::vector<rows::FieldSchema>& columns)
      : reader_(reader), digester_(columns) {}

  // False at the end.
  Result<bool> Advance(const Context& context) {
    if (batch_ && ++row_ < batch_->rows()) return true;
    AERIE_ASSIGN(batch_, reader_.Next(context));
    row_ = 0;
    if (!batch_) return false;
    AERIE_TRY(digester_.DigestRows(*batch_, digests_));
    return true;
  }

  rows::Key key() const { return batch_->KeyAt(row_); }
  const rows::Digest128& digest() const { return digests_[row_]; }
  const RowBatch& batch() const { return *batch_; }
  std::size_t row() const { return row_; }

 private:
  rows::RowReader& reader_;
  rows::RowDigester digester_;
  std::optional<RowBatch> batch_;
  std::vector<rows::Digest128> digests_;
  std::size_t row_ = 0;
};

std::vector<std::string> ChangedFields(const Side& left, const Side& right,
                                       const std::vector<rows::FieldSchema>& columns) {
  std::vector<std::string> names;
  for (const rows::FieldSchema& field : columns) {
    const rows::Column* a = left.batch().Find(field.name);
    const rows::Column* b = right.batch().Find(field.name);
    if (a == nullptr || b == nullptr) continue;
    const ByteSpan x = a->Cell(left.row());
    const ByteSpan y = b->Cell(right.row());
    if (a->IsNull(left.row()) != b->IsNull(right.row()) ||
        !std::equal(x.begin(), x.end(), y.begin(), y.end())) {
      names.push_back(field.name);
    }
  }
  return names;
}

// Columns that both sides have in the same type; the others are spec differences.
std::vector<rows::FieldSchema> CommonColumns(const rows::CollectionSpec& left,
                                             const rows::CollectionSpec& right) {
  std::vector<rows::FieldSchema> common;
  const auto theirs = right.schema.Columns();
  for (const rows::FieldSchema& field : left.schema.Columns()) {
    const bool shared = std::any_of(theirs.begin(), theirs.end(), [&](const auto& other) {
      return other.name == field.name && other.type == field.type &&
             other.element_type == field.element_type;
    });
    if (shared) common.push_back(field);
  }
  return common;
}

class PairDiff {
 public:
  PairDiff(Endpoint& left, Endpoint& right, const DiffOptions& options, ProgressSink& progress)
      : left_(left), right_(right), options_(options), progress_(progress) {}

  CollectionDiff Run(const Context& context, const CollectionName& left,
                     const CollectionName& right) {
    CollectionDiff diff;
    diff.left = left;
    diff.right = right;
    diff.status = Compare(context, diff);
    return diff;
  }

 private:
  Status Compare(const Context& context, CollectionDiff& diff) {
    AERIE_ASSIGN(auto a, left_.Open(context, diff.left));
    auto opened = right_.Open(context, diff.right);
    Status status = opened.status();
    if (status.ok()) {
      status = CompareSources(context, *a, **opened, diff);
      const Status closed = Close(context, **opened);
      if (status.ok()) status = closed;
    }
    const Status closed = Close(context, *a);
    return status.ok() ? closed : status;
  }

  static Status Close(const Context& context, rows::CollectionSource& source) {
    return source.Close(Context(context.clock()).WithTimeout(std::chrono::minutes(2)));
  }

  Status CompareSources(const Context& context, rows::CollectionSource& a,
                        rows::CollectionSource& b, CollectionDiff& diff) {
    if (options_.compare_specs) diff.spec = rows::DiffSpecs(a.spec(), b.spec());
    const auto columns = CommonColumns(a.spec(), b.spec());
    const bool same_columns = columns.size() == a.spec().schema.Columns().size() &&
                              columns.size() == b.spec().schema.Columns().size();
    const auto left_parts = a.ReadPartitions();
    const auto right_parts = b.ReadPartitions();
    std::vector<std::string> all = left_parts;
    for (const std::string& name : right_parts) {
      if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
    }
    CompareCounts(a, b, diff);
    for (const std::string& partition : all) {
      if (Decided(diff)) break;
      if (!SelectsPartition(options_.selection, partition)) continue;
      if (same_columns && options_.selection.filter.empty()) {
        const auto x = left_.KnownDigest(diff.left, partition);
        const auto y = right_.KnownDigest(diff.right, partition);
        if (x && y && *x == *y) {
          diff.digest_left.Add(*x);
          diff.rows_left += x->rows;
          diff.rows_right += y->rows;
          continue;
        }
      }
      const bool in_left =
          std::find(left_parts.begin(), left_parts.end(), partition) != left_parts.end();
      const bool in_right =
          std::find(right_parts.begin(), right_parts.end(), partition) != right_parts.end();
      std::unique_ptr<rows::RowReader> left_reader;
      std::unique_ptr<rows::RowReader> right_reader;
      rows::ReadOptions read;
      read.filter = options_.selection.filter;
      if (in_left) {
        AERIE_ASSIGN(left_reader, a.OpenReader(context, partition, read));
      }
      if (in_right) {
        AERIE_ASSIGN(right_reader, b.OpenReader(context, partition, read));
      }
      AERIE_TRY(Merge(context, left_reader.get(), right_reader.get(), columns, partition, diff));
    }
    return Ok();
  }

  Status Merge(const Context& context, rows::RowReader* left, rows::RowReader* right,
               const std::vector<rows::FieldSchema>& columns, const std::string& partition,
               CollectionDiff& diff) {
    std::optional<Side> a;
    std::optional<Side> b;
    if (left != nullptr) a.emplace(*left, columns);
    if (right != nullptr) b.emplace(*right, columns);
    bool has_a = false;
    bool has_b = false;
    const auto advance_a = [&]() -> Status {
      AERIE_ASSIGN(has_a, a ? a->Advance(context) : Result<bool>(false));
      if (has_a) {
        ++diff.rows_left;
        diff.digest_left.Add(a->digest());
      }
      return Ok();
    };
    const auto advance_b = [&]() -> Status {
      AERIE_ASSIGN(has_b, b ? b->Advance(context) : Result<bool>(false));
      if (has_b) ++diff.rows_right;
      return Ok();
    };
    AERIE_TRY(advance_a());
    AERIE_TRY(advance_b());
    while ((has_a || has_b) && !Decided(diff)) {
      if (has_a && (!has_b || a->key() < b->key())) {
        ++diff.missing;
        Note(diff, {RowDifference::Kind::kMissing, partition, rows::KeyToText(a->key()), {}});
        AERIE_TRY(advance_a());
      } else if (!has_a || b->key() < a->key()) {
        ++diff.extra;
        Note(diff, {RowDifference::Kind::kExtra, partition, rows::KeyToText(b->key()), {}});
        AERIE_TRY(advance_b());
      } else {
        if (a->digest() != b->digest()) {
          ++diff.changed;
          if (diff.examples.size() < options_.max_examples) {
            Note(diff, {RowDifference::Kind::kChanged, partition, rows::KeyToText(a->key()),
                        ChangedFields(*a, *b, columns)});
          }
        }
        AERIE_TRY(advance_a());
        AERIE_TRY(advance_b());
      }
      Report(diff);
    }
    return Ok();
  }

  bool Decided(const CollectionDiff& diff) const {
    return options_.stop_at_first && diff.missing + diff.extra + diff.changed > 0;
  }

  // What the two count themselves, where that is all of what would be compared.
  void CompareCounts(const rows::CollectionSource& a, const rows::CollectionSource& b,
                     CollectionDiff& diff) const {
    if (!options_.stop_at_first || !options_.selection.empty()) return;
    const std::int64_t left = a.EstimatedRows();
    const std::int64_t right = b.EstimatedRows();
    if (left < 0 || right < 0) return;
    if (left > right) diff.missing += static_cast<std::uint64_t>(left - right);
    if (right > left) diff.extra += static_cast<std::uint64_t>(right - left);
  }

  void Note(CollectionDiff& diff, RowDifference difference) const {
    if (diff.examples.size() < options_.max_examples)
      diff.examples.push_back(std::move(difference));
  }

  void Report(const CollectionDiff& diff) {
    constexpr std::uint64_t kEvery = 4096;
    if ((diff.rows_left + diff.rows_right) % kEvery != 0) return;
    progress_.OnProgress(
        {.type = ProgressEvent::Type::kCounts,
         .phase = "compare",
         .collection = diff.left.ToString(),
         .rows_done = static_cast<std::int64_t>(std::max(diff.rows_left, diff.rows_right)),
         .message = {}});
  }

  Endpoint& left_;
  Endpoint& right_;
  const DiffOptions& options_;
  ProgressSink& progress_;
};

}  // namespace

bool DiffResult::same() const {
  return std::all_of(collections.begin(), collections.end(),
                     [](const CollectionDiff& diff) { return diff.same(); });
}

Result<DiffResult> RunDiff(const Context& context, Endpoint& left, Endpoint& right,
                           const DiffOptions& options, ProgressSink& progress) {
  DiffResult result;
  PairDiff pair(left, right, options, progress);
  if (!options.left_name.collection.empty()) {
    result.collections.push_back(pair.Run(context, options.left_name, options.right_name));
    return result;
  }
  AERIE_ASSIGN(auto lefts, left.List(context));
  AERIE_ASSIGN(auto rights, right.List(context));
  AERIE_ASSIGN(auto chosen, Select(options.selection, lefts, left.Describe()));
  for (const CollectionName& name : chosen) {
    if (std::find(rights.begin(), rights.end(), name) != rights.end()) {
      result.collections.push_back(pair.Run(context, name, name));
      AERIE_TRY(context.Check("diff"));
    } else {
      CollectionDiff diff;
      diff.left = diff.right = name;
      diff.only_left = true;
      result.collections.push_back(std::move(diff));
    }
  }
  for (const CollectionName& name : rights) {
    if (!Selects(options.selection, name)) continue;
    if (std::find(lefts.begin(), lefts.end(), name) != lefts.end()) continue;
    CollectionDiff diff;
    diff.left = diff.right = name;
    diff.only_right = true;
    result.collections.push_back(std::move(diff));
  }
  return result;
}

}  // namespace aerie::transfer
