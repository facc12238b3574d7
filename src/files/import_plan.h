// Which column of a table of another program goes to which field of a collection, as what; and the
// rows that come of it.
//
// Planning is pure. A RowMaker belongs to one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "files/foreign_table.h"
#include "files/import_mapping.h"
#include "rows/batch.h"
#include "rows/schema.h"

namespace aerie::files {

struct PlannedField {
  rows::FieldSchema field;
  std::optional<std::size_t> column;  // of the table; none: see below
  bool generated = false;             // a key that the server makes
  bool gathers = false;               // $meta, of the columns in ImportPlan::gathered
  std::optional<Bytes> default_cell;  // for nulls, or where there is no column
  std::string default_text;
  bool empty_is_text = false;
  Rounding rounding = Rounding::kExact;
};

struct ImportPlan {
  rows::CollectionSpec spec;
  std::string partition;             // rows go there; "" when the collection has a partition key
  std::vector<PlannedField> fields;  // as spec.schema.Columns()
  std::vector<std::size_t> gathered;
  std::vector<std::size_t> ignored;
  bool generates_keys = false;
};

// Into the collection `there`, or, without one, into a new one of that name. kInvalid or kRefused,
// naming every field and column that is in the way.
Result<ImportPlan> PlanImport(const std::vector<ForeignColumn>& columns,
                              const ImportMapping& mapping,
                              const std::optional<rows::CollectionSpec>& there,
                              const rows::CollectionName& name);

// Rows of a table as rows of the plan's collection.
class RowMaker {
 public:
  RowMaker(const ImportPlan& plan, const std::vector<ForeignColumn>& columns)
      : plan_(plan), columns_(columns) {}

  // An empty batch for Append.
  rows::RowBatch NewBatch() const;
  // Appends the row of that number, from 1; keys in any order. kRefused, naming column and value;
  // then the batch is of no use.
  Status Append(const std::vector<ForeignValue>& row, std::uint64_t number, rows::RowBatch& batch);

 private:
  Status MakeCell(const PlannedField& field, const ForeignValue* value, rows::Column& out);
  Status Gather(const std::vector<ForeignValue>& row, rows::Column& out);

  const ImportPlan& plan_;
  const std::vector<ForeignColumn>& columns_;
  Bytes cell_;
};

}  // namespace aerie::files
