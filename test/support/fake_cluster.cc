#include "fake_cluster.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <utility>

#include <google/protobuf/util/message_differencer.h>

namespace aerie::fake {
namespace {

using KeyValues = google::protobuf::RepeatedPtrField<common::KeyValuePair>;
using Names = google::protobuf::RepeatedPtrField<std::string>;

constexpr char kDefaultDatabase[] = "default";
constexpr char kDefaultPartition[] = "_default";
constexpr char kMeta[] = "$meta";

const std::string* FindValue(const KeyValues& pairs, const std::string& key) {
  for (const auto& pair : pairs) {
    if (pair.key() == key) return &pair.value();
  }
  return nullptr;
}

void SetValue(KeyValues& pairs, const std::string& key, const std::string& value) {
  for (auto& pair : pairs) {
    if (pair.key() == key) {
      pair.set_value(value);
      return;
    }
  }
  common::KeyValuePair* pair = pairs.Add();
  pair->set_key(key);
  pair->set_value(value);
}

void AlterValues(KeyValues& pairs, const KeyValues& set, const Names& remove) {
  for (const auto& pair : set) SetValue(pairs, pair.key(), pair.value());
  for (const auto& key : remove) {
    const auto gone = std::find_if(pairs.begin(), pairs.end(),
                                   [&](const auto& pair) { return pair.key() == key; });
    if (gone != pairs.end()) pairs.erase(gone);
  }
}

bool SameValues(const KeyValues& left, const KeyValues& right) {
  return left.size() == right.size() &&
         std::all_of(left.begin(), left.end(), [&](const auto& pair) {
           const std::string* other = FindValue(right, pair.key());
           return other && *other == pair.value();
         });
}

std::uint64_t Milliseconds(std::uint64_t timestamp) { return timestamp >> 18U; }

int NextStartNumber() {
  static std::atomic<int> started = 0;
  return ++started;
}

}  // namespace

void Fail(common::Status* status, int code, const std::string& reason, bool retriable) {
  common::ErrorCode old = common::UnexpectedError;
  switch (code) {
    case 8: old = common::RateLimit; break;
    case 100: old = common::CollectionNotExists; break;
    case 200:
    case 400: old = common::MetaFailed; break;
    case 700: old = common::IndexNotExist; break;
    case 1100: old = common::IllegalArgument; break;
    default: break;
  }
  status->set_error_code(old);
  status->set_code(code);
  status->set_reason(reason);
  status->set_detail(reason);
  status->set_retriable(retriable);
}

std::string EncodeBase64(const std::string& plain) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < plain.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8U | (at + i < plain.size() ? static_cast<unsigned char>(plain[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += at + i > plain.size() ? '=' : kDigits[(bits >> (18 - 6 * i)) & 63U];
    }
  }
  return out;
}

std::optional<std::string> DecodeBase64(const std::string& text) {
  std::string out;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    if (c == '=') break;
    const int digit = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (digit < 0) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>((bits >> static_cast<unsigned>(have)) & 255U);
    }
  }
  if (text.empty() || EncodeBase64(out) != text) return std::nullopt;
  return out;
}

bool FakeCollection::loaded() const {
  return std::any_of(partitions.begin(), partitions.end(),
                     [](const FakePartition& p) { return p.loaded; });
}

FakePartition* FakeCollection::FindPartition(const std::string& name) {
  for (FakePartition& partition : partitions) {
    if (partition.name == name) return &partition;
  }
  return nullptr;
}

std::optional<std::size_t> FakeCollection::FindColumn(const std::string& name) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name() == name) return i;
  }
  return std::nullopt;
}

std::string FakeCollection::Property(const std::string& key) const {
  const std::string* value = FindValue(properties, key);
  return value ? *value : std::string();
}

FakeCluster::FakeCluster()
    : behaviour(Behaviour::Of(Release::k2_3)), start_number_(NextStartNumber()) {
  databases_[kDefaultDatabase].id = 1;
  passwords_["root"] = "Milvus";
  roles_["admin"] = "";
  roles_["public"] = "";
  user_roles_.insert({"root", "admin"});
}

void FakeCluster::AdvanceTime(std::int64_t milliseconds) {
  now_ = (Milliseconds(now_) + static_cast<std::uint64_t>(milliseconds)) << 18U;
}

FakeCollection* FakeCluster::Collection(const std::string& database, const std::string& name) {
  const auto db = databases_.find(database);
  if (db == databases_.end()) return nullptr;
  const auto found = db->second.collections.find(name);
  return found == db->second.collections.end() ? nullptr : &found->second;
}

void FakeCluster::Compact(FakeCollection& collection) {
  for (auto it = collection.rows.begin(); it != collection.rows.end();) {
    auto& copies = it->second;
    std::erase_if(copies, [](const FakeRow& row) { return row.deleted != 0; });
    it = copies.empty() ? collection.rows.erase(it) : std::next(it);
  }
}

bool FakeCluster::Authenticate(const std::string& authorization) {
  const auto plain = DecodeBase64(authorization);
  if (!plain) return false;
  const auto colon = plain->find(':');
  if (colon == std::string::npos) return false;
  const auto user = passwords_.find(plain->substr(0, colon));
  if (user == passwords_.end() || user->second != plain->substr(colon + 1)) return false;
  caller = user->first;
  return true;
}

