#include "milvus/collection_admin.h"

#include <algorithm>
#include <map>
#include <set>

#include "milvus/errors.h"
#include "milvus/schema_proto.h"
#include "rows/load_state.h"

namespace aerie::milvus {
namespace {

using std::chrono::milliseconds;

template <class Req>
Req Named(const rows::CollectionName& name) {
  Req request;
  request.set_db_name(name.database);
  request.set_collection_name(name.collection);
  return request;
}

// Waits between looks at a server: short at first, so that small collections cost little.
class Poll {
 public:
  Status Wait(const Context& context, const std::string& operation) {
    AERIE_TRY(context.Sleep(delay_, operation));
    delay_ = std::min<Duration>(delay_ * 2, milliseconds(200));
    return Ok();
  }

 private:
  Duration delay_ = milliseconds(10);
};

rows::KeyValues WithoutTtl(const rows::KeyValues& properties) {
  rows::KeyValues kept;
  for (const auto& pair : properties) {
    if (pair.first != kTtlProperty) kept.push_back(pair);
  }
  return kept;
}

Status CreatePartitions(const Context& context, Client& client, const rows::CollectionSpec& spec) {
  if (spec.has_partition_key()) return Ok();
  for (const rows::PartitionSpec& partition : spec.partitions) {
    if (partition.name == rows::kDefaultPartition) continue;
    auto request = Named<pb::CreatePartitionRequest>(spec.name);
    request.set_partition_name(partition.name);
    AERIE_TRY(client.CreatePartition(context, std::move(request)));
  }
  return Ok();
}

Status RequestLoad(const Context& context, Client& client, const rows::CollectionName& name,
                   const LoadOptions& options) {
  const auto fill = [&](auto& request) {
    request.set_replica_number(options.replicas);
    for (const auto& group : options.resource_groups) request.add_resource_groups(group);
    for (const auto& field : options.load_fields) request.add_load_fields(field);
  };
  if (options.partitions.empty()) {
    auto request = Named<pb::LoadCollectionRequest>(name);
    fill(request);
    return client.LoadCollection(context, std::move(request));
  }
  auto request = Named<pb::LoadPartitionsRequest>(name);
  for (const auto& partition : options.partitions) request.add_partition_names(partition);
  fill(request);
  return client.LoadPartitions(context, std::move(request));
}

Result<bool> IsLoaded(const Context& context, Client& client, const rows::CollectionName& name,
                      const std::vector<std::string>& partitions) {
  auto request = Named<pb::GetLoadStateRequest>(name);
  for (const auto& partition : partitions) request.add_partition_names(partition);
  AERIE_ASSIGN(const auto answer, client.GetLoadState(context, std::move(request)));
  return answer.state() == pbcommon::LoadStateLoaded;
}

Status ReleasePartitions(const Context& context, Client& client, const rows::CollectionName& name,
                         const std::vector<std::string>& partitions) {
  if (partitions.empty()) return Ok();
  auto request = Named<pb::ReleasePartitionsRequest>(name);
  for (const auto& partition : partitions) request.add_partition_names(partition);
  return client.ReleasePartitions(context, std::move(request));
}

std::set<std::string> LoadedOf(const LoadSnapshot& load) {
  std::set<std::string> names;
  for (const auto& partition : load.partitions) {
    if (rows::IsWantedLoaded(partition.load_state)) names.insert(partition.name);
  }
  return names;
}

std::vector<std::string> Minus(const std::set<std::string>& left,
                               const std::set<std::string>& right) {
  std::vector<std::string> rest;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(),
                      std::back_inserter(rest));
  return rest;
}

// With as many replicas as before, or with one and a line that says so.
Result<std::vector<std::string>> LoadAsBefore(const Context& context, Client& client,
                                              const rows::CollectionName& name,
                                              const LoadSnapshot& before,
                                              std::vector<std::string> partitions) {
  LoadOptions options;
  options.partitions = std::move(partitions);
  options.replicas = std::max(1, before.replicas);
  options.resource_groups = before.resource_groups;
  options.load_fields = before.load_fields;
  const Status first = Load(context, client, name, options);
  const bool simple = options.replicas == 1 && options.resource_groups.empty();
  if (first.ok() || simple || KindOf(first) == Kind::kCancelled) {
    if (!first.ok()) return first;
    return std::vector<std::string>();
  }
  options.replicas = 1;
  options.resource_groups.clear();
  AERIE_TRY(Load(context, client, name, options));
  return std::vector<std::string>{name.ToString() + ": loaded with one replica instead of " +
                                  std::to_string(before.replicas) + " (" +
                                  std::string(first.message()) + ")"};
}

// Where an alias points to; "" when it is not there.
Result<std::map<std::string, std::string>> AliasesOf(const Context& context, Client& client,
                                                     const std::string& database,
                                                     const std::vector<std::string>& aliases) {
  std::map<std::string, std::string> owners;
  for (const std::string& alias : aliases) {
    // By describing, since 2.2 has no call for aliases; asked by an alias, the schema tells the
    // collection's own name.
    const auto reading = DescribeCollection(context, client, {database, alias});
    if (KindOf(reading.status()) == Kind::kNotFound) continue;
    AERIE_TRY(reading.status());
    owners[alias] = reading->spec.name.collection;
  }
  return owners;
}

class PrecheckLines {
 public:
  using Weight = PrecheckLine::Weight;

