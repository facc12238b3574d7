#include "milvus/client.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <vector>

#include <absl/strings/escaping.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "aerie_milvus_service.grpc.pb.h"
#include "base/log.h"
#include "base/trace.h"
#include "milvus/errors.h"
#include "milvus/server_version.h"

namespace aerie::milvus {
namespace {

using Service = pb::MilvusService;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMaxMessageBytes = 512 << 20;
constexpr char kSystemRoots[] = "/etc/ssl/certs/ca-certificates.crt";

// How an unclear end is told and whether a call is repeated. A repeatable call changes something,
// but doing it twice is the same as once (protocol.md 1.4, 1.6).
constexpr CallKind kRead = CallKind::kRead;
constexpr CallKind kRepeatable = CallKind::kRead;
constexpr CallKind kWrite = CallKind::kWrite;

template <class T>
concept HasDatabase = requires(T& r) {
  r.set_db_name(std::string());
};
template <class T>
concept HasDatabaseOldStyle = requires(T& r) {
  r.set_dbname(std::string());
};
template <class T>
concept HasCollection = requires(const T& r) {
  r.collection_name().size();
};
template <class T>
concept HasCollections = requires(const T& r) {
  r.collection_names(0).size();
};
template <class T>
concept HasStatus = requires(const T& r) {
  r.status();
};
// Here db_name is the thing itself, not where the thing is.
template <class T>
concept IsAboutDatabase =
    std::is_same_v<T, pb::CreateDatabaseRequest> || std::is_same_v<T, pb::DropDatabaseRequest> ||
    std::is_same_v<T, pb::AlterDatabaseRequest> || std::is_same_v<T, pb::DescribeDatabaseRequest>;

// Sets the request's database where it is left empty and returns it; "" when it has none.
template <class Req>
std::string FillDatabase(Req& request, const std::string& fallback) {
  if constexpr (IsAboutDatabase<Req>) {
    return "";
  } else if constexpr (HasDatabase<Req>) {
    if (request.db_name().empty()) request.set_db_name(fallback);
    // An empty new database moves the collection to "default" on 2.3.5 (protocol.md 1.5).
    if constexpr (std::is_same_v<Req, pb::RenameCollectionRequest>) {
      if (request.newdbname().empty()) request.set_newdbname(request.db_name());
    }
    return request.db_name();
  } else if constexpr (HasDatabaseOldStyle<Req>) {
    if (request.dbname().empty()) request.set_dbname(fallback);
    return request.dbname();
  } else {
    return "";
  }
}

template <class Req>
std::string ObjectOf(const Req& request, const std::string& database) {
  if constexpr (IsAboutDatabase<Req>) {
    return request.db_name();
  } else if constexpr (HasCollection<Req>) {
    return request.collection_name().empty() ? "database " + database
                                             : database + "." + request.collection_name();
  } else if constexpr (HasDatabaseOldStyle<Req>) {
    return database + "." + request.collectionname();
  } else if constexpr (std::is_same_v<Req, pb::RenameCollectionRequest>) {
    return database + "." + request.oldname();
  } else if constexpr (HasCollections<Req>) {
    return request.collection_names_size() == 0 ? "database " + database
                                                : database + "." + request.collection_names(0);
  } else {
    return database.empty() ? "" : "database " + database;
  }
}

template <class Resp>
WireStatus StatusOf(const Resp& response) {
  if constexpr (HasStatus<Resp>) {
    return ToWireStatus(response.status());
  } else {
    return ToWireStatus(response);
  }
}

// Metadata may only hold printable ASCII; other names travel in the request alone.
bool FitsMetadata(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

Result<std::string> ReadPem(const std::string& path, const std::string& what) {
  if (path.empty()) return std::string();
  std::error_code error;
  std::ifstream file;
  if (std::filesystem::is_regular_file(path, error)) file.open(path, std::ios::binary);
  std::ostringstream text;
  if (!file.is_open() || !(text << file.rdbuf())) {
    return InvalidError("read " + what + " " + path + ": cannot be read; check the path");
  }
  if (text.str().find("-----BEGIN") == std::string::npos) {
    return InvalidError("read " + what + " " + path + ": is not a PEM file; convert it to PEM");
  }
  return text.str();
}

Result<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(bool tls_wanted,
                                                                  const TlsOptions& options) {
  if (!tls_wanted) return grpc::InsecureChannelCredentials();
  if (options.cert_file.empty() != options.key_file.empty()) {
    return InvalidError("TLS options: a client certificate and its key go together; give both");
  }
  grpc::SslCredentialsOptions ssl;
  std::string ca_file = options.ca_file;
  std::error_code error;
  if (ca_file.empty() && std::getenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH") == nullptr &&
      std::filesystem::exists(kSystemRoots, error)) {
    ca_file = kSystemRoots;
  }
  AERIE_ASSIGN(ssl.pem_root_certs, ReadPem(ca_file, "CA certificate"));
  AERIE_ASSIGN(ssl.pem_cert_chain, ReadPem(options.cert_file, "client certificate"));
  AERIE_ASSIGN(ssl.pem_private_key, ReadPem(options.key_file, "client key"));
  return grpc::SslCredentials(ssl);
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

grpc::ChannelArguments MakeArguments(const ClusterUri& uri, const ClientOptions& options) {
  const auto millis = [](Duration d) {
    return static_cast<int>(std::chrono::duration_cast<milliseconds>(d).count());
  };
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(kMaxMessageBytes);
  args.SetMaxSendMessageSize(kMaxMessageBytes);
  // Without a pool of its own a channel would share the TCP connection of its siblings.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, millis(options.connect_timeout));
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  args.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  args.SetInt(GRPC_ARG_DNS_ARES_QUERY_TIMEOUT_MS, millis(options.connect_timeout));
  if (IsLoopback(uri.host)) args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!options.tls.server_name.empty()) {
    args.SetSslTargetNameOverride(options.tls.server_name);
  }
  return args;
}

// gRPC writes its own lines to standard error; what matters in them is in our messages.
void QuietGrpc() {
  static const bool once = [] {
    if (std::getenv("GRPC_VERBOSITY") == nullptr) {
      gpr_set_log_function([](gpr_log_func_args*) {});
    }
    return true;
  }();
  static_cast<void>(once);
}

Result<std::string> MakeAuthorization(const ClusterUri& uri, const ClientOptions& options) {
  const std::string& user = options.user.empty() ? uri.user : options.user;
  const std::string& password = options.password.empty() ? uri.password : options.password;
  const std::string& token = options.token.empty() ? uri.token : options.token;
  if (!options.token.empty() && !options.user.empty()) {
    return InvalidError("credentials for " + uri.ToString() +
                        ": both a token and a user are given; give one of them");
  }
  if (user.empty() && !password.empty()) {
    return InvalidError("credentials for " + uri.ToString() +
                        ": a password without a user; give the user too");
  }
  if (!token.empty() && options.user.empty()) return absl::Base64Escape(token);
  if (!user.empty()) return absl::Base64Escape(user + ":" + password);
  return std::string();
}

// The user of MakeAuthorization; of a token, what stands before its colon.
std::string UserOf(const std::string& authorization) {
  std::string plain;
  if (!absl::Base64Unescape(authorization, &plain)) return "";
  const std::size_t colon = plain.find(':');
  return colon == std::string::npos ? "" : plain.substr(0, colon);
}

// What -v shows: every attempt, with what it cost.
void LogCall(const CallNames& names, const google::protobuf::Message& request,
             const google::protobuf::Message& response, SteadyTime start, const Status& status) {
  if (!log::Enabled(log::Level::kDebug)) return;
  const auto took = std::chrono::duration_cast<milliseconds>(SystemClock().Steady() - start);
  log::Debug("call", {{"operation", names.operation},
                      {"object", names.object},
                      {"ms", took.count()},
                      {"sent_bytes", request.ByteSizeLong()},
                      {"received_bytes", response.ByteSizeLong()},
                      {"outcome", status.ok() ? "ok" : std::string(status.message())}});
}

}  // namespace

struct Client::Impl {
  struct Lane {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<Service::Stub> stub;
    std::atomic<int> in_flight = 0;
  };

