// The writing peer, and what loads the data of every other run: rows sent as ready-made columns.
//
//   bench_raw_writer --address HOST:PORT --collection NAME [--rows 200000] [--first 0]
//                    [--writers 2] [--call-bytes 4194304] [--partitions 1] [--index IVF_FLAT]
//
// A collection that is not there is made, with an IVF_FLAT, HNSW or FLAT index (`--index none`:
// without) and loaded while it is empty. Requests are built before the clock starts, so that
// "seconds" is Insert alone. With partitions the rows go to part_0, part_1, ... in turns. Rows
// depend on their keys alone: unit vectors of 128 floats and six scalar fields, 590 bytes on the
// wire. Prints {"seconds":, "rows":, "wire_bytes":}.
#include <cmath>
#include <random>

#include "bare_client.h"

namespace bench {
namespace {

using Stub = pb::MilvusService::Stub;
constexpr int kDimension = 128;
constexpr std::int64_t kRowBytes = 590;

void AddParam(const char* key, const std::string& value,
              google::protobuf::RepeatedPtrField<pbcommon::KeyValuePair>* params) {
  auto* pair = params->Add();
  pair->set_key(key);
  pair->set_value(value);
}

class Collection {
 public:
  explicit Collection(const Options& options)
      : name_(options.Text("collection", "bench")),
        index_(options.Text("index", "IVF_FLAT")),
        partitions_(options.Number("partitions", 1)),
        writers_(static_cast<int>(options.Number("writers", 2))),
        client_(options.Text("address", "127.0.0.1:19530"), writers_) {}

  void MakeIfMissing() const {
    pb::HasCollectionRequest has;
    has.set_collection_name(name_);
    if (client_.Call(&Stub::HasCollection, has).value()) return;
    pb::CreateCollectionRequest create;
    create.set_collection_name(name_);
    create.set_schema(Schema().SerializeAsString());
    create.set_shards_num(1);
    client_.Call(&Stub::CreateCollection, create);
    for (std::int64_t i = 0; partitions_ > 1 && i < partitions_; ++i) {
      pb::CreatePartitionRequest partition;
      partition.set_collection_name(name_);
      partition.set_partition_name(Partition(i));
      client_.Call(&Stub::CreatePartition, partition);
    }
    if (index_ == "none") return;
    MakeIndex();
    pb::LoadCollectionRequest load;
    load.set_collection_name(name_);
    load.set_replica_number(1);
    client_.Call(&Stub::LoadCollection, load);
    WaitUntilLoaded();
  }

  // Seconds and bytes of `rows` rows from key `first` on.
  std::pair<double, std::size_t> Insert(std::int64_t first, std::int64_t rows,
                                        std::int64_t call_bytes) const {
    const std::int64_t step = std::max<std::int64_t>(1, call_bytes / kRowBytes);
    std::vector<pb::InsertRequest> requests;
    std::size_t bytes = 0;
    for (std::int64_t at = first; at < first + rows; at += step) {
      const auto turn = static_cast<std::int64_t>(requests.size()) % partitions_;
      requests.push_back(Request(at, std::min(step, first + rows - at), Partition(turn)));
      bytes += requests.back().ByteSizeLong();
    }
    const double seconds =
        InParallel(static_cast<std::int64_t>(requests.size()), writers_,
                   [&](std::int64_t i, std::size_t writer) {
                     client_.Call(&Stub::Insert, requests[static_cast<std::size_t>(i)], writer);
                   });
    return {seconds, bytes};
  }

  // With several partitions, calls are small enough that every partition gets some rows.
  std::int64_t CallBytes(std::int64_t wanted, std::int64_t rows) const {
    return std::min(wanted, std::max<std::int64_t>(1, rows / partitions_) * kRowBytes);
  }

 private:
  std::string Partition(std::int64_t i) const {
    return partitions_ > 1 ? "part_" + std::to_string(i) : "_default";
  }

