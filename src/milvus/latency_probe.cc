#include "milvus/latency_probe.h"

#include <cstdint>
#include <string>

#include "milvus/key_expr.h"

namespace aerie::milvus {
namespace {

// "Eventually" as SDKs send it: nothing is older.
constexpr std::uint64_t kAnyTime = 1;

rows::Key SomeKey(const rows::FieldSchema& field) {
  if (field.type == rows::DataType::kInt64) return std::int64_t{0};
  return std::string("0");
}

}  // namespace

Result<Duration> ProbeLatency(const Context& context, Client& client,
                              const rows::CollectionSpec& spec) {
  const rows::FieldSchema* key = spec.schema.primary_key();
  if (key == nullptr) return UnsupportedError("ask " + spec.name.ToString() + ": no primary key");
  pb::QueryRequest request;
  request.set_db_name(spec.name.database);
  request.set_collection_name(spec.name.collection);
  request.set_expr(KeysExpr(*key, {SomeKey(*key)}));
  request.add_output_fields(key->name);
  request.set_use_default_consistency(false);
  request.set_consistency_level(pbcommon::Eventually);
  request.set_guarantee_timestamp(kAnyTime);
  const SteadyTime start = context.clock().Steady();
  AERIE_TRY(client.Query(context, request).status());
  return context.clock().Steady() - start;
}

}  // namespace aerie::milvus