  PrecheckLines(const rows::CollectionSpec& spec, const SpecFeatures& target)
      : spec_(spec), target_(target) {}

  std::vector<PrecheckLine> Make() {
    Collection();
    int vectors = 0;
    for (const rows::FieldSchema& field : spec_.schema.fields) {
      Field(field);
      vectors += rows::IsVector(field.type) ? 1 : 0;
    }
    if (vectors > 1 && target_.several_vectors == Answer::kNo) {
      Add(Weight::kRefused, "it has " + std::to_string(vectors) +
                                " vector fields; the server takes one (before 2.4)");
    }
    return std::move(lines_);
  }

 private:
  void Add(Weight weight, const std::string& text) {
    lines_.push_back({weight, spec_.name.ToString() + ": " + text});
  }

  void Collection() {
    if (target_.databases == Answer::kNo && spec_.name.database != rows::kDefaultDatabase) {
      Add(Weight::kRefused, "the server knows no databases; restore it into \"default\"");
    }
    if (target_.aliases == Answer::kNo && !spec_.aliases.empty()) {
      Add(Weight::kLost, "the server knows no aliases");
    }
    if (!spec_.schema.functions.empty() && target_.functions == Answer::kNo) {
      Add(Weight::kLost, "its functions are not kept (before 2.5)");
    }
    const rows::FieldSchema* key = spec_.schema.primary_key();
    if (key != nullptr && key->auto_id && target_.auto_id_insert == Answer::kNo) {
      Add(Weight::kRefused, "field " + key->name +
                                ": the server generates its keys and does not take those of the "
                                "rows (before 2.6.3); restore it without auto-generated keys");
    }
  }

  void Field(const rows::FieldSchema& field) {
    const std::string head = "field " + field.name + ": ";
    if (field.nullable && target_.nullable == Answer::kNo) {
      Add(Weight::kLost, head + "null values are not kept (before 2.5)");
    }
    if (field.nullable && !field.default_value.empty()) {
      Add(Weight::kLost, head + "a null is stored as the field's default value");
    }
    if (field.clustering_key && target_.clustering_key == Answer::kNo) {
      Add(Weight::kLost, head + "it is no clustering key any more (before 2.4)");
    }
    if (TypeAnswer(field.type) == Answer::kNo) {
      Add(Weight::kRefused, head + "the server has no type " + rows::TypeName(field.type));
    } else if (!rows::IsKnownType(field.type) && field.type != rows::DataType::kArrayOfStruct) {
      Add(Weight::kLost, head + rows::TypeName(field.type) +
                             " is carried as it is; whether the server takes it back is not known");
    }
  }

  Answer TypeAnswer(rows::DataType type) const {
    switch (type) {
      case rows::DataType::kArray: return target_.arrays;
      case rows::DataType::kFloat16Vector:
      case rows::DataType::kBFloat16Vector:
      case rows::DataType::kSparseFloatVector: return target_.several_vectors;
      case rows::DataType::kInt8Vector:
      case rows::DataType::kGeometry:
      case rows::DataType::kText:
      case rows::DataType::kTimestamptz:
      case rows::DataType::kArrayOfVector:
      case rows::DataType::kArrayOfStruct: return target_.types_of_2_6;
      default: return Answer::kYes;
    }
  }

  const rows::CollectionSpec& spec_;
  const SpecFeatures& target_;
  std::vector<PrecheckLine> lines_;
};

}  // namespace

