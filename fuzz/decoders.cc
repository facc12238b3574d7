#define XXH_INLINE_ALL
#include "decoders.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <xxhash.h>

#include "files/bundle_manifest.h"
#include "files/csv_table.h"
#include "files/export_manifest.h"
#include "files/foreign_value.h"
#include "files/jsonl_format.h"
#include "files/npy_table.h"
#include "repo/blob_codec.h"
#include "repo/check_record.h"
#include "repo/column_blob.h"
#include "repo/config_file.h"
#include "repo/damage_record.h"
#include "repo/index_file.h"
#include "repo/key_file.h"
#include "repo/pack_format.h"
#include "repo/patch_blob.h"
#include "repo/snapshot_file.h"
#include "repo/tree_api.h"
#include "repo/tree_page.h"
#include "transfer/sync_file.h"
#include "transfer/sync_state.h"

namespace aerie::fuzz {
namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: broken promise: %s\n", what);
  std::abort();
}

// A decoder's refusal is one of these, with words.
void RequireRefusal(const Status& status) {
  if (status.ok()) return;
  const Kind kind = KindOf(status);
  Require(kind == Kind::kCorrupt || kind == Kind::kUnsupported || kind == Kind::kInvalid ||
              kind == Kind::kRefused,
          "bad bytes are corrupt, unsupported or refused");
  Require(!status.message().empty(), "a refusal says why");
}

rows::FieldSchema Field(const char* name, rows::DataType type) {
  rows::FieldSchema field;
  field.name = name;
  field.type = type;
  field.nullable = type != rows::DataType::kInt64;
  return field;
}

}  // namespace

const std::vector<rows::FieldSchema>& Columns() {
  static const std::vector<rows::FieldSchema> columns = [] {
    std::vector<rows::FieldSchema> fields = {
        Field("id", rows::DataType::kInt64), Field("vector", rows::DataType::kFloatVector),
        Field("title", rows::DataType::kVarChar), Field("flag", rows::DataType::kBool),
        Field("sparse", rows::DataType::kSparseFloatVector)};
    fields[0].primary_key = true;
    fields[1].type_params = {{"dim", "4"}};
    return fields;
  }();
  return columns;
}

void FuzzBlob(ByteSpan input) {
  if (input.size() < 3) return;
  Bytes plain(input[0] | std::size_t{input[1]} << 8 | std::size_t{input[2] & 0x0fU} << 16);
  RequireRefusal(repo::DecodeBlob(input.subspan(3), plain));
}

void FuzzColumn(ByteSpan input) {
  if (input.empty()) return;
  const rows::FieldSchema& field = Columns()[input[0] % Columns().size()];
  const ByteSpan plain = input.subspan(1);
  const auto column = repo::DecodeColumn(field, Bytes(plain.begin(), plain.end()));
  RequireRefusal(column.status());
  if (!column.ok()) return;
  const repo::ColumnPiece piece{&*column, 0, column->rows()};
  Bytes again;
  repo::EncodeColumn({&piece, 1}, again);
  const auto back = repo::DecodeColumn(field, std::move(again));
  Require(back.ok() && back->data() == column->data() && back->offsets() == column->offsets() &&
              back->validity() == column->validity(),
          "cells that were read can be written");
}

void FuzzChecked(ByteSpan input) {
  const auto record = repo::DecodeCheckRecord(input);
  RequireRefusal(record.status());
  if (!record.ok()) return;
  const auto again = repo::DecodeCheckRecord(repo::EncodeCheckRecord(*record));
  Require(again.ok() && again->packs == record->packs, "it comes back as it was");
}

void FuzzConfig(ByteSpan input) { RequireRefusal(repo::ParseConfig(input).status()); }

void FuzzCsv(ByteSpan input) {
  if (input.empty()) return;
  const std::size_t size = 1 + input[0];
  const std::string_view text = AsText(input.subspan(1));
  // The rows that come of pieces of that size, and of all at once, are the same.
  const auto rows_of = [&](std::size_t piece_size) {
    files::CsvParser parser({});
    std::vector<std::string> rows;
    const auto keep = [&] {
      std::string row;
      for (const auto& cell : parser.cells()) row += (cell.quoted ? "q" : "p") + cell.text + '\0';
      rows.push_back(std::move(row));
      Require(parser.line() >= 1, "a row has a line");
    };
    for (std::size_t at = 0; at < text.size(); at += piece_size) {
      std::string_view piece = text.substr(at, piece_size);
      while (!piece.empty()) {
        const auto row = parser.Take(piece);
        RequireRefusal(row.status());
        if (!row.ok()) return rows;
        if (*row) keep();
      }
    }
    const auto last = parser.End();
    RequireRefusal(last.status());
    if (last.ok() && *last) keep();
    return rows;
  };
  Require(rows_of(size) == rows_of(text.size() + 1), "pieces make no difference");
}