  Impl(ClientOptions given, std::string cluster_text)
      : options(std::move(given)), cluster(std::move(cluster_text)), budget(options.retry_tokens) {}

  Lane& LeastBusy() {
    Lane* best = lanes.front().get();
    for (const auto& lane : lanes) {
      if (lane->in_flight.load() < best->in_flight.load()) best = lane.get();
    }
    return *best;
  }

  // Waits while a connection is being made, so that a deadline that passes later is one of a call
  // that was sent. A connection that failed is left for the call to tell why.
  Status AwaitConnection(const Context& context, grpc::Channel& channel) const {
    // gRPC waits in real time, whatever clock the context has.
    const SteadyTime give_up = SystemClock().Steady() + options.connect_timeout;
    for (;;) {
      const grpc_connectivity_state state = channel.GetState(true);
      if (state != GRPC_CHANNEL_IDLE && state != GRPC_CHANNEL_CONNECTING) return Ok();
      const std::string operation = "connect to " + cluster;
      AERIE_TRY(context.Check(operation));
      if (SystemClock().Steady() >= give_up) {
        const auto limit = std::chrono::duration_cast<seconds>(options.connect_timeout).count();
        return MakeStatus(Kind::kTransient, operation + ": no answer within " +
                                                std::to_string(limit) +
                                                " s; check the address, the network and the load");
      }
      channel.WaitForStateChange(state, SystemClock().Now() + milliseconds(50));
    }
  }