  pbschema::CollectionSchema Schema() const {
    pbschema::CollectionSchema schema;
    schema.set_name(name_);
    const auto add = [&](const char* name, pbschema::DataType type) {
      auto* field = schema.add_fields();
      field->set_name(name);
      field->set_data_type(type);
      return field;
    };
    add("id", pbschema::Int64)->set_is_primary_key(true);
    AddParam("max_length", "256", add("title", pbschema::VarChar)->mutable_type_params());
    add("price", pbschema::Double);
    add("stock", pbschema::Int32);
    add("active", pbschema::Bool);
    add("attributes", pbschema::JSON);
    AddParam("dim", std::to_string(kDimension),
             add("embedding", pbschema::FloatVector)->mutable_type_params());
    return schema;
  }

  void MakeIndex() const {
    pb::CreateIndexRequest request;
    request.set_collection_name(name_);
    request.set_field_name("embedding");
    request.set_index_name("embedding");
    AddParam("index_type", index_, request.mutable_extra_params());
    AddParam("metric_type", "COSINE", request.mutable_extra_params());
    const std::string params = index_ == "HNSW"       ? R"({"M":16,"efConstruction":200})"
                               : index_ == "IVF_FLAT" ? R"({"nlist":128})"
                                                      : "{}";
    AddParam("params", params, request.mutable_extra_params());
    client_.Call(&Stub::CreateIndex, request);
  }

  void WaitUntilLoaded() const {
    pb::GetLoadingProgressRequest request;
    request.set_collection_name(name_);
    while (client_.Call(&Stub::GetLoadingProgress, request).progress() < 100) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  pb::InsertRequest Request(std::int64_t first, std::int64_t rows,
                            const std::string& partition) const {
    pb::InsertRequest request;
    request.set_collection_name(name_);
    request.set_partition_name(partition);
    request.set_num_rows(static_cast<std::uint32_t>(rows));
    const auto column = [&](const char* name, pbschema::DataType type) {
      auto* field = request.add_fields_data();
      field->set_field_name(name);
      field->set_type(type);
      return field;
    };
    auto* ids = column("id", pbschema::Int64)->mutable_scalars()->mutable_long_data();
    auto* titles = column("title", pbschema::VarChar)->mutable_scalars()->mutable_string_data();
    auto* prices = column("price", pbschema::Double)->mutable_scalars()->mutable_double_data();
    auto* stocks = column("stock", pbschema::Int32)->mutable_scalars()->mutable_int_data();
    auto* actives = column("active", pbschema::Bool)->mutable_scalars()->mutable_bool_data();
    auto* notes = column("attributes", pbschema::JSON)->mutable_scalars()->mutable_json_data();
    auto* vectors = column("embedding", pbschema::FloatVector)->mutable_vectors();
    vectors->set_dim(kDimension);
    auto* floats = vectors->mutable_float_vector()->mutable_data();
    floats->Reserve(static_cast<int>(rows) * kDimension);
    for (std::int64_t id = first; id < first + rows; ++id) {
      std::mt19937_64 random(static_cast<std::uint64_t>(id));
      ids->add_data(id);
      titles->add_data("item " + std::to_string(id) + " of the spring and summer catalogue");
      prices->add_data(static_cast<double>(random() % 1'000'000) / 100);
      stocks->add_data(static_cast<std::int32_t>(random() % 1000));
      actives->add_data(random() % 2 == 0);
      notes->add_data("{\"lot\": " + std::to_string(random() % 100) + "}");
      AddUnitVector(random, floats);
    }
    return request;
  }

  static void AddUnitVector(std::mt19937_64& random, google::protobuf::RepeatedField<float>* out) {
    std::normal_distribution<float> normal;
    float vector[kDimension];
    float sum = 0;
    for (float& value : vector) {
      value = normal(random);
      sum += value * value;
    }
    const float length = std::sqrt(sum);
    for (const float value : vector) out->Add(value / length);
  }

  const std::string name_;
  const std::string index_;
  const std::int64_t partitions_;
  const int writers_;
  const BareClient client_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  const bench::Collection collection(options);
  collection.MakeIfMissing();
  const std::int64_t rows = options.Number("rows", 200'000);
  const auto [seconds, bytes] =
      collection.Insert(options.Number("first", 0), rows,
                        collection.CallBytes(options.Number("call-bytes", 4 << 20), rows));
  std::printf("{\"seconds\":%.3f,\"rows\":%lld,\"wire_bytes\":%zu}\n", seconds,
              static_cast<long long>(rows), bytes);
  return 0;
}
