#include "repo/column_blob.h"

#include <gtest/gtest.h>

#include "repo/tree_testing.h"

namespace aerie::repo {
namespace {

using rows::Column;
using rows::DataType;
using rows::FieldSchema;

Bytes Encode(const Column& column) {
  Bytes plain;
  const ColumnPiece piece{&column, 0, column.rows()};
  EncodeColumn(std::span(&piece, 1), plain);
  return plain;
}

TEST(ColumnBlob, EveryTypeComesBack) {
  rows::RowGenerator random(7);
  const auto schema = random.EveryTypeSchema(DataType::kVarChar);
  for (const std::size_t rows : {0, 1, 7, 8, 9, 300}) {
    const rows::RowBatch batch = random.RandomRows(schema, "", rows);
    for (const Column& column : batch.columns()) {
      const auto back = DecodeColumn(column.field(), Encode(column));
      ASSERT_TRUE(back.ok()) << back.status();
      EXPECT_EQ(back->data(), column.data());
      EXPECT_EQ(back->offsets(), column.offsets());
      EXPECT_EQ(back->validity(), column.validity());
    }
  }
}

TEST(ColumnBlob, BytesDoNotDependOnPieces) {
  rows::RowGenerator random(8);
  const auto schema = random.EveryTypeSchema(DataType::kInt64);
  const rows::RowBatch batch = random.RandomRows(schema, "", 200);
  const rows::RowBatch front = batch.Slice(0, 60);
  for (std::size_t i = 0; i < batch.columns().size(); ++i) {
    const Column& whole = batch.columns()[i];
    const ColumnPiece pieces[] = {{&front.columns()[i], 0, 13},
                                  {&front.columns()[i], 13, 60},
                                  {&whole, 60, 60},
                                  {&whole, 60, 61},
                                  {&whole, 61, 200}};
    Bytes plain;
    EncodeColumn(pieces, plain);
    EXPECT_EQ(plain, Encode(whole)) << whole.field().name;
  }
}

TEST(ColumnBlob, LayoutIsTheSpecified) {
  FieldSchema number = PlainField("n", DataType::kInt16);
  number.nullable = true;
  Column column(number);
  const std::uint8_t seven[] = {7, 0, 0, 0};
  column.Append(seven);
  column.AppendNull();
  EXPECT_EQ(Encode(column), (Bytes{2, 1, 0b01, 7, 0, 0, 0, 0, 0, 0, 0}));

  Column text(PlainField("t", DataType::kVarChar));
  text.Append(AsBytes("ab"));
  text.Append(AsBytes(""));
  EXPECT_EQ(Encode(text), (Bytes{2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'}));
}

TEST(ColumnBlob, HintsSayWhereNumbersStand) {
  const auto hint_of = [](FieldSchema field) {
    Column column(std::move(field));
    Bytes plain;
    const ColumnPiece piece{&column, 0, 0};
    return EncodeColumn(std::span(&piece, 1), plain);
  };
  EXPECT_EQ(hint_of(PlainField("f", DataType::kInt64)).element_width, 8U);
  EXPECT_EQ(hint_of(PlainField("f", DataType::kFloat)).element_width, 4U);
  EXPECT_EQ(hint_of(PlainField("f", DataType::kSparseFloatVector)).element_width, 4U);
  EXPECT_EQ(hint_of(PlainField("f", DataType::kJson)).element_width, 0U);
  FieldSchema half = VectorField("f", 8);
  half.type = DataType::kBFloat16Vector;
  EXPECT_EQ(hint_of(half).element_width, 2U);
  EXPECT_EQ(hint_of(half).prefix, 2U);
}

TEST(ColumnBlob, HintsAreFoundAgainInThePlainBytes) {
  rows::RowGenerator random(9);
  const auto schema = random.EveryTypeSchema(DataType::kVarChar);
  for (const std::size_t rows : {0, 1, 9, 300}) {
    const rows::RowBatch batch = random.RandomRows(schema, "", rows);
    for (const Column& column : batch.columns()) {
      Bytes plain;
      const ColumnPiece piece{&column, 0, column.rows()};
      const EncodingHint hint = EncodeColumn(std::span(&piece, 1), plain);
      const EncodingHint found = HintOfColumn(column.field(), plain);
      EXPECT_EQ(found.element_width, hint.element_width) << column.field().name;
      EXPECT_EQ(found.prefix, hint.prefix) << column.field().name;
    }
  }
  EXPECT_EQ(HintOfColumn(VectorField("v", 4), {}).prefix, 0U);
  const Bytes lying = {0xff, 0xff, 0xff, 0xff, 0x0f, 1};
  EXPECT_EQ(HintOfColumn(VectorField("v", 4), lying).prefix, 0U);
}

TEST(ColumnBlob, MalformedBytesAreRefused) {
  const FieldSchema number = PlainField("n", DataType::kInt32);
  const FieldSchema text = PlainField("t", DataType::kVarChar);
  const auto refused = [](const FieldSchema& field, Bytes plain) {
    return KindOf(DecodeColumn(field, std::move(plain)).status()) == Kind::kCorrupt;
  };
  EXPECT_TRUE(refused(number, {}));
  EXPECT_TRUE(refused(number, {1}));
  EXPECT_TRUE(refused(number, {1, 0, 0, 0, 0}));                  // short cell
  EXPECT_TRUE(refused(number, {1, 0, 0, 0, 0, 0, 0}));            // long
  EXPECT_TRUE(refused(number, {1, 2, 4, 0, 0, 0, 1, 2, 3, 4}));   // varying, should be fixed
  EXPECT_TRUE(refused(number, {1, 4, 0, 0, 0, 0}));               // unknown flag
  EXPECT_TRUE(refused(number, {1, 1, 1, 0, 0, 0, 0}));            // validity without a null
  EXPECT_TRUE(refused(number, {1, 1, 2, 0, 0, 0, 0}));            // validity beyond the rows
  EXPECT_TRUE(refused(text, {1, 0, 1, 0, 0, 0, 'a'}));            // fixed, should vary
  EXPECT_TRUE(refused(text, {1, 2, 2, 0, 0, 0, 'a'}));            // cell longer than the blob
  EXPECT_TRUE(refused(text, {1, 2, 0, 0, 0, 0, 'a'}));            // bytes after the cells
  EXPECT_TRUE(refused(text, {0xff, 0xff, 0xff, 0xff, 0x0f, 2}));  // count beyond the bytes
}

TEST(ColumnBlob, NoFlippedBitOrTruncationBreaksTheDecoder) {
  rows::RowGenerator random(9);
  const auto schema = random.EveryTypeSchema(DataType::kInt64);
  const rows::RowBatch batch = random.RandomRows(schema, "", 9);
  for (const Column& column : batch.columns()) {
    const Bytes plain = Encode(column);
    for (std::size_t i = 0; i < plain.size() * 8; i += 3) {
      Bytes flipped = plain;
      flipped[i / 8] ^= static_cast<std::uint8_t>(1U << (i % 8));
      const auto back = DecodeColumn(column.field(), flipped);
      // What is accepted means something else: no two blobs are one column.
      if (back.ok()) {
        EXPECT_EQ(Encode(*back), flipped);
      }
    }
    for (std::size_t size = 0; size < plain.size(); ++size) {
      EXPECT_FALSE(
          DecodeColumn(column.field(),
                       Bytes(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(size)))
              .ok());
    }
  }
}

TEST(DigestBlob, ComesBackAndRefusesTheRest) {
  const std::vector<rows::Digest128> digests = {{1, 2}, {3, ~std::uint64_t{0}}};
  Bytes plain;
  EncodeDigests(digests, plain);
  EXPECT_EQ(plain.size(), 33U);
  EXPECT_EQ(*DecodeDigests(plain), digests);
  plain.pop_back();
  EXPECT_EQ(KindOf(DecodeDigests(plain).status()), Kind::kCorrupt);
  plain.push_back(0);
  plain.push_back(0);
  EXPECT_EQ(KindOf(DecodeDigests(plain).status()), Kind::kCorrupt);
}

}  // namespace
}  // namespace aerie::repo
