// Test support for the tree half of this room: rows in and out of blobs with one call.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "repo/memory_blobs.h"
#include "repo/tree_api.h"
#include "rows/row_generator.h"

namespace aerie::repo {

inline rows::FieldSchema KeyField(rows::DataType type) {
  rows::FieldSchema key;
  key.name = "id";
  key.type = type;
  key.primary_key = true;
  return key;
}

inline rows::FieldSchema VectorField(const std::string& name, std::int64_t dim) {
  rows::FieldSchema field;
  field.name = name;
  field.type = rows::DataType::kFloatVector;
  field.type_params = {{"dim", std::to_string(dim)}};
  return field;
}

inline rows::FieldSchema PlainField(const std::string& name, rows::DataType type) {
  rows::FieldSchema field;
  field.name = name;
  field.type = type;
  return field;
}

inline rows::CollectionSpec SpecOf(rows::CollectionSchema schema) {
  rows::CollectionSpec spec;
  spec.name.collection = "things";
  spec.schema = std::move(schema);
  return spec;
}

// A key and a small float vector.
inline rows::CollectionSpec SmallSpec(rows::DataType key_type = rows::DataType::kInt64,
                                      std::int64_t dim = 8) {
  rows::CollectionSchema schema;
  schema.name = "things";
  schema.fields = {KeyField(key_type), VectorField("vector", dim)};
  return SpecOf(schema);
}

// Rows of the spec with Int64 keys from `first` on, `step` apart.
inline rows::RowBatch NumberedRows(const rows::CollectionSpec& spec, std::int64_t first,
                                   std::size_t rows, std::int64_t step = 1,
                                   std::uint64_t seed = 1) {
  rows::RowGenerator random(seed);
  std::vector<rows::Key> keys;
  for (std::size_t i = 0; i < rows; ++i) {
    keys.emplace_back(first + static_cast<std::int64_t>(i) * step);
  }
  return random.RowsWithKeys(spec.schema, "part", keys);
}

// Writes the rows in batches of random size up to `max_batch`.
inline Result<PartitionRoot> StoreWith(const LeafPoolOptions& options, BlobSink& sink,
                                       const rows::CollectionSpec& spec, const rows::RowBatch& rows,
                                       std::size_t max_batch, std::uint64_t seed,
                                       const std::optional<PartitionRoot>& before) {
  const Context context = Context::Background();
  rows::RowGenerator random(seed);
  LeafPool pool(sink, options);
  AERIE_ASSIGN(auto writer, OpenPartitionWriter(pool, spec, rows.partition(), before));
  for (std::size_t at = 0; at < rows.rows();) {
    const std::size_t end = std::min(rows.rows(), at + 1 + random.Below(max_batch));
    AERIE_TRY(writer->Write(context, rows.Slice(at, end)));
    at = end;
  }
  AERIE_ASSIGN(const rows::WriteReceipt receipt, writer->Commit(context));
  rows::RowDigester digester(spec.schema.Columns());
  AERIE_ASSIGN(const rows::RangeDigest expected, digester.DigestRange(rows));
  EXPECT_EQ(receipt.written, expected);
  EXPECT_EQ(writer->root().digest, expected);
  return writer->root();
}

// Without patches.
inline Result<PartitionRoot> Store(BlobSink& sink, const rows::CollectionSpec& spec,
                                   const rows::RowBatch& rows, std::size_t max_batch,
                                   std::uint64_t seed = 1,
                                   const std::optional<PartitionRoot>& before = {},
                                   std::size_t threads = 2) {
  return StoreWith({.threads = threads}, sink, spec, rows, max_batch, seed, before);
}

// With patches over the leaves of `before`.
inline Result<PartitionRoot> StorePatched(MemoryBlobs& blobs, const rows::CollectionSpec& spec,
                                          const rows::RowBatch& rows, std::size_t max_batch,
                                          std::uint64_t seed,
                                          const std::optional<PartitionRoot>& before,
                                          std::size_t threads = 2) {
  LeafPoolOptions options;
  options.threads = threads;
  options.before = &blobs;
  options.known = [&blobs](const BlobRef& ref) { return blobs.Knows(ref); };
  return StoreWith(options, blobs, spec, rows, max_batch, seed, before);
}

inline CollectionManifest ManifestOf(const rows::CollectionSpec& spec, PartitionRoot root) {
  CollectionManifest manifest;
  manifest.spec = spec;
  manifest.columns = spec.schema.Columns();
  manifest.partitions = {std::move(root)};
  return manifest;
}

// All rows after a key, through a reader.
inline Result<rows::RowBatch> ReadBack(BlobSource& source, const CollectionManifest& manifest,
                                       const rows::ReadOptions& options = {}) {
  const Context context = Context::Background();
  const auto collection = OpenCollectionSource(source, manifest);
  AERIE_ASSIGN(auto reader,
               collection->OpenReader(context, collection->ReadPartitions().front(), options));
  rows::RowBatch all =
      rows::RowBatch::Empty(manifest.spec.schema, collection->ReadPartitions().front());
  for (;;) {
    AERIE_ASSIGN(std::optional<rows::RowBatch> batch, reader->Next(context));
    if (!batch) break;
    EXPECT_GT(batch->rows(), 0U);
    all.Append(*batch);
  }
  EXPECT_EQ(reader->report().rows, all.rows());
  AERIE_TRY(collection->Close(context));
  return all;
}

// Bit for bit, with the columns in the same order.
inline void ExpectSameRows(const rows::RowBatch& left, const rows::RowBatch& right) {
  ASSERT_EQ(left.rows(), right.rows());
  ASSERT_EQ(left.columns().size(), right.columns().size());
  for (std::size_t i = 0; i < left.columns().size(); ++i) {
    const rows::Column& a = left.columns()[i];
    const rows::Column& b = right.columns()[i];
    EXPECT_EQ(a.field(), b.field());
    EXPECT_EQ(a.data(), b.data()) << a.field().name;
    EXPECT_EQ(a.offsets(), b.offsets()) << a.field().name;
    EXPECT_EQ(a.validity(), b.validity()) << a.field().name;
  }
}

}  // namespace aerie::repo