// 1.5: the request's database wins over the header's; neither means "default".
FakeDatabase* FakeCluster::FindDatabase(const std::string& name, common::Status* status) {
  const std::string& wanted =
      !name.empty() ? name : (!header_database.empty() ? header_database : kDefaultDatabase);
  const auto found = databases_.find(wanted);
  if (found != databases_.end()) return &found->second;
  Fail(status, 800, "database not found[database=" + wanted + "]");
  return nullptr;
}

FakeCollection* FakeCluster::FindCollection(const std::string& database, const std::string& name,
                                            common::Status* status) {
  FakeDatabase* db = FindDatabase(database, status);
  if (!db) return nullptr;
  const auto alias = db->aliases.find(name);
  const auto found = db->collections.find(alias == db->aliases.end() ? name : alias->second);
  if (found != db->collections.end()) return &found->second;
  Fail(status, 100, "collection not found[collection=" + name + "]");
  return nullptr;
}

FakeCollection* FakeCluster::FindById(std::int64_t id) {
  for (auto& [db_name, db] : databases_) {
    for (auto& [name, collection] : db.collections) {
      if (collection.id == id) return &collection;
    }
  }
  return nullptr;
}

FakePartition* FakeCluster::FindPartition(FakeCollection& collection, const std::string& name,
                                          common::Status* status) {
  FakePartition* partition = collection.FindPartition(name);
  if (!partition) Fail(status, 200, "partition not found[partition=" + name + "]");
  return partition;
}

// --- Connection ---

void FakeCluster::Do(const pb::ConnectRequest& /*request*/, pb::ConnectResponse* answer) {
  answer->mutable_server_info()->set_build_tags(behaviour.version);
  answer->mutable_server_info()->set_deploy_mode("STANDALONE");
  answer->set_identifier(NextId());
}

void FakeCluster::Do(const pb::GetVersionRequest& /*request*/, pb::GetVersionResponse* answer) {
  answer->set_version(behaviour.version);
}

void FakeCluster::Do(const pb::CheckHealthRequest& /*request*/, pb::CheckHealthResponse* answer) {
  answer->set_ishealthy(true);
}

void FakeCluster::Do(const pb::GetMetricsRequest& /*request*/, pb::GetMetricsResponse* answer) {
  // Two fakes that did the same are clones of each other but for this.
  answer->set_response(R"({"nodes_info":[{"infos":{"created_time":"start )" +
                       std::to_string(start_number_) + R"("}}]})");
  answer->set_component_name("proxy");
}

void FakeCluster::Do(const pb::GetComponentStatesRequest& /*request*/,
                     pb::ComponentStates* answer) {
  answer->mutable_state()->set_role("proxy");
  answer->mutable_state()->set_state_code(common::Healthy);
}

void FakeCluster::Do(const pb::AllocTimestampRequest& /*request*/,
                     pb::AllocTimestampResponse* answer) {
  answer->set_timestamp(Tick());
}

// --- Databases ---

void FakeCluster::Do(const pb::CreateDatabaseRequest& request, common::Status* answer) {
  if (databases_.count(request.db_name()) != 0) {
    return Fail(answer, 65535, "database already exist: " + request.db_name());
  }
  FakeDatabase& db = databases_[request.db_name()];
  db.id = NextId();
  db.created = Tick();
  db.properties = request.properties();
}

void FakeCluster::Do(const pb::DropDatabaseRequest& request, common::Status* answer) {
  const auto found = databases_.find(request.db_name());
  if (found == databases_.end()) return;
  if (!found->second.collections.empty()) {
    return Fail(answer, 65535, "database:" + request.db_name() + " not empty");
  }
  databases_.erase(found);
}

void FakeCluster::Do(const pb::ListDatabasesRequest& /*request*/,
                     pb::ListDatabasesResponse* answer) {
  for (const auto& [name, db] : databases_) {
    answer->add_db_names(name);
    answer->add_created_timestamp(db.created);
    if (behaviour.release >= Release::k2_5) answer->add_db_ids(db.id);
  }
}

void FakeCluster::Do(const pb::AlterDatabaseRequest& request, common::Status* answer) {
  FakeDatabase* db = FindDatabase(request.db_name(), answer);
  if (db) AlterValues(db->properties, request.properties(), request.delete_keys());
}

void FakeCluster::Do(const pb::DescribeDatabaseRequest& request,
                     pb::DescribeDatabaseResponse* answer) {
  const FakeDatabase* db = FindDatabase(request.db_name(), answer->mutable_status());
  if (!db) return;
  answer->set_db_name(request.db_name());
  answer->set_dbid(db->id);
  answer->set_created_timestamp(db->created);
  *answer->mutable_properties() = db->properties;
}

// --- Collections ---

