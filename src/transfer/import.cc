#include "transfer/import.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "files/jsonl_format.h"
#include "milvus/spec_reader.h"
#include "transfer/restore_plan.h"

namespace aerie::transfer {
namespace {

constexpr std::size_t kBatchBytes = std::size_t{1} << 20;
constexpr std::size_t kShownRows = 3;

class SpoolRows final : public rows::RowReader {
 public:
  SpoolRows(const files::RowSpool& spool, std::string partition, const rows::ReadOptions& options)
      : partition_(std::move(partition)),
        batch_bytes_(options.batch_bytes),
        position_(options.after),
        reader_(spool.Open(partition_)) {}

  const std::string& partition() const override { return partition_; }
  std::optional<rows::Key> position() const override { return position_; }
  const rows::ReadReport& report() const override { return report_; }

  Result<std::optional<rows::RowBatch>> Next(const Context& context) override {
    std::optional<rows::RowBatch> batch;
    while (!batch || batch->ByteSize() < batch_bytes_) {
      AERIE_TRY(context.Check("read sorted rows"));
      AERIE_ASSIGN(auto block, reader_->Next());
      if (!block) break;
      std::size_t first = 0;
      while (first < block->rows() && position_ && !(*position_ < block->KeyAt(first))) ++first;
      if (first == block->rows()) continue;
      position_ = block->KeyAt(block->rows() - 1);
      if (!batch && first == 0) {
        batch = std::move(block);
      } else {
        if (!batch) batch = block->Slice(0, 0);
        batch->AppendRows(*block, first, block->rows());
      }
    }
    if (batch) report_.rows += batch->rows();
    report_.counted = report_.rows;
    return batch;
  }

 private:
  const std::string partition_;
  const std::size_t batch_bytes_;
  std::optional<rows::Key> position_;
  std::unique_ptr<files::SpoolReader> reader_;
  rows::ReadReport report_;
};

class SpoolSource final : public rows::CollectionSource {
 public:
  SpoolSource(const files::RowSpool& spool, const files::ImportPlan& plan)
      : spool_(spool), plan_(plan) {}

  const rows::CollectionSpec& spec() const override { return plan_.spec; }
  std::vector<std::string> ReadPartitions() const override { return {plan_.partition}; }
  Result<std::unique_ptr<rows::RowReader>> OpenReader(const Context&, const std::string& partition,
                                                      const rows::ReadOptions& options) override {
    const std::string operation = "read the imported rows of " + plan_.spec.name.ToString();
    if (!options.filter.empty()) {
      return UnsupportedError(operation + ": files cannot be filtered");
    }
    if (partition != plan_.partition) {
      return NotFoundError(operation + ": none go to partition " + partition);
    }
    return std::make_unique<SpoolRows>(spool_, partition, options);
  }
  std::int64_t EstimatedRows() const override { return static_cast<std::int64_t>(spool_.rows()); }
  Status Close(const Context&) override { return Ok(); }

