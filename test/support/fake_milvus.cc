#include "fake_milvus.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "aerie_milvus_service.grpc.pb.h"

namespace aerie::fake {
namespace {

using google::protobuf::Message;

// Every call answers a Status, alone or as its field of that name.
common::Status* StatusOf(Message& answer) {
  if (auto* status = dynamic_cast<common::Status*>(&answer)) return status;
  const auto* field = answer.GetDescriptor()->FindFieldByName("status");
  return static_cast<common::Status*>(answer.GetReflection()->MutableMessage(&answer, field));
}

std::string Header(const grpc::ServerContext& context, const std::string& key) {
  const auto found = context.client_metadata().find(key);
  if (found == context.client_metadata().end()) return {};
  return {found->second.data(), found->second.size()};
}

std::map<std::string, std::string> MetadataOf(const grpc::ServerContext& context) {
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : context.client_metadata()) {
    metadata[{key.data(), key.size()}] = {value.data(), value.size()};
  }
  return metadata;
}

grpc::Status Lost() { return {grpc::StatusCode::UNAVAILABLE, "Socket closed"}; }

// A fault waiting for its calls.
struct Pending {
  Fault fault;
  int seen = 0;
};

}  // namespace

struct FakeMilvus::State {
  mutable std::mutex cluster_mutex;  // guards cluster
  FakeCluster cluster;

  mutable std::mutex script_mutex;  // guards the script: the four below
  std::vector<Pending> faults;
  std::map<std::string, BeforeHook> before;
  std::map<std::string, AfterHook> after;
  std::map<std::string, int> calls;

  mutable std::mutex server_mutex;  // guards the rest
  std::condition_variable changed;
  std::unique_ptr<Service> service;
  std::unique_ptr<grpc::Server> server;  // null while down
  int port = 0;
  bool dying = false;     // a call killed the server; the reaper stops it
  bool stopping = false;  // somebody is stopping the server
  bool ending = false;    // the destructor runs
  std::thread reaper;

  void Start();
  void Stop();
  void StopLocked(std::unique_lock<std::mutex>& lock);
  void Die();
  void Reap();
  int Count(const std::string& rpc);
  std::optional<Fault> TakeFault(const std::string& rpc);
  template <class Hook>
  Hook FindHook(const std::map<std::string, Hook>& hooks, const std::string& rpc) const;
  grpc::Status Admit(const grpc::ServerContext& context, const char* rpc, const Message& request);
  grpc::Status Finish(Message& answer);
  bool Run(const grpc::ServerContext& context, const std::function<void(FakeCluster&)>& work);
};

