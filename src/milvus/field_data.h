// Between the columns of the wire (schema.FieldData) and rows::Column.
//
// Reading: columns come in any order and are found by name; scalars of nullable columns come full
// length with placeholders, vectors compact, and both forms are accepted for either. Writing: every
// column is sent whole, nullable ones packed, and empty arrays get the typed member without which
// some servers die (protocol.md 2.2 to 2.4).
//
// Types that Aerie does not know travel as opaque cells: the serialized FieldData of an answer of
// one row, its field ids cleared. So a collection that has one is read, and written, a row a call.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aerie_milvus.pb.h"
#include "rows/batch.h"

namespace aerie::milvus {

namespace wire = ::milvus::proto;

// True when cells of this column are opaque (see above).
bool IsOpaque(const rows::FieldSchema& field);
bool HasOpaqueColumn(const std::vector<rows::FieldSchema>& columns);

// `data` as a column of `rows` cells. Errors name the field: kUnsupported when the answer carries
// the type in a form Aerie does not know, kCorrupt when lengths disagree.
Result<rows::Column> ColumnFromWire(const rows::FieldSchema& field,
                                    const wire::schema::FieldData& data, std::size_t rows);

struct AnswerRows {
  rows::RowBatch batch;             // ascending by key, each key once
  std::uint64_t repeated_keys = 0;  // surplus rows of equal keys inside this one answer
};

// The rows of a Query answer. `columns` is what the schema says should come (Columns()). An answer
// that lacks one of them is kRefused, since storing it would lose that column: see MissingColumns.
Result<AnswerRows> RowsFromAnswer(const std::vector<rows::FieldSchema>& columns,
                                  const std::string& partition,
                                  const wire::milvus::QueryResults& answer);

// Names of `columns` that `answer` does not carry; empty for an answer without rows.
std::vector<std::string> MissingColumns(const std::vector<rows::FieldSchema>& columns,
                                        const wire::milvus::QueryResults& answer);

// The keys of an answer, ascending, each once.
Result<std::vector<rows::Key>> KeysFromAnswer(const rows::FieldSchema& key_field,
                                              const wire::milvus::QueryResults& answer);

// The number in an answer to count(*).
Result<std::int64_t> CountFromAnswer(const wire::milvus::QueryResults& answer);

// Rows [begin, end) of `column` for Insert or Upsert into a field described by `target` (the
// column's own schema may be that of another cluster). kRefused for a null where the target has no
// nulls, naming the column.
Status ColumnToWire(const rows::Column& column, const rows::FieldSchema& target, std::size_t begin,
                    std::size_t end, wire::schema::FieldData* out);

enum class AutoIdKeys {
  kSend,     // the key column goes along although the server would generate it
  kLeaveOut  // the server generates new keys
};

// The columns of rows [begin, end) as `target` wants them: every field of it but function outputs,
// and generated keys as `keys` says. kRefused when the batch lacks a column that the target needs
// or has one that the target does not.
Status BatchToWire(const rows::RowBatch& batch, const rows::CollectionSchema& target,
                   AutoIdKeys keys, std::size_t begin, std::size_t end,
                   google::protobuf::RepeatedPtrField<wire::schema::FieldData>* out);

}  // namespace aerie::milvus