std::vector<PrecheckLine> Precheck(const rows::CollectionSpec& spec, const SpecFeatures& target) {
  return PrecheckLines(spec, target).Make();
}

Result<bool> CollectionExists(const Context& context, Client& client,
                              const rows::CollectionName& name) {
  const auto reading = DescribeCollection(context, client, name);
  if (KindOf(reading.status()) == Kind::kNotFound) return false;
  AERIE_TRY(reading.status());
  return true;
}

Status EnsureDatabase(const Context& context, Client& client, const std::string& database) {
  if (database.empty() || database == rows::kDefaultDatabase) return Ok();
  AERIE_ASSIGN(const auto names, ListDatabases(context, client));
  if (std::find(names.begin(), names.end(), database) != names.end()) return Ok();
  pb::CreateDatabaseRequest request;
  request.set_db_name(database);
  const Status made = client.CreateDatabase(context, std::move(request));
  if (made.ok()) return made;
  // Somebody else may have been quicker, or the answer was lost.
  AERIE_ASSIGN(const auto now, ListDatabases(context, client));
  return std::find(now.begin(), now.end(), database) != now.end() ? Ok() : made;
}

Status CreateCollectionFromSpec(const Context& context, Client& client,
                                const rows::CollectionSpec& spec) {
  AERIE_TRY(EnsureDatabase(context, client, spec.name.database));
  // A repeated CreateCollection succeeds, and might extend somebody else's collection.
  AERIE_ASSIGN(const bool there, CollectionExists(context, client, spec.name));
  if (there) {
    return MakeStatus(Kind::kExists, "create collection " + spec.name.ToString() + " on " +
                                         client.cluster() +
                                         ": there is one of that name; choose another name or "
                                         "what to do on conflict");
  }
  rows::CollectionSchema schema = spec.schema;
  schema.name = spec.name.collection;
  schema.properties = WithoutTtl(schema.properties);
  AERIE_ASSIGN(const auto proto, ToProto(schema));
  auto request = Named<pb::CreateCollectionRequest>(spec.name);
  request.set_schema(proto.SerializeAsString());
  request.set_shards_num(spec.shards);
  request.set_consistency_level(static_cast<pbcommon::ConsistencyLevel>(spec.consistency));
  ToPairs(WithoutTtl(spec.properties), request.mutable_properties());
  // The default number differs by version, so it is always sent (protocol.md 2.3).
  if (spec.has_partition_key()) request.set_num_partitions(spec.num_partitions);
  const Status made = client.CreateCollection(context, std::move(request));
  if (KindOf(made) == Kind::kUnknownOutcome) {
    AERIE_ASSIGN(const bool done, CollectionExists(context, client, spec.name));
    if (!done) return made;
  } else {
    AERIE_TRY(made);
  }
  return CreatePartitions(context, client, spec);
}

Result<std::vector<std::string>> CompareRecreated(const Context& context, Client& client,
                                                  const rows::CollectionSpec& wanted) {
  AERIE_ASSIGN(SpecReading reading, ReadCollectionSpec(context, client, wanted.name));
  rows::CollectionSpec& made = reading.spec;
  made.indexes = wanted.indexes;
  made.aliases = wanted.aliases;
  made.load_state = wanted.load_state;
  made.replicas = wanted.replicas;
  made.resource_groups = wanted.resource_groups;
  made.load_fields = wanted.load_fields;
  rows::CollectionSpec asked = wanted;
  asked.properties = WithoutTtl(wanted.properties);
  asked.schema.properties = WithoutTtl(wanted.schema.properties);
  for (auto& partition : asked.partitions) partition.load_state = rows::LoadState::kNotLoaded;
  for (auto& partition : made.partitions) partition.load_state = rows::LoadState::kNotLoaded;
  return rows::DiffSpecs(asked, made);
}

Status CreateIndexes(const Context& context, Client& client, const rows::CollectionName& name,
                     const std::vector<rows::IndexSpec>& indexes) {
  for (const rows::IndexSpec& index : indexes) {
    auto request = Named<pb::CreateIndexRequest>(name);
    request.set_field_name(index.field_name);
    request.set_index_name(index.index_name);
    ToPairs(index.params, request.mutable_extra_params());
    AERIE_TRY(Annotate(client.CreateIndex(context, std::move(request)),
                       "index " + index.index_name + " on field " + index.field_name));
  }
  return Ok();
}