// Each call of the service goes through Serve, which plays the script around FakeCluster::Do.
class FakeMilvus::Service final : public pb::MilvusService::Service {
 public:
  explicit Service(State* state) : state_(state) {}

#define AERIE_FAKE_CALL(Name, Request, Answer)                                            \
  grpc::Status Name(grpc::ServerContext* context, const Request* request, Answer* answer) \
      override {                                                                          \
    return Serve(#Name, *context, *request, *answer);                                     \
  }
#define AERIE_FAKE_PLAIN(Name) AERIE_FAKE_CALL(Name, pb::Name##Request, common::Status)
#define AERIE_FAKE_USUAL(Name) AERIE_FAKE_CALL(Name, pb::Name##Request, pb::Name##Response)
  AERIE_FAKE_USUAL(Connect)
  AERIE_FAKE_USUAL(GetVersion)
  AERIE_FAKE_USUAL(CheckHealth)
  AERIE_FAKE_USUAL(GetMetrics)
  AERIE_FAKE_CALL(GetComponentStates, pb::GetComponentStatesRequest, pb::ComponentStates)
  AERIE_FAKE_USUAL(AllocTimestamp)
  AERIE_FAKE_PLAIN(CreateDatabase)
  AERIE_FAKE_PLAIN(DropDatabase)
  AERIE_FAKE_USUAL(ListDatabases)
  AERIE_FAKE_PLAIN(AlterDatabase)
  AERIE_FAKE_USUAL(DescribeDatabase)
  AERIE_FAKE_PLAIN(CreateCollection)
  AERIE_FAKE_PLAIN(DropCollection)
  AERIE_FAKE_CALL(HasCollection, pb::HasCollectionRequest, pb::BoolResponse)
  AERIE_FAKE_USUAL(DescribeCollection)
  AERIE_FAKE_USUAL(ShowCollections)
  AERIE_FAKE_PLAIN(RenameCollection)
  AERIE_FAKE_PLAIN(AlterCollection)
  AERIE_FAKE_PLAIN(AlterCollectionField)
  AERIE_FAKE_PLAIN(AddCollectionField)
  AERIE_FAKE_USUAL(GetCollectionStatistics)
  AERIE_FAKE_PLAIN(CreatePartition)
  AERIE_FAKE_PLAIN(DropPartition)
  AERIE_FAKE_CALL(HasPartition, pb::HasPartitionRequest, pb::BoolResponse)
  AERIE_FAKE_USUAL(ShowPartitions)
  AERIE_FAKE_USUAL(GetPartitionStatistics)
  AERIE_FAKE_PLAIN(CreateAlias)
  AERIE_FAKE_PLAIN(AlterAlias)
  AERIE_FAKE_PLAIN(DropAlias)
  AERIE_FAKE_USUAL(DescribeAlias)
  AERIE_FAKE_USUAL(ListAliases)
  AERIE_FAKE_PLAIN(CreateIndex)
  AERIE_FAKE_PLAIN(AlterIndex)
  AERIE_FAKE_USUAL(DescribeIndex)
  AERIE_FAKE_PLAIN(DropIndex)
  AERIE_FAKE_PLAIN(LoadCollection)
  AERIE_FAKE_PLAIN(ReleaseCollection)
  AERIE_FAKE_PLAIN(LoadPartitions)
  AERIE_FAKE_PLAIN(ReleasePartitions)
  AERIE_FAKE_USUAL(GetLoadingProgress)
  AERIE_FAKE_USUAL(GetLoadState)
  AERIE_FAKE_USUAL(GetReplicas)
  AERIE_FAKE_CALL(Insert, pb::InsertRequest, pb::MutationResult)
  AERIE_FAKE_CALL(Upsert, pb::UpsertRequest, pb::MutationResult)
  AERIE_FAKE_CALL(Delete, pb::DeleteRequest, pb::MutationResult)
  AERIE_FAKE_CALL(Query, pb::QueryRequest, pb::QueryResults)
  AERIE_FAKE_CALL(Search, pb::SearchRequest, pb::SearchResults)
  AERIE_FAKE_USUAL(Flush)
  AERIE_FAKE_USUAL(GetFlushState)
  AERIE_FAKE_USUAL(GetPersistentSegmentInfo)
  AERIE_FAKE_USUAL(GetQuerySegmentInfo)
  AERIE_FAKE_USUAL(ManualCompaction)
  AERIE_FAKE_USUAL(GetCompactionState)
  AERIE_FAKE_PLAIN(CreateCredential)
  AERIE_FAKE_PLAIN(UpdateCredential)
  AERIE_FAKE_PLAIN(DeleteCredential)
  AERIE_FAKE_USUAL(ListCredUsers)
  AERIE_FAKE_PLAIN(CreateRole)
  AERIE_FAKE_PLAIN(DropRole)
  AERIE_FAKE_PLAIN(OperateUserRole)
  AERIE_FAKE_USUAL(SelectRole)
  AERIE_FAKE_USUAL(SelectUser)
  AERIE_FAKE_PLAIN(OperatePrivilege)
  AERIE_FAKE_USUAL(SelectGrant)
#undef AERIE_FAKE_USUAL
#undef AERIE_FAKE_PLAIN
#undef AERIE_FAKE_CALL

 private:
  template <class Request, class Answer>
  grpc::Status Serve(const char* rpc, const grpc::ServerContext& context, const Request& request,
                     Answer& answer) {
    const Call call{rpc, state_->Count(rpc), request, MetadataOf(context)};
    if (const auto hook = state_->FindHook(state_->before, rpc)) hook(call);
    if (auto refusal = state_->Admit(context, rpc, request); !refusal.ok()) return refusal;
    const auto fault = state_->TakeFault(rpc);
    if (fault && fault->kind == Fault::Kind::kLostBefore) return Lost();
    if (fault && fault->kind == Fault::Kind::kGrpcError) return {fault->grpc_code, fault->reason};
    if (fault && fault->kind == Fault::Kind::kCrashBefore) {
      state_->Die();
      return Lost();
    }
    if (fault && fault->kind == Fault::Kind::kMilvusError) {
      Fail(StatusOf(answer), fault->code, fault->reason, fault->retriable);
    } else if (!state_->Run(context, [&](FakeCluster& cluster) { cluster.Do(request, &answer); })) {
      state_->Die();
      return Lost();
    }
    if (const auto hook = state_->FindHook(state_->after, rpc)) hook(call, answer);
    if (fault && fault->kind == Fault::Kind::kLostAfter) return Lost();
    if (fault && fault->kind == Fault::Kind::kCrashAfter) {
      state_->Die();
      return Lost();
    }
    return state_->Finish(answer);
  }

  State* state_;
};

// --- The server's life ---

void FakeMilvus::State::Start() {
  const std::lock_guard lock(server_mutex);
  if (server) return;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(service.get());
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  // Otherwise a restarted server could share the port with another one's.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // 1.5: clients ping every 10 s, also without calls.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
  server = builder.BuildAndStart();
  if (!server || port == 0) {
    std::fputs("fake Milvus: cannot listen on 127.0.0.1\n", stderr);
    std::abort();
  }
  dying = false;
}

void FakeMilvus::State::Stop() {
  std::unique_lock lock(server_mutex);
  changed.wait(lock, [&] { return !stopping; });
  if (server) StopLocked(lock);
}

void FakeMilvus::State::StopLocked(std::unique_lock<std::mutex>& lock) {
  stopping = true;
  const std::unique_ptr<grpc::Server> stopped = std::move(server);
  lock.unlock();
  // A deadline that has passed: calls are cut, not awaited (their handlers are).
  stopped->Shutdown(std::chrono::system_clock::now());
  lock.lock();
  stopping = false;
  changed.notify_all();
}

// Called by a handler, which cannot stop its own server: the reaper does.
void FakeMilvus::State::Die() {
  const std::lock_guard lock(server_mutex);
  dying = true;
  changed.notify_all();
}

void FakeMilvus::State::Reap() {
  std::unique_lock lock(server_mutex);
  for (;;) {
    changed.wait(lock, [&] { return ending || (dying && server && !stopping); });
    if (ending) return;
    StopLocked(lock);
  }
}

// --- The script ---

int FakeMilvus::State::Count(const std::string& rpc) {
  const std::lock_guard lock(script_mutex);
  return ++calls[rpc];
}

std::optional<Fault> FakeMilvus::State::TakeFault(const std::string& rpc) {
  const std::lock_guard lock(script_mutex);
  std::optional<Fault> taken;
  for (Pending& pending : faults) {
    if (pending.fault.rpc != rpc) continue;
    pending.seen += 1;
    if (!taken && pending.seen >= pending.fault.first && pending.fault.times > 0) {
      pending.fault.times -= 1;
      taken = pending.fault;
    }
  }
  std::erase_if(faults, [](const Pending& pending) { return pending.fault.times <= 0; });
  return taken;
}

template <class Hook>
Hook FakeMilvus::State::FindHook(const std::map<std::string, Hook>& hooks,
                                 const std::string& rpc) const {
  const std::lock_guard lock(script_mutex);
  auto found = hooks.find(rpc);
  if (found == hooks.end()) found = hooks.find("*");
  return found == hooks.end() ? Hook() : found->second;
}

// What is refused before the call is looked at.
grpc::Status FakeMilvus::State::Admit(const grpc::ServerContext& context, const char* rpc,
                                      const Message& request) {
  {
    const std::lock_guard lock(server_mutex);
    if (dying) return Lost();
  }
  const std::lock_guard lock(cluster_mutex);
  const Behaviour& behaviour = cluster.behaviour;
  if (behaviour.unimplemented.count(rpc) != 0) {
    return {grpc::StatusCode::UNIMPLEMENTED, std::string("unknown method ") + rpc +
                                                 " for service milvus.proto.milvus.MilvusService"};
  }
  cluster.caller.clear();
  const std::string authorization = Header(context, "authorization");
  const bool known = cluster.Authenticate(authorization);
  if (behaviour.authentication && !known) {
    return {grpc::StatusCode::UNAUTHENTICATED,
            authorization.empty() ? "missing authorization in header"
                                  : "auth check failure, please check username and password are "
                                    "correct"};
  }
  const std::size_t size = request.ByteSizeLong();
  if (size > behaviour.request_limit_bytes) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            "grpc: received message larger than max (" + std::to_string(size) + " vs. " +
                std::to_string(behaviour.request_limit_bytes) + ")"};
  }
  return grpc::Status::OK;
}

