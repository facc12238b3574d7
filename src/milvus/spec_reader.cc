#include "milvus/spec_reader.h"

#include <algorithm>
#include <set>

#include "base/glob.h"
#include "milvus/errors.h"
#include "milvus/schema_proto.h"

namespace aerie::milvus {
namespace {

constexpr char kDefaultResourceGroup[] = "__default_resource_group";

Result<rows::LoadState> ReadLoadState(const Context& context, Client& client,
                                      const rows::CollectionName& name,
                                      const std::string& partition) {
  pb::GetLoadStateRequest request;
  request.set_db_name(name.database);
  request.set_collection_name(name.collection);
  if (!partition.empty()) request.add_partition_names(partition);
  const auto answer = client.GetLoadState(context, std::move(request));
  if (IsNotLoaded(answer.status())) return rows::LoadState::kNotLoaded;
  AERIE_TRY(answer.status());
  return static_cast<rows::LoadState>(answer->state());
}

Result<std::vector<std::string>> ListPartitions(const Context& context, Client& client,
                                                const rows::CollectionName& name) {
  pb::ShowPartitionsRequest request;
  request.set_db_name(name.database);
  request.set_collection_name(name.collection);
  AERIE_ASSIGN(const auto answer, client.ShowPartitions(context, std::move(request)));
  std::vector<std::string> names(answer.partition_names().begin(), answer.partition_names().end());
  std::sort(names.begin(), names.end());
  return names;
}

Status ReadReplicas(const Context& context, Client& client, const rows::CollectionSpec& spec,
                    LoadSnapshot& load) {
  pb::GetReplicasRequest request;
  request.set_db_name(spec.name.database);
  request.set_collection_name(spec.name.collection);
  request.set_collectionid(spec.id);
  const auto answer = client.GetReplicas(context, std::move(request));
  // Released in this moment, or a server without replicas: the number stays not known.
  if (KindOf(answer.status()) == Kind::kUnsupported || IsNotLoaded(answer.status())) return Ok();
  AERIE_TRY(answer.status());
  load.replicas = answer->replicas_size();
  std::set<std::string> groups;
  for (const auto& replica : answer->replicas()) groups.insert(replica.resource_group_name());
  groups.erase("");
  if (groups != std::set<std::string>{kDefaultResourceGroup}) {
    load.resource_groups.assign(groups.begin(), groups.end());
  }
  return Ok();
}

Result<std::vector<rows::IndexSpec>> ReadIndexes(const Context& context, Client& client,
                                                 const rows::CollectionName& name) {
  pb::DescribeIndexRequest request;
  request.set_db_name(name.database);
  request.set_collection_name(name.collection);
  const auto answer = client.DescribeIndex(context, std::move(request));
  std::vector<rows::IndexSpec> indexes;
  if (HasCode(answer.status(), code::kIndexNotFound)) return indexes;
  AERIE_TRY(answer.status());
  for (const auto& index : answer->index_descriptions()) {
    indexes.push_back({index.field_name(), index.index_name(), FromPairs(index.params())});
  }
  // Servers list them in any order, which differs from call to call.
  std::sort(indexes.begin(), indexes.end(), [](const auto& a, const auto& b) {
    return std::tie(a.field_name, a.index_name) < std::tie(b.field_name, b.index_name);
  });
  return indexes;
}

}  // namespace

Result<SpecReading> DescribeCollection(const Context& context, Client& client,
                                       const rows::CollectionName& name) {
  pb::DescribeCollectionRequest request;
  request.set_db_name(name.database);
  request.set_collection_name(name.collection);
  AERIE_ASSIGN(const auto answer, client.DescribeCollection(context, std::move(request)));
  SpecReading reading;
  rows::CollectionSpec& spec = reading.spec;
  spec.schema = FromProto(answer.schema());
  spec.name = {name.database, spec.schema.name};
  spec.id = answer.collectionid();
  spec.aliases.assign(answer.aliases().begin(), answer.aliases().end());
  std::sort(spec.aliases.begin(), spec.aliases.end());
  spec.properties = FromPairs(answer.properties());
  spec.shards = answer.shards_num();
  spec.consistency = static_cast<rows::ConsistencyLevel>(answer.consistency_level());
  if (spec.has_partition_key()) spec.num_partitions = answer.num_partitions();
  reading.created_ts = answer.created_timestamp();
  reading.updated_ts = answer.update_timestamp();
  // Asked by an alias, collection_name is the alias; only the schema has the real name
  // (protocol.md 1.6).
  if (spec.schema.name != name.collection) {
    reading.remarks.push_back(name.ToString() + " is an alias of " + spec.name.ToString());
  }
  return reading;
}

Result<LoadSnapshot> ReadLoadSnapshot(const Context& context, Client& client,
                                      const rows::CollectionSpec& spec) {
  LoadSnapshot load;
  AERIE_ASSIGN(const auto names, ListPartitions(context, client, spec.name));
  AERIE_ASSIGN(load.state, ReadLoadState(context, client, spec.name, ""));
  // With some partitions released the collection still says "loaded" (protocol.md 1.6). Those of a
  // partition key cannot be released one by one.
  const bool ask_each = load.state != rows::LoadState::kNotLoaded &&
                        load.state != rows::LoadState::kNotExist && !spec.has_partition_key();
  for (const std::string& name : names) {
    rows::PartitionSpec partition{name, load.state};
    if (ask_each) {
      AERIE_ASSIGN(partition.load_state, ReadLoadState(context, client, spec.name, name));
    }
    load.partitions.push_back(std::move(partition));
  }
  if (load.state == rows::LoadState::kLoaded) {
    AERIE_TRY(ReadReplicas(context, client, spec, load));
  }
  return load;
}

LoadSnapshot LoadSnapshotOf(const rows::CollectionSpec& spec) {
  return {spec.load_state, spec.partitions, spec.replicas, spec.resource_groups, spec.load_fields};
}

Result<SpecReading> ReadCollectionSpec(const Context& context, Client& client,
                                       const rows::CollectionName& name) {
  AERIE_ASSIGN(SpecReading reading, DescribeCollection(context, client, name));
  rows::CollectionSpec& spec = reading.spec;
  AERIE_ASSIGN(spec.indexes, ReadIndexes(context, client, spec.name));
  AERIE_ASSIGN(LoadSnapshot load, ReadLoadSnapshot(context, client, spec));
  spec.load_state = load.state;
  spec.partitions = std::move(load.partitions);
  spec.replicas = load.replicas;
  spec.resource_groups = std::move(load.resource_groups);
  // Early 2.2 does not tell how many were asked for.
  if (spec.has_partition_key() && spec.num_partitions == 0) {
    spec.num_partitions = static_cast<std::int64_t>(spec.partitions.size());
  }
  return reading;
}

Result<std::vector<std::string>> ListDatabases(const Context& context, Client& client) {
  const auto answer = client.ListDatabases(context, {});
  if (KindOf(answer.status()) == Kind::kUnsupported) {
    return std::vector<std::string>{rows::kDefaultDatabase};
  }
  AERIE_TRY(answer.status());
  std::vector<std::string> names(answer->db_names().begin(), answer->db_names().end());
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<rows::CollectionName>> ListCollections(
    const Context& context, Client& client, const std::vector<std::string>& database_patterns) {
  AERIE_ASSIGN(const auto databases, ListDatabases(context, client));
  std::vector<rows::CollectionName> found;
  for (const std::string& database : databases) {
    if (!Matches(database_patterns, database)) continue;
    pb::ShowCollectionsRequest request;
    request.set_db_name(database);
    AERIE_ASSIGN(const auto answer, client.ShowCollections(context, std::move(request)));
    for (const std::string& name : answer.collection_names()) found.push_back({database, name});
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace aerie::milvus