Status AwaitIndexes(const Context& context, Client& client, const rows::CollectionName& name) {
  const std::string operation = "build the indexes of " + name.ToString();
  for (Poll poll;;) {
    const auto answer = client.DescribeIndex(context, Named<pb::DescribeIndexRequest>(name));
    if (HasCode(answer.status(), code::kIndexNotFound)) return Ok();
    AERIE_TRY(answer.status());
    bool all = true;
    for (const auto& index : answer->index_descriptions()) {
      if (index.state() == pbcommon::Failed) {
        return FailedError(operation + ": index " + index.index_name() + ": " +
                           index.index_state_fail_reason() + "; look into the server's log");
      }
      all = all && index.state() == pbcommon::Finished;
    }
    if (all) return Ok();
    AERIE_TRY(poll.Wait(context, operation));
  }
}

Status AwaitLoaded(const Context& context, Client& client, const rows::CollectionName& name,
                   const LoadOptions& options) {
  const std::string operation = "load " + name.ToString();
  for (Poll poll;;) {
    auto request = Named<pb::GetLoadingProgressRequest>(name);
    for (const auto& partition : options.partitions) request.add_partition_names(partition);
    AERIE_ASSIGN(const auto answer, client.GetLoadingProgress(context, std::move(request)));
    if (options.on_progress) options.on_progress(static_cast<int>(answer.progress()));
    if (answer.progress() >= 100) {
      AERIE_ASSIGN(const bool loaded, IsLoaded(context, client, name, options.partitions));
      if (loaded) return Ok();
    }
    AERIE_TRY(poll.Wait(context, operation));
  }
}

Status Load(const Context& context, Client& client, const rows::CollectionName& name,
            const LoadOptions& options) {
  AERIE_TRY(RequestLoad(context, client, name, options));
  return AwaitLoaded(context, client, name, options);
}

Status Release(const Context& context, Client& client, const rows::CollectionName& name) {
  return client.ReleaseCollection(context, Named<pb::ReleaseCollectionRequest>(name));
}

Result<std::vector<std::string>> PutBackLoadState(const Context& context, Client& client,
                                                  const rows::CollectionSpec& described,
                                                  const LoadSnapshot& before) {
  const rows::CollectionName& name = described.name;
  AERIE_ASSIGN(const LoadSnapshot now, ReadLoadSnapshot(context, client, described));
  if (!rows::IsWantedLoaded(before.state)) {
    if (rows::IsWantedLoaded(now.state)) AERIE_TRY(Release(context, client, name));
    return std::vector<std::string>();
  }
  const std::set<std::string> wanted = LoadedOf(before);
  const bool whole = described.has_partition_key() || wanted.size() == before.partitions.size();
  const bool other_replicas =
      before.replicas > 0 && now.replicas > 0 && before.replicas != now.replicas;
  if (rows::IsWantedLoaded(now.state) && other_replicas) AERIE_TRY(Release(context, client, name));
  const bool from_nothing = !rows::IsWantedLoaded(now.state) || other_replicas;
  if (from_nothing) {
    return LoadAsBefore(context, client, name, before,
                        whole ? std::vector<std::string>()
                              : std::vector<std::string>(wanted.begin(), wanted.end()));
  }
  if (described.has_partition_key()) return std::vector<std::string>();
  const std::set<std::string> have = LoadedOf(now);
  std::vector<std::string> lines;
  if (auto missing = Minus(wanted, have); !missing.empty()) {
    AERIE_ASSIGN(lines, LoadAsBefore(context, client, name, before, std::move(missing)));
  }
  AERIE_TRY(ReleasePartitions(context, client, name, Minus(have, wanted)));
  return lines;
}

Result<std::vector<std::string>> CreateAliases(const Context& context, Client& client,
                                               const rows::CollectionName& name,
                                               const std::vector<std::string>& aliases,
                                               AliasConflict on_conflict) {
  std::vector<std::string> lines;
  AERIE_ASSIGN(const auto owners, AliasesOf(context, client, name.database, aliases));
  for (const std::string& alias : aliases) {
    const auto owner = owners.find(alias);
    if (owner == owners.end()) {
      auto request = Named<pb::CreateAliasRequest>(name);
      request.set_alias(alias);
      AERIE_TRY(Annotate(client.CreateAlias(context, std::move(request)), "alias " + alias));
      continue;
    }
    if (owner->second == name.collection) continue;
    const std::string taken = "alias " + alias + " of " + name.ToString() + ": ";
    const bool is_collection = owner->second == alias;
    if (is_collection || on_conflict == AliasConflict::kFail) {
      return MakeStatus(
          Kind::kExists,
          taken + (is_collection ? "a collection has that name" : "it points to " + owner->second) +
              "; drop or rename that first");
    }
    if (on_conflict == AliasConflict::kSkip) {
      lines.push_back(taken + "left where it is, pointing to " + owner->second);
      continue;
    }
    auto request = Named<pb::AlterAliasRequest>(name);
    request.set_alias(alias);
    AERIE_TRY(Annotate(client.AlterAlias(context, std::move(request)), "alias " + alias));
    lines.push_back(taken + "moved here from " + owner->second);
  }
  return lines;
}