// 1.6: ids are given anew; what the release does not know is dropped without a word.
bool FakeCluster::PrepareSchema(schema::CollectionSchema& schema, common::Status* status) const {
  std::int64_t id = 100;
  int vectors = 0;
  int keys = 0;
  for (auto& field : *schema.mutable_fields()) {
    field.set_fieldid(id++);
    field.set_state(schema::FieldCreated);
    if (!behaviour.keeps_nullable) field.clear_nullable();
    vectors += IsVector(field.data_type()) ? 1 : 0;
    keys += field.is_primary_key() ? 1 : 0;
  }
  for (auto& field : *schema.mutable_struct_array_fields()) {
    field.set_fieldid(id++);
    for (auto& sub : *field.mutable_fields()) sub.set_fieldid(id++);
  }
  if (keys != 1) {
    Fail(status, 65535, "there must be exactly one primary key");
  } else if (vectors > behaviour.max_vector_fields) {
    Fail(status, 65535, "multiple vector fields is not supported");
  }
  return status->code() == 0;
}

void FakeCluster::SetColumns(FakeCollection& collection) {
  std::vector<schema::FieldSchema>& columns = collection.columns;
  columns.assign(collection.schema.fields().begin(), collection.schema.fields().end());
  std::int64_t last_id = 99;
  for (const auto& field : collection.schema.struct_array_fields()) {
    schema::FieldSchema& column = columns.emplace_back();
    column.set_fieldid(field.fieldid());
    column.set_name(field.name());
    column.set_data_type(schema::ArrayOfStruct);
    for (const auto& sub : field.fields()) last_id = std::max(last_id, sub.fieldid());
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    last_id = std::max(last_id, columns[i].fieldid());
    if (columns[i].is_primary_key()) collection.key_column = i;
    if (columns[i].is_partition_key()) collection.partition_key_column = i;
  }
  if (!collection.schema.enable_dynamic_field()) return;
  schema::FieldSchema& meta = columns.emplace_back();
  meta.set_fieldid(last_id + 1);
  meta.set_name(kMeta);
  meta.set_data_type(schema::JSON);
  meta.set_is_dynamic(true);
}

void FakeCluster::Do(const pb::CreateCollectionRequest& request, common::Status* answer) {
  FakeDatabase* db = FindDatabase(request.db_name(), answer);
  if (!db) return;
  FakeCollection made;
  if (!made.schema.ParseFromString(request.schema())) {
    return Fail(answer, 65535, "failed to unmarshal schema");
  }
  const std::string& name = request.collection_name();
  if (made.schema.name() != name) {
    return Fail(answer, 65535, "collection name matches schema name failed");
  }
  if (db->aliases.count(name) != 0) return Fail(answer, 1602, "collection and alias conflict");
  if (!PrepareSchema(made.schema, answer)) return;
  if (const auto old = db->collections.find(name); old != db->collections.end()) {
    if (google::protobuf::util::MessageDifferencer::Equals(old->second.schema, made.schema)) {
      return;
    }
    return Fail(answer, 65535, "create duplicate collection with different parameters");
  }
  SetColumns(made);
  made.id = NextId();
  made.created = made.updated = Tick();
  made.shards = request.shards_num() > 0 ? request.shards_num() : 1;
  made.consistency = request.consistency_level();
  made.properties = request.properties();
  const std::int64_t wanted = request.num_partitions();
  if (!made.partition_key_column) {
    made.partitions.push_back({NextId(), kDefaultPartition, Tick(), false});
  } else {
    const std::int64_t usual = behaviour.release < Release::k2_4 ? 64 : 16;
    for (std::int64_t i = 0; i < (wanted > 0 ? wanted : usual); ++i) {
      made.partitions.push_back({NextId(), "_default_" + std::to_string(i), Tick(), false});
    }
  }
  db->collections.emplace(name, std::move(made));
}

// 1.6: dropping what is not there succeeds; an alias is not enough to drop by.
void FakeCluster::Do(const pb::DropCollectionRequest& request, common::Status* answer) {
  FakeDatabase* db = FindDatabase(request.db_name(), answer);
  if (!db) return;
  if (db->aliases.count(request.collection_name()) != 0) {
    return Fail(answer, 65535,
                "cannot drop the collection via alias = " + request.collection_name());
  }
  db->collections.erase(request.collection_name());
  std::erase_if(db->aliases,
                [&](const auto& alias) { return alias.second == request.collection_name(); });
}

void FakeCluster::Do(const pb::HasCollectionRequest& request, pb::BoolResponse* answer) {
  common::Status missing;
  const bool found =
      FindCollection(request.db_name(), request.collection_name(), &missing) != nullptr;
  if (missing.code() != 0 && missing.code() != 100) *answer->mutable_status() = missing;
  answer->set_value(found);
}