// False if the call killed the server.
bool FakeMilvus::State::Run(const grpc::ServerContext& context,
                            const std::function<void(FakeCluster&)>& work) {
  const std::lock_guard lock(cluster_mutex);
  cluster.header_database = Header(context, "dbname");
  cluster.caller.clear();
  cluster.Authenticate(Header(context, "authorization"));
  work(cluster);
  cluster.header_database.clear();
  return !std::exchange(cluster.crashed, false);
}

// 1.4: what older releases do not fill. 3.5: what is too large to be sent.
grpc::Status FakeMilvus::State::Finish(Message& answer) {
  const std::lock_guard lock(cluster_mutex);
  const Behaviour& behaviour = cluster.behaviour;
  common::Status* status = StatusOf(answer);
  if (!behaviour.status_code) {
    status->clear_code();
    status->clear_retriable();
    status->clear_detail();
  }
  if (behaviour.status_extra_info && status->code() == 1100) {
    (*status->mutable_extra_info())["is_input_error"] = "true";
  }
  const std::size_t size = answer.ByteSizeLong();
  if (size > behaviour.answer_limit_bytes) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            "grpc: trying to send message larger than max (" + std::to_string(size) + " vs. " +
                std::to_string(behaviour.answer_limit_bytes) + ")"};
  }
  return grpc::Status::OK;
}

