#include "transfer/sync_specs.h"

#include <algorithm>
#include <set>
#include <utility>

#include "milvus/collection_admin.h"
#include "milvus/schema_proto.h"
#include "milvus/scratch_index.h"
#include "rows/load_state.h"
#include "transfer/restore_plan.h"

namespace aerie::transfer {
namespace {

using rows::CollectionName;
using rows::CollectionSpec;
using rows::IndexSpec;

std::string IndexText(const IndexSpec& index) {
  return "index " + index.index_name + " on " + index.field_name;
}

bool SameName(const IndexSpec& a, const IndexSpec& b) {
  return a.field_name == b.field_name && a.index_name == b.index_name;
}

// As DiffSpecs compares them: parameters have several spellings.
bool SameIndex(const IndexSpec& a, const IndexSpec& b) {
  CollectionSpec left;
  CollectionSpec right;
  left.indexes = {a};
  right.indexes = {b};
  return SameName(a, b) && rows::DiffSpecs(left, right).empty();
}

template <class List, class Same>
bool Any(const List& list, Same same) {
  return std::any_of(list.begin(), list.end(), same);
}

bool HasPartition(const CollectionSpec& spec, const std::string& name) {
  return Any(spec.partitions, [&](const auto& one) { return one.name == name; });
}

// Only what decides whether rows fit: nobody refuses rows for a description.
CollectionSpec RowsPart(CollectionSpec spec) {
  spec.consistency = {};
  spec.schema.properties.clear();
  spec.schema.description.clear();
  for (rows::FieldSchema& field : spec.schema.fields) {
    field.description.clear();
    std::erase_if(field.type_params, [](const auto& pair) { return pair.first == "mmap.enabled"; });
  }
  return spec;
}

rows::KeyValues PropertiesOf(const CollectionSpec& spec) {
  rows::KeyValues all = spec.schema.properties;
  for (const auto& pair : spec.properties) {
    std::erase_if(all, [&](const auto& one) { return one.first == pair.first; });
    all.push_back(pair);
  }
  return all;
}

class SpecPlanner {
 public:
  SpecPlanner(const CollectionSpec& base, const CollectionSpec& from, const CollectionSpec& there)
      : base_(base), from_(from), there_(there) {}

  SpecChanges Plan() {
    Fields();
    if (!changes_.cannot.empty()) return std::move(changes_);
    if (!from_.has_partition_key()) Partitions();
    Indexes();
    Properties();
    return std::move(changes_);
  }

 private:
  void Fields() {
    CollectionSpec there = there_;
    for (const rows::FieldSchema& field : from_.schema.fields) {
      if (there.schema.Find(field.name) != nullptr || !field.nullable) continue;
      changes_.add_fields.push_back(field);
      there.schema.fields.push_back(field);
    }
    changes_.cannot = SchemaDifferences(RowsPart(from_), RowsPart(there));
  }

  void Partitions() {
    for (const rows::PartitionSpec& one : from_.partitions) {
      if (!HasPartition(there_, one.name)) changes_.make_partitions.push_back(one.name);
    }
    for (const rows::PartitionSpec& one : there_.partitions) {
      if (HasPartition(from_, one.name)) continue;
      if (HasPartition(base_, one.name)) {
        changes_.drop_partitions.push_back(one.name);
      } else {
        changes_.besides.push_back("partition " + one.name);
      }
    }
  }

  // One of the target goes when the source has another of that name, had it and lost it, or needs
  // its field.
  void Indexes() {
    for (const IndexSpec& wanted : from_.indexes) {
      if (Any(there_.indexes, [&](const auto& one) { return SameIndex(one, wanted); })) continue;
      changes_.make_indexes.push_back(wanted);
    }
    for (const IndexSpec& have : there_.indexes) {
      if (milvus::IsScratchIndex(have)) continue;
      if (Any(from_.indexes, [&](const auto& one) { return SameIndex(one, have); })) continue;
      const bool was = Any(base_.indexes, [&](const auto& one) { return SameName(one, have); });
      const bool in_the_way = Any(changes_.make_indexes, [&](const auto& one) {
        return one.field_name == have.field_name;
      });
      if (was || in_the_way) {
        changes_.drop_indexes.push_back(have);
      } else {
        changes_.besides.push_back(IndexText(have));
      }
    }
  }