// 1.6: asked by alias, the answer's collection_name is the alias; schema.name is the real one.
void FakeCluster::Do(const pb::DescribeCollectionRequest& request,
                     pb::DescribeCollectionResponse* answer) {
  common::Status* status = answer->mutable_status();
  FakeCollection* c = nullptr;
  if (request.collection_name().empty() && request.collectionid() != 0) {
    c = FindById(request.collectionid());
    if (!c) Fail(status, 100, "collection not found");
  } else {
    c = FindCollection(request.db_name(), request.collection_name(), status);
  }
  if (!c) {
    if (status->code() == 100) status->set_error_code(common::UnexpectedError);  // 1.4
    return;
  }
  *answer->mutable_schema() = c->schema;
  answer->set_collectionid(c->id);
  answer->set_collection_name(request.collection_name().empty() ? c->schema.name()
                                                                : request.collection_name());
  for (auto& [db_name, db] : databases_) {
    for (const auto& [name, candidate] : db.collections) {
      if (candidate.id != c->id) continue;
      answer->set_db_name(db_name);
      for (const auto& [alias, target] : db.aliases) {
        if (target == name) answer->add_aliases(alias);
      }
    }
  }
  for (std::int32_t shard = 0; shard < c->shards; ++shard) {
    const std::string channel = "by-dev-rootcoord-dml_" + std::to_string(shard);
    answer->add_physical_channel_names(channel);
    answer->add_virtual_channel_names(channel + "_" + std::to_string(c->id) + "v" +
                                      std::to_string(shard));
  }
  answer->set_created_timestamp(c->created);
  answer->set_created_utc_timestamp(Milliseconds(c->created));
  answer->set_shards_num(c->shards);
  answer->set_consistency_level(c->consistency);
  *answer->mutable_properties() = c->properties;
  answer->set_num_partitions(static_cast<std::int64_t>(c->partitions.size()));
  if (behaviour.release >= Release::k2_4) answer->set_update_timestamp(c->updated);
}

void FakeCluster::Do(const pb::ShowCollectionsRequest& request,
                     pb::ShowCollectionsResponse* answer) {
  const FakeDatabase* db = FindDatabase(request.db_name(), answer->mutable_status());
  if (!db) return;
  for (const auto& [name, collection] : db->collections) {
    if (request.type() == pb::InMemory && !collection.loaded()) continue;
    answer->add_collection_names(name);
    answer->add_collection_ids(collection.id);
    answer->add_created_timestamps(collection.created);
    answer->add_created_utc_timestamps(Milliseconds(collection.created));
    if (request.type() == pb::InMemory) {
      answer->add_inmemory_percentages(100);
      answer->add_query_service_available(true);
    }
  }
}

// 1.6: without newDBName the collection moves to "default".
void FakeCluster::Do(const pb::RenameCollectionRequest& request, common::Status* answer) {
  FakeDatabase* from = FindDatabase(request.db_name(), answer);
  const std::string target = request.newdbname().empty() ? kDefaultDatabase : request.newdbname();
  FakeDatabase* to = from ? FindDatabase(target, answer) : nullptr;
  if (!to) return;
  const auto found = from->collections.find(request.oldname());
  if (found == from->collections.end()) return Fail(answer, 100, "collection not found");
  if (to->collections.count(request.newname()) != 0) {
    return Fail(answer, 65535, "duplicated new collection name: " + request.newname());
  }
  FakeCollection moved = std::move(found->second);
  from->collections.erase(found);
  for (auto& [alias, name] : from->aliases) {
    if (name == request.oldname()) name = request.newname();
  }
  moved.schema.set_name(request.newname());
  moved.updated = Tick();
  to->collections.emplace(request.newname(), std::move(moved));
}

void FakeCluster::Do(const pb::AlterCollectionRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  AlterValues(c->properties, request.properties(), request.delete_keys());
  c->updated = Tick();
}

void FakeCluster::Do(const pb::AlterCollectionFieldRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  for (auto& field : *c->schema.mutable_fields()) {
    if (field.name() != request.field_name()) continue;
    AlterValues(*field.mutable_type_params(), request.properties(), request.delete_keys());
    *c->columns[*c->FindColumn(field.name())].mutable_type_params() = field.type_params();
    c->updated = Tick();
    return;
  }
  Fail(answer, 1700, "field not found[field=" + request.field_name() + "]");
}

// 2.3: an added field comes after "$meta"; rows that were there have its default, or null.
void FakeCluster::Do(const pb::AddCollectionFieldRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  schema::FieldSchema field;
  if (!field.ParseFromString(request.schema()) || !field.nullable()) {
    return Fail(answer, 1100, "added field must be nullable");
  }
  if (c->FindColumn(field.name())) return Fail(answer, 1100, "duplicate field name");
  field.set_fieldid(c->columns.back().fieldid() + 1);
  *c->schema.add_fields() = field;
  c->columns.push_back(field);
  c->updated = Tick();
  for (auto& [key, copies] : c->rows) {
    for (FakeRow& row : copies) row.cells.push_back(DefaultCell(field));
  }
}

// Section 7: counts every row of sealed segments, also deleted ones, and no growing one.
void FakeCluster::Do(const pb::GetCollectionStatisticsRequest& request,
                     pb::GetCollectionStatisticsResponse* answer) {
  const FakeCollection* c =
      FindCollection(request.db_name(), request.collection_name(), answer->mutable_status());
  if (!c) return;
  std::int64_t count = 0;
  for (const auto& [key, copies] : c->rows) {
    count += std::count_if(copies.begin(), copies.end(), [&](const FakeRow& row) {
      return row.segment / c->shards < c->generation;
    });
  }
  SetValue(*answer->mutable_stats(), "row_count", std::to_string(count));
}

// --- Partitions and aliases ---

void FakeCluster::Do(const pb::CreatePartitionRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  if (c->partition_key_column) {
    return Fail(answer, 65535, "disable create partition if partition key mode is used");
  }
  if (c->FindPartition(request.partition_name())) return;
  c->partitions.push_back({NextId(), request.partition_name(), Tick(), false});
}