  void Prepare(const Context& context, Duration timeout, const std::string& database,
               grpc::ClientContext& rpc) const {
    const Duration left = std::min(timeout, context.Remaining().value_or(timeout));
    rpc.set_deadline(SystemClock().Now() + left);
    if (!authorization.empty()) rpc.AddMetadata("authorization", authorization);
    if (!identifier.empty()) rpc.AddMetadata("identifier", identifier);
    if (FitsMetadata(database)) rpc.AddMetadata("dbname", database);
    const Trace& trace = CurrentTrace();
    if (!trace.parent.empty()) rpc.AddMetadata("traceparent", trace.parent);
    if (!trace.parent.empty() && !trace.state.empty()) rpc.AddMetadata("tracestate", trace.state);
  }

  // One attempt. `run` makes the blocking call.
  template <class Run>
  Status Attempt(const Context& context, const CallNames& names, Duration timeout,
                 const std::string& database, const Run& run) {
    Lane& lane = LeastBusy();
    lane.in_flight.fetch_add(1);
    const Status status = AttemptOn(lane, context, names, timeout, database, run);
    lane.in_flight.fetch_sub(1);
    return status;
  }

  template <class Run>
  Status AttemptOn(Lane& lane, const Context& context, const CallNames& names, Duration timeout,
                   const std::string& database, const Run& run) {
    AERIE_TRY(AwaitConnection(context, *lane.channel));
    grpc::ClientContext rpc;
    Prepare(context, timeout, database, rpc);
    grpc::Status answer;
    {
      const OnCancel cancel(context, [&rpc] { rpc.TryCancel(); });
      answer = run(lane, rpc);
    }
    if (answer.error_code() == grpc::StatusCode::CANCELLED && context.cancelled()) {
      const bool write = names.kind == CallKind::kWrite;
      return MakeStatus(Kind::kCancelled, names.operation + " " + names.object + ": interrupted" +
                                              (write ? "; whether it was done is not known" : ""));
    }
    return FromGrpcStatus(names, answer);
  }

  template <class Req, class Resp>
  using Method = grpc::Status (Service::Stub::*)(grpc::ClientContext*, const Req&, Resp*);

  template <class Req, class Resp>
  Result<Resp> Call(const Context& context, CallKind kind, Duration timeout, const char* operation,
                    Method<Req, Resp> method, Req request) {
    const std::string db = FillDatabase(request, default_database);
    const std::string object = ObjectOf(request, db);
    const CallNames names{kind, operation, object.empty() ? cluster : object, cluster};
    Resp response;
    const auto once = [&]() -> Status {
      response.Clear();
      const auto run = [&](Lane& lane, grpc::ClientContext& rpc) {
        return ((*lane.stub).*method)(&rpc, request, &response);
      };
      const SteadyTime start = SystemClock().Steady();
      Status status = Attempt(context, names, timeout, db, run);
      if (status.ok()) status = FromMilvusStatus(names, StatusOf(response));
      LogCall(names, request, response, start, status);
      return status;
    };
    AERIE_TRY(RetryCall(context, options.retry, &budget, operation, once));
    return response;
  }

