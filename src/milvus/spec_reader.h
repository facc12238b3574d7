// What a server says of its databases and collections, read whole into rows::CollectionSpec.
//
// Free functions on a Client; callable from any thread. They change nothing on the server.
// Errors are the client's: kNotFound for a database or collection that is not there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "milvus/client.h"
#include "rows/schema.h"

namespace aerie::milvus {

struct SpecReading {
  rows::CollectionSpec spec;  // its name is the collection's own, also when an alias was asked for
  // Lines a user should see: that the name was an alias, what could not be found out.
  std::vector<std::string> remarks;
  std::uint64_t created_ts = 0;  // hybrid timestamps of the server
  std::uint64_t updated_ts = 0;  // 0 where the server tells none (before 2.4)
};

// Name, id, schema, properties, shards, consistency, aliases: one call. Partitions, indexes and
// load state are left empty.
Result<SpecReading> DescribeCollection(const Context& context, Client& client,
                                       const rows::CollectionName& name);

// All of it.
Result<SpecReading> ReadCollectionSpec(const Context& context, Client& client,
                                       const rows::CollectionName& name);

// Load state of the collection and of each partition, replicas and resource groups: what has to be
// put back after something loaded or released it.
struct LoadSnapshot {
  rows::LoadState state = rows::LoadState::kNotLoaded;
  std::vector<rows::PartitionSpec> partitions;
  std::int32_t replicas = 0;
  std::vector<std::string> resource_groups;
  std::vector<std::string> load_fields;
};
// `spec` as DescribeCollection gives it.
Result<LoadSnapshot> ReadLoadSnapshot(const Context& context, Client& client,
                                      const rows::CollectionSpec& spec);
// The part of a spec that a LoadSnapshot holds.
LoadSnapshot LoadSnapshotOf(const rows::CollectionSpec& spec);

// Names in order; {"default"} on a server that knows no databases.
Result<std::vector<std::string>> ListDatabases(const Context& context, Client& client);

// Collections, in order, of the databases that match (base/glob.h); no pattern: all.
Result<std::vector<rows::CollectionName>> ListCollections(
    const Context& context, Client& client, const std::vector<std::string>& database_patterns);

}  // namespace aerie::milvus