void FakeCluster::Do(const pb::DropPartitionRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  const FakePartition* gone = c->FindPartition(request.partition_name());
  if (!gone) return;
  if (gone->loaded) return Fail(answer, 65535, "partition cannot be dropped, it is loaded");
  for (auto& [key, copies] : c->rows) {
    std::erase_if(copies, [&](const FakeRow& row) { return row.partition == gone->id; });
  }
  std::erase_if(c->rows, [](const auto& entry) { return entry.second.empty(); });
  std::erase_if(c->partitions, [&](const FakePartition& p) { return p.id == gone->id; });
}

void FakeCluster::Do(const pb::HasPartitionRequest& request, pb::BoolResponse* answer) {
  FakeCollection* c =
      FindCollection(request.db_name(), request.collection_name(), answer->mutable_status());
  if (c) answer->set_value(c->FindPartition(request.partition_name()) != nullptr);
}

void FakeCluster::Do(const pb::ShowPartitionsRequest& request, pb::ShowPartitionsResponse* answer) {
  FakeCollection* c =
      FindCollection(request.db_name(), request.collection_name(), answer->mutable_status());
  if (!c) return;
  for (const FakePartition& partition : c->partitions) {
    const auto& wanted = request.partition_names();
    if (!wanted.empty() &&
        std::find(wanted.begin(), wanted.end(), partition.name) == wanted.end()) {
      continue;
    }
    if (request.type() == pb::InMemory && !partition.loaded) {
      if (wanted.empty()) continue;
      answer->clear_partition_names();
      return Fail(answer->mutable_status(), 201, "partition not loaded");
    }
    answer->add_partition_names(partition.name);
    answer->add_partitionids(partition.id);
    answer->add_created_timestamps(partition.created);
    answer->add_created_utc_timestamps(Milliseconds(partition.created));
    if (request.type() == pb::InMemory) answer->add_inmemory_percentages(100);
  }
}

void FakeCluster::Do(const pb::GetPartitionStatisticsRequest& request,
                     pb::GetPartitionStatisticsResponse* answer) {
  common::Status* status = answer->mutable_status();
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), status);
  const FakePartition* partition =
      c ? FindPartition(*c, request.partition_name(), status) : nullptr;
  if (!partition) return;
  std::int64_t count = 0;
  for (const auto& [key, copies] : c->rows) {
    count += std::count_if(copies.begin(), copies.end(), [&](const FakeRow& row) {
      return row.partition == partition->id && row.segment / c->shards < c->generation;
    });
  }
  SetValue(*answer->mutable_stats(), "row_count", std::to_string(count));
}

void FakeCluster::Do(const pb::CreateAliasRequest& request, common::Status* answer) {
  FakeDatabase* db = FindDatabase(request.db_name(), answer);
  if (!db) return;
  const auto used = db->aliases.find(request.alias());
  if (used != db->aliases.end()) {
    if (used->second == request.collection_name()) return;
    return Fail(answer, 1602, "alias exists and already aliased to another collection");
  }
  if (db->collections.count(request.alias()) != 0) {
    return Fail(answer, 1601, "alias and collection name conflict");
  }
  if (db->collections.count(request.collection_name()) == 0) {
    return Fail(answer, 100, "collection not found");
  }
  db->aliases[request.alias()] = request.collection_name();
}

void FakeCluster::Do(const pb::AlterAliasRequest& request, common::Status* answer) {
  FakeDatabase* db = FindDatabase(request.db_name(), answer);
  if (!db) return;
  if (db->collections.count(request.collection_name()) == 0) {
    return Fail(answer, 100, "collection not found");
  }
  const auto alias = db->aliases.find(request.alias());
  if (alias == db->aliases.end()) return Fail(answer, 1600, "alias not found");
  alias->second = request.collection_name();
}

void FakeCluster::Do(const pb::DropAliasRequest& request, common::Status* answer) {
  FakeDatabase* db = FindDatabase(request.db_name(), answer);
  if (db) db->aliases.erase(request.alias());
}

void FakeCluster::Do(const pb::DescribeAliasRequest& request, pb::DescribeAliasResponse* answer) {
  FakeDatabase* db = FindDatabase(request.db_name(), answer->mutable_status());
  if (!db) return;
  const auto alias = db->aliases.find(request.alias());
  if (alias == db->aliases.end()) return Fail(answer->mutable_status(), 1600, "alias not found");
  answer->set_db_name(request.db_name());
  answer->set_alias(alias->first);
  answer->set_collection(alias->second);
}

// 1.6: without a collection it lists all aliases of the database.
void FakeCluster::Do(const pb::ListAliasesRequest& request, pb::ListAliasesResponse* answer) {
  FakeDatabase* db = FindDatabase(request.db_name(), answer->mutable_status());
  if (!db) return;
  answer->set_db_name(request.db_name());
  answer->set_collection_name(request.collection_name());
  for (const auto& [alias, collection] : db->aliases) {
    if (request.collection_name().empty() || request.collection_name() == collection) {
      answer->add_aliases(alias);
    }
  }
}

// --- Indexes ---

