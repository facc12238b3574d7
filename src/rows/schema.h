// SEAM. What a collection is, besides its rows.
//
// Plain values, copied freely; no thread rule. Numbers of DataType and ConsistencyLevel are those
// of the Milvus protocol (protocol.md 1.3), so they are also what the repository stores.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace aerie::rows {

enum class DataType : std::int32_t {
  kNone = 0,
  kBool = 1,
  kInt8 = 2,
  kInt16 = 3,
  kInt32 = 4,
  kInt64 = 5,
  kFloat = 10,
  kDouble = 11,
  kString = 20,
  kVarChar = 21,
  kArray = 22,
  kJson = 23,
  kGeometry = 24,
  kText = 25,
  kTimestamptz = 26,
  kBinaryVector = 100,
  kFloatVector = 101,
  kFloat16Vector = 102,
  kBFloat16Vector = 103,
  kSparseFloatVector = 104,
  kInt8Vector = 105,
  kArrayOfVector = 106,
  kArrayOfStruct = 200,
  kStruct = 201,
};

// "VarChar", "FloatVector", ...; "type 4711" for a number nobody knows.
std::string TypeName(DataType type);
bool IsVector(DataType type);
// False for types this version carries only as opaque bytes.
bool IsKnownType(DataType type);

using KeyValue = std::pair<std::string, std::string>;
using KeyValues = std::vector<KeyValue>;  // order as the server gave it; compared as sets

// The value of `key`, or nullptr.
const std::string* FindValue(const KeyValues& pairs, const std::string& key);

struct FieldSchema {
  std::int64_t id = 0;  // the server's; differs between clusters, never compared
  std::string name;
  std::string description;
  DataType type = DataType::kNone;
  DataType element_type = DataType::kNone;  // of kArray and kArrayOfVector
  KeyValues type_params;                    // dim, max_length, max_capacity, ...
  KeyValues index_params;
  bool primary_key = false;
  bool auto_id = false;
  bool partition_key = false;
  bool clustering_key = false;
  bool nullable = false;
  bool dynamic = false;          // the hidden JSON column "$meta"
  bool function_output = false;  // computed by the server; left out of inserts
  Bytes default_value;           // serialized schema.ValueField; empty: none
  // Sub-fields of kArrayOfStruct (schema.StructArrayFieldSchema).
  std::vector<FieldSchema> sub_fields;
  // Serialized schema.FieldSchema fields this version does not know; sent back untouched.
  Bytes unknown;

  // Elements of a vector from type_params "dim"; 0 when absent (sparse), not a vector, or not a
  // number from 1 to 2^28.
  std::int64_t dim() const;
  bool operator==(const FieldSchema&) const = default;
};

struct CollectionSchema {
  std::string name;
  std::string description;
  bool auto_id = false;
  bool enable_dynamic_field = false;
  std::vector<FieldSchema> fields;  // in the server's order, without "$meta"
  KeyValues properties;
  std::vector<Bytes> functions;  // serialized schema.FunctionSchema
  bool enable_namespace = false;
  Bytes unknown;  // serialized fields this version does not know

  const FieldSchema* primary_key() const;
  const FieldSchema* partition_key() const;
  const FieldSchema* Find(const std::string& field_name) const;
  // The columns a reader delivers: fields in order, then "$meta" if enable_dynamic_field.
  // Function outputs that cannot be read are not among them.
  std::vector<FieldSchema> Columns() const;
  bool operator==(const CollectionSchema&) const = default;
};

inline constexpr char kMetaFieldName[] = "$meta";
inline constexpr char kDefaultDatabase[] = "default";
inline constexpr char kDefaultPartition[] = "_default";

struct IndexSpec {
  std::string field_name;
  std::string index_name;
  KeyValues params;  // as DescribeIndex gives them; CreateIndex takes them back verbatim
  bool operator==(const IndexSpec&) const = default;
};

enum class LoadState : std::int32_t { kNotExist = 0, kNotLoaded = 1, kLoading = 2, kLoaded = 3 };

struct PartitionSpec {
  std::string name;
  LoadState load_state = LoadState::kNotLoaded;
  bool operator==(const PartitionSpec&) const = default;
};

enum class ConsistencyLevel : std::int32_t {
  kStrong = 0,
  kSession = 1,
  kBounded = 2,
  kEventually = 3,
  kCustomized = 4,
};

// "database.collection", the way a user names it everywhere.
struct CollectionName {
  std::string database = kDefaultDatabase;
  std::string collection;
  std::string ToString() const { return database + "." + collection; }
  auto operator<=>(const CollectionName&) const = default;
};

struct CollectionSpec {
  CollectionName name;
  std::int64_t id = 0;  // the server's, to notice a recreated collection; never compared
  CollectionSchema schema;
  std::vector<PartitionSpec> partitions;  // all, also those made for a partition key
  std::int64_t num_partitions = 0;        // as created, for a partition key; 0 without
  std::vector<IndexSpec> indexes;
  std::vector<std::string> aliases;
  KeyValues properties;  // DescribeCollectionResponse.properties
  std::int32_t shards = 1;
  ConsistencyLevel consistency = ConsistencyLevel::kBounded;
  LoadState load_state = LoadState::kNotLoaded;  // of the whole collection
  std::int32_t replicas = 0;                     // 0 when not loaded or not known
  std::vector<std::string> resource_groups;
  std::vector<std::string> load_fields;  // empty: all

  bool has_partition_key() const { return schema.partition_key() != nullptr; }
  bool operator==(const CollectionSpec&) const = default;
};

// One line per difference that a user would call one ("field price: nullable false here, true
// there"); names of collection and database, ids and load progress are not compared. Empty: the
// same.
std::vector<std::string> DiffSpecs(const CollectionSpec& left, const CollectionSpec& right);

}  // namespace aerie::rows
