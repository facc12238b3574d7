// A connection to one Milvus cluster: every call Aerie makes, with deadline, cancel, credentials
// and the one retry layer of this room.
//
// Thread-safe; shared by the readers and writers of a job and lives as long as they do. Calls
// spread over several HTTP/2 connections, because large answers on one would queue behind each
// other. A call whose answer carries an error status returns that error (errors.h): whoever gets a
// response knows that the server said ok.
//
// Reads are repeated on kTransient and kThrottled; writes only when surely nothing was applied.
// A call made for a trace (base/trace.h) that came from outside carries it on.
// Each request's database goes out both in the field and in the metadata; an empty one means the
// client's own (of the URI, or "default").
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "aerie_milvus.pb.h"
#include "base/context.h"
#include "base/retry.h"
#include "milvus/uri.h"
#include "rows/schema.h"

namespace aerie::milvus {

namespace pb = ::milvus::proto::milvus;
namespace pbschema = ::milvus::proto::schema;
namespace pbcommon = ::milvus::proto::common;

struct TlsOptions {
  // PEM files. One that is given turns TLS on, whatever the URI's scheme.
  std::string ca_file;    // empty: the system's authorities
  std::string cert_file;  // with key_file: mutual TLS
  std::string key_file;
  std::string server_name;  // what the certificate must name, when it is not the address's host
};

struct ClientOptions {
  TlsOptions tls;
  // Override what the URI says; empty: not given.
  std::string user;
  std::string password;
  std::string token;
  std::string database;
  int channels = 4;
  Duration connect_timeout = std::chrono::seconds(5);
  Duration data_timeout = std::chrono::seconds(180);  // Query, Insert, Upsert, Delete, Search
  Duration meta_timeout = std::chrono::seconds(60);   // all else
  RetryPolicy retry;
  // Bounds the repeats of all calls of this client together.
  int retry_tokens = 100;
};

class Client {
 public:
  // Connects, greets the server and checks the credentials.
  // Errors: kTransient "connect to ...: no such host | connection refused | no answer", kDenied,
  // kInvalid for options or files that do not fit.
  static Result<std::shared_ptr<Client>> Open(const Context& context, const ClusterUri& uri,
                                              const ClientOptions& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The address without credentials, for messages and records.
  const std::string& cluster() const;
  // The database that an empty db_name means.
  const std::string& database() const;
  // As the server told when it was greeted, e.g. "v2.3.5-lite"; "" when it tells nothing.
  const std::string& server_version() const;
  // Whom the server takes this client for; "" without a login, or with a token that names nobody.
  const std::string& user() const;

  // --- Server ---
  Result<pb::GetVersionResponse> GetVersion(const Context&, pb::GetVersionRequest);
  Result<pb::CheckHealthResponse> CheckHealth(const Context&, pb::CheckHealthRequest);
  Result<pb::GetMetricsResponse> GetMetrics(const Context&, pb::GetMetricsRequest);
  Result<pb::ComponentStates> GetComponentStates(const Context&, pb::GetComponentStatesRequest);
  Result<pb::AllocTimestampResponse> AllocTimestamp(const Context&, pb::AllocTimestampRequest);
  // --- Databases ---
  Status CreateDatabase(const Context&, pb::CreateDatabaseRequest);
  Status DropDatabase(const Context&, pb::DropDatabaseRequest);
  Status AlterDatabase(const Context&, pb::AlterDatabaseRequest);
  Result<pb::ListDatabasesResponse> ListDatabases(const Context&, pb::ListDatabasesRequest);
  Result<pb::DescribeDatabaseResponse> DescribeDatabase(const Context&,
                                                        pb::DescribeDatabaseRequest);
  // --- Collections ---
  Status CreateCollection(const Context&, pb::CreateCollectionRequest);
  Status DropCollection(const Context&, pb::DropCollectionRequest);
  Status RenameCollection(const Context&, pb::RenameCollectionRequest);
  Status AlterCollection(const Context&, pb::AlterCollectionRequest);
  Status AlterCollectionField(const Context&, pb::AlterCollectionFieldRequest);
  Status AddCollectionField(const Context&, pb::AddCollectionFieldRequest);
  Result<pb::BoolResponse> HasCollection(const Context&, pb::HasCollectionRequest);
  Result<pb::DescribeCollectionResponse> DescribeCollection(const Context&,
                                                            pb::DescribeCollectionRequest);
  Result<pb::ShowCollectionsResponse> ShowCollections(const Context&, pb::ShowCollectionsRequest);
  Result<pb::GetCollectionStatisticsResponse> GetCollectionStatistics(
      const Context&, pb::GetCollectionStatisticsRequest);
  // --- Partitions ---
  Status CreatePartition(const Context&, pb::CreatePartitionRequest);
  Status DropPartition(const Context&, pb::DropPartitionRequest);
  Result<pb::BoolResponse> HasPartition(const Context&, pb::HasPartitionRequest);
  Result<pb::ShowPartitionsResponse> ShowPartitions(const Context&, pb::ShowPartitionsRequest);
  Result<pb::GetPartitionStatisticsResponse> GetPartitionStatistics(
      const Context&, pb::GetPartitionStatisticsRequest);
  // --- Aliases ---
  Status CreateAlias(const Context&, pb::CreateAliasRequest);
  Status AlterAlias(const Context&, pb::AlterAliasRequest);
  Status DropAlias(const Context&, pb::DropAliasRequest);
  Result<pb::DescribeAliasResponse> DescribeAlias(const Context&, pb::DescribeAliasRequest);
  Result<pb::ListAliasesResponse> ListAliases(const Context&, pb::ListAliasesRequest);
  // --- Indexes ---
  Status CreateIndex(const Context&, pb::CreateIndexRequest);
  Status AlterIndex(const Context&, pb::AlterIndexRequest);
  Status DropIndex(const Context&, pb::DropIndexRequest);
  Result<pb::DescribeIndexResponse> DescribeIndex(const Context&, pb::DescribeIndexRequest);
  // --- Load ---
  Status LoadCollection(const Context&, pb::LoadCollectionRequest);
  Status ReleaseCollection(const Context&, pb::ReleaseCollectionRequest);
  Status LoadPartitions(const Context&, pb::LoadPartitionsRequest);
  Status ReleasePartitions(const Context&, pb::ReleasePartitionsRequest);
  Result<pb::GetLoadingProgressResponse> GetLoadingProgress(const Context&,
                                                            pb::GetLoadingProgressRequest);
  Result<pb::GetLoadStateResponse> GetLoadState(const Context&, pb::GetLoadStateRequest);
  Result<pb::GetReplicasResponse> GetReplicas(const Context&, pb::GetReplicasRequest);
  // --- Rows ---
  Result<pb::MutationResult> Insert(const Context&, pb::InsertRequest);
  Result<pb::MutationResult> Upsert(const Context&, pb::UpsertRequest);
  Result<pb::MutationResult> Delete(const Context&, pb::DeleteRequest);
  Result<pb::QueryResults> Query(const Context&, pb::QueryRequest);
  Result<pb::SearchResults> Search(const Context&, pb::SearchRequest);
  // --- Segments ---
  Result<pb::FlushResponse> Flush(const Context&, pb::FlushRequest);
  Result<pb::GetFlushStateResponse> GetFlushState(const Context&, pb::GetFlushStateRequest);
  Result<pb::GetPersistentSegmentInfoResponse> GetPersistentSegmentInfo(
      const Context&, pb::GetPersistentSegmentInfoRequest);
  Result<pb::GetQuerySegmentInfoResponse> GetQuerySegmentInfo(const Context&,
                                                              pb::GetQuerySegmentInfoRequest);
  Result<pb::ManualCompactionResponse> ManualCompaction(const Context&,
                                                        pb::ManualCompactionRequest);
  Result<pb::GetCompactionStateResponse> GetCompactionState(const Context&,
                                                            pb::GetCompactionStateRequest);
  // --- Users, roles, grants ---
  Status CreateCredential(const Context&, pb::CreateCredentialRequest);
  Status UpdateCredential(const Context&, pb::UpdateCredentialRequest);
  Status DeleteCredential(const Context&, pb::DeleteCredentialRequest);
  Status CreateRole(const Context&, pb::CreateRoleRequest);
  Status DropRole(const Context&, pb::DropRoleRequest);
  Status OperateUserRole(const Context&, pb::OperateUserRoleRequest);
  Status OperatePrivilege(const Context&, pb::OperatePrivilegeRequest);
  Result<pb::ListCredUsersResponse> ListCredUsers(const Context&, pb::ListCredUsersRequest);
  Result<pb::SelectRoleResponse> SelectRole(const Context&, pb::SelectRoleRequest);
  Result<pb::SelectUserResponse> SelectUser(const Context&, pb::SelectUserRequest);
  Result<pb::SelectGrantResponse> SelectGrant(const Context&, pb::SelectGrantRequest);

  // Whether the server has this call at all: an empty request of it is sent, which no server
  // obeys, and only UNIMPLEMENTED counts as no. Give the names of reading calls only.
  Result<bool> HasCall(const Context& context, const std::string& rpc_name);
  // Whether the server refuses who does not log in: asked by a call that carries no login.
  Result<bool> WantsLogin(const Context& context);

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aerie::milvus
