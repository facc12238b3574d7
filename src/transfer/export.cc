#include "transfer/export.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "base/task_group.h"
#include "files/export_source.h"
#include "rows/digesting_reader.h"
#include "rows/spec_codec.h"
#include "transfer/memory_share.h"

namespace aerie::transfer {
namespace {

// One partition into files, each full one checked and stored.
class PartitionExport {
 public:
  PartitionExport(files::ExportFolder& folder, const files::TableFormat& format,
                  const rows::CollectionSpec& spec, const std::string& partition,
                  std::size_t file_bytes)
      : folder_(folder),
        format_(format),
        spec_(spec),
        schema_{spec.schema.Columns(), partition, rows::EncodeSpec(spec)},
        file_bytes_(file_bytes) {}

  // `digest` is that of the batch.
  Status Write(const Context& context, const rows::RowBatch& batch,
               const rows::RangeDigest& digest) {
    if (!encoder_) {
      AERIE_ASSIGN(encoder_, format_.NewFile(schema_));
      about_ = {};
      about_.first = batch.KeyAt(0);
    }
    AERIE_TRY(encoder_->Append(batch));
    about_.last = batch.KeyAt(batch.rows() - 1);
    about_.digest.Add(digest);
    return encoder_->held_bytes() < file_bytes_ ? Ok() : EndFile(context);
  }

  Status End(const Context& context) {
    if (encoder_) AERIE_TRY(EndFile(context));
    return folder_.EndPartition(context, spec_.name, schema_.partition);
  }

 private:
  Status EndFile(const Context& context) {
    AERIE_ASSIGN(Bytes finished, encoder_->Finish());
    encoder_.reset();
    const auto file = std::make_shared<const Bytes>(std::move(finished));
    auto read_back = files::DigestOfFile(format_, schema_, file);
    if (!read_back.ok() || *read_back != about_.digest) {
      return InternalError(
          "write " + std::string(format_.name()) + ": rows from key " +
          rows::KeyToText(about_.first) + " to " + rows::KeyToText(about_.last) +
          " do not read back as they were written" +
          (read_back.ok() ? std::string() : ": " + std::string(read_back.status().message())));
    }
    return folder_.PutFile(context, spec_.name, schema_.partition, *file, about_);
  }

  files::ExportFolder& folder_;
  const files::TableFormat& format_;
  const rows::CollectionSpec& spec_;
  const files::TableSchema schema_;
  const std::size_t file_bytes_;
  std::unique_ptr<files::TableEncoder> encoder_;  // of the file under construction
  files::ExportedFile about_;
};

class CollectionExport {
 public:
  CollectionExport(Endpoint& from, files::ExportFolder& folder, const files::TableFormat& format,
                   const ExportOptions& options, std::size_t batch_bytes, ProgressSink& progress)
      : from_(from),
        folder_(folder),
        format_(format),
        options_(options),
        batch_bytes_(batch_bytes),
        progress_(progress) {}

  ExportOutcome Run(const Context& context, const rows::CollectionName& name) {
    outcome_.name = name;
    const SteadyTime start = context.clock().Steady();
    outcome_.status = Annotate(Transfer(context), "export " + name.ToString());
    outcome_.seconds = std::chrono::duration<double>(context.clock().Steady() - start).count();
    const files::ExportedCollection exported = folder_.Collection(name);
    outcome_.digest = exported.digest();
    outcome_.file_bytes = exported.bytes();
    outcome_.exact = exported.exact;
    outcome_.warnings = exported.warnings;
    for (const auto& partition : exported.partitions) outcome_.files += partition.files.size();
    progress_.OnProgress(
        {.type = ProgressEvent::Type::kItemDone,
         .collection = name.ToString(),
         .rows_done = static_cast<std::int64_t>(outcome_.digest.rows),
         .bytes_done = static_cast<std::int64_t>(outcome_.bytes),
         .message = outcome_.status.ok() ? "done" : std::string(outcome_.status.message())});
    return std::move(outcome_);
  }

 private:
  Status Transfer(const Context& context) {
    if (folder_.IsFinished(outcome_.name)) {
      outcome_.rows_kept = folder_.Collection(outcome_.name).digest().rows;
      return Ok();
    }
    AERIE_ASSIGN(auto source, from_.Open(context, outcome_.name));
    rows_total_ = source->EstimatedRows();
    Status status = ExportPartitions(context, *source);
    // Close puts the load state back, so it runs even after a cancel, with a time limit of its own.
    const Context closing = Context(context.clock()).WithTimeout(std::chrono::minutes(2));
    const Status closed = source->Close(closing);
    if (status.ok()) status = closed;
    AERIE_TRY(status);
    return folder_.EndCollection(context, outcome_.name, !outcome_.report.fuzzy,
                                 outcome_.report.warnings);
  }