void FakeCluster::Do(const pb::CreateIndexRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  if (!c->FindColumn(request.field_name())) {
    return Fail(answer, 65535, "cannot create index on non-exist field: " + request.field_name());
  }
  const std::string name =
      request.index_name().empty() ? request.field_name() : request.index_name();
  for (const FakeIndex& index : c->indexes) {
    const bool same_field = index.field == request.field_name();
    if (index.name == name && same_field && SameValues(index.params, request.extra_params())) {
      return;
    }
    if (index.name == name || same_field) {
      return Fail(answer, 65535, "at most one distinct index is allowed per field");
    }
  }
  c->indexes.push_back({NextId(), name, request.field_name(), request.extra_params()});
}

void FakeCluster::Do(const pb::AlterIndexRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  for (FakeIndex& index : c->indexes) {
    if (index.name != request.index_name()) continue;
    return AlterValues(index.params, request.extra_params(), request.delete_keys());
  }
  Fail(answer, 700, "index not found[index=" + request.index_name() + "]");
}

void FakeCluster::Do(const pb::DescribeIndexRequest& request, pb::DescribeIndexResponse* answer) {
  common::Status* status = answer->mutable_status();
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), status);
  if (!c) return;
  for (const FakeIndex& index : c->indexes) {
    if (!request.field_name().empty() && request.field_name() != index.field) continue;
    if (!request.index_name().empty() && request.index_name() != index.name) continue;
    pb::IndexDescription* out = answer->add_index_descriptions();
    out->set_index_name(index.name);
    out->set_indexid(index.id);
    out->set_field_name(index.field);
    *out->mutable_params() = index.params;
    out->set_state(common::Finished);
    out->set_total_rows(static_cast<std::int64_t>(c->rows.size()));
    out->set_indexed_rows(static_cast<std::int64_t>(c->rows.size()));
  }
  if (answer->index_descriptions().empty()) Fail(status, 700, "index not found");
}

void FakeCluster::Do(const pb::DropIndexRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  if (c->loaded()) {
    return Fail(answer, 65535, "index cannot be dropped, collection is loaded, please release it");
  }
  std::erase_if(c->indexes, [&](const FakeIndex& index) {
    return request.index_name().empty() ? index.field == request.field_name()
                                        : index.name == request.index_name();
  });
}

// --- Loading ---

bool FakeCluster::MayLoad(FakeCollection& collection, common::Status* status) const {
  for (const schema::FieldSchema& field : collection.schema.fields()) {
    if (!IsVector(field.data_type())) continue;
    const auto indexed = [&](const FakeIndex& index) { return index.field == field.name(); };
    if (std::any_of(collection.indexes.begin(), collection.indexes.end(), indexed)) continue;
    Fail(status, 700,
         "there is no vector index on field: [" + field.name() + "], please create index firstly");
    return false;
  }
  collection.loading_polls = collection.loaded() ? 0 : behaviour.loading_polls;
  return true;
}

void FakeCluster::Do(const pb::LoadCollectionRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c || !MayLoad(*c, answer)) return;
  for (FakePartition& partition : c->partitions) partition.loaded = true;
  c->replicas = std::max(request.replica_number(), 1);
  c->load_fields = {request.load_fields().begin(), request.load_fields().end()};
  c->skips_dynamic = request.skip_load_dynamic_field();
  c->resource_groups = {request.resource_groups().begin(), request.resource_groups().end()};
}

void FakeCluster::Do(const pb::ReleaseCollectionRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  for (FakePartition& partition : c->partitions) partition.loaded = false;
  c->replicas = 0;
  c->load_fields.clear();
  c->skips_dynamic = false;
}

void FakeCluster::Do(const pb::LoadPartitionsRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  for (const auto& name : request.partition_names()) {
    if (!FindPartition(*c, name, answer)) return;
  }
  const bool was_loaded = c->loaded();
  if (!MayLoad(*c, answer)) return;
  for (const auto& name : request.partition_names()) c->FindPartition(name)->loaded = true;
  if (was_loaded) return;
  c->replicas = std::max(request.replica_number(), 1);
  c->load_fields = {request.load_fields().begin(), request.load_fields().end()};
  c->skips_dynamic = request.skip_load_dynamic_field();
  c->resource_groups = {request.resource_groups().begin(), request.resource_groups().end()};
}

void FakeCluster::Do(const pb::ReleasePartitionsRequest& request, common::Status* answer) {
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), answer);
  if (!c) return;
  for (const auto& name : request.partition_names()) {
    FakePartition* partition = FindPartition(*c, name, answer);
    if (!partition) return;
    partition->loaded = false;
  }
  if (!c->loaded()) c->replicas = 0;
}

void FakeCluster::Do(const pb::GetLoadingProgressRequest& request,
                     pb::GetLoadingProgressResponse* answer) {
  common::Status* status = answer->mutable_status();
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), status);
  if (!c) return;
  if (!c->loaded()) return Fail(status, 101, "collection not loaded");
  for (const auto& name : request.partition_names()) {
    const FakePartition* partition = FindPartition(*c, name, status);
    if (!partition) return;
    if (!partition->loaded)
      return Fail(status, 201, "partition not loaded[partition=" + name + "]");
  }
  const bool loading = c->loading_polls > 0;
  c->loading_polls -= loading ? 1 : 0;
  answer->set_progress(loading ? 50 : 100);
  answer->set_refresh_progress(loading ? 50 : 100);
}