  void Properties() {
    const rows::KeyValues from = PropertiesOf(from_);
    const rows::KeyValues there = PropertiesOf(there_);
    const rows::KeyValues base = PropertiesOf(base_);
    for (const auto& [key, value] : from) {
      if (Differs(key, &value, rows::FindValue(there, key))) {
        changes_.set_properties.emplace_back(key, value);
      }
    }
    for (const auto& [key, value] : there) {
      if (rows::FindValue(from, key) != nullptr || !Differs(key, nullptr, &value)) continue;
      if (rows::FindValue(base, key) != nullptr) {
        changes_.drop_properties.emplace_back(key, value);
      } else {
        changes_.besides.push_back("property " + key + " (" + value + ")");
      }
    }
  }

  // As DiffSpecs compares them: some are each server's own.
  static bool Differs(const std::string& key, const std::string* a, const std::string* b) {
    CollectionSpec left;
    CollectionSpec right;
    if (a != nullptr) left.properties = {{key, *a}};
    if (b != nullptr) right.properties = {{key, *b}};
    return !rows::DiffSpecs(left, right).empty();
  }

  const CollectionSpec& base_;
  const CollectionSpec& from_;
  const CollectionSpec& there_;
  SpecChanges changes_;
};

class SpecWriter {
 public:
  SpecWriter(milvus::Client& to, const CollectionSpec& target, const SpecChanges& changes,
             IndexRebuild rebuild)
      : to_(to), target_(target), changes_(changes), rebuild_(rebuild) {}

  Result<SpecResult> Run(const Context& context) {
    for (const rows::FieldSchema& field : changes_.add_fields) {
      AERIE_TRY(AddField(context, field));
    }
    for (const std::string& name : changes_.make_partitions) AERIE_TRY(Make(context, name));
    for (const std::string& name : changes_.drop_partitions) AERIE_TRY(Drop(context, name));
    SetProperties(context);
    AERIE_TRY(Indexes(context));
    return std::move(result_);
  }

 private:
  template <class Request>
  Request Named() const {
    Request request;
    request.set_db_name(target_.name.database);
    request.set_collection_name(target_.name.collection);
    return request;
  }

  void Done(std::string line) { result_.done.push_back(std::move(line)); }
  void Failed(const std::string& what, const Status& status) {
    result_.warnings.push_back(what + ": " + std::string(status.message()));
  }

  Status AddField(const Context& context, const rows::FieldSchema& field) {
    rows::CollectionSchema alone;
    alone.fields = {field};
    AERIE_ASSIGN(const auto proto, milvus::ToProto(alone));
    auto request = Named<milvus::pb::AddCollectionFieldRequest>();
    if (proto.fields_size() != 1) {
      return UnsupportedError("add field " + field.name + ": it cannot be added to a collection");
    }
    request.set_schema(proto.fields(0).SerializeAsString());
    AERIE_TRY(Annotate(to_.AddCollectionField(context, request), "add field " + field.name));
    Done("field " + field.name + ": added");
    return Ok();
  }

  // One made in a loaded collection is not loaded with it on every server.
  Status Make(const Context& context, const std::string& name) {
    auto request = Named<milvus::pb::CreatePartitionRequest>();
    request.set_partition_name(name);
    AERIE_TRY(Annotate(to_.CreatePartition(context, request), "make partition " + name));
    if (rows::IsWantedLoaded(target_.load_state)) {
      milvus::LoadOptions load;
      load.partitions = {name};
      load.replicas = std::max<std::int32_t>(1, target_.replicas);
      load.resource_groups = target_.resource_groups;
      AERIE_TRY(Annotate(milvus::Load(context, to_, target_.name, load), "load partition " + name));
    }
    Done("partition " + name + ": made");
    return Ok();
  }

  // Servers drop only what is released; this one is to go with its rows.
  Status Drop(const Context& context, const std::string& name) {
    auto release = Named<milvus::pb::ReleasePartitionsRequest>();
    release.add_partition_names(name);
    AERIE_TRY(Annotate(to_.ReleasePartitions(context, release), "release partition " + name));
    auto drop = Named<milvus::pb::DropPartitionRequest>();
    drop.set_partition_name(name);
    AERIE_TRY(Annotate(to_.DropPartition(context, drop), "drop partition " + name));
    Done("partition " + name + ": dropped");
    return Ok();
  }