// --- FakeMilvus ---

FakeMilvus::FakeMilvus(Behaviour behaviour) : state_(std::make_unique<State>()) {
  state_->cluster.behaviour = std::move(behaviour);
  state_->service = std::make_unique<Service>(state_.get());
  state_->Start();
  state_->reaper = std::thread([state = state_.get()] { state->Reap(); });
}

FakeMilvus::~FakeMilvus() {
  {
    const std::lock_guard lock(state_->server_mutex);
    state_->ending = true;
    state_->changed.notify_all();
  }
  state_->reaper.join();
  state_->Stop();
}

std::string FakeMilvus::address() const {
  const std::lock_guard lock(state_->server_mutex);
  return "127.0.0.1:" + std::to_string(state_->port);
}

std::string FakeMilvus::uri() const { return "http://" + address(); }

void FakeMilvus::Change(const std::function<void(Behaviour&)>& change) {
  With([&](FakeCluster& cluster) { change(cluster.behaviour); });
}

void FakeMilvus::Inject(Fault fault) {
  const std::lock_guard lock(state_->script_mutex);
  state_->faults.push_back({std::move(fault), 0});
}

void FakeMilvus::Before(const std::string& rpc, BeforeHook hook) {
  const std::lock_guard lock(state_->script_mutex);
  state_->before[rpc] = std::move(hook);
}

void FakeMilvus::After(const std::string& rpc, AfterHook hook) {
  const std::lock_guard lock(state_->script_mutex);
  state_->after[rpc] = std::move(hook);
}

int FakeMilvus::Calls(const std::string& rpc) const {
  const std::lock_guard lock(state_->script_mutex);
  const auto found = state_->calls.find(rpc);
  return found == state_->calls.end() ? 0 : found->second;
}

void FakeMilvus::With(const std::function<void(FakeCluster&)>& work) {
  const std::lock_guard lock(state_->cluster_mutex);
  work(state_->cluster);
}