  Status ExportPartitions(const Context& context, rows::CollectionSource& source) {
    AERIE_ASSIGN(const auto partitions, PartitionsOf(options_.selection, source));
    AERIE_TRY(folder_.BeginCollection(context, source.spec()));
    for (const std::string& partition : partitions) {
      const auto there = folder_.Partition(outcome_.name, partition);
      Count(there.digest().rows, 0);
      outcome_.rows_kept += there.digest().rows;
      if (there.finished) continue;
      AERIE_TRY(ExportPartition(context, source, there));
      AERIE_TRY(CheckWhole(partition));
    }
    return Ok();
  }

  Status ExportPartition(const Context& context, rows::CollectionSource& source,
                         const files::ExportedPartition& there) {
    rows::ReadOptions read;
    read.filter = options_.selection.filter;
    read.streams = options_.streams;
    read.batch_bytes = batch_bytes_;
    if (!there.files.empty()) read.after = there.files.back().last;
    AERIE_ASSIGN(auto opened, source.OpenReader(context, there.name, read));
    rows::DigestingReader reader(std::move(opened), source.spec().schema.Columns());
    PartitionExport to(folder_, format_, source.spec(), there.name, options_.file_bytes);
    for (;;) {
      const rows::RangeDigest before = reader.digest();
      AERIE_ASSIGN(const auto batch, reader.Next(context));
      if (!batch) break;
      rows::RangeDigest digest = reader.digest();
      digest.Subtract(before);
      AERIE_TRY(to.Write(context, *batch, digest));
      Count(batch->rows(), batch->ByteSize());
    }
    MergeReports(reader.report(), outcome_.report);
    return to.End(context);
  }

  // What was exported is what the source says it has.
  Status CheckWhole(const std::string& partition) {
    if (!options_.selection.filter.empty()) return Ok();
    const auto known = from_.KnownDigest(outcome_.name, partition);
    if (!known || *known == folder_.Partition(outcome_.name, partition).digest()) return Ok();
    return CorruptError("the rows of partition '" + partition +
                        "' are not those of the snapshot; verify it with aerie backup verify, and "
                        "export to a new folder");
  }

  void Count(std::uint64_t rows, std::uint64_t bytes) {
    rows_done_ += static_cast<std::int64_t>(rows);
    outcome_.bytes += bytes;
    progress_.OnProgress({.type = ProgressEvent::Type::kCounts,
                          .phase = "export",
                          .collection = outcome_.name.ToString(),
                          .rows_done = rows_done_,
                          .rows_total = rows_total_,
                          .bytes_done = static_cast<std::int64_t>(outcome_.bytes),
                          .message = {}});
  }

  Endpoint& from_;
  files::ExportFolder& folder_;
  const files::TableFormat& format_;
  const ExportOptions& options_;
  const std::size_t batch_bytes_;
  ProgressSink& progress_;
  ExportOutcome outcome_;
  std::int64_t rows_done_ = 0;
  std::int64_t rows_total_ = -1;
};

Result<files::ExportRequest> RequestOf(const Context& context, Endpoint& from,
                                       const files::TableFormat& format,
                                       const ExportOptions& options) {
  AERIE_ASSIGN(const auto all, from.List(context));
  files::ExportRequest request;
  AERIE_ASSIGN(request.collections, Select(options.selection, all, from.Describe()));
  request.format = format.name();
  request.source = options.source;
  request.partitions = options.selection.partitions;
  request.filter = options.selection.filter;
  return request;
}

// What the job as a whole says of its collections.
Status Summary(const Endpoint& from, const std::vector<ExportOutcome>& outcomes) {
  const auto failed = std::count_if(outcomes.begin(), outcomes.end(),
                                    [](const auto& outcome) { return !outcome.status.ok(); });
  if (failed == 0) return Ok();
  const auto count = static_cast<std::ptrdiff_t>(outcomes.size());
  if (count == 1) return outcomes.front().status;
  const std::string text = "export " + from.Describe() + ": " + std::to_string(failed) + " of " +
                           std::to_string(count) + " collections failed; ";
  if (failed == count) return FailedError(text + "nothing is finished");
  return MakeStatus(Kind::kPartial,
                    text + "the export is not finished, the same command goes on with the rest");
}

class ExportEndpoint final : public Endpoint {
 public:
  ExportEndpoint(std::shared_ptr<objects::ObjectStore> store,
                 std::shared_ptr<const files::TableFormat> format, files::ExportManifest manifest)
      : store_(std::move(store)), format_(std::move(format)), manifest_(std::move(manifest)) {}

