// Export: collections of an endpoint (a snapshot, or a live cluster) into a folder of files that
// other programs read.
//
// Rows are cut to files of a bounded size; each is decoded again and compared by digest before it
// is stored. docs/exporting.md has the layout. An export that was interrupted goes on where it was
// when its source is a snapshot, and begins anew when it is a cluster, whose rows may be others by
// then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "files/export_folder.h"
#include "files/table_format.h"
#include "objects/object_store.h"
#include "transfer/backup.h"
#include "transfer/endpoint.h"
#include "transfer/selection.h"

namespace aerie::transfer {

struct ExportOptions {
  std::string source;   // what the manifest calls it; the same source, the same text
  std::string program;  // "aerie 0.1.0"
  files::Earlier earlier = files::Earlier::kBeginAnew;
  Selection selection;
  std::size_t parallel_collections = 2;
  int streams = 2;  // requests in flight for each collection
  // A file is ended when its rows take as much memory. About three times that is held for each
  // collection under work.
  std::size_t file_bytes = std::size_t{32} << 20;
};

struct ExportPlan {
  struct Item {
    rows::CollectionName name;
    std::int64_t rows = -1;  // -1: not known
  };
  std::vector<Item> items;
  std::uint64_t rows_there = 0;  // in files of an interrupted run, which are kept
};

struct ExportOutcome : CollectionOutcome {
  std::uint64_t files = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t rows_kept = 0;  // were there from an interrupted run
  bool exact = true;
};

struct ExportResult {
  Status status;  // ok; kPartial; or the only error. Unless ok, the export is not finished
  std::vector<ExportOutcome> collections;
};

Result<ExportPlan> PlanExport(const Context& context, Endpoint& from, objects::ObjectStore& to,
                              const files::TableFormat& format, const ExportOptions& options);

// An error status only when the job could not begin; everything later is in the result.
Result<ExportResult> RunExport(const Context& context, Endpoint& from,
                               std::shared_ptr<objects::ObjectStore> to,
                               const files::TableFormat& format, const ExportOptions& options,
                               ProgressSink& progress);

// A finished export, to restore or compare from. Errors as of files::ReadExportManifest, and
// kUnsupported when its format is not.
Result<std::unique_ptr<Endpoint>> OpenExportEndpoint(const Context& context,
                                                     std::shared_ptr<objects::ObjectStore> store);

}  // namespace aerie::transfer
