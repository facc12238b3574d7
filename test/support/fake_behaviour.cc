#include "fake_behaviour.h"

#include <utility>

namespace aerie::fake {

Behaviour Behaviour::Of(Release release) {
  Behaviour b;
  b.release = release;
  const auto since = [&](Release first) { return release >= first; };
  switch (release) {
    case Release::k2_2: b.version = "v2.2.16"; break;
    case Release::k2_3: b.version = "v2.3.5"; break;
    case Release::k2_4: b.version = "v2.4.23"; break;
    case Release::k2_5: b.version = "v2.5.14"; break;
    case Release::k2_6: b.version = "v2.6.4"; break;
    case Release::k3_0: b.version = "v3.0.0"; break;
  }
  if (!since(Release::k2_3)) {
    b.unimplemented.insert({"Connect", "ListDatabases", "CreateDatabase", "DropDatabase", "Upsert",
                            "AlterIndex", "DescribeAlias", "ListAliases"});
  }
  if (!since(Release::k2_4)) {
    b.unimplemented.insert({"AlterCollectionField", "AlterDatabase", "DescribeDatabase"});
  }
  if (!since(Release::k2_6)) b.unimplemented.insert("AddCollectionField");
  b.status_code = since(Release::k2_3);
  b.status_extra_info = since(Release::k2_4);
  b.star_gives_vectors = since(Release::k2_3);
  b.hold_back_last_row = release == Release::k2_3;
  b.hides_int64_max = !since(Release::k2_4);
  b.copies_cut_answers = !since(Release::k2_4);
  b.pins_collection_id = since(Release::k2_4);
  b.read_timestamps = since(Release::k2_5);
  b.keeps_nullable = since(Release::k2_5);
  b.max_vector_fields = since(Release::k2_4) ? 4 : 1;
  b.crashes_on_missing_default = release == Release::k2_3;
  b.crashes_on_untyped_array = release == Release::k2_3;
  b.upserts_auto_id = since(Release::k2_4);
  b.allows_insert_auto_id = since(Release::k2_6);
  return b;
}

namespace {

Fault Make(Fault::Kind kind, std::string rpc, int first, int times) {
  Fault fault;
  fault.kind = kind;
  fault.rpc = std::move(rpc);
  fault.first = first;
  fault.times = times;
  return fault;
}

}  // namespace

Fault Fault::LostBefore(std::string rpc, int first, int times) {
  return Make(Kind::kLostBefore, std::move(rpc), first, times);
}

Fault Fault::LostAfter(std::string rpc, int first, int times) {
  return Make(Kind::kLostAfter, std::move(rpc), first, times);
}

Fault Fault::CrashBefore(std::string rpc, int first) {
  return Make(Kind::kCrashBefore, std::move(rpc), first, 1);
}

Fault Fault::CrashAfter(std::string rpc, int first) {
  return Make(Kind::kCrashAfter, std::move(rpc), first, 1);
}

Fault Fault::RateLimit(std::string rpc, int times) {
  return Milvus(std::move(rpc), 8, true, "request is rejected by grpc RateLimiter middleware",
                times);
}

Fault Fault::Milvus(std::string rpc, int code, bool retriable, std::string reason, int times) {
  Fault fault = Make(Kind::kMilvusError, std::move(rpc), 1, times);
  fault.code = code;
  fault.retriable = retriable;
  fault.reason = std::move(reason);
  return fault;
}

Fault Fault::Grpc(std::string rpc, grpc::StatusCode code, std::string reason, int times) {
  Fault fault = Make(Kind::kGrpcError, std::move(rpc), 1, times);
  fault.grpc_code = code;
  fault.reason = std::move(reason);
  return fault;
}

}  // namespace aerie::fake