  std::string Describe() const override { return "export " + store_->Describe(); }

  Result<std::vector<rows::CollectionName>> List(const Context&) override {
    std::vector<rows::CollectionName> names;
    for (const auto& collection : manifest_.collections) names.push_back(collection.spec.name);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<std::unique_ptr<rows::CollectionSource>> Open(const Context&,
                                                       const rows::CollectionName& name) override {
    AERIE_ASSIGN(const auto* collection, Find(name));
    return files::MakeExportSource(store_, format_, *collection);
  }

  Result<Seen> Inspect(const Context&, const rows::CollectionName& name) override {
    AERIE_ASSIGN(const auto* collection, Find(name));
    return Seen{collection->spec, static_cast<std::int64_t>(collection->digest().rows)};
  }

  std::optional<rows::RangeDigest> KnownDigest(const rows::CollectionName& name,
                                               const std::string& partition) override {
    const auto* const collection = manifest_.Find(name);
    if (collection == nullptr) return std::nullopt;
    for (const auto& one : collection->partitions) {
      if (one.name == partition) return one.digest();
    }
    return std::nullopt;
  }

 private:
  Result<const files::ExportedCollection*> Find(const rows::CollectionName& name) const {
    const auto* const collection = manifest_.Find(name);
    if (collection != nullptr) return collection;
    return NotFoundError("open collection " + name.ToString() + ": it is not in " + Describe());
  }

  const std::shared_ptr<objects::ObjectStore> store_;
  const std::shared_ptr<const files::TableFormat> format_;
  const files::ExportManifest manifest_;
};

}  // namespace

Result<ExportPlan> PlanExport(const Context& context, Endpoint& from, objects::ObjectStore& to,
                              const files::TableFormat& format, const ExportOptions& options) {
  AERIE_ASSIGN(const auto request, RequestOf(context, from, format, options));
  ExportPlan plan;
  AERIE_ASSIGN(plan.rows_there, files::ExportFolder::Look(context, to, request, options.earlier));
  for (const rows::CollectionName& name : request.collections) {
    AERIE_ASSIGN(const Endpoint::Seen seen, from.Inspect(context, name));
    plan.items.push_back({name, seen.rows});
  }
  return plan;
}

Result<ExportResult> RunExport(const Context& context, Endpoint& from,
                               std::shared_ptr<objects::ObjectStore> to,
                               const files::TableFormat& format, const ExportOptions& options,
                               ProgressSink& progress) {
  AERIE_ASSIGN(const auto request, RequestOf(context, from, format, options));
  AERIE_ASSIGN(const auto folder, files::ExportFolder::Open(context, std::move(to), request,
                                                            options.program, options.earlier));
  const auto& names = request.collections;
  const std::size_t batch_bytes =
      CallBytes(std::min(names.size(), options.parallel_collections), options.streams);
  ExportResult result;
  for (const auto& name : names) {
    ExportOutcome& outcome = result.collections.emplace_back();
    outcome.name = name;
    outcome.status = MakeStatus(Kind::kCancelled, "export " + name.ToString() + ": not begun");
  }
  std::mutex fatal_mutex;
  Status fatal;
  const Status pool =
      ParallelFor(context, names.size(), options.parallel_collections,
                  [&](const Context& task, std::size_t i) -> Status {
                    CollectionExport one(from, *folder, format, options, batch_bytes, progress);
                    result.collections[i] = one.Run(task, names[i]);
                    const Status& status = result.collections[i].status;
                    if (status.ok() || !EndsTheJob(status)) return Ok();
                    std::lock_guard lock(fatal_mutex);
                    if (fatal.ok()) fatal = status;
                    return status;
                  });
  result.status = !fatal.ok() ? fatal : !pool.ok() ? pool : Summary(from, result.collections);
  if (result.status.ok()) result.status = folder->Finish(context);
  return result;
}

Result<std::unique_ptr<Endpoint>> OpenExportEndpoint(const Context& context,
                                                     std::shared_ptr<objects::ObjectStore> store) {
  AERIE_ASSIGN(auto manifest, files::ReadExportManifest(context, *store));
  AERIE_ASSIGN(auto format, files::OpenTableFormat(manifest.request.format));
  return std::make_unique<ExportEndpoint>(std::move(store), std::move(format), std::move(manifest));
}

}  // namespace aerie::transfer
