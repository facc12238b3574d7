// Parquet of other programs as a table, by the module of parquet_format.h.
//
// The file is read at the places that are needed, page by page: memory does not grow with it.
#pragma once

#include <memory>

#include "files/foreign_table.h"
#include "files/local_file.h"

namespace aerie::files {

// kUnsupported, with the remedy, when this installation lacks the module.
Result<std::unique_ptr<ForeignTable>> OpenParquet(std::shared_ptr<const LocalFile> file);

}  // namespace aerie::files