  void SetProperties(const Context& context) {
    for (const auto& pair : changes_.set_properties) {
      const Status set = milvus::ApplyProperties(context, to_, target_.name, {pair});
      const std::string line = "property " + pair.first;
      if (set.ok()) {
        Done(line + ": set to " + pair.second);
      } else {
        Failed(line + " could not be set", set);
      }
    }
    if (!changes_.drop_properties.empty()) DropProperties(context);
  }

  // Servers before 2.4 answer ok and keep them.
  void DropProperties(const Context& context) {
    for (const auto& [key, value] : changes_.drop_properties) {
      const Status dropped = milvus::DropProperty(context, to_, target_.name, key);
      if (!dropped.ok()) Failed("property " + key + " could not be removed", dropped);
    }
    const auto now = milvus::DescribeCollection(context, to_, target_.name);
    for (const auto& pair : changes_.drop_properties) {
      if (now.ok() && rows::FindValue(PropertiesOf(now->spec), pair.first) == nullptr) {
        Done("property " + pair.first + ": removed");
        continue;
      }
      result_.properties_left.push_back(pair);
      if (now.ok()) {
        result_.warnings.push_back("property " + pair.first +
                                   " is there still: the server does not remove properties");
      }
    }
  }

  Status Indexes(const Context& context) {
    if (NeedsRelease(target_, changes_) && rebuild_ == IndexRebuild::kRelease) {
      AERIE_TRY(Annotate(milvus::Release(context, to_, target_.name), "change indexes"));
    }
    std::set<std::string> blocked;
    for (const IndexSpec& index : changes_.drop_indexes) {
      auto request = Named<milvus::pb::DropIndexRequest>();
      request.set_field_name(index.field_name);
      request.set_index_name(index.index_name);
      const Status dropped = to_.DropIndex(context, request);
      if (dropped.ok()) {
        Done(IndexText(index) + ": dropped");
        continue;
      }
      AERIE_TRY(context.Check("change indexes"));
      blocked.insert(index.field_name);
      result_.indexes_left.push_back(index);
      Failed(IndexText(index) +
                 " is not as in the source; a loaded collection keeps its indexes, "
                 "--rebuild-indexes releases it for the time of the change",
             dropped);
    }
    for (const IndexSpec& index : changes_.make_indexes) {
      if (blocked.contains(index.field_name)) continue;
      const Status made = milvus::CreateIndexes(context, to_, target_.name, {index});
      if (made.ok()) {
        Done(IndexText(index) + ": made");
      } else {
        AERIE_TRY(context.Check("change indexes"));
        Failed(IndexText(index) + " could not be made", made);
      }
    }
    return Ok();
  }

  milvus::Client& to_;
  const CollectionSpec& target_;
  const SpecChanges& changes_;
  const IndexRebuild rebuild_;
  SpecResult result_;
};

}  // namespace

std::vector<std::string> SpecChanges::Lines() const {
  std::vector<std::string> lines;
  for (const auto& field : add_fields) lines.push_back("field " + field.name + ": added");
  for (const auto& name : make_partitions) lines.push_back("partition " + name + ": made");
  for (const auto& name : drop_partitions) lines.push_back("partition " + name + ": dropped");
  for (const auto& pair : set_properties) {
    lines.push_back("property " + pair.first + ": set to " + pair.second);
  }
  for (const auto& pair : drop_properties) lines.push_back("property " + pair.first + ": removed");
  for (const auto& index : drop_indexes) lines.push_back(IndexText(index) + ": dropped");
  for (const auto& index : make_indexes) lines.push_back(IndexText(index) + ": made");
  return lines;
}

SpecChanges PlanSpecChanges(const CollectionSpec& base, const CollectionSpec& from,
                            const CollectionSpec& there) {
  return SpecPlanner(base, from, there).Plan();
}

bool NeedsRelease(const CollectionSpec& target, const SpecChanges& changes) {
  return rows::IsWantedLoaded(target.load_state) && !changes.drop_indexes.empty();
}

Result<SpecResult> ApplySpecChanges(const Context& context, milvus::Client& to,
                                    const CollectionSpec& target, const SpecChanges& changes,
                                    IndexRebuild rebuild) {
  return SpecWriter(to, target, changes, rebuild).Run(context);
}

}  // namespace aerie::transfer