void FakeMilvus::Create(const schema::CollectionSchema& schema, const std::string& database) {
  pb::CreateCollectionRequest create;
  create.set_db_name(database);
  create.set_collection_name(schema.name());
  create.set_schema(schema.SerializeAsString());
  create.set_shards_num(2);
  create.set_consistency_level(common::Bounded);
  Apply<common::Status>(create);
  for (const schema::FieldSchema& field : schema.fields()) {
    if (!IsVector(field.data_type())) continue;
    pb::CreateIndexRequest index;
    index.set_db_name(database);
    index.set_collection_name(schema.name());
    index.set_field_name(field.name());
    common::KeyValuePair* type = index.add_extra_params();
    type->set_key("index_type");
    type->set_value("FLAT");
    Apply<common::Status>(index);
  }
  pb::LoadCollectionRequest load;
  load.set_db_name(database);
  load.set_collection_name(schema.name());
  Apply<common::Status>(load);
}

void FakeMilvus::Kill() { state_->Stop(); }

void FakeMilvus::Restart() {
  state_->Stop();
  state_->Start();
}

bool FakeMilvus::running() const {
  const std::lock_guard lock(state_->server_mutex);
  return state_->server != nullptr && !state_->dying;
}

// --- Collections that many tests use ---

namespace {

constexpr int kSimpleDim = 4;

schema::CollectionSchema SchemaWithKey(const std::string& collection, schema::DataType key_type) {
  schema::CollectionSchema out;
  out.set_name(collection);
  schema::FieldSchema* id = out.add_fields();
  id->set_name("id");
  id->set_is_primary_key(true);
  id->set_data_type(key_type);
  if (key_type == schema::VarChar) {
    common::KeyValuePair* length = id->add_type_params();
    length->set_key("max_length");
    length->set_value("65535");
  }
  schema::FieldSchema* value = out.add_fields();
  value->set_name("value");
  value->set_data_type(schema::Int64);
  schema::FieldSchema* vector = out.add_fields();
  vector->set_name("vector");
  vector->set_data_type(schema::FloatVector);
  common::KeyValuePair* dim = vector->add_type_params();
  dim->set_key("dim");
  dim->set_value(std::to_string(kSimpleDim));
  return out;
}

// A request with the columns "value" and "vector" filled, and "id" for the caller to fill.
pb::InsertRequest RowsWithoutKeys(const std::string& collection, std::size_t rows,
                                  std::int64_t value) {
  pb::InsertRequest out;
  out.set_collection_name(collection);
  out.set_num_rows(static_cast<std::uint32_t>(rows));
  out.add_fields_data()->set_field_name("id");
  schema::FieldData* values = out.add_fields_data();
  values->set_type(schema::Int64);
  values->set_field_name("value");
  schema::FieldData* vectors = out.add_fields_data();
  vectors->set_type(schema::FloatVector);
  vectors->set_field_name("vector");
  vectors->mutable_vectors()->set_dim(kSimpleDim);
  for (std::size_t row = 0; row < rows; ++row) {
    const auto number = static_cast<std::int64_t>(row) + value;
    values->mutable_scalars()->mutable_long_data()->add_data(number);
    for (int i = 0; i < kSimpleDim; ++i) {
      vectors->mutable_vectors()->mutable_float_vector()->add_data(static_cast<float>(number + i));
    }
  }
  return out;
}

}  // namespace

schema::CollectionSchema SimpleSchema(const std::string& collection) {
  return SchemaWithKey(collection, schema::Int64);
}

schema::CollectionSchema SimpleTextSchema(const std::string& collection) {
  return SchemaWithKey(collection, schema::VarChar);
}

pb::InsertRequest SimpleRows(const std::string& collection, const std::vector<std::int64_t>& keys,
                             std::int64_t value) {
  pb::InsertRequest out = RowsWithoutKeys(collection, keys.size(), value);
  schema::FieldData* column = out.mutable_fields_data(0);
  column->set_type(schema::Int64);
  *column->mutable_scalars()->mutable_long_data()->mutable_data() = {keys.begin(), keys.end()};
  return out;
}

pb::InsertRequest SimpleTextRows(const std::string& collection,
                                 const std::vector<std::string>& keys, std::int64_t value) {
  pb::InsertRequest out = RowsWithoutKeys(collection, keys.size(), value);
  schema::FieldData* column = out.mutable_fields_data(0);
  column->set_type(schema::VarChar);
  *column->mutable_scalars()->mutable_string_data()->mutable_data() = {keys.begin(), keys.end()};
  return out;
}

}  // namespace aerie::fake
