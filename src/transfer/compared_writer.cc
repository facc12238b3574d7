#include "transfer/compared_writer.h"

#include <utility>

#include "base/task_group.h"

namespace aerie::transfer {
namespace {

using milvus::ReadPoint;
using ReadBack = ComparedWriterOptions::ReadBack;

// A comparison that failed cancels the writing, and the other way round: the one that was merely
// cancelled is the echo.
Status Cause(const Status& wrote, const Status& compared) {
  if (compared.ok() || KindOf(compared) == Kind::kCancelled) return wrote.ok() ? compared : wrote;
  return wrote.ok() || KindOf(wrote) == Kind::kCancelled ? compared : wrote;
}

}  // namespace

ComparedWriter::ComparedWriter(std::shared_ptr<milvus::Client> to,
                               const rows::CollectionSpec& target,
                               const std::vector<rows::FieldSchema>& columns,
                               ComparedWriterOptions options)
    : to_(std::move(to)),
      target_(target),
      columns_(columns),
      options_(std::move(options)),
      there_(to_, target_),
      written_(options_.writer.call_bytes),
      // Ranges, not rows, wait here: a handful of bytes each, or their keys.
      to_compare_(std::size_t{1} << 16, std::size_t{16} << 20) {}

Status ComparedWriter::Run(const Context& context,
                           const std::function<Status(const Context&)>& work) {
  TaskGroup comparers(context);
  for (int i = 0; i < options_.comparers; ++i) {
    comparers.Spawn("compare rows", [this](const Context& task) { return CompareAll(task); });
  }
  Status wrote = WriteAll(comparers.context(), work);
  if (wrote.ok() && options_.on_all_stored) wrote = options_.on_all_stored(comparers.context());
  if (wrote.ok()) {
    to_compare_.Close();
  } else {
    to_compare_.Fail(wrote);
  }
  return Cause(wrote, comparers.Join());
}

Status ComparedWriter::WriteAll(const Context& context,
                                const std::function<Status(const Context&)>& work) {
  milvus::WriterOptions options = options_.writer;
  options.on_stored = [this](const Context& task, const milvus::StoredRows& stored) {
    return OnStored(task, stored);
  };
  AERIE_ASSIGN(writer_, milvus::OpenCollectionWriter(context, to_, target_, options));
  Status status = work(context);
  if (status.ok()) {
    status = writer_->Commit(context).status();
  } else {
    writer_->Abort();
  }
  writer_.reset();  // its context ends with Run
  AERIE_TRY(status);
  return written_.empty() ? Ok() : InternalError("write rows: a range was never stored");
}

Status ComparedWriter::Write(const Context& context, rows::RowBatch batch, WrittenRange range) {
  written_.Add(std::move(range));
  return writer_->Write(context, std::move(batch));
}

Status ComparedWriter::Delete(const Context& context, const std::string& partition,
                              const std::vector<rows::Key>& keys) {
  return writer_->Delete(context, partition, keys);
}

// Called from the writer's threads.
Status ComparedWriter::OnStored(const Context& context, const milvus::StoredRows& stored) {
  for (WrittenRange& range : written_.Take(stored)) {
    const std::size_t bytes = sizeof(WrittenRange) + range.keys.size() * sizeof(rows::Key);
    AERIE_TRY(to_compare_.Push(context, std::move(range), bytes));
  }
  return Ok();
}

Status ComparedWriter::CompareAll(const Context& context) {
  for (;;) {
    AERIE_ASSIGN(const auto range, to_compare_.Pop(context));
    if (!range) return Ok();
    if (options_.read_back != ReadBack::kNothing) AERIE_TRY(Compare(context, *range));
    if (options_.on_compared) options_.on_compared(range->digest.rows);
  }
}

Status ComparedWriter::Compare(const Context& context, const WrittenRange& range) const {
  rows::RowDigester digester(columns_);
  const ReadPoint point = range.ts == 0 ? ReadPoint{} : ReadPoint{ReadPoint::Mode::kLive, range.ts};
  for (const ReadPoint& at : {point, ReadPoint{}}) {
    AERIE_ASSIGN(const rows::RowBatch found, Find(context, range, at));
    AERIE_ASSIGN(const rows::RangeDigest there, digester.DigestRange(found));
    if (there == range.digest) return Ok();
  }
  std::string where = "keys " + range.range.ToText();
  if (!range.partition.empty()) where = "partition " + range.partition + ", " + where;
  return MakeStatus(Kind::kDifferent,
                    "compare the rows written with those that were read: they differ (" + where +
                        "); the target keeps other values than it was given");
}

Result<rows::RowBatch> ComparedWriter::Find(const Context& context, const WrittenRange& range,
                                            const ReadPoint& point) const {
  switch (options_.read_back) {
    case ReadBack::kAmong:
      return there_.Among(context, range.partition, range.range, range.keys, point);
    case ReadBack::kKeys: return there_.Of(context, range.partition, range.keys, point);
    case ReadBack::kRange:
    case ReadBack::kNothing: break;
  }
  return there_.Rows(context, range.partition, range.range, point);
}

}  // namespace aerie::transfer
