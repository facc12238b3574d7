#include "files/jsonl_format.h"

#include <bit>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "files/json_text.h"
#include "files/table_format_testing.h"
#include "rows/array_cell.h"

namespace aerie::files {
namespace {

using rows::DataType;
using rows::FieldSchema;

rows::CollectionSchema SchemaWith(DataType type, DataType element = DataType::kNone,
                                  const std::string& dim = "") {
  rows::CollectionSchema schema;
  FieldSchema key;
  key.name = "id";
  key.type = DataType::kInt64;
  key.primary_key = true;
  FieldSchema value;
  value.name = "v";
  value.type = type;
  value.element_type = element;
  value.nullable = true;
  if (!dim.empty()) value.type_params.emplace_back("dim", dim);
  schema.fields = {key, value};
  return schema;
}

// The line of one row with key 7.
std::string LineOf(const rows::CollectionSchema& schema, const std::optional<Bytes>& cell) {
  rows::RowBatch batch = rows::RowBatch::Empty(schema, "p");
  Bytes key;
  ByteWriter(key).Fixed<std::int64_t>(7);
  batch.mutable_columns()[0].Append(key);
  if (cell) {
    batch.mutable_columns()[1].Append(*cell);
  } else {
    batch.mutable_columns()[1].AppendNull();
  }
  const auto format = MakeJsonlFormat();
  ExpectRoundTrip(*format, schema, {batch}, 1 << 20);
  const auto file = Encoded(*format, SchemaFor(schema, "p"), {batch});
  return file.ok() ? std::string(AsText(*file)) : std::string(file.status().message());
}

Bytes Text(std::string_view text) {
  const ByteSpan bytes = AsBytes(text);
  return {bytes.begin(), bytes.end()};
}

template <class T>
Bytes Number(T value) {
  Bytes bytes;
  ByteWriter(bytes).Fixed(value);
  return bytes;
}

Result<std::vector<rows::RowBatch>> Read(const rows::CollectionSchema& schema,
                                         const std::string& text) {
  return Decoded(*MakeJsonlFormat(), SchemaFor(schema, "p"), Text(text), 1 << 20);
}

TEST(JsonlFormat, KeepsEveryType) { ExpectKeepsEveryType(*MakeJsonlFormat()); }
TEST(JsonlFormat, KeepsRandomSchemas) { ExpectKeepsRandomSchemas(*MakeJsonlFormat()); }
TEST(JsonlFormat, SurvivesDamage) { ExpectSurvivesDamage(*MakeJsonlFormat()); }

TEST(JsonlFormat, EveryLineIsJson) {
  rows::RowGenerator random(5);
  const auto schema = random.EveryTypeSchema(DataType::kVarChar);
  const auto file =
      Encoded(*MakeJsonlFormat(), SchemaFor(schema, "p"), {random.RandomRows(schema, "p", 200)});
  ASSERT_TRUE(file.ok()) << file.status();
  std::string_view rest = AsText(*file);
  int lines = 0;
  for (; !rest.empty(); ++lines) {
    const std::size_t end = rest.find('\n');
    ASSERT_NE(end, std::string_view::npos);
    EXPECT_TRUE(nlohmann::json::accept(rest.substr(0, end))) << rest.substr(0, end);
    rest.remove_prefix(end + 1);
  }
  EXPECT_EQ(lines, 200);
}

// The spellings that docs/exporting.md promises.
TEST(JsonlFormat, Spelling) {
  const auto line = [](DataType type, const Bytes& cell) { return LineOf(SchemaWith(type), cell); };
  EXPECT_EQ(LineOf(SchemaWith(DataType::kInt8), std::nullopt), "{\"id\":7,\"v\":null}\n");
  EXPECT_EQ(line(DataType::kInt64, Number(std::numeric_limits<std::int64_t>::min())),
            "{\"id\":7,\"v\":-9223372036854775808}\n");
  EXPECT_EQ(line(DataType::kBool, {1}), "{\"id\":7,\"v\":true}\n");
  EXPECT_EQ(line(DataType::kFloat, Number(0.1F)), "{\"id\":7,\"v\":0.1}\n");
  EXPECT_EQ(line(DataType::kFloat, Number(-0.0F)), "{\"id\":7,\"v\":-0.0}\n");
  EXPECT_EQ(line(DataType::kFloat, Number(0x7f800000U)), "{\"id\":7,\"v\":\"Infinity\"}\n");
  EXPECT_EQ(line(DataType::kFloat, Number(0x7fc00000U)), "{\"id\":7,\"v\":\"NaN\"}\n");
  EXPECT_EQ(line(DataType::kFloat, Number(0xffa00001U)), "{\"id\":7,\"v\":\"NaN:ffa00001\"}\n");
  EXPECT_EQ(line(DataType::kDouble, Number(std::uint64_t{0x7ff8000000000001})),
            "{\"id\":7,\"v\":\"NaN:7ff8000000000001\"}\n");
  EXPECT_EQ(line(DataType::kVarChar, Text("a\"\n\u00e9")),
            "{\"id\":7,\"v\":\"a\\\"\\u000a\u00e9\"}\n");
  EXPECT_EQ(line(DataType::kVarChar, {0xff, 0x00}), "{\"id\":7,\"v\":{\"$hex\":\"ff00\"}}\n");
  EXPECT_EQ(LineOf(SchemaWith(DataType::kFloatVector, DataType::kNone, "1"), Number(1.5F)),
            "{\"id\":7,\"v\":[1.5]}\n");
  EXPECT_EQ(LineOf(SchemaWith(DataType::kInt8Vector, DataType::kNone, "2"), Bytes{0xff, 0x01}),
            "{\"id\":7,\"v\":[-1,1]}\n");
  EXPECT_EQ(LineOf(SchemaWith(DataType::kBinaryVector, DataType::kNone, "8"), Bytes{0xa5}),
            "{\"id\":7,\"v\":\"a5\"}\n");
  Bytes sparse = Number(std::uint32_t{4294967294});
  ByteWriter(sparse).Fixed(0.5F);
  EXPECT_EQ(line(DataType::kSparseFloatVector, sparse), "{\"id\":7,\"v\":[[4294967294,0.5]]}\n");
  Bytes array;
  ByteWriter(array).Varint(1);
  ByteWriter(array).Sized(std::string_view("x"));
  EXPECT_EQ(LineOf(SchemaWith(DataType::kArray, DataType::kVarChar), array),
            "{\"id\":7,\"v\":[\"x\"]}\n");
}

// Stored JSON stands in the line as it is wherever that can be undone.
TEST(JsonlFormat, StoredJson) {
  const auto line = [](std::string_view json) {
    return LineOf(SchemaWith(DataType::kJson), Text(json));
  };
  EXPECT_EQ(line("{ \"a\" : 12345678901234567890123 }"),
            "{\"id\":7,\"v\":{ \"a\" : 12345678901234567890123 }}\n");
  EXPECT_EQ(line("null"), "{\"id\":7,\"v\":{\"$text\":\"null\"}}\n");
  EXPECT_EQ(line(""), "{\"id\":7,\"v\":{\"$text\":\"\"}}\n");
  EXPECT_EQ(line(" {}"), "{\"id\":7,\"v\":{\"$text\":\" {}\"}}\n");
  EXPECT_EQ(line("{}\n"), "{\"id\":7,\"v\":{\"$text\":\"{}\\u000a\"}}\n");
  EXPECT_EQ(line("{\"a\":\n1}"), "{\"id\":7,\"v\":{\"$text\":\"{\\\"a\\\":\\u000a1}\"}}\n");
  EXPECT_EQ(line("no json"), "{\"id\":7,\"v\":{\"$text\":\"no json\"}}\n");
  EXPECT_EQ(line("{ \"$hex\": 1}"), "{\"id\":7,\"v\":{\"$text\":\"{ \\\"$hex\\\": 1}\"}}\n");
  EXPECT_EQ(line("\xff"), "{\"id\":7,\"v\":{\"$hex\":\"ff\"}}\n");
  EXPECT_EQ(line("[1,[2,\"]\"],{\"b\":\"}\"}]"), "{\"id\":7,\"v\":[1,[2,\"]\"],{\"b\":\"}\"}]}\n");
}

// Other programs may order members and space them as they like.
TEST(JsonlFormat, ReadsWhatOthersWrite) {
  const auto read =
      Read(SchemaWith(DataType::kFloat), "{ \"v\" : 2 , \"id\" : 7 }\r\n{\"id\":8,\"v\":1e2}");
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 1U);
  const rows::RowBatch& batch = read->front();
  ASSERT_EQ(batch.rows(), 2U);
  EXPECT_EQ(std::get<std::int64_t>(batch.KeyAt(1)), 8);
  EXPECT_EQ(ToHex(batch.columns()[1].Cell(0)), ToHex(Number(2.0F)));
  EXPECT_EQ(ToHex(batch.columns()[1].Cell(1)), ToHex(Number(100.0F)));
}

TEST(JsonlFormat, SaysWhatIsWrong) {
  const auto schema = SchemaWith(DataType::kInt8);
  for (const auto& [text, words] : std::vector<std::pair<std::string, std::string>>{
           {"{\"id\":7}\n", "line 1: it lacks the member v"},
           {"{\"id\":7,\"v\":1,\"x\":2}\n", "member \"x\", which is no column"},
           {"{\"id\":7,\"v\":1,\"v\":2}\n", "member v twice"},
           {"{\"id\":7,\"v\":1.5}\n", "member v"},
           {"{\"id\":7,\"v\":99999999999}\n", "out of the range"},
           {"{\"id\":7,\"v\":1}{}\n", "something follows"},
           {"\n", "line 1"}}) {
    const auto read = Read(schema, text);
    EXPECT_EQ(KindOf(read.status()), Kind::kCorrupt) << text;
    EXPECT_THAT(std::string(read.status().message()), testing::HasSubstr(words)) << text;
  }
}

TEST(JsonText, Utf8) {
  for (const char* good : {"", "a", "\u00e9", "\u4e2d", "\U0001F985", "\U0010FFFF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad :
       {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80"}) {
    EXPECT_FALSE(IsUtf8(bad)) << ToHex(AsBytes(bad));
  }
}

TEST(JsonText, Escapes) {
  std::string text;
  JsonCursor cursor("\"\\u00e9\\ud83e\\udd85\\n\\/\"");
  ASSERT_TRUE(cursor.String(text).ok());
  EXPECT_EQ(text, "\u00e9\U0001F985\n/");
  for (const char* bad : {"\"\\ud83e\"", "\"\\udd85\"", "\"\\x\"", "\"\\u00g0\"", "\"abc"}) {
    JsonCursor broken(bad);
    EXPECT_EQ(KindOf(broken.String(text)), Kind::kCorrupt) << bad;
  }
}

}  // namespace
}  // namespace aerie::files
