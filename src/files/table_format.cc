#include "files/table_format.h"

#include "files/jsonl_format.h"
#include "files/parquet_format.h"

namespace aerie::files {

Result<std::shared_ptr<const TableFormat>> OpenTableFormat(const std::string& name) {
  if (name == "parquet") return OpenParquetFormat();
  if (name == "jsonl") return MakeJsonlFormat();
  return InvalidError("no format is called '" + name + "': give parquet or jsonl");
}

}  // namespace aerie::files
