#include "milvus/scratch_index.h"

#include <algorithm>
#include <string>

#include "milvus/spec_reader.h"

namespace aerie::milvus {
namespace {

constexpr char kPrefix[] = "aerie_scratch_";

rows::KeyValues CheapestIndex(rows::DataType type) {
  switch (type) {
    case rows::DataType::kBinaryVector:
      return {{"index_type", "BIN_FLAT"}, {"metric_type", "HAMMING"}, {"params", "{}"}};
    case rows::DataType::kSparseFloatVector:
      return {{"index_type", "SPARSE_INVERTED_INDEX"}, {"metric_type", "IP"}, {"params", "{}"}};
    case rows::DataType::kInt8Vector:
      return {{"index_type", "AUTOINDEX"}, {"metric_type", "L2"}, {"params", "{}"}};
    default: return {{"index_type", "FLAT"}, {"metric_type", "L2"}, {"params", "{}"}};
  }
}

}  // namespace

bool IsScratchIndex(const rows::IndexSpec& index) { return index.index_name.starts_with(kPrefix); }

std::vector<rows::IndexSpec> ScratchIndexesFor(const rows::CollectionSpec& spec,
                                               const std::vector<rows::IndexSpec>& have) {
  std::vector<rows::IndexSpec> scratch;
  for (const rows::FieldSchema& field : spec.schema.fields) {
    if (!rows::IsVector(field.type)) continue;
    const bool covered = std::any_of(have.begin(), have.end(), [&](const rows::IndexSpec& index) {
      return index.field_name == field.name;
    });
    if (!covered) scratch.push_back({field.name, kPrefix + field.name, CheapestIndex(field.type)});
  }
  return scratch;
}

bool ForgetScratchIndexes(rows::CollectionSpec& spec) {
  if (std::erase_if(spec.indexes, IsScratchIndex) == 0) return false;
  spec.load_state = rows::LoadState::kNotLoaded;
  spec.replicas = 0;
  for (rows::PartitionSpec& partition : spec.partitions) {
    partition.load_state = rows::LoadState::kNotLoaded;
  }
  return true;
}

Status DropScratchIndexes(const Context& context, Client& client,
                          const rows::CollectionName& name) {
  AERIE_ASSIGN(const SpecReading reading, ReadCollectionSpec(context, client, name));
  for (const rows::IndexSpec& index : reading.spec.indexes) {
    if (!IsScratchIndex(index)) continue;
    pb::DropIndexRequest request;
    request.set_db_name(name.database);
    request.set_collection_name(name.collection);
    request.set_field_name(index.field_name);
    request.set_index_name(index.index_name);
    AERIE_TRY(client.DropIndex(context, request));
  }
  return Ok();
}

}  // namespace aerie::milvus
