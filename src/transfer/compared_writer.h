// Rows into one described, loaded collection, each read back and compared by digest as soon as it
// is stored, by other threads, while later ones are written.
//
// A range that differs is read once more at strong consistency before it counts as different. Lives
// for one run. Write and Delete are called by one thread, from within Run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/queue.h"
#include "milvus/client.h"
#include "milvus/collection_writer.h"
#include "rows/stream.h"
#include "transfer/target_rows.h"
#include "transfer/written_ranges.h"

namespace aerie::transfer {

struct ComparedWriterOptions {
  // Which rows of the target are compared with those of a range that was written.
  enum class ReadBack {
    kRange,    // all in it: nothing else is there
    kAmong,    // those with its keys, which are most of it
    kKeys,     // those with its keys, which are few of it
    kNothing,  // none: the server makes keys of its own
  };
  milvus::WriterOptions writer = {};  // its on_stored is the compared writer's own
  int comparers = 2;
  ReadBack read_back = ReadBack::kRange;
  std::function<void(std::uint64_t rows)> on_compared;  // from several threads
  // Only comparisons are left, and go on beside it. An error is that of the run.
  std::function<Status(const Context&)> on_all_stored;
};

class ComparedWriter {
 public:
  // `target` as it was described on the cluster behind `to`; `columns` are those that digests
  // cover. Both must outlive this.
  ComparedWriter(std::shared_ptr<milvus::Client> to, const rows::CollectionSpec& target,
                 const std::vector<rows::FieldSchema>& columns, ComparedWriterOptions options);

  // `work` writes; when it returns ok, what it wrote is waited for and compared. kDifferent when
  // rows read back are not those written, naming partition and key range; else the errors of
  // writing and reading.
  Status Run(const Context& context, const std::function<Status(const Context&)>& work);

  // The rows of `range`, its keys too unless whole ranges or nothing are read back.
  Status Write(const Context& context, rows::RowBatch batch, WrittenRange range);
  // After everything written so far is stored.
  Status Delete(const Context& context, const std::string& partition,
                const std::vector<rows::Key>& keys);

  // The rows that are compared with those of `range`.
  Result<rows::RowBatch> Find(const Context& context, const WrittenRange& range,
                              const milvus::ReadPoint& point) const;
  const TargetRows& there() const { return there_; }

 private:
  Status WriteAll(const Context& context, const std::function<Status(const Context&)>& work);
  Status OnStored(const Context& context, const milvus::StoredRows& stored);
  Status CompareAll(const Context& context);
  Status Compare(const Context& context, const WrittenRange& range) const;

  const std::shared_ptr<milvus::Client> to_;
  const rows::CollectionSpec& target_;
  const std::vector<rows::FieldSchema>& columns_;
  const ComparedWriterOptions options_;
  const TargetRows there_;
  std::unique_ptr<rows::RowWriter> writer_;
  WrittenRanges written_;
  BoundedQueue<WrittenRange> to_compare_;
};

}  // namespace aerie::transfer