  Status Greet(const Context& context, const std::string& user);

  const ClientOptions options;
  const std::string cluster;
  std::string default_database;
  std::string authorization;
  std::string known_as;
  std::string identifier;
  std::string server_version;
  RetryBudget budget;
  std::vector<std::unique_ptr<Lane>> lanes;
};

// Asks for the identifier and the version. A server without the call is as good (protocol.md 1.5).
Status Client::Impl::Greet(const Context& context, const std::string& user) {
  const Context limited = context.WithTimeout(options.connect_timeout * 4);
  pb::ConnectRequest request;
  request.mutable_client_info()->set_sdk_type("aerie");
  request.mutable_client_info()->set_sdk_version("0.1");
  request.mutable_client_info()->set_user(user);
  auto greeted = Call<pb::ConnectRequest, pb::ConnectResponse>(
      limited, kRead, options.meta_timeout, "greet", &Service::Stub::Connect, std::move(request));
  if (greeted.ok()) {
    if (greeted->identifier() != 0) identifier = std::to_string(greeted->identifier());
    server_version = greeted->server_info().build_tags();
    // Managed servers put words here and an unrelated tag in GetVersion, milvus-lite its version
    // only there.
    if (ParseServerVersion(server_version).known()) return Ok();
  } else if (KindOf(greeted.status()) != Kind::kUnsupported) {
    return greeted.status();
  }
  auto version = Call<pb::GetVersionRequest, pb::GetVersionResponse>(
      limited, kRead, options.meta_timeout, "ask the version of", &Service::Stub::GetVersion, {});
  if (version.ok()) {
    if (!version->version().empty()) server_version = version->version();
  } else if (KindOf(version.status()) != Kind::kUnsupported) {
    return version.status();
  }
  return Ok();
}

Result<std::shared_ptr<Client>> Client::Open(const Context& context, const ClusterUri& uri,
                                             const ClientOptions& options) {
  QuietGrpc();
  ClusterUri shown = uri;
  shown.database.clear();
  const TlsOptions& tls = options.tls;
  shown.tls = uri.tls || !tls.ca_file.empty() || !tls.cert_file.empty() || !tls.key_file.empty();
  auto impl = std::make_unique<Impl>(options, shown.ToString());
  impl->default_database = !options.database.empty() ? options.database : uri.database;
  if (impl->default_database.empty()) impl->default_database = rows::kDefaultDatabase;
  AERIE_ASSIGN(impl->authorization, MakeAuthorization(uri, options));
  impl->known_as = UserOf(impl->authorization);
  AERIE_ASSIGN(const auto credentials, MakeCredentials(shown.tls, tls));
  const grpc::ChannelArguments base = MakeArguments(uri, options);
  for (int i = 0; i < std::max(1, options.channels); ++i) {
    auto lane = std::make_unique<Impl::Lane>();
    lane->channel = grpc::CreateCustomChannel("dns:///" + uri.Address(), credentials, base);
    lane->stub = Service::NewStub(lane->channel);
    impl->lanes.push_back(std::move(lane));
  }
  AERIE_TRY(impl->Greet(context, options.user.empty() ? uri.user : options.user));
  return std::shared_ptr<Client>(new Client(std::move(impl)));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

const std::string& Client::cluster() const { return impl_->cluster; }
const std::string& Client::database() const { return impl_->default_database; }
const std::string& Client::server_version() const { return impl_->server_version; }
const std::string& Client::user() const { return impl_->known_as; }

Result<bool> Client::WantsLogin(const Context& context) {
  const CallNames names{kRead, "ask without a login", impl_->cluster, impl_->cluster};
  bool wants = false;
  const auto once = [&]() -> Status {
    Impl::Lane& lane = impl_->LeastBusy();
    AERIE_TRY(impl_->AwaitConnection(context, *lane.channel));
    grpc::ClientContext rpc;
    const Duration limit = impl_->options.meta_timeout;
    rpc.set_deadline(SystemClock().Now() + std::min(limit, context.Remaining().value_or(limit)));
    const OnCancel cancel(context, [&rpc] { rpc.TryCancel(); });
    pb::GetVersionResponse answer;
    const grpc::Status end = lane.stub->GetVersion(&rpc, pb::GetVersionRequest(), &answer);
    wants = end.error_code() == grpc::StatusCode::UNAUTHENTICATED;
    if (wants || end.error_code() == grpc::StatusCode::UNIMPLEMENTED) return Ok();
    return FromGrpcStatus(names, end);
  };
  AERIE_TRY(RetryCall(context, impl_->options.retry, &impl_->budget, names.operation, once));
  return wants;
}

Result<bool> Client::HasCall(const Context& context, const std::string& rpc_name) {
  const CallNames names{kRead, "look for the call " + rpc_name + " on", impl_->cluster,
                        impl_->cluster};
  const std::string path = "/milvus.proto.milvus.MilvusService/" + rpc_name;
  bool there = true;
  const auto run = [&](Impl::Lane& lane, grpc::ClientContext& rpc) {
    using Empty = pb::GetVersionRequest;
    grpc::TemplatedGenericStub<Empty, Empty> stub(lane.channel);
    const Empty request;
    Empty response;
    std::promise<grpc::Status> done;
    stub.UnaryCall(&rpc, path, {}, &request, &response,
                   [&done](grpc::Status end) { done.set_value(std::move(end)); });
    return done.get_future().get();
  };
  const auto once = [&]() -> Status {
    const Status status = impl_->Attempt(context, names, impl_->options.meta_timeout, "", run);
    const Kind kind = KindOf(status);
    there = kind != Kind::kUnsupported;
    const bool unclear =
        kind == Kind::kTransient || kind == Kind::kTimeout || kind == Kind::kCancelled;
    // Every other refusal of the empty request comes from a server that has the call.
    return unclear ? status : Ok();
  };
  AERIE_TRY(RetryCall(context, impl_->options.retry, &impl_->budget, names.operation, once));
  return there;
}

// One line a call: name, messages, how an unclear end is told, time allowed, words for messages.
#define AERIE_CALL(Name, Req, Resp, kind, timeout, words)                       \
  Result<Resp> Client::Name(const Context& context, Req request) {              \
    return impl_->Call<Req, Resp>(context, kind, impl_->options.timeout, words, \
                                  &Service::Stub::Name, std::move(request));    \
  }
#define AERIE_ACT(Name, Req, kind, timeout, words)                                  \
  Status Client::Name(const Context& context, Req request) {                        \
    return impl_                                                                    \
        ->Call<Req, pbcommon::Status>(context, kind, impl_->options.timeout, words, \
                                      &Service::Stub::Name, std::move(request))     \
        .status();                                                                  \
  }

AERIE_CALL(GetVersion, pb::GetVersionRequest, pb::GetVersionResponse, kRead, meta_timeout,
           "ask the version of")
AERIE_CALL(CheckHealth, pb::CheckHealthRequest, pb::CheckHealthResponse, kRead, meta_timeout,
           "check the health of")
AERIE_CALL(GetMetrics, pb::GetMetricsRequest, pb::GetMetricsResponse, kRead, meta_timeout,
           "read metrics of")
AERIE_CALL(GetComponentStates, pb::GetComponentStatesRequest, pb::ComponentStates, kRead,
           meta_timeout, "read component states of")
AERIE_CALL(AllocTimestamp, pb::AllocTimestampRequest, pb::AllocTimestampResponse, kRead,
           meta_timeout, "take a timestamp from")
AERIE_ACT(CreateDatabase, pb::CreateDatabaseRequest, kWrite, meta_timeout, "create database")
AERIE_ACT(DropDatabase, pb::DropDatabaseRequest, kWrite, meta_timeout, "drop database")
AERIE_ACT(AlterDatabase, pb::AlterDatabaseRequest, kWrite, meta_timeout, "alter database")
AERIE_CALL(ListDatabases, pb::ListDatabasesRequest, pb::ListDatabasesResponse, kRead, meta_timeout,
           "list databases of")
AERIE_CALL(DescribeDatabase, pb::DescribeDatabaseRequest, pb::DescribeDatabaseResponse, kRead,
           meta_timeout, "describe database")
AERIE_ACT(CreateCollection, pb::CreateCollectionRequest, kWrite, meta_timeout, "create collection")
AERIE_ACT(DropCollection, pb::DropCollectionRequest, kWrite, meta_timeout, "drop collection")
AERIE_ACT(RenameCollection, pb::RenameCollectionRequest, kWrite, meta_timeout, "rename collection")
AERIE_ACT(AlterCollection, pb::AlterCollectionRequest, kWrite, meta_timeout, "alter collection")
AERIE_ACT(AlterCollectionField, pb::AlterCollectionFieldRequest, kWrite, meta_timeout,
          "alter a field of")
AERIE_ACT(AddCollectionField, pb::AddCollectionFieldRequest, kWrite, meta_timeout, "add a field to")
AERIE_CALL(HasCollection, pb::HasCollectionRequest, pb::BoolResponse, kRead, meta_timeout,
           "look for collection")
AERIE_CALL(DescribeCollection, pb::DescribeCollectionRequest, pb::DescribeCollectionResponse, kRead,
           meta_timeout, "describe collection")
AERIE_CALL(ShowCollections, pb::ShowCollectionsRequest, pb::ShowCollectionsResponse, kRead,
           meta_timeout, "list collections of")
AERIE_CALL(GetCollectionStatistics, pb::GetCollectionStatisticsRequest,
           pb::GetCollectionStatisticsResponse, kRead, meta_timeout, "read statistics of")
AERIE_ACT(CreatePartition, pb::CreatePartitionRequest, kRepeatable, meta_timeout,
          "create a partition of")
AERIE_ACT(DropPartition, pb::DropPartitionRequest, kWrite, meta_timeout, "drop a partition of")
AERIE_CALL(HasPartition, pb::HasPartitionRequest, pb::BoolResponse, kRead, meta_timeout,
           "look for a partition of")
AERIE_CALL(ShowPartitions, pb::ShowPartitionsRequest, pb::ShowPartitionsResponse, kRead,
           meta_timeout, "list partitions of")
AERIE_CALL(GetPartitionStatistics, pb::GetPartitionStatisticsRequest,
           pb::GetPartitionStatisticsResponse, kRead, meta_timeout, "read partition statistics of")
AERIE_ACT(CreateAlias, pb::CreateAliasRequest, kWrite, meta_timeout, "create an alias of")
AERIE_ACT(AlterAlias, pb::AlterAliasRequest, kWrite, meta_timeout, "move an alias to")
AERIE_ACT(DropAlias, pb::DropAliasRequest, kWrite, meta_timeout, "drop an alias of")
AERIE_CALL(DescribeAlias, pb::DescribeAliasRequest, pb::DescribeAliasResponse, kRead, meta_timeout,
           "describe an alias of")
AERIE_CALL(ListAliases, pb::ListAliasesRequest, pb::ListAliasesResponse, kRead, meta_timeout,
           "list aliases of")
AERIE_ACT(CreateIndex, pb::CreateIndexRequest, kRepeatable, meta_timeout, "create an index on")
AERIE_ACT(AlterIndex, pb::AlterIndexRequest, kWrite, meta_timeout, "alter an index on")
AERIE_ACT(DropIndex, pb::DropIndexRequest, kWrite, meta_timeout, "drop an index on")
AERIE_CALL(DescribeIndex, pb::DescribeIndexRequest, pb::DescribeIndexResponse, kRead, meta_timeout,
           "describe the indexes of")
AERIE_ACT(LoadCollection, pb::LoadCollectionRequest, kRepeatable, meta_timeout, "load collection")
AERIE_ACT(ReleaseCollection, pb::ReleaseCollectionRequest, kRepeatable, meta_timeout,
          "release collection")
AERIE_ACT(LoadPartitions, pb::LoadPartitionsRequest, kRepeatable, meta_timeout,
          "load partitions of")
AERIE_ACT(ReleasePartitions, pb::ReleasePartitionsRequest, kRepeatable, meta_timeout,
          "release partitions of")
AERIE_CALL(GetLoadingProgress, pb::GetLoadingProgressRequest, pb::GetLoadingProgressResponse, kRead,
           meta_timeout, "read the loading progress of")
AERIE_CALL(GetLoadState, pb::GetLoadStateRequest, pb::GetLoadStateResponse, kRead, meta_timeout,
           "read the load state of")
AERIE_CALL(GetReplicas, pb::GetReplicasRequest, pb::GetReplicasResponse, kRead, meta_timeout,
           "read the replicas of")
AERIE_CALL(Insert, pb::InsertRequest, pb::MutationResult, kWrite, data_timeout, "insert into")
AERIE_CALL(Upsert, pb::UpsertRequest, pb::MutationResult, kWrite, data_timeout, "upsert into")
AERIE_CALL(Delete, pb::DeleteRequest, pb::MutationResult, kWrite, data_timeout, "delete from")
AERIE_CALL(Query, pb::QueryRequest, pb::QueryResults, kRead, data_timeout, "query")
AERIE_CALL(Search, pb::SearchRequest, pb::SearchResults, kRead, data_timeout, "search")
AERIE_CALL(Flush, pb::FlushRequest, pb::FlushResponse, kRepeatable, meta_timeout, "flush")
AERIE_CALL(GetFlushState, pb::GetFlushStateRequest, pb::GetFlushStateResponse, kRead, meta_timeout,
           "read the flush state of")
AERIE_CALL(GetPersistentSegmentInfo, pb::GetPersistentSegmentInfoRequest,
           pb::GetPersistentSegmentInfoResponse, kRead, meta_timeout, "list segments of")
AERIE_CALL(GetQuerySegmentInfo, pb::GetQuerySegmentInfoRequest, pb::GetQuerySegmentInfoResponse,
           kRead, meta_timeout, "list loaded segments of")
AERIE_CALL(ManualCompaction, pb::ManualCompactionRequest, pb::ManualCompactionResponse, kWrite,
           meta_timeout, "compact")
AERIE_CALL(GetCompactionState, pb::GetCompactionStateRequest, pb::GetCompactionStateResponse, kRead,
           meta_timeout, "read the compaction state of")
AERIE_ACT(CreateCredential, pb::CreateCredentialRequest, kWrite, meta_timeout, "create a user on")
AERIE_ACT(UpdateCredential, pb::UpdateCredentialRequest, kWrite, meta_timeout,
          "change a password on")
AERIE_ACT(DeleteCredential, pb::DeleteCredentialRequest, kWrite, meta_timeout, "delete a user on")
AERIE_ACT(CreateRole, pb::CreateRoleRequest, kWrite, meta_timeout, "create a role on")
AERIE_ACT(DropRole, pb::DropRoleRequest, kWrite, meta_timeout, "drop a role on")
AERIE_ACT(OperateUserRole, pb::OperateUserRoleRequest, kWrite, meta_timeout,
          "change a user's role on")
AERIE_ACT(OperatePrivilege, pb::OperatePrivilegeRequest, kWrite, meta_timeout, "change a grant on")
AERIE_CALL(ListCredUsers, pb::ListCredUsersRequest, pb::ListCredUsersResponse, kRead, meta_timeout,
           "list users of")
AERIE_CALL(SelectRole, pb::SelectRoleRequest, pb::SelectRoleResponse, kRead, meta_timeout,
           "list roles of")
AERIE_CALL(SelectUser, pb::SelectUserRequest, pb::SelectUserResponse, kRead, meta_timeout,
           "list users of")
AERIE_CALL(SelectGrant, pb::SelectGrantRequest, pb::SelectGrantResponse, kRead, meta_timeout,
           "list grants of")

#undef AERIE_CALL
#undef AERIE_ACT

}  // namespace aerie::milvus