void FuzzDamaged(ByteSpan input) {
  const auto record = repo::DecodeDamageRecord(input);
  RequireRefusal(record.status());
  if (!record.ok()) return;
  const auto again = repo::DecodeDamageRecord(repo::EncodeDamageRecord(*record));
  Require(again.ok() && again->packs == record->packs, "it comes back as it was");
}

void FuzzBundle(ByteSpan input) {
  const auto manifest = files::DecodeBundleManifest(AsText(input));
  RequireRefusal(manifest.status());
  if (!manifest.ok()) return;
  Require(files::EncodeBundleManifest(*manifest) == AsText(input), "it is vouched for to the byte");
}

void FuzzExport(ByteSpan input) {
  const auto manifest = files::DecodeExportManifest(AsText(input));
  RequireRefusal(manifest.status());
  if (!manifest.ok()) return;
  const auto again = files::DecodeExportManifest(files::EncodeExportManifest(*manifest));
  Require(again.ok() && *again == *manifest, "it comes back as it was");
}

void FuzzJsonl(ByteSpan input) {
  files::TableSchema schema{Columns(), "part", {}};
  schema.columns.push_back(Field("any", rows::DataType::kJson));
  const auto format = files::MakeJsonlFormat();
  const auto decode = [&](Bytes file) -> Result<std::optional<rows::RowBatch>> {
    AERIE_ASSIGN(
        const auto decoder,
        format->OpenFile(std::make_shared<const Bytes>(std::move(file)), schema, 1U << 30));
    return decoder->Next();
  };
  const auto read = decode(Bytes(input.begin(), input.end()));
  RequireRefusal(read.status());
  if (!read.ok() || !*read) return;
  const auto encoder = format->NewFile(schema);
  Require(encoder.ok() && (*encoder)->Append(**read).ok(), "rows that were read can be written");
  const auto again = decode((*encoder)->Finish().value_or(Bytes()));
  Require(again.ok() && *again, "rows that were written can be read");
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const rows::Column& left = (*read)->columns()[i];
    const rows::Column& right = (**again).columns()[i];
    Require(left.data() == right.data() && left.offsets() == right.offsets() &&
                left.validity() == right.validity(),
            "cells come back as they were");
  }
}

void FuzzJsonCell(ByteSpan input) {
  if (input.empty()) return;
  std::vector<rows::FieldSchema> fields = Columns();
  fields.push_back(Field("any", rows::DataType::kJson));
  fields.push_back(Field("list", rows::DataType::kArray));
  fields.back().element_type = rows::DataType::kVarChar;
  fields.push_back(Field("half", rows::DataType::kFloat16Vector));
  fields.back().type_params = {{"dim", "2"}};
  const rows::FieldSchema& field = fields[input[0] / 2 % fields.size()];
  files::ForeignValue value;
  value.SetText(AsText(input.subspan(1)), input[0] % 2 != 0 ? files::ForeignValue::Kind::kJson
                                                            : files::ForeignValue::Kind::kWord);
  Bytes cell;
  const Status made = files::AppendCell(field, value, files::Rounding::kExact, cell);
  RequireRefusal(made);
  const std::size_t width = rows::CellWidth(field);
  Require(!made.ok() || width == 0 || cell.size() == width, "a cell has the width of its field");
}

void FuzzIndex(ByteSpan input) { RequireRefusal(repo::DecodeIndex(input).status()); }

void FuzzKeyFile(ByteSpan input) {
  RequireRefusal(repo::DecodeKeyFile(input, "keys/fuzz").status());
}

void FuzzManifest(ByteSpan input) { RequireRefusal(repo::DecodeManifest(input).status()); }

void FuzzNpy(ByteSpan input) {
  const auto header = files::ParseNpyHeader(input, input.size());
  RequireRefusal(header.status());
  if (!header.ok()) return;
  Require(header->data_begin + header->rows * header->row_bytes() == input.size(),
          "the rows are what follows the header");
}