// 1.6: a collection with one of its partitions released still says "loaded".
void FakeCluster::Do(const pb::GetLoadStateRequest& request, pb::GetLoadStateResponse* answer) {
  common::Status missing;
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), &missing);
  if (!c) {
    if (missing.code() == 100) {
      answer->set_state(common::LoadStateNotExist);
    } else {
      *answer->mutable_status() = missing;
    }
    return;
  }
  bool loaded = c->loaded();
  for (const auto& name : request.partition_names()) {
    const FakePartition* partition = FindPartition(*c, name, answer->mutable_status());
    if (!partition) return;
    loaded = loaded && partition->loaded;
  }
  const bool loading = loaded && c->loading_polls > 0;
  c->loading_polls -= loading ? 1 : 0;
  answer->set_state(loading  ? common::LoadStateLoading
                    : loaded ? common::LoadStateLoaded
                             : common::LoadStateNotLoad);
}

void FakeCluster::Do(const pb::GetReplicasRequest& request, pb::GetReplicasResponse* answer) {
  common::Status* status = answer->mutable_status();
  FakeCollection* c = request.collection_name().empty() && request.collectionid() != 0
                          ? FindById(request.collectionid())
                          : FindCollection(request.db_name(), request.collection_name(), status);
  if (!c && status->code() == 0) return Fail(status, 100, "collection not found");
  if (!c) return;
  if (!c->loaded()) return Fail(status, 400, "failed to get replicas: replica not found");
  for (std::int32_t i = 0; i < c->replicas; ++i) {
    pb::ReplicaInfo* replica = answer->add_replicas();
    replica->set_replicaid(c->id + 1 + i);
    replica->set_collectionid(c->id);
    for (const FakePartition& partition : c->partitions) {
      if (partition.loaded) replica->add_partition_ids(partition.id);
    }
    const auto groups = c->resource_groups.size();
    replica->set_resource_group_name(
        groups == 0 ? "__default_resource_group"
                    : c->resource_groups[static_cast<std::size_t>(i) % groups]);
  }
}

// --- Flush, segments, compaction ---

void FakeCluster::Do(const pb::FlushRequest& request, pb::FlushResponse* answer) {
  for (const auto& name : request.collection_names()) {
    FakeCollection* c = FindCollection(request.db_name(), name, answer->mutable_status());
    if (!c) return;
    std::set<std::int64_t> sealed;
    for (const auto& [key, copies] : c->rows) {
      for (const FakeRow& row : copies) {
        if (row.segment / c->shards == c->generation) sealed.insert(c->id + 1 + row.segment);
      }
    }
    c->generation += 1;
    auto& ids = (*answer->mutable_coll_segids())[name];
    for (const std::int64_t segment : sealed) ids.add_data(segment);
    (*answer->mutable_flush_coll_segids())[name];
    (*answer->mutable_coll_seal_times())[name] =
        static_cast<std::int64_t>(Milliseconds(now_) / 1000);
    if (behaviour.release >= Release::k2_3) (*answer->mutable_coll_flush_ts())[name] = Tick();
  }
  answer->set_db_name(request.db_name());
}

void FakeCluster::Do(const pb::GetFlushStateRequest& /*request*/,
                     pb::GetFlushStateResponse* answer) {
  answer->set_flushed(true);
}

void FakeCluster::Do(const pb::GetPersistentSegmentInfoRequest& request,
                     pb::GetPersistentSegmentInfoResponse* answer) {
  const FakeCollection* c =
      FindCollection(request.dbname(), request.collectionname(), answer->mutable_status());
  if (!c) return;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> segments;
  for (const auto& [key, copies] : c->rows) {
    for (const FakeRow& row : copies) {
      if (row.segment / c->shards < c->generation) segments[{row.segment, row.partition}] += 1;
    }
  }
  for (const auto& [segment, count] : segments) {
    pb::PersistentSegmentInfo* info = answer->add_infos();
    info->set_segmentid(c->id + 1 + segment.first);
    info->set_collectionid(c->id);
    info->set_partitionid(segment.second);
    info->set_num_rows(count);
    info->set_state(common::Flushed);
  }
}

void FakeCluster::Do(const pb::GetQuerySegmentInfoRequest& request,
                     pb::GetQuerySegmentInfoResponse* answer) {
  const FakeCollection* c =
      FindCollection(request.dbname(), request.collectionname(), answer->mutable_status());
  if (!c) return;
  if (!c->loaded()) return Fail(answer->mutable_status(), 101, "collection not loaded");
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> segments;
  for (const auto& [key, copies] : c->rows) {
    for (const FakeRow& row : copies) segments[{row.segment, row.partition}] += 1;
  }
  for (const auto& [segment, count] : segments) {
    pb::QuerySegmentInfo* info = answer->add_infos();
    info->set_segmentid(c->id + 1 + segment.first);
    info->set_collectionid(c->id);
    info->set_partitionid(segment.second);
    info->set_num_rows(count);
    info->set_state(segment.first / c->shards < c->generation ? common::Sealed : common::Growing);
  }
}

void FakeCluster::Do(const pb::ManualCompactionRequest& request,
                     pb::ManualCompactionResponse* answer) {
  FakeCollection* c = FindById(request.collectionid());
  if (!c) return Fail(answer->mutable_status(), 100, "collection not found");
  Compact(*c);
  answer->set_compactionid(NextId());
  answer->set_compactionplancount(1);
}

