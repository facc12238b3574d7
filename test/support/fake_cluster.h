// The small in-memory Milvus behind the fake server: databases, collections, partitions, aliases,
// indexes, load state, users, and rows with the times of their insertion and deletion.
//
// It knows nothing of connections. Each call of the protocol is an overload of Do(), which fills
// the answer and its status. Not thread-safe: FakeMilvus holds a lock around every call. Time
// stands still but for the ticks of calls and AdvanceTime.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aerie_milvus.pb.h"
#include "fake_behaviour.h"
#include "fake_columns.h"

namespace aerie::fake {

namespace common = ::milvus::proto::common;
namespace pb = ::milvus::proto::milvus;

struct FakeRow {
  std::int64_t partition = 0;
  std::int64_t segment = 0;
  std::uint64_t inserted = 0;
  std::uint64_t deleted = 0;  // 0: alive
  std::vector<Cell> cells;    // one for each of FakeCollection::columns
};

struct FakePartition {
  std::int64_t id = 0;
  std::string name;
  std::uint64_t created = 0;
  bool loaded = false;
};

struct FakeIndex {
  std::int64_t id = 0;
  std::string name;
  std::string field;
  google::protobuf::RepeatedPtrField<common::KeyValuePair> params;
};

struct FakeCollection {
  std::int64_t id = 0;
  std::uint64_t created = 0;
  std::uint64_t updated = 0;
  schema::CollectionSchema schema;
  // What rows have: the fields of the schema, then struct arrays, then "$meta".
  std::vector<schema::FieldSchema> columns;
  std::size_t key_column = 0;
  std::optional<std::size_t> partition_key_column;
  std::int32_t shards = 1;
  common::ConsistencyLevel consistency = common::Bounded;
  google::protobuf::RepeatedPtrField<common::KeyValuePair> properties;
  std::vector<FakePartition> partitions;
  std::vector<FakeIndex> indexes;
  std::int32_t replicas = 0;
  std::set<std::string> load_fields;  // empty: all
  bool skips_dynamic = false;
  std::vector<std::string> resource_groups;
  int loading_polls = 0;
  std::int64_t generation = 0;  // counts flushes; rows of older generations are in sealed segments
  std::map<Key, std::vector<FakeRow>> rows;

  bool loaded() const;
  FakePartition* FindPartition(const std::string& name);
  std::optional<std::size_t> FindColumn(const std::string& name) const;
  std::string Property(const std::string& key) const;
};

struct FakeDatabase {
  std::int64_t id = 0;
  std::uint64_t created = 0;
  google::protobuf::RepeatedPtrField<common::KeyValuePair> properties;
  std::map<std::string, FakeCollection> collections;
  std::map<std::string, std::string> aliases;  // alias to collection
};

class FakeCluster {
 public:
  FakeCluster();

  Behaviour behaviour;
  // Who calls and in which database, if the request leaves it open: from the call's headers.
  std::string caller;
  std::string header_database;
  // Set by a call that killed the server; what it asked for was not applied.
  bool crashed = false;

  // Hybrid timestamps: milliseconds since 1970, shifted by 18 bits, and a counter.
  std::uint64_t Now() const { return now_; }
  std::uint64_t Tick() { return ++now_; }
  void AdvanceTime(std::int64_t milliseconds);

  // The collection or nullptr; by its own name, not an alias.
  FakeCollection* Collection(const std::string& database, const std::string& name);
  // Forgets rows that are deleted, whoever may still want to read them (3.4: no timestamp is
  // guaranteed to stay readable).
  static void Compact(FakeCollection& collection);
  // base64("user:password") of a known user; false otherwise. Notes the caller.
  bool Authenticate(const std::string& authorization);