void FuzzPackDirectory(ByteSpan input) {
  ByteReader reader(input, "fuzz");
  RequireRefusal(repo::DecodeEntries(reader).status());
}

void FuzzPatch(ByteSpan input) {
  constexpr std::size_t kMostRows = 100'000;
  const auto patch = repo::DecodePatch(Columns(), input);
  RequireRefusal(patch.status());
  if (!patch.ok() || patch->changes.rows_below > kMostRows) return;
  const repo::RowChanges& changes = patch->changes;
  for (std::size_t i = 0; i < Columns().size(); ++i) {
    repo::LayeredRows rows(changes.rows_below);
    const auto cells =
        patch->keeps[i] ? repo::LayeredRows::Cells::kKept : repo::LayeredRows::Cells::kOwn;
    Require(rows.Apply(changes, cells).ok(), "a patch fits the leaf it was made for");
    Require(rows.rows() == changes.rows_below - changes.removed.size() + changes.places.size(),
            "rows go and come as the patch says");
    rows::Column base(Columns()[i]);
    const Bytes cell(base.width());
    for (std::size_t row = 0; row < changes.rows_below; ++row) base.Append(cell);
    const rows::Column* const layers[] = {&base, &patch->columns[i]};
    Require(rows.Gather(layers).rows() == rows.rows(), "every row has its cell");
  }
}

void FuzzSnapshot(ByteSpan input) { RequireRefusal(repo::DecodeSnapshot(input).status()); }

void FuzzSyncFile(ByteSpan input) {
  if (input.empty()) return;
  const bool journal = input[0] % 2 != 0;
  input = input.subspan(1);
  Bytes file;
  ByteWriter writer(file);
  writer.Raw(AsBytes(journal ? "aerie sync journal 1\n" : "aerie sync rows 1\n"));
  for (std::uint64_t number = 0; input.size() >= 2; ++number) {
    const std::size_t size = std::min<std::size_t>(input[1], input.size() - 2);
    Bytes block = {input[0]};
    block.insert(block.end(), input.begin() + 2,
                 input.begin() + 2 + static_cast<std::ptrdiff_t>(size));
    writer.Fixed(static_cast<std::uint32_t>(size));
    writer.Raw(block);
    writer.Fixed(XXH3_64bits_withSeed(block.data(), block.size(), number));
    input = input.subspan(2 + size);
  }
  const auto kind = journal ? transfer::SyncFileKind::kJournal : transfer::SyncFileKind::kRows;
  const auto reader = transfer::SyncFileReader::OfBytes(kind, file);
  RequireRefusal(reader.status());
  if (!reader.ok()) return;
  std::string partition;
  std::optional<rows::Key> last;
  for (;;) {
    const auto entry = (*reader)->Next();
    RequireRefusal(entry.status());
    if (!entry.ok() || *entry == nullptr) return;
    Require(partition <= (*reader)->partition(), "partitions ascend");
    if (partition != (*reader)->partition()) last.reset();
    partition = (*reader)->partition();
    Require(!last || *last < (*entry)->key, "keys ascend");
    last = (*entry)->key;
  }
}

void FuzzSyncRecord(ByteSpan input) {
  std::string text(AsText(input));
  text += "\n";
  char seal[18];
  std::snprintf(seal, sizeof(seal), "%016llx\n",
                static_cast<unsigned long long>(XXH3_64bits(text.data(), text.size())));
  const auto record = transfer::DecodeRecord(text + seal);
  RequireRefusal(record.status());
  if (!record.ok()) return;
  const auto again = transfer::DecodeRecord(transfer::EncodeRecord(*record));
  Require(again.ok() && transfer::EncodeRecord(*again) == transfer::EncodeRecord(*record),
          "a record is written as it was read");
}

void FuzzTreePage(ByteSpan input) {
  const auto page = repo::DecodePage(input);
  RequireRefusal(page.status());
  if (!page.ok()) return;
  repo::Summarize(*page);
  Bytes entries;
  for (const auto& leaf : page->leaves) AppendEntry(leaf, entries);
  for (const auto& child : page->pages) AppendEntry(child, entries);
  const Bytes again = repo::EncodePage(page->level, page->key_type,
                                       page->leaves.size() + page->pages.size(), entries);
  const auto back = repo::DecodePage(again);
  Require(back.ok() && *back == *page, "a page that was read can be written");
}

}  // namespace aerie::fuzz
