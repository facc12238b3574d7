// Import of files of other programs into one collection of a cluster: read whole, converted and
// sorted before the cluster is touched, then written and compared by the steps of a restore.
//
// docs/exporting.md ("Files of other programs"), docs/decisions/0019. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "files/foreign_files.h"
#include "files/import_mapping.h"
#include "files/import_plan.h"
#include "files/row_spool.h"
#include "milvus/client.h"
#include "transfer/endpoint.h"
#include "transfer/restore.h"

namespace aerie::transfer {

struct ImportOptions {
  files::ImportMapping mapping;
  rows::CollectionName name;  // the target
  files::SpoolOptions spool;  // where rows are sorted
  RestoreOptions restore;     // its selection and names are not used
};

class FileImport {
 public:
  // Looks at the files and at the target, and plans. kRefused when the collection is there and may
  // not be touched, and as files::PlanImport says.
  static Result<std::unique_ptr<FileImport>> Open(const Context& context,
                                                  const files::ForeignInput& input,
                                                  std::shared_ptr<milvus::Client> to,
                                                  ImportOptions options);

  const files::ImportPlan& plan() const { return plan_; }
  const std::vector<files::ForeignColumn>& columns() const { return files_->columns(); }
  bool exists() const { return exists_; }

  // What stands in the way at the target; one item.
  Result<RestorePlan> PlanTarget(const Context& context);
  // Reads, converts and sorts every row; once. kRefused, naming file, row, column and value, at the
  // first that does not fit; kNoSpace when the disk is full. Run does it by itself.
  Status ReadRows(const Context& context, ProgressSink& progress);
  std::uint64_t rows() const { return spool_->rows(); }
  // The first rows of the files, as JSON lines, in the file's order. After ReadRows, also when it
  // failed.
  const std::vector<std::string>& first_rows() const { return first_rows_; }
  // All of it: the target is looked at, rows are read, then written and compared. Errors before the
  // first row is written are statuses; later ones are in the result.
  Result<RestoreResult> Run(const Context& context, ProgressSink& progress);

 private:
  class RowsEndpoint;
  FileImport(std::shared_ptr<milvus::Client> to, ImportOptions options);
  Status AddRows(const Context& context, rows::RowBatch& batch);

  const std::shared_ptr<milvus::Client> to_;
  ImportOptions options_;
  std::unique_ptr<files::ForeignFiles> files_;
  files::ImportPlan plan_;
  bool exists_ = false;
  std::unique_ptr<files::RowSpool> spool_;
  std::unique_ptr<Endpoint> endpoint_;
  std::vector<std::string> first_rows_;
};

}  // namespace aerie::transfer
