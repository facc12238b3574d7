// Test support: files of other programs made into rows, and shown.
#pragma once

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "files/foreign_files.h"
#include "files/import_plan.h"
#include "files/jsonl_format.h"
#include "files/table_format.h"

namespace aerie::files {

inline void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Every row of what `path` is, in the file's order, as JSON lines of the new collection that
// `mapping` describes.
inline Result<std::string> ForeignRowsOf(const std::string& path, const ImportMapping& mapping,
                                         const std::optional<rows::CollectionSpec>& there = {}) {
  AERIE_ASSIGN(const auto input, FindForeignInput(path));
  if (!input) return NotFoundError("nothing there");
  std::vector<std::string> more;
  for (const auto& field : mapping.fields) more.push_back(field.column_name());
  AERIE_ASSIGN(const auto files, ForeignFiles::Open(*input, {mapping.csv, more}));
  AERIE_ASSIGN(const ImportPlan plan,
               PlanImport(files->columns(), mapping, there, {"default", "made"}));
  RowMaker maker(plan, files->columns());
  AERIE_ASSIGN(auto encoder, MakeJsonlFormat()->NewFile({plan.spec.schema.Columns(), "", {}}));
  std::vector<ForeignValue> row;
  for (std::uint64_t number = 1;; ++number) {
    AERIE_ASSIGN(const bool more_rows, files->Next(row));
    if (!more_rows) break;
    rows::RowBatch batch = maker.NewBatch();
    AERIE_TRY(Annotate(maker.Append(row, number, batch), files->Where()));
    AERIE_TRY(batch.Validate());
    AERIE_TRY(encoder->Append(batch));
  }
  AERIE_ASSIGN(const Bytes lines, encoder->Finish());
  return std::string(AsText(lines));
}

// The rows, or the words of the error.
inline std::string Shown(const Result<std::string>& rows) {
  return rows.ok() ? *rows : std::string(rows.status().message());
}

struct Said {
  std::string column = {};
  rows::DataType type = rows::DataType::kNone;
  rows::KeyValues params = {};
};
inline FieldMapping MappingOf(const std::string& field, Said said = {}) {
  FieldMapping mapping;
  mapping.field.name = field;
  mapping.field.type = said.type;
  mapping.field.type_params = std::move(said.params);
  mapping.column = std::move(said.column);
  mapping.where = "mapping";
  return mapping;
}

}  // namespace aerie::files
