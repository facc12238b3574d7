#include "files/jsonl_format.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "files/json_text.h"
#include "rows/array_cell.h"

namespace aerie::files {
namespace {

using rows::DataType;
using rows::FieldSchema;

constexpr std::string_view kTextMember = "\"$text\"";
constexpr std::string_view kHexMember = "\"$hex\"";

// How a column is spelled; what the type alone does not say.
enum class Spelling { kNumber, kText, kJson, kArray, kVector, kSparse, kHex };

struct ColumnPlan {
  FieldSchema field;
  Spelling spelling;
  DataType element = DataType::kNone;  // of kNumber, kArray, kVector
  std::size_t element_width = 0;       // 0: strings
};

std::size_t NumberWidth(DataType type) {
  FieldSchema field;
  field.type = type;
  return rows::CellWidth(field);
}

ColumnPlan PlanOf(const FieldSchema& field) {
  switch (field.type) {
    case DataType::kBool:
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
    case DataType::kInt64:
    case DataType::kFloat:
    case DataType::kDouble: return {field, Spelling::kNumber, field.type, NumberWidth(field.type)};
    case DataType::kString:
    case DataType::kVarChar:
    case DataType::kText:
    case DataType::kTimestamptz:
    case DataType::kGeometry: return {field, Spelling::kText};
    case DataType::kJson: return {field, Spelling::kJson};
    case DataType::kSparseFloatVector: return {field, Spelling::kSparse};
    case DataType::kArray: {
      const auto width = rows::ArrayElementWidth(field.element_type);
      if (!width.ok()) return {field, Spelling::kHex};
      return {field, Spelling::kArray, field.element_type, *width};
    }
    case DataType::kFloatVector:
    case DataType::kInt8Vector: {
      if (rows::CellWidth(field) == 0) return {field, Spelling::kHex};
      const bool floats = field.type == DataType::kFloatVector;
      return {field, Spelling::kVector, floats ? DataType::kFloat : DataType::kInt8,
              floats ? std::size_t{4} : std::size_t{1}};
    }
    default: return {field, Spelling::kHex};
  }
}

// ---- writing ----

template <class T>
T Loaded(const std::uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// One number of `width` bytes; an Int8 has 4 in a cell and 1 in a vector.
void AppendNumber(DataType type, std::size_t width, const std::uint8_t* bytes, Bytes& out) {
  switch (type) {
    case DataType::kBool: return AppendRaw(*bytes != 0 ? "true" : "false", out);
    case DataType::kFloat: return AppendJsonFloat(Loaded<float>(bytes), out);
    case DataType::kDouble: return AppendJsonFloat(Loaded<double>(bytes), out);
    case DataType::kInt64: return AppendJsonInteger(Loaded<std::int64_t>(bytes), out);
    default:
      AppendJsonInteger(width == 1 ? Loaded<std::int8_t>(bytes) : Loaded<std::int32_t>(bytes), out);
  }
}

void AppendNumbers(DataType type, std::size_t width, ByteSpan values, Bytes& out) {
  out.push_back('[');
  for (std::size_t at = 0; at < values.size(); at += width) {
    if (at > 0) out.push_back(',');
    AppendNumber(type, width, values.data() + at, out);
  }
  out.push_back(']');
}

// {"$hex":"00ff"}
void AppendWrapped(std::string_view member, std::string_view value, Bytes& out) {
  out.push_back('{');
  AppendRaw(member, out);
  out.push_back(':');
  AppendJsonString(value, out);
  out.push_back('}');
}

void AppendText(std::string_view text, Bytes& out) {
  if (IsUtf8(text)) return AppendJsonString(text, out);
  AppendWrapped(kHexMember, ToHex(AsBytes(text)), out);
}

// Whether stored JSON, put into the line as it is, is found there again as it is.
bool StandsAsItIs(std::string_view text) {
  if (text.empty() || text == "null") return false;
  if (text.find_first_of("\n\r") != std::string_view::npos) return false;
  JsonCursor cursor(text);
  if (cursor.rest().size() != text.size() || text.back() == ' ' || text.back() == '\t')
    return false;
  if (cursor.Take('{') && cursor.rest().starts_with("\"$")) return false;
  return nlohmann::json::accept(text);
}

void AppendJson(std::string_view text, Bytes& out) {
  if (!IsUtf8(text)) return AppendWrapped(kHexMember, ToHex(AsBytes(text)), out);
  if (StandsAsItIs(text)) return AppendRaw(text, out);
  AppendWrapped(kTextMember, text, out);
}

Status AppendArray(const ColumnPlan& plan, ByteSpan cell, Bytes& out) {
  if (plan.element_width > 0) {
    AERIE_ASSIGN(const ByteSpan elements, rows::FixedArrayElements(cell, plan.element_width));
    AppendNumbers(plan.element, plan.element_width, elements, out);
    return Ok();
  }
  AERIE_ASSIGN(const auto elements, rows::StringArrayElements(cell));
  out.push_back('[');
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) out.push_back(',');
    AppendText(elements[i], out);
  }
  out.push_back(']');
  return Ok();
}

Status AppendSparse(ByteSpan cell, Bytes& out) {
  if (cell.size() % 8 != 0) return CorruptError("a sparse vector of odd length");
  out.push_back('[');
  for (std::size_t at = 0; at < cell.size(); at += 8) {
    AppendRaw(at > 0 ? ",[" : "[", out);
    AppendJsonInteger(Loaded<std::uint32_t>(cell.data() + at), out);
    out.push_back(',');
    AppendJsonFloat(Loaded<float>(cell.data() + at + 4), out);
    out.push_back(']');
  }
  out.push_back(']');
  return Ok();
}

Status AppendCell(const ColumnPlan& plan, ByteSpan cell, Bytes& out) {
  switch (plan.spelling) {
    case Spelling::kNumber:
      AppendNumber(plan.element, plan.element_width, cell.data(), out);
      return Ok();
    case Spelling::kVector: AppendNumbers(plan.element, plan.element_width, cell, out); return Ok();
    case Spelling::kText: AppendText(AsText(cell), out); return Ok();
    case Spelling::kJson: AppendJson(AsText(cell), out); return Ok();
    case Spelling::kArray: return AppendArray(plan, cell, out);
    case Spelling::kSparse: return AppendSparse(cell, out);
    case Spelling::kHex: AppendJsonString(ToHex(cell), out); return Ok();
  }
  return InternalError("write JSON lines: a column of no known spelling");
}

// ---- reading ----

template <class T>
Status TakeInteger(JsonCursor& cursor, Bytes& out) {
  std::int64_t value = 0;
  AERIE_TRY(cursor.Integer(value));
  if (value < std::int64_t{std::numeric_limits<T>::min()} ||
      value > std::int64_t{std::numeric_limits<T>::max()}) {
    return CorruptError(std::to_string(value) + " is out of the range of its type");
  }
  ByteWriter(out).Fixed(static_cast<T>(value));
  return Ok();
}

template <class T>
Status TakeFloat(JsonCursor& cursor, Bytes& out) {
  T value = 0;
  AERIE_TRY(cursor.Float(value));
  ByteWriter(out).Fixed(value);
  return Ok();
}

Status TakeNumber(DataType type, std::size_t width, JsonCursor& cursor, Bytes& out) {
  switch (type) {
    case DataType::kBool: {
      bool value = false;
      AERIE_TRY(cursor.Boolean(value));
      out.push_back(value ? 1 : 0);
      return Ok();
    }
    case DataType::kFloat: return TakeFloat<float>(cursor, out);
    case DataType::kDouble: return TakeFloat<double>(cursor, out);
    case DataType::kInt64: return TakeInteger<std::int64_t>(cursor, out);
    default:
      return width == 1 ? TakeInteger<std::int8_t>(cursor, out)
                        : TakeInteger<std::int32_t>(cursor, out);
  }
}

// Calls `take` for each element of a list.
template <class Take>
Status TakeList(JsonCursor& cursor, const Take& take) {
  AERIE_TRY(cursor.Expect('['));
  if (cursor.Take(']')) return Ok();
  do {
    AERIE_TRY(take());
  } while (cursor.Take(','));
  return cursor.Expect(']');
}

Status TakeHex(JsonCursor& cursor, Bytes& out) {
  std::string hex;
  AERIE_TRY(cursor.String(hex));
  const auto bytes = FromHex(hex);
  if (!bytes.ok())
    return CorruptError("it has '" + hex.substr(0, 20) + "', which is no hexadecimal text");
  ByteWriter(out).Raw(*bytes);
  return Ok();
}

// The rest of {"$hex": "..."}, or of {"$text": "..."}, from behind the name of its member.
Status TakeWrapped(bool hex, JsonCursor& cursor, Bytes& out) {
  AERIE_TRY(cursor.Expect(':'));
  if (hex) {
    AERIE_TRY(TakeHex(cursor, out));
  } else {
    std::string text;
    AERIE_TRY(cursor.String(text));
    AppendRaw(text, out);
  }
  return cursor.Expect('}');
}

Status TakeText(JsonCursor& cursor, Bytes& out) {
  if (cursor.Take('{')) {
    if (!cursor.TakeWord(kHexMember)) return CorruptError("it has an object instead of a text");
    return TakeWrapped(true, cursor, out);
  }
  std::string text;
  AERIE_TRY(cursor.String(text));
  AppendRaw(text, out);
  return Ok();
}

Status TakeJson(JsonCursor& cursor, Bytes& out) {
  JsonCursor inside = cursor;
  if (inside.Take('{')) {
    const bool hex = inside.TakeWord(kHexMember);
    if (hex || inside.TakeWord(kTextMember)) {
      cursor = inside;
      return TakeWrapped(hex, cursor, out);
    }
  }
  std::string_view raw;
  AERIE_TRY(cursor.Raw(raw));
  AppendRaw(raw, out);
  return Ok();
}

Status TakeArray(const ColumnPlan& plan, JsonCursor& cursor, Bytes& out) {
  Bytes elements;
  std::uint64_t count = 0;
  AERIE_TRY(TakeList(cursor, [&] {
    ++count;
    if (plan.element_width > 0) {
      return TakeNumber(plan.element, plan.element_width, cursor, elements);
    }
    Bytes text;
    const Status status = TakeText(cursor, text);
    ByteWriter(elements).Sized(text);
    return status;
  }));
  ByteWriter(out).Varint(count);
  ByteWriter(out).Raw(elements);
  return Ok();
}

Status TakeSparse(JsonCursor& cursor, Bytes& out) {
  return TakeList(cursor, [&]() -> Status {
    AERIE_TRY(cursor.Expect('['));
    AERIE_TRY(TakeInteger<std::uint32_t>(cursor, out));
    AERIE_TRY(cursor.Expect(','));
    AERIE_TRY(TakeFloat<float>(cursor, out));
    return cursor.Expect(']');
  });
}

Status TakeCell(const ColumnPlan& plan, JsonCursor& cursor, Bytes& out) {
  switch (plan.spelling) {
    case Spelling::kNumber: return TakeNumber(plan.element, plan.element_width, cursor, out);
    case Spelling::kVector:
      return TakeList(cursor,
                      [&] { return TakeNumber(plan.element, plan.element_width, cursor, out); });
    case Spelling::kText: return TakeText(cursor, out);
    case Spelling::kJson: return TakeJson(cursor, out);
    case Spelling::kArray: return TakeArray(plan, cursor, out);
    case Spelling::kSparse: return TakeSparse(cursor, out);
    case Spelling::kHex: return TakeHex(cursor, out);
  }
  return InternalError("read JSON lines: a column of no known spelling");
}

std::vector<ColumnPlan> PlansOf(const TableSchema& schema) {
  std::vector<ColumnPlan> plans;
  for (const FieldSchema& field : schema.columns) plans.push_back(PlanOf(field));
  return plans;
}

class JsonlEncoder final : public TableEncoder {
 public:
  explicit JsonlEncoder(const TableSchema& schema) : plans_(PlansOf(schema)) {}

