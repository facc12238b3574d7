// Test support: what every table format must do, as functions over any format.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "files/table_format.h"
#include "rows/batch.h"
#include "rows/digest.h"
#include "rows/row_generator.h"
#include "rows/spec_codec.h"

namespace aerie::files {

inline TableSchema SchemaFor(const rows::CollectionSchema& schema, const std::string& partition) {
  rows::CollectionSpec spec;
  spec.schema = schema;
  return {schema.Columns(), partition, rows::EncodeSpec(spec)};
}

inline Result<Bytes> Encoded(const TableFormat& format, const TableSchema& schema,
                             const std::vector<rows::RowBatch>& batches) {
  AERIE_ASSIGN(auto encoder, format.NewFile(schema));
  for (const auto& batch : batches) AERIE_TRY(encoder->Append(batch));
  return encoder->Finish();
}

inline Result<std::vector<rows::RowBatch>> Decoded(const TableFormat& format,
                                                   const TableSchema& schema, Bytes file,
                                                   std::size_t batch_bytes) {
  AERIE_ASSIGN(auto decoder, format.OpenFile(std::make_shared<const Bytes>(std::move(file)), schema,
                                             batch_bytes));
  std::vector<rows::RowBatch> batches;
  for (;;) {
    AERIE_ASSIGN(auto batch, decoder->Next());
    if (!batch) return batches;
    batches.push_back(*std::move(batch));
  }
}

inline rows::RowBatch Joined(const rows::CollectionSchema& schema, const std::string& partition,
                             const std::vector<rows::RowBatch>& batches) {
  rows::RowBatch all = rows::RowBatch::Empty(schema, partition);
  for (const auto& batch : batches) all.Append(batch);
  return all;
}

// Cell for cell, by their bytes.
inline void ExpectSameRows(const rows::RowBatch& wanted, const rows::RowBatch& found) {
  ASSERT_EQ(wanted.rows(), found.rows());
  ASSERT_EQ(wanted.columns().size(), found.columns().size());
  EXPECT_EQ(wanted.partition(), found.partition());
  for (std::size_t i = 0; i < wanted.columns().size(); ++i) {
    const rows::Column& left = wanted.columns()[i];
    const rows::Column& right = found.columns()[i];
    EXPECT_EQ(left.field(), right.field());
    for (std::size_t row = 0; row < wanted.rows(); ++row) {
      ASSERT_EQ(left.IsNull(row), right.IsNull(row)) << left.field().name << " row " << row;
      ASSERT_EQ(ToHex(left.Cell(row)), ToHex(right.Cell(row)))
          << left.field().name << " row " << row;
    }
    EXPECT_EQ(left.validity(), right.validity()) << left.field().name;
  }
}

inline void ExpectRoundTrip(const TableFormat& format, const rows::CollectionSchema& schema,
                            const std::vector<rows::RowBatch>& batches, std::size_t batch_bytes) {
  const TableSchema table = SchemaFor(schema, batches.front().partition());
  const auto file = Encoded(format, table, batches);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto read = Decoded(format, table, *file, batch_bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSameRows(Joined(schema, batches.front().partition(), batches),
                 Joined(schema, batches.front().partition(), *read));
}

// Rows of every type, cut into batches anyhow, come back as they went.
inline void ExpectKeepsEveryType(const TableFormat& format) {
  for (const auto key_type : {rows::DataType::kInt64, rows::DataType::kVarChar}) {
    rows::RowGenerator random(key_type == rows::DataType::kInt64 ? 1 : 2);
    const auto schema = random.EveryTypeSchema(key_type);
    const auto all = random.RandomRows(schema, "some part", 400);
    ExpectRoundTrip(format, schema, {all}, 4 << 20);
    ExpectRoundTrip(format, schema, {all.Slice(0, 1), all.Slice(1, 250), all.Slice(250, 400)},
                    10'000);
  }
}

inline void ExpectKeepsRandomSchemas(const TableFormat& format) {
  rows::RowGenerator random(3);
  for (int i = 0; i < 60; ++i) {
    const auto schema = random.RandomSchema();
    ExpectRoundTrip(format, schema, {random.RandomRows(schema, "", 1 + random.Below(40))},
                    1 + random.Below(20'000));
  }
}

// A file that was cut or changed anywhere is an error or the same columns of other values; it never
// breaks the process. (That values changed is what checksums find.)
inline void ExpectSurvivesDamage(const TableFormat& format) {
  rows::RowGenerator random(4);
  const auto schema = random.EveryTypeSchema(rows::DataType::kInt64);
  const TableSchema table = SchemaFor(schema, "p");
  const auto file = Encoded(format, table, {random.RandomRows(schema, "p", 20)});
  ASSERT_TRUE(file.ok()) << file.status();
  std::size_t refused = 0;
  for (int i = 0; i < 300; ++i) {
    Bytes damaged = *file;
    if (i % 2 == 0) {
      damaged.resize(random.Below(damaged.size()));
    } else {
      damaged[random.Below(damaged.size())] ^= static_cast<std::uint8_t>(1U << random.Below(8));
    }
    const auto read = Decoded(format, table, std::move(damaged), 4 << 20);
    if (!read.ok()) {
      ++refused;
      EXPECT_EQ(KindOf(read.status()), Kind::kCorrupt) << read.status();
    }
  }
  EXPECT_GT(refused, 100U);
}

}  // namespace aerie::files
