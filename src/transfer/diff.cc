#include "transfer/diff.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/task_group.h"
#include "transfer/diff_rows.h"

namespace aerie::transfer {
namespace {

using rows::CollectionName;
using rows::RowBatch;

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

// One collection of each side. For one pair.
class PairDiff {
 public:
  PairDiff(Endpoint& left, Endpoint& right, const DiffOptions& options, ProgressSink& progress)
      : left_(left), right_(right), options_(options), progress_(progress) {}

  // Of diff.left and diff.right.
  void Run(const Context& context, CollectionDiff& diff) { diff.status = Compare(context, diff); }

 private:
  // One side's collection, open.
  struct Opened {
    std::unique_ptr<rows::CollectionSource> source;
    repo::StoredCollection* stored = nullptr;  // the same, where its rows are stored with digests
  };

  Result<Opened> Open(const Context& context, Endpoint& endpoint, const CollectionName& name) {
    Opened opened;
    if (options_.stored_rows == StoredRowsAre::kKnownByDigest) {
      AERIE_ASSIGN(auto stored, endpoint.OpenStored(context, name));
      opened.stored = stored.get();
      opened.source = std::move(stored);
    }
    if (!opened.source) {
      AERIE_ASSIGN(opened.source, endpoint.Open(context, name));
    }
    return opened;
  }

  Status Compare(const Context& context, CollectionDiff& diff) {
    AERIE_ASSIGN(auto a, Open(context, left_, diff.left));
    auto b = Open(context, right_, diff.right);
    Status status = b.status();
    if (status.ok()) {
      status = CompareSources(context, a, *b, diff);
      const Status closed = Close(context, *b->source);
      if (status.ok()) status = closed;
    }
    const Status closed = Close(context, *a.source);
    return status.ok() ? closed : status;
  }

  static Status Close(const Context& context, rows::CollectionSource& source) {
    return source.Close(Context(context.clock()).WithTimeout(std::chrono::minutes(2)));
  }

  Status CompareSources(const Context& context, Opened& a, Opened& b, CollectionDiff& diff) {
    const rows::CollectionSpec& left = a.source->spec();
    const rows::CollectionSpec& right = b.source->spec();
    if (options_.compare_specs) diff.spec = rows::DiffSpecs(left, right);
    const auto columns = CommonColumns(left, right);
    // Else what is stored says nothing of the columns that both have.
    const bool whole_rows = columns.size() == left.schema.Columns().size() &&
                            columns.size() == right.schema.Columns().size() &&
                            options_.selection.filter.empty();
    if (!whole_rows) a.stored = b.stored = nullptr;
    const auto left_parts = a.source->ReadPartitions();
    const auto right_parts = b.source->ReadPartitions();
    std::vector<std::string> all = left_parts;
    for (const std::string& name : right_parts) {
      if (!Contains(all, name)) all.push_back(name);
    }
    CompareCounts(*a.source, *b.source, diff);
    for (const std::string& partition : all) {
      if (Decided(diff)) break;
      if (!SelectsPartition(options_.selection, partition)) continue;
      if (whole_rows && KnownToBeEqual(partition, diff)) continue;
      PartitionDiffOptions options;
      options.partition = partition;
      options.columns = columns;
      options.max_examples = options_.max_examples;
      options.stop_at_first = options_.stop_at_first;
      options.on_rows = [&](std::uint64_t rows) { Report(rows, diff); };
      std::unique_ptr<rows::RowReader> left_reader;
      std::unique_ptr<rows::RowReader> right_reader;
      AERIE_ASSIGN(const DiffSide x,
                   SideOf(context, a, Contains(left_parts, partition), partition, left_reader));
      AERIE_ASSIGN(const DiffSide y,
                   SideOf(context, b, Contains(right_parts, partition), partition, right_reader));
      AERIE_TRY(DiffPartition(context, x, y, options, diff));
    }
    return Ok();
  }

  static bool Contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  // `reader` is what it needs to live on.
  Result<DiffSide> SideOf(const Context& context, Opened& opened, bool has_partition,
                          const std::string& partition, std::unique_ptr<rows::RowReader>& reader) {
    DiffSide side;
    if (!has_partition) return side;
    side.stored = opened.stored;
    if (side.stored != nullptr) return side;
    rows::ReadOptions read;
    read.filter = options_.selection.filter;
    AERIE_ASSIGN(reader, opened.source->OpenReader(context, partition, read));
    side.reader = reader.get();
    return side;
  }

  // By what both sides say without being read.
  bool KnownToBeEqual(const std::string& partition, CollectionDiff& diff) {
    const auto x = left_.KnownDigest(diff.left, partition);
    const auto y = right_.KnownDigest(diff.right, partition);
    if (options_.stored_rows != StoredRowsAre::kKnownByDigest || !x || !y || *x != *y) return false;
    diff.digest_left.Add(*x);
    diff.rows_left += x->rows;
    diff.rows_right += y->rows;
    return true;
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

  void Report(std::uint64_t rows, const CollectionDiff& diff) {
    compared_ += rows;
    progress_.OnProgress({.type = ProgressEvent::Type::kCounts,
                          .phase = "compare",
                          .collection = diff.left.ToString(),
                          .rows_done = static_cast<std::int64_t>(compared_),
                          .message = {}});
  }

  Endpoint& left_;
  Endpoint& right_;
  const DiffOptions& options_;
  ProgressSink& progress_;
  std::uint64_t compared_ = 0;
};

}  // namespace

bool DiffResult::same() const {
  return std::all_of(collections.begin(), collections.end(),
                     [](const CollectionDiff& diff) { return diff.same(); });
}

Result<DiffResult> RunDiff(const Context& context, Endpoint& left, Endpoint& right,
                           const DiffOptions& options, ProgressSink& progress) {
  DiffResult result;
  const auto compare = [&](const Context& task, CollectionDiff& diff) {
    PairDiff(left, right, options, progress).Run(task, diff);
    return task.Check("diff");
  };
  const auto add = [&](const CollectionName& a, const CollectionName& b) -> CollectionDiff& {
    CollectionDiff& diff = result.collections.emplace_back();
    diff.left = a;
    diff.right = b;
    return diff;
  };
  if (!options.left_name.collection.empty()) {
    add(options.left_name, options.right_name);
    AERIE_TRY(compare(context, result.collections.front()));
    return result;
  }
  AERIE_ASSIGN(auto lefts, left.List(context));
  AERIE_ASSIGN(auto rights, right.List(context));
  AERIE_ASSIGN(auto chosen, Select(options.selection, lefts, left.Describe()));
  std::vector<std::size_t> pairs;
  for (const CollectionName& name : chosen) {
    const bool both = std::find(rights.begin(), rights.end(), name) != rights.end();
    if (both) pairs.push_back(result.collections.size());
    add(name, name).only_left = !both;
  }
  for (const CollectionName& name : rights) {
    if (!Selects(options.selection, name)) continue;
    if (std::find(lefts.begin(), lefts.end(), name) != lefts.end()) continue;
    add(name, name).only_right = true;
  }
  AERIE_TRY(ParallelFor(context, pairs.size(), options.parallel_collections,
                        [&](const Context& task, std::size_t i) {
                          return compare(task, result.collections[pairs[i]]);
                        }));
  return result;
}

}  // namespace aerie::transfer