  // --- Connection ---
  void Do(const pb::ConnectRequest&, pb::ConnectResponse*);
  void Do(const pb::GetVersionRequest&, pb::GetVersionResponse*);
  void Do(const pb::CheckHealthRequest&, pb::CheckHealthResponse*);
  void Do(const pb::GetMetricsRequest&, pb::GetMetricsResponse*);
  void Do(const pb::GetComponentStatesRequest&, pb::ComponentStates*);
  void Do(const pb::AllocTimestampRequest&, pb::AllocTimestampResponse*);
  // --- Databases ---
  void Do(const pb::CreateDatabaseRequest&, common::Status*);
  void Do(const pb::DropDatabaseRequest&, common::Status*);
  void Do(const pb::ListDatabasesRequest&, pb::ListDatabasesResponse*);
  void Do(const pb::AlterDatabaseRequest&, common::Status*);
  void Do(const pb::DescribeDatabaseRequest&, pb::DescribeDatabaseResponse*);
  // --- Collections ---
  void Do(const pb::CreateCollectionRequest&, common::Status*);
  void Do(const pb::DropCollectionRequest&, common::Status*);
  void Do(const pb::HasCollectionRequest&, pb::BoolResponse*);
  void Do(const pb::DescribeCollectionRequest&, pb::DescribeCollectionResponse*);
  void Do(const pb::ShowCollectionsRequest&, pb::ShowCollectionsResponse*);
  void Do(const pb::RenameCollectionRequest&, common::Status*);
  void Do(const pb::AlterCollectionRequest&, common::Status*);
  void Do(const pb::AlterCollectionFieldRequest&, common::Status*);
  void Do(const pb::AddCollectionFieldRequest&, common::Status*);
  void Do(const pb::GetCollectionStatisticsRequest&, pb::GetCollectionStatisticsResponse*);
  // --- Partitions and aliases ---
  void Do(const pb::CreatePartitionRequest&, common::Status*);
  void Do(const pb::DropPartitionRequest&, common::Status*);
  void Do(const pb::HasPartitionRequest&, pb::BoolResponse*);
  void Do(const pb::ShowPartitionsRequest&, pb::ShowPartitionsResponse*);
  void Do(const pb::GetPartitionStatisticsRequest&, pb::GetPartitionStatisticsResponse*);
  void Do(const pb::CreateAliasRequest&, common::Status*);
  void Do(const pb::AlterAliasRequest&, common::Status*);
  void Do(const pb::DropAliasRequest&, common::Status*);
  void Do(const pb::DescribeAliasRequest&, pb::DescribeAliasResponse*);
  void Do(const pb::ListAliasesRequest&, pb::ListAliasesResponse*);
  // --- Indexes ---
  void Do(const pb::CreateIndexRequest&, common::Status*);
  void Do(const pb::AlterIndexRequest&, common::Status*);
  void Do(const pb::DescribeIndexRequest&, pb::DescribeIndexResponse*);
  void Do(const pb::DropIndexRequest&, common::Status*);
  // --- Loading ---
  void Do(const pb::LoadCollectionRequest&, common::Status*);
  void Do(const pb::ReleaseCollectionRequest&, common::Status*);
  void Do(const pb::LoadPartitionsRequest&, common::Status*);
  void Do(const pb::ReleasePartitionsRequest&, common::Status*);
  void Do(const pb::GetLoadingProgressRequest&, pb::GetLoadingProgressResponse*);
  void Do(const pb::GetLoadStateRequest&, pb::GetLoadStateResponse*);
  void Do(const pb::GetReplicasRequest&, pb::GetReplicasResponse*);
  // --- Rows ---
  void Do(const pb::InsertRequest&, pb::MutationResult*);
  void Do(const pb::UpsertRequest&, pb::MutationResult*);
  void Do(const pb::DeleteRequest&, pb::MutationResult*);
  void Do(const pb::QueryRequest&, pb::QueryResults*);
  void Do(const pb::SearchRequest&, pb::SearchResults*);
  // --- Flush, segments, compaction ---
  void Do(const pb::FlushRequest&, pb::FlushResponse*);
  void Do(const pb::GetFlushStateRequest&, pb::GetFlushStateResponse*);
  void Do(const pb::GetPersistentSegmentInfoRequest&, pb::GetPersistentSegmentInfoResponse*);
  void Do(const pb::GetQuerySegmentInfoRequest&, pb::GetQuerySegmentInfoResponse*);
  void Do(const pb::ManualCompactionRequest&, pb::ManualCompactionResponse*);
  void Do(const pb::GetCompactionStateRequest&, pb::GetCompactionStateResponse*);
  // --- Users, roles, privileges ---
  void Do(const pb::CreateCredentialRequest&, common::Status*);
  void Do(const pb::UpdateCredentialRequest&, common::Status*);
  void Do(const pb::DeleteCredentialRequest&, common::Status*);
  void Do(const pb::ListCredUsersRequest&, pb::ListCredUsersResponse*);
  void Do(const pb::CreateRoleRequest&, common::Status*);
  void Do(const pb::DropRoleRequest&, common::Status*);
  void Do(const pb::OperateUserRoleRequest&, common::Status*);
  void Do(const pb::SelectRoleRequest&, pb::SelectRoleResponse*);
  void Do(const pb::SelectUserRequest&, pb::SelectUserResponse*);
  void Do(const pb::OperatePrivilegeRequest&, common::Status*);
  void Do(const pb::SelectGrantRequest&, pb::SelectGrantResponse*);

