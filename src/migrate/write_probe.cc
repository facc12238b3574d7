#include "migrate/write_probe.h"

#include <random>
#include <utility>

#include "milvus/collection_admin.h"

namespace aerie::migrate {
namespace {

using Verdict = Finding::Verdict;

constexpr std::int64_t kDim = 512;
constexpr std::int64_t kRowsACall = 512;  // 1 MiB
// A target that does not answer is no target.
constexpr Duration kWritePatience = std::chrono::seconds(30);
constexpr Duration kDropPatience = std::chrono::seconds(30);

rows::CollectionSpec Scratch() {
  std::random_device random;
  rows::CollectionSpec spec;
  spec.name.collection = "aerie_preflight_" + std::to_string(random());
  spec.schema.name = spec.name.collection;
  spec.schema.fields.resize(2);
  spec.schema.fields[0].name = "id";
  spec.schema.fields[0].type = rows::DataType::kInt64;
  spec.schema.fields[0].primary_key = true;
  spec.schema.fields[1].name = "vector";
  spec.schema.fields[1].type = rows::DataType::kFloatVector;
  spec.schema.fields[1].type_params = {{"dim", std::to_string(kDim)}};
  return spec;
}

// Rows that no compression on the way makes smaller than real ones.
milvus::pb::InsertRequest Rows(const rows::CollectionName& name, std::int64_t first) {
  milvus::pb::InsertRequest request;
  request.set_db_name(name.database);
  request.set_collection_name(name.collection);
  request.set_num_rows(static_cast<std::uint32_t>(kRowsACall));
  auto* ids = request.add_fields_data();
  ids->set_type(milvus::pbschema::Int64);
  ids->set_field_name("id");
  for (std::int64_t i = 0; i < kRowsACall; ++i) {
    ids->mutable_scalars()->mutable_long_data()->add_data(first + i);
  }
  auto* vectors = request.add_fields_data();
  vectors->set_type(milvus::pbschema::FloatVector);
  vectors->set_field_name("vector");
  vectors->mutable_vectors()->set_dim(kDim);
  std::minstd_rand random(static_cast<std::uint32_t>(first + 1));
  std::uniform_real_distribution<float> values(-1, 1);
  auto* data = vectors->mutable_vectors()->mutable_float_vector()->mutable_data();
  data->Reserve(static_cast<int>(kRowsACall * kDim));
  for (std::int64_t i = 0; i < kRowsACall * kDim; ++i) data->Add(values(random));
  return request;
}

Status WriteRows(const Context& context, milvus::Client& target, const rows::CollectionName& name,
                 const ProbeLimits& limits, TargetProbe& probe) {
  const Duration limit = limits.time;
  for (std::int64_t first = 0;; first += kRowsACall) {
    milvus::pb::InsertRequest request = Rows(name, first);
    const auto bytes = static_cast<std::uint64_t>(kRowsACall * (kDim * 4 + 8));
    if (probe.bytes > 0 && probe.bytes + bytes > limits.bytes) return Ok();
    const SteadyTime begun = context.clock().Steady();
    AERIE_TRY(target.Insert(context, std::move(request)).status());
    probe.seconds += std::chrono::duration<double>(context.clock().Steady() - begun).count();
    probe.bytes += bytes;
    if (probe.seconds >= std::chrono::duration<double>(limit).count()) return Ok();
  }
}

Status Try(const Context& context, milvus::Client& target, const rows::CollectionSpec& scratch,
           const ProbeLimits& limits, TargetProbe& probe) {
  AERIE_TRY(WriteRows(context, target, scratch.name, limits, probe));
  AERIE_ASSIGN(const auto denied, DeniedWrites(context, target, scratch));
  if (denied.empty()) return Ok();
  return MakeStatus(Kind::kDenied, denied.front() + " is not allowed");
}

// Whether the refusal is for want of rights. All other refusals come after that question.
Result<bool> IsDenied(const Status& status) {
  switch (KindOf(status)) {
    case Kind::kDenied: return true;
    case Kind::kTransient:
    case Kind::kThrottled:
    case Kind::kTimeout:
    case Kind::kUnknownOutcome:
    case Kind::kCancelled: return status;
    default: return false;
  }
}

}  // namespace

TargetProbe ProbeTarget(const Context& context, milvus::Client& target, const ProbeLimits& limits) {
  const rows::CollectionSpec scratch = Scratch();
  TargetProbe probe;
  Status status = milvus::CreateCollectionFromSpec(context, target, scratch);
  const bool made = status.ok();
  if (made) status = Try(context.WithTimeout(kWritePatience), target, scratch, limits, probe);
  // Also when it is not known whether it was made, and when nobody wants to wait any more.
  const Status dropped = milvus::DropCollection(Context(context.clock()).WithTimeout(kDropPatience),
                                                target, scratch.name);
  if (made && status.ok()) status = dropped;
  if (status.ok()) {
    probe.rights = {kRightsCheck, Verdict::kPass,
                    "collections may be made, written and dropped at the target"};
    return probe;
  }
  const bool left = made && !dropped.ok();
  probe.rights = {kRightsCheck, Verdict::kFail,
                  "a collection could not be made, written and dropped at the target: " +
                      std::string(status.message()) +
                      "; give the user of --to-user the rights for it" +
                      (left ? ", and drop " + scratch.name.ToString() + " there" : "")};
  return probe;
}

Result<std::vector<std::string>> DeniedWrites(const Context& context, milvus::Client& client,
                                              const rows::CollectionSpec& spec) {
  std::vector<std::string> denied;
  milvus::pb::UpsertRequest upsert;
  upsert.set_db_name(spec.name.database);
  upsert.set_collection_name(spec.name.collection);
  AERIE_ASSIGN(const bool no_upsert, IsDenied(client.Upsert(context, std::move(upsert)).status()));
  if (no_upsert) denied.emplace_back("Upsert");
  const rows::FieldSchema* key = spec.schema.primary_key();
  if (key == nullptr) return denied;
  milvus::pb::DeleteRequest none;
  none.set_db_name(spec.name.database);
  none.set_collection_name(spec.name.collection);
  // Never without an expression: a server might take that for all rows.
  none.set_expr(key->name + " in []");
  AERIE_ASSIGN(const bool no_delete, IsDenied(client.Delete(context, std::move(none)).status()));
  if (no_delete) denied.emplace_back("Delete");
  return denied;
}

}  // namespace aerie::migrate