  Status Append(const rows::RowBatch& batch) override {
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      for (std::size_t i = 0; i < plans_.size(); ++i) {
        file_.push_back(i == 0 ? '{' : ',');
        AppendJsonString(plans_[i].field.name, file_);
        file_.push_back(':');
        const rows::Column& column = batch.columns()[i];
        if (column.IsNull(row)) {
          AppendRaw("null", file_);
        } else {
          AERIE_TRY(AppendCell(plans_[i], column.Cell(row), file_));
        }
      }
      AppendRaw("}\n", file_);
    }
    return Ok();
  }

  std::size_t held_bytes() const override { return file_.size(); }
  Result<Bytes> Finish() override { return std::move(file_); }

 private:
  const std::vector<ColumnPlan> plans_;
  Bytes file_;
};

class JsonlDecoder final : public TableDecoder {
 public:
  JsonlDecoder(std::shared_ptr<const Bytes> file, const TableSchema& schema,
               std::size_t batch_bytes)
      : file_(std::move(file)),
        rest_(AsText(*file_)),
        partition_(schema.partition),
        plans_(PlansOf(schema)),
        batch_bytes_(batch_bytes) {}

  Result<std::optional<rows::RowBatch>> Next() override {
    if (rest_.empty()) return std::optional<rows::RowBatch>();
    std::vector<rows::Column> columns;
    for (const ColumnPlan& plan : plans_) columns.emplace_back(plan.field);
    for (std::size_t bytes = 0; bytes < batch_bytes_ && !rest_.empty();) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      ++line_;
      AERIE_TRY(
          Annotate(TakeRow(rest_.substr(0, end), columns, bytes), "line " + std::to_string(line_)));
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
    }
    return std::optional(rows::RowBatch(partition_, std::move(columns)));
  }

 private:
  // Which column a member is: mostly the one after the last.
  Result<std::size_t> ColumnOf(const std::string& name, std::size_t guess) const {
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      const std::size_t at = (guess + i) % plans_.size();
      if (plans_[at].field.name == name) return at;
    }
    return CorruptError("it has a member \"" + name + "\", which is no column");
  }

  Status TakeRow(std::string_view line, std::vector<rows::Column>& columns, std::size_t& bytes) {
    JsonCursor cursor(line);
    const std::size_t row = columns.front().rows();
    AERIE_TRY(cursor.Expect('{'));
    std::string name;
    std::size_t guess = 0;
    do {
      AERIE_TRY(cursor.String(name));
      AERIE_TRY(cursor.Expect(':'));
      AERIE_ASSIGN(const std::size_t at, ColumnOf(name, guess));
      if (columns[at].rows() > row) return CorruptError("it has the member " + name + " twice");
      AERIE_TRY(Annotate(TakeMember(plans_[at], cursor, columns[at], bytes), "member " + name));
      guess = at + 1;
    } while (cursor.Take(','));
    AERIE_TRY(cursor.Expect('}'));
    if (!cursor.AtEnd()) return CorruptError("something follows the object");
    for (const rows::Column& column : columns) {
      if (column.rows() == row) return CorruptError("it lacks the member " + column.field().name);
    }
    return Ok();
  }

  Status TakeMember(const ColumnPlan& plan, JsonCursor& cursor, rows::Column& column,
                    std::size_t& bytes) {
    bytes += 1 + column.width();
    if (cursor.TakeWord("null")) {
      column.AppendNull();
      return Ok();
    }
    cell_.clear();
    AERIE_TRY(TakeCell(plan, cursor, cell_));
    if (column.fixed() && cell_.size() != column.width()) {
      return CorruptError("a value of " + std::to_string(cell_.size()) + " bytes instead of " +
                          std::to_string(column.width()));
    }
    if (!column.fixed()) bytes += cell_.size();
    column.Append(cell_);
    return Ok();
  }

  const std::shared_ptr<const Bytes> file_;
  std::string_view rest_;
  const std::string partition_;
  const std::vector<ColumnPlan> plans_;
  const std::size_t batch_bytes_;
  std::uint64_t line_ = 0;
  Bytes cell_;
};

class JsonlFormat final : public TableFormat {
 public:
  const char* name() const override { return "jsonl"; }
  Result<std::unique_ptr<TableEncoder>> NewFile(const TableSchema& schema) const override {
    return std::make_unique<JsonlEncoder>(schema);
  }
  Result<std::unique_ptr<TableDecoder>> OpenFile(std::shared_ptr<const Bytes> file,
                                                 const TableSchema& schema,
                                                 std::size_t batch_bytes) const override {
    return std::make_unique<JsonlDecoder>(std::move(file), schema, batch_bytes);
  }
};

}  // namespace

std::shared_ptr<const TableFormat> MakeJsonlFormat() { return std::make_shared<JsonlFormat>(); }

}  // namespace aerie::files