void FakeCluster::Do(const pb::GetCompactionStateRequest& /*request*/,
                     pb::GetCompactionStateResponse* answer) {
  answer->set_state(common::Completed);
  answer->set_completedplanno(1);
}

// --- Users, roles, privileges ---

void FakeCluster::Do(const pb::CreateCredentialRequest& request, common::Status* answer) {
  const auto plain = DecodeBase64(request.password());
  if (!plain) return Fail(answer, 65535, "decode password fail");
  if (!passwords_.emplace(request.username(), *plain).second) {
    Fail(answer, 65535, "user already exists:" + request.username());
  }
}

void FakeCluster::Do(const pb::UpdateCredentialRequest& request, common::Status* answer) {
  const auto old_plain = DecodeBase64(request.oldpassword());
  const auto new_plain = DecodeBase64(request.newpassword());
  if (!old_plain || !new_plain) return Fail(answer, 65535, "decode password fail");
  const auto user = passwords_.find(request.username());
  if (user == passwords_.end() || user->second != *old_plain) {
    return Fail(answer, 1400, "old password not correct for " + request.username());
  }
  user->second = *new_plain;
}

void FakeCluster::Do(const pb::DeleteCredentialRequest& request, common::Status* /*answer*/) {
  passwords_.erase(request.username());
  std::erase_if(user_roles_, [&](const auto& pair) { return pair.first == request.username(); });
}

void FakeCluster::Do(const pb::ListCredUsersRequest& /*request*/,
                     pb::ListCredUsersResponse* answer) {
  for (const auto& [user, password] : passwords_) answer->add_usernames(user);
}

void FakeCluster::Do(const pb::CreateRoleRequest& request, common::Status* answer) {
  if (!roles_.emplace(request.entity().name(), request.entity().description()).second) {
    Fail(answer, 65535, "role [name:\"" + request.entity().name() + "\"] already exists");
  }
}

void FakeCluster::Do(const pb::DropRoleRequest& request, common::Status* answer) {
  if (roles_.erase(request.role_name()) == 0) return Fail(answer, 65535, "the role isn't existed");
  std::erase_if(user_roles_, [&](const auto& pair) { return pair.second == request.role_name(); });
  std::erase_if(grants_,
                [&](const auto& grant) { return grant.role().name() == request.role_name(); });
}

void FakeCluster::Do(const pb::OperateUserRoleRequest& request, common::Status* answer) {
  if (passwords_.count(request.username()) == 0 || roles_.count(request.role_name()) == 0) {
    return Fail(answer, 65535, "not found the user or the role");
  }
  if (request.type() == pb::AddUserToRole) {
    user_roles_.insert({request.username(), request.role_name()});
  } else {
    user_roles_.erase({request.username(), request.role_name()});
  }
}

void FakeCluster::Do(const pb::SelectRoleRequest& request, pb::SelectRoleResponse* answer) {
  for (const auto& [role, description] : roles_) {
    if (request.has_role() && request.role().name() != role) continue;
    pb::RoleResult* result = answer->add_results();
    result->mutable_role()->set_name(role);
    if (behaviour.release >= Release::k2_6) result->mutable_role()->set_description(description);
    if (!request.include_user_info()) continue;
    for (const auto& [user, its_role] : user_roles_) {
      if (its_role == role) result->add_users()->set_name(user);
    }
  }
}

void FakeCluster::Do(const pb::SelectUserRequest& request, pb::SelectUserResponse* answer) {
  for (const auto& [user, password] : passwords_) {
    if (request.has_user() && request.user().name() != user) continue;
    pb::UserResult* result = answer->add_results();
    result->mutable_user()->set_name(user);
    if (!request.include_role_info()) continue;
    for (const auto& [its_user, role] : user_roles_) {
      if (its_user == user) result->add_roles()->set_name(role);
    }
  }
}

// 1.5: refused where nobody says who he is, also with authentication off.
void FakeCluster::Do(const pb::OperatePrivilegeRequest& request, common::Status* answer) {
  if (caller.empty()) return Fail(answer, 65535, "fail to get authorization from the md");
  pb::GrantEntity grant = request.entity();
  grant.mutable_grantor()->mutable_user()->set_name(caller);
  if (grant.db_name().empty()) grant.set_db_name(kDefaultDatabase);
  using google::protobuf::util::MessageDifferencer;
  std::erase_if(grants_,
                [&](const auto& other) { return MessageDifferencer::Equals(other, grant); });
  if (request.type() == pb::Grant) grants_.push_back(grant);
}

void FakeCluster::Do(const pb::SelectGrantRequest& request, pb::SelectGrantResponse* answer) {
  for (const pb::GrantEntity& grant : grants_) {
    const pb::GrantEntity& wanted = request.entity();
    if (grant.role().name() != wanted.role().name()) continue;
    // As 2.3.5, tried: "*" lists what holds in all databases, not what holds in any.
    const std::string database = wanted.db_name().empty() ? kDefaultDatabase : wanted.db_name();
    if (grant.db_name() != database) continue;
    if (wanted.has_object() && wanted.object().name() != grant.object().name()) continue;
    if (!wanted.object_name().empty() && wanted.object_name() != grant.object_name()) continue;
    *answer->add_entities() = grant;
  }
}

}  // namespace aerie::fake
