// Parquet, by a module of its own that is loaded when it is first needed (see parquet_module.cc).
//
// Thread-safe. The module stays loaded to the end of the process.
#pragma once

#include <memory>
#include <string>

#include "files/arrow_abi.h"
#include "files/table_format.h"

namespace aerie::files {

// The module itself, looked for and refused as below.
Result<const AerieParquetModule*> LoadParquetModule();

// Where the module is looked for: $AERIE_MODULE_DIR alone if it is set; else the folder of the
// running program, then ../lib/aerie beside it. kUnsupported, with the remedy, when it is not there
// or cannot be loaded.
Result<std::shared_ptr<const TableFormat>> OpenParquetFormat();
// From that file.
Result<std::shared_ptr<const TableFormat>> OpenParquetFormat(const std::string& module_file);

}  // namespace aerie::files