 private:
  struct Page;
  struct Seen;
  struct RowFilter;
  struct Placement;

  // Fill `status` and return nullptr when there is no such thing.
  FakeDatabase* FindDatabase(const std::string& name, common::Status* status);
  FakeCollection* FindCollection(const std::string& database, const std::string& name,
                                 common::Status* status);
  FakeCollection* FindById(std::int64_t id);
  FakePartition* FindPartition(FakeCollection& collection, const std::string& name,
                               common::Status* status);
  // A refusal of the request's content: 1100, which 2.3 calls 65535 where it parses.
  int BadExpressionCode() const;

  std::int64_t NextId() { return ++last_id_; }
  bool PrepareSchema(schema::CollectionSchema& schema, common::Status* status) const;
  static void SetColumns(FakeCollection& collection);
  bool MayLoad(FakeCollection& collection, common::Status* status) const;
  std::set<std::int64_t> ReadablePartitions(FakeCollection& collection,
                                            const google::protobuf::RepeatedPtrField<std::string>&,
                                            common::Status* status);
  bool ParseFilter(const FakeCollection& collection, const std::string& text, Expression* out,
                   common::Status* status) const;
  std::uint64_t ReadTime(const FakeCollection& collection, const pb::QueryRequest& request,
                         const Page& page, common::Status* status);
  bool IsVisible(const FakeCollection& collection, const FakeRow& row, std::uint64_t at) const;
  std::vector<Seen> VisibleRows(const FakeCollection& collection, const RowFilter& filter) const;
  std::vector<Seen> OnePage(const std::vector<Seen>& rows, const Page& page) const;
  std::vector<Seen> WithoutCopies(const std::vector<Seen>& rows) const;
  std::vector<Seen> WithoutLimit(std::vector<Seen> rows) const;
  bool OutputColumns(const FakeCollection& collection,
                     const google::protobuf::RepeatedPtrField<std::string>& names,
                     std::vector<std::size_t>* columns, common::Status* status) const;
  void PackRows(const FakeCollection& collection, const std::vector<std::size_t>& columns,
                std::vector<Seen> rows, google::protobuf::RepeatedPtrField<schema::FieldData>* out);

  bool UnpackRows(FakeCollection& collection,
                  const google::protobuf::RepeatedPtrField<schema::FieldData>& columns,
                  std::size_t rows, bool upsert, std::vector<std::vector<Cell>>* out,
                  common::Status* status);
  bool FillMissing(const FakeCollection& collection, std::size_t column, std::size_t rows,
                   std::vector<Cell>* out, common::Status* status);
  bool CheckCells(const FakeCollection& collection, std::size_t column, std::vector<Cell>* cells,
                  common::Status* status);
  bool KeysAreGenerated(const FakeCollection& collection, bool upsert) const;
  bool Place(FakeCollection& collection, const std::string& partition, Placement* placement,
             common::Status* status);
  void Store(FakeCollection& collection, const Placement& placement,
             std::vector<std::vector<Cell>> columns, std::uint64_t at, pb::MutationResult* result);

  std::map<std::string, FakeDatabase> databases_;
  std::map<std::string, std::string> passwords_;
  std::map<std::string, std::string> roles_;  // name to description
  std::set<std::pair<std::string, std::string>> user_roles_;
  std::vector<pb::GrantEntity> grants_;
  std::uint64_t now_ = std::uint64_t{1'700'000'000'000} << 18U;
  const int start_number_;  // of this process's clusters
  std::int64_t last_id_ = 450'000'000'000'000'000;
  std::mt19937 random_{42};
};

// Fills a status as a server does that is not of the oldest: code, the old error_code beside it.
void Fail(common::Status* status, int code, const std::string& reason, bool retriable = false);

// base64 as in headers and password fields; nullopt if it is none.
std::string EncodeBase64(const std::string& plain);
std::optional<std::string> DecodeBase64(const std::string& text);

}  // namespace aerie::fake
