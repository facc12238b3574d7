// A collection of an export, to read from.
//
// Thread-safe as rows::CollectionSource demands; several sources may share manifest and format.
#pragma once

#include <memory>
#include <string>

#include "files/export_manifest.h"
#include "files/table_format.h"
#include "objects/object_store.h"
#include "rows/stream.h"

namespace aerie::files {

// Reads `collection`, whose files stand in `store`. Each file is compared with its checksum before
// it is decoded, and its rows with their digest after: kCorrupt naming the file when either
// differs, kNotFound when it is gone. A filter is kUnsupported: only a server can judge one.
std::unique_ptr<rows::CollectionSource> MakeExportSource(
    std::shared_ptr<objects::ObjectStore> store, std::shared_ptr<const TableFormat> format,
    ExportedCollection collection);

// The digest of the rows that `file` holds, all decoded. Errors are those of decoding.
Result<rows::RangeDigest> DigestOfFile(const TableFormat& format, const TableSchema& schema,
                                       std::shared_ptr<const Bytes> file);

}  // namespace aerie::files
