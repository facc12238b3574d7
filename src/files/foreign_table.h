// SEAM. A table in a file of another program: named columns, read row by row, once.
//
// One class a kind of file. One thread at a time; memory does not grow with the file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "files/foreign_value.h"
#include "rows/schema.h"

namespace aerie::files {

struct ForeignColumn {
  std::string name;
  std::string type;   // as a plan shows it: "int32", "list<float>[4]"
  bool typed = true;  // false: cells of CSV, which are whatever their field is
  // The field it would be in a collection made for it: type and parameters. Nullopt where the file
  // does not say enough.
  std::optional<rows::FieldSchema> field = {};
  std::string unreadable = {};  // why its values go into no field; empty: they do
};

class ForeignTable {
 public:
  virtual ~ForeignTable() = default;
  // Fixed; names are distinct.
  virtual const std::vector<ForeignColumn>& columns() const = 0;
  // The next row, a value for each column, which holds until the next call; false at the end.
  // kCorrupt or kRefused, naming file and row, when the file cannot be read on.
  virtual Result<bool> Next(std::vector<ForeignValue>& row) = 0;
  // Where the last row stands: "books.csv, row 17 (line 19)".
  virtual std::string Where() const = 0;
};

// Those of `names` that come twice make the table useless: kRefused, naming one.
Status CheckDistinct(const std::string& file, const std::vector<ForeignColumn>& columns);

// The field that a column of numbers or text becomes, nullopt when none keeps its values.
std::optional<rows::FieldSchema> FieldOfNumbers(NumberType type);
// Of lists of `dim` numbers.
std::optional<rows::FieldSchema> FieldOfVectors(NumberType type, std::size_t dim);
rows::FieldSchema FieldOfText();

}  // namespace aerie::files
