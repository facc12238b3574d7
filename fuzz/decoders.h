// One function for each decoder of the rooms repo, files and transfer, and each parser of files of
// other programs: it takes any bytes, and aborts when the decoder breaks a promise (a crash is for
// the sanitizers to find). Any thread.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "rows/schema.h"

namespace aerie::fuzz {

// The columns that column and patch blobs are decoded with.
const std::vector<rows::FieldSchema>& Columns();

void FuzzBlob(ByteSpan input);    // 3 bytes of plain size, then the encoded form
void FuzzColumn(ByteSpan input);  // 1 byte that chooses the column, then the plain bytes
void FuzzBundle(ByteSpan input);  // the list of a bundle
void FuzzChecked(ByteSpan input);
void FuzzConfig(ByteSpan input);
void FuzzCsv(ByteSpan input);  // 1 byte: the size of pieces
void FuzzDamaged(ByteSpan input);
void FuzzExport(ByteSpan input);  // the manifest of an export
void FuzzIndex(ByteSpan input);
// 1 byte that chooses the field, then a value of CSV or JSON lines of another program.
void FuzzJsonCell(ByteSpan input);
void FuzzJsonl(ByteSpan input);  // rows of Columns() and a JSON column
void FuzzKeyFile(ByteSpan input);
void FuzzManifest(ByteSpan input);
void FuzzNpy(ByteSpan input);  // the first bytes of a NumPy file
void FuzzPackDirectory(ByteSpan input);
void FuzzPatch(ByteSpan input);
void FuzzSnapshot(ByteSpan input);
// 1 byte: a rows file or a journal; then blocks, which are sealed here: u8 kind, u8 size, payload.
void FuzzSyncFile(ByteSpan input);
void FuzzSyncRecord(ByteSpan input);  // the JSON object, which is sealed here
void FuzzTreePage(ByteSpan input);

}  // namespace aerie::fuzz