 private:
  const files::RowSpool& spool_;
  const files::ImportPlan& plan_;
};

// The names that lines of JSON may have besides those of the first ones.
std::vector<std::string> KnownColumns(const files::ImportMapping& mapping,
                                      const std::optional<rows::CollectionSpec>& there) {
  std::vector<std::string> names;
  for (const auto& mapped : mapping.fields) {
    if (!mapped.default_text || !mapped.column.empty()) names.push_back(mapped.column_name());
  }
  if (!there) return names;
  for (const auto& field : there->schema.fields) {
    const bool generated = field.auto_id || (field.primary_key && there->schema.auto_id);
    if (mapping.Find(field.name) == nullptr && !generated) names.push_back(field.name);
  }
  return names;
}

Result<std::string> AsJsonLine(const files::ImportPlan& plan, const rows::RowBatch& batch,
                               std::size_t row) {
  const auto format = files::MakeJsonlFormat();
  AERIE_ASSIGN(auto encoder, format->NewFile({plan.spec.schema.Columns(), plan.partition, {}}));
  AERIE_TRY(encoder->Append(batch.Slice(row, row + 1)));
  AERIE_ASSIGN(const Bytes line, encoder->Finish());
  const std::string_view text = AsText(line);
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

// The one collection that the files are.
class FileImport::RowsEndpoint final : public Endpoint {
 public:
  explicit RowsEndpoint(const FileImport& import) : import_(import) {}

  std::string Describe() const override { return "the files"; }
  Result<std::vector<rows::CollectionName>> List(const Context&) override {
    return std::vector<rows::CollectionName>{import_.options_.name};
  }
  Result<std::unique_ptr<rows::CollectionSource>> Open(const Context&,
                                                       const rows::CollectionName&) override {
    return std::make_unique<SpoolSource>(*import_.spool_, import_.plan_);
  }
  Result<Seen> Inspect(const Context&, const rows::CollectionName&) override {
    return Seen{import_.plan_.spec, static_cast<std::int64_t>(import_.spool_->rows())};
  }

 private:
  const FileImport& import_;
};

FileImport::FileImport(std::shared_ptr<milvus::Client> to, ImportOptions options)
    : to_(std::move(to)), options_(std::move(options)) {
  options_.restore.selection = {};
  options_.restore.rename.clear();
  options_.restore.suffix.clear();
  options_.restore.database.clear();
}

Result<std::unique_ptr<FileImport>> FileImport::Open(const Context& context,
                                                     const files::ForeignInput& input,
                                                     std::shared_ptr<milvus::Client> to,
                                                     ImportOptions options) {
  std::unique_ptr<FileImport> self(new FileImport(std::move(to), std::move(options)));
  const rows::CollectionName& name = self->options_.name;
  std::optional<rows::CollectionSpec> there;
  auto reading = milvus::ReadCollectionSpec(context, *self->to_, name);
  if (reading.ok()) {
    there = std::move(reading->spec);
  } else if (KindOf(reading.status()) != Kind::kNotFound) {
    return reading.status();
  }
  self->exists_ = there.has_value();
  const OnConflict on_conflict = self->options_.restore.on_conflict;
  if (there && on_conflict == OnConflict::kFail) {
    return RefusedError("import into " + name.ToString() +
                        ": a collection of that name is there; give --on-conflict merge to add to "
                        "it, replace to put these rows in its place, or another --collection");
  }
  // A folder that cannot be written to is better known before hours of reading.
  AERIE_TRY(files::LocalFile::MakeTemporary(self->options_.spool.folder).status());
  AERIE_ASSIGN(self->files_,
               files::ForeignFiles::Open(input, {self->options_.mapping.csv,
                                                 KnownColumns(self->options_.mapping, there)}));
  AERIE_ASSIGN(self->plan_,
               files::PlanImport(self->files_->columns(), self->options_.mapping, there, name));
  if (self->plan_.generates_keys) {
    if (there && on_conflict == OnConflict::kMerge) {
      return RefusedError("import into " + name.ToString() +
                          ": its server makes the keys, so that an import that is run twice would "
                          "double the rows; import into another collection, or give --on-conflict "
                          "replace");
    }
    self->options_.restore.new_keys = true;
  }
  const files::ForeignFiles* const read = self->files_.get();
  self->spool_ = std::make_unique<files::RowSpool>(
      self->plan_.spec.schema.Columns(), self->options_.spool,
      [read](const rows::Key& key, std::uint64_t first, std::uint64_t second) {
        return RefusedError("import: the key " + rows::KeyToText(key) + " comes twice, in " +
                            read->Locate(std::min(first, second)) + " and in " +
                            read->Locate(std::max(first, second)) + "; nothing was written");
      });
  self->endpoint_ = std::make_unique<RowsEndpoint>(*self);
  return self;
}

Result<RestorePlan> FileImport::PlanTarget(const Context& context) {
  return PlanRestore(context, *endpoint_, to_, options_.restore);
}

Status FileImport::ReadRows(const Context& context, ProgressSink& progress) {
  const std::string label = options_.name.ToString();
  progress.OnProgress(
      {.type = ProgressEvent::Type::kPhase, .phase = "read", .collection = label, .message = {}});
  files::RowMaker maker(plan_, files_->columns());
  rows::RowBatch batch = maker.NewBatch();
  std::vector<files::ForeignValue> row;
  std::uint64_t number = 0;
  for (;;) {
    AERIE_ASSIGN(const bool there, files_->Next(row));
    if (!there) break;
    const Status made = maker.Append(row, ++number, batch);
    if (!made.ok()) {
      return Annotate(WithMessage(made, std::string(made.message()) + "; nothing was written"),
                      "import " + files_->Where());
    }
    if (first_rows_.size() < kShownRows) {
      AERIE_ASSIGN(auto line, AsJsonLine(plan_, batch, batch.rows() - 1));
      first_rows_.push_back(std::move(line));
    }
    if (number % 64 != 0 || batch.ByteSize() < kBatchBytes) continue;
    AERIE_TRY(AddRows(context, batch));
    batch = maker.NewBatch();
    progress.OnProgress({.type = ProgressEvent::Type::kCounts,
                         .collection = label,
                         .rows_done = static_cast<std::int64_t>(number),
                         .message = {}});
  }
  AERIE_TRY(AddRows(context, batch));
  return spool_->Finish(context);
}

Status FileImport::AddRows(const Context& context, rows::RowBatch& batch) {
  AERIE_TRY(context.Check("import"));
  return spool_->Add(context, batch);
}

Result<RestoreResult> FileImport::Run(const Context& context, ProgressSink& progress) {
  AERIE_ASSIGN(const RestorePlan target, PlanTarget(context));
  AERIE_TRY(CheckPlan(target, options_.restore));
  AERIE_TRY(ReadRows(context, progress));
  return RunRestore(context, *endpoint_, to_, options_.restore, progress);
}

}  // namespace aerie::transfer