Status ApplyProperties(const Context& context, Client& client, const rows::CollectionName& name,
                       const rows::KeyValues& properties) {
  if (properties.empty()) return Ok();
  auto request = Named<pb::AlterCollectionRequest>(name);
  ToPairs(properties, request.mutable_properties());
  return client.AlterCollection(context, std::move(request));
}

Status DropProperty(const Context& context, Client& client, const rows::CollectionName& name,
                    const std::string& key) {
  auto request = Named<pb::AlterCollectionRequest>(name);
  request.add_delete_keys(key);
  return client.AlterCollection(context, std::move(request));
}

rows::KeyValues PropertiesToApplyLast(const rows::CollectionSpec& spec) {
  const std::string* ttl = rows::FindValue(spec.properties, kTtlProperty);
  if (ttl == nullptr) ttl = rows::FindValue(spec.schema.properties, kTtlProperty);
  if (ttl == nullptr) return {};
  return {{kTtlProperty, *ttl}};
}

Status DropCollection(const Context& context, Client& client, const rows::CollectionName& name) {
  AERIE_ASSIGN(const SpecReading reading, DescribeCollection(context, client, name));
  if (reading.spec.name != name) {
    return RefusedError("drop collection " + name.ToString() + " on " + client.cluster() +
                        ": that is an alias of " + reading.spec.name.ToString() +
                        "; name the collection itself");
  }
  // Later servers refuse to drop what an alias points to; 2.3.5 would leave the alias dangling.
  for (const std::string& alias : reading.spec.aliases) {
    pb::DropAliasRequest request;
    request.set_db_name(name.database);
    request.set_alias(alias);
    AERIE_TRY(client.DropAlias(context, std::move(request)));
  }
  return client.DropCollection(context, Named<pb::DropCollectionRequest>(name));
}

Status Flush(const Context& context, Client& client, const rows::CollectionName& name) {
  pb::FlushRequest request;
  request.set_db_name(name.database);
  request.add_collection_names(name.collection);
  AERIE_ASSIGN(const auto flushed, client.Flush(context, std::move(request)));
  auto state = Named<pb::GetFlushStateRequest>(name);
  if (const auto ids = flushed.coll_segids().find(name.collection);
      ids != flushed.coll_segids().end()) {
    *state.mutable_segmentids() = ids->second.data();
  }
  if (const auto ts = flushed.coll_flush_ts().find(name.collection);
      ts != flushed.coll_flush_ts().end()) {
    state.set_flush_ts(ts->second);
  }
  for (Poll poll;;) {
    AERIE_ASSIGN(const auto answer, client.GetFlushState(context, state));
    if (answer.flushed()) return Ok();
    AERIE_TRY(poll.Wait(context, "flush " + name.ToString()));
  }
}

Result<std::int64_t> CountRows(const Context& context, Client& client,
                               const rows::CollectionName& name, const CountOptions& options) {
  auto request = Named<pb::QueryRequest>(name);
  request.set_expr(options.filter);
  request.add_output_fields("count(*)");
  if (!options.partition.empty()) request.add_partition_names(options.partition);
  if (options.guarantee_ts) {
    request.set_consistency_level(pbcommon::Customized);
    request.set_guarantee_timestamp(*options.guarantee_ts);
  } else {
    request.set_consistency_level(pbcommon::Strong);
  }
  AERIE_ASSIGN(const auto answer, client.Query(context, std::move(request)));
  if (answer.fields_data_size() != 1 ||
      answer.fields_data(0).scalars().long_data().data_size() != 1) {
    return FailedError("count the rows of " + name.ToString() + " on " + client.cluster() +
                       ": the answer is no number; report the server's version");
  }
  return answer.fields_data(0).scalars().long_data().data(0);
}

}  // namespace aerie::milvus
