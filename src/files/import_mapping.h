// What a user says of files of other programs: which field each column goes to, and as what
// (docs/exporting.md, "Mapping").
//
// Plain values; no thread rule.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "files/csv_table.h"
#include "files/foreign_value.h"
#include "rows/schema.h"

namespace aerie::files {

struct FieldMapping {
  // Name; type kNone, parameters and flags as far as they were given.
  rows::FieldSchema field;
  std::string column;                       // empty: of the field's name
  std::optional<std::string> default_text;  // for nulls, or without a column
  bool empty_is_text = false;
  Rounding rounding = Rounding::kExact;
  std::optional<rows::IndexSpec> index;
  std::string where;  // "books.yaml:7", for messages

  const std::string& column_name() const { return column.empty() ? field.name : column; }
};

struct ImportMapping {
  std::string collection;  // "books" or "default.books"; empty: not said
  std::string partition;   // empty: the default one
  bool dynamic = false;
  std::vector<std::string> ignore;
  CsvOptions csv;
  std::vector<FieldMapping> fields;

  const FieldMapping* Find(const std::string& field) const;
};

}  // namespace aerie::files
