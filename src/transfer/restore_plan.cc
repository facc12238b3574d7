#include "transfer/restore_plan.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "milvus/collection_admin.h"
#include "milvus/spec_reader.h"
#include "transfer/same_cluster.h"

namespace aerie::transfer {
namespace {

using rows::CollectionName;
using rows::CollectionSpec;

constexpr char kStagingEnd[] = "_aerie_restore";
constexpr char kOldEnd[] = "_aerie_old";

bool GeneratesKeys(const CollectionSpec& spec) {
  const rows::FieldSchema* key = spec.schema.primary_key();
  return spec.schema.auto_id || (key != nullptr && key->auto_id);
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "; ") + line;
  return text;
}

// What Aerie made for itself in a live cluster is nobody's collection, unless it is asked for.
void DropOwnNames(const Selection& selection, std::vector<CollectionName>& names) {
  std::erase_if(names, [&](const CollectionName& name) {
    const auto& asked = selection.collections;
    return (name.collection.ends_with(kStagingEnd) || name.collection.ends_with(kOldEnd)) &&
           std::find(asked.begin(), asked.end(), name.collection) == asked.end() &&
           std::find(asked.begin(), asked.end(), name.ToString()) == asked.end();
  });
}

// Bytes that a row takes, as far as its schema tells: enough to see which collection is large.
std::int64_t RowBytesGuess(const rows::CollectionSchema& schema) {
  constexpr std::int64_t kVariable = 64;
  std::int64_t bytes = 0;
  for (const rows::FieldSchema& field : schema.Columns()) {
    const std::size_t width = rows::Column(field).width();
    bytes += width == 0 ? kVariable : static_cast<std::int64_t>(width);
  }
  return bytes;
}

class RestorePlanner {
 public:
  RestorePlanner(Endpoint& from, milvus::Client& to, const milvus::SpecFeatures& features,
                 const RestoreOptions& options)
      : from_(from), to_(to), features_(features), options_(options), same_(from, to) {}

  Result<RestorePlan> Plan(const Context& context, const std::vector<CollectionName>& names) {
    for (const CollectionName& name : names) {
      AERIE_ASSIGN(Endpoint::Seen seen, from_.Inspect(context, name));
      same_.AddSource(name, seen);
      seen_.push_back(std::move(seen));
    }
    RestorePlan plan;
    for (std::size_t i = 0; i < names.size(); ++i) {
      AERIE_ASSIGN(auto item, PlanOne(context, names[i], seen_[i]));
      plan.items.push_back(std::move(item));
    }
    std::erase_if(plan.items,
                  [&](const auto& item) { return earlier_copies_.contains(item.from); });
    return plan;
  }

 private:
  Result<RestorePlan::Item> PlanOne(const Context& context, const CollectionName& name,
                                    const Endpoint::Seen& seen) {
    RestorePlan::Item item;
    item.from = name;
    item.to = TargetName(name, options_);
    item.spec = seen.spec;
    item.rows = seen.rows;
    item.bytes_about = std::max<std::int64_t>(seen.rows_about, 0) * RowBytesGuess(seen.spec.schema);
    CheckWhatIsKept(seen.spec, item);
    AERIE_TRY(LookAtTarget(context, seen.spec, item));
    AERIE_ASSIGN(item.resumes, milvus::CollectionExists(context, to_, Staging(item.to)));
    return item;
  }

  void CheckWhatIsKept(CollectionSpec spec, RestorePlan::Item& item) const {
    milvus::SpecFeatures keeps = features_;
    if (MakesNewKeys(spec, options_, features_)) {
      keeps.auto_id_insert = milvus::Answer::kYes;
      item.cannot_keep.push_back(item.to.ToString() + ": its keys are generated anew");
    }
    spec.name = item.to;
    for (const auto& line : milvus::Precheck(spec, keeps)) {
      if (line.weight == milvus::PrecheckLine::Weight::kRefused) {
        item.refused = line.text;
        RestoreOptions accepting = options_;
        accepting.new_keys = true;
        if (MakesNewKeys(spec, accepting, features_)) {
          item.refused += ", or accept new keys with --new-keys";
        }
      }
      item.cannot_keep.push_back(line.text);
    }
  }

  // Whether the name is free, and what may be done if it is not.
  Status LookAtTarget(const Context& context, const CollectionSpec& from, RestorePlan::Item& item) {
    const auto there = milvus::DescribeCollection(context, to_, item.to);
    if (KindOf(there.status()) == Kind::kNotFound) return Ok();
    AERIE_TRY(there.status());
    item.exists = true;
    AERIE_TRY(CheckNotASource(context, *there, item));
    if (!item.refused.empty()) return Ok();
    if (options_.on_conflict == OnConflict::kReplace) {
      AERIE_ASSIGN(item.refused, WhyNotReplaced(context, there->spec, item.to));
      return Ok();
    }
    if (options_.on_conflict == OnConflict::kFail && !options_.each_for_itself) return Ok();
    const auto differences = SchemaDifferences(from, there->spec);
    if (!differences.empty()) {
      item.refused = std::string(SchemaDiffers(there->spec, differences, options_).message());
    }
    return Ok();
  }

  // The whole job is refused when it would write what it reads.
  Status CheckNotASource(const Context& context, const milvus::SpecReading& there,
                         const RestorePlan::Item& item) {
    AERIE_ASSIGN(const auto source, same_.SourceBehind(context, there));
    if (!source) return Ok();
    const std::string object = options_.verb + " " + item.from.ToString();
    if (*source == item.from) {
      return RefusedError(object + ": " + to_.cluster() + " is the cluster that it is read from (" +
                          from_.Describe() + "), and " + item.to.ToString() +
                          " there is that collection itself; give it another name with --suffix or "
                          "--rename, or another database");
    }
    if (!options_.suffix.empty() && *source == item.to) {
      // Of an earlier run within this cluster: a copy, not something to be copied again.
      earlier_copies_.insert(*source);
      return Ok();
    }
    return RefusedError(object + " to " + item.to.ToString() + ": " + to_.cluster() +
                        " is the cluster that it is read from, and " + source->ToString() +
                        " is to be read there as well; leave one of them out with --collections");
  }

  // Why the collection of that name cannot be replaced; empty: it can.
  Result<std::string> WhyNotReplaced(const Context& context, const CollectionSpec& there,
                                     const CollectionName& name) {
    if (there.name != name) {
      return "it is an alias of " + there.name.ToString() + "; name the collection itself";
    }
    AERIE_ASSIGN(const bool old, milvus::CollectionExists(context, to_, OldName(name)));
    if (!old) return std::string();
    return OldName(name).ToString() +
           " is there, left by a replace that was interrupted; drop it " +
           "when you no longer need it";
  }

  Endpoint& from_;
  milvus::Client& to_;
  const milvus::SpecFeatures& features_;
  const RestoreOptions& options_;
  SameCluster same_;
  std::vector<Endpoint::Seen> seen_;
  std::set<CollectionName> earlier_copies_;
};

}  // namespace

CollectionName TargetName(const CollectionName& from, const RestoreOptions& options) {
  CollectionName to = from;
  if (!options.database.empty()) to.database = options.database;
  auto renamed = options.rename.find(from.collection);
  if (renamed == options.rename.end()) renamed = options.rename.find(from.ToString());
  to.collection =
      renamed != options.rename.end() ? renamed->second : from.collection + options.suffix;
  return to;
}

std::string StagingName(const std::string& final_name) { return final_name + kStagingEnd; }

CollectionName Staging(const CollectionName& final_name) {
  return {final_name.database, StagingName(final_name.collection)};
}

CollectionName OldName(const CollectionName& final_name) {
  return {final_name.database, final_name.collection + kOldEnd};
}

bool MakesNewKeys(const CollectionSpec& spec, const RestoreOptions& options,
                  const milvus::SpecFeatures& features) {
  return options.new_keys && GeneratesKeys(spec) && features.auto_id_insert != milvus::Answer::kYes;
}

std::vector<std::string> SchemaDifferences(const CollectionSpec& wanted,
                                           const CollectionSpec& there) {
  CollectionSpec a = wanted;
  CollectionSpec b = there;
  for (CollectionSpec* spec : {&a, &b}) {
    spec->partitions.clear();
    spec->indexes.clear();
    spec->aliases.clear();
    spec->properties.clear();
    spec->load_state = rows::LoadState::kNotLoaded;
    spec->replicas = 0;
    spec->shards = 0;
  }
  return rows::DiffSpecs(a, b);
}

Status SchemaDiffers(const CollectionSpec& there, const std::vector<std::string>& differences,
                     const RestoreOptions& options) {
  return RefusedError("collection " + there.name.ToString() + " is there with another schema (" +
                      Joined(differences) + "); drop it, or " + options.verb +
                      " under another name");
}

Status NameTaken(const std::string& but) {
  return RefusedError("a collection of that name is there" + but +
                      "; use --suffix or --rename, or --on-conflict replace or merge");
}

Status CheckPlan(const RestorePlan& plan, const RestoreOptions& options) {
  std::set<CollectionName> targets;
  for (const RestorePlan::Item& item : plan.items) {
    for (const CollectionName& name : {item.to, Staging(item.to), OldName(item.to)}) {
      if (targets.insert(name).second) continue;
      return InvalidError(options.verb + ": two collections would both become " + name.ToString() +
                          "; rename one of them");
    }
    if (options.each_for_itself) continue;
    Status refused;
    if (!item.refused.empty()) refused = RefusedError(item.refused);
    if (item.exists && options.on_conflict == OnConflict::kFail) refused = NameTaken();
    if (!refused.ok()) return Annotate(refused, options.verb + " to " + item.to.ToString());
  }
  return Ok();
}

std::vector<std::size_t> LargestFirst(const RestorePlan& plan) {
  std::vector<std::size_t> order(plan.items.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return plan.items[a].bytes_about > plan.items[b].bytes_about;
  });
  return order;
}

Result<RestorePlan> PlanRestore(const Context& context, Endpoint& from,
                                std::shared_ptr<milvus::Client> to, const RestoreOptions& options) {
  AERIE_ASSIGN(auto all, from.List(context));
  if (from.cluster() != nullptr) DropOwnNames(options.selection, all);
  AERIE_ASSIGN(auto names, Select(options.selection, all, from.Describe()));
  if (names.empty()) {
    return NotFoundError(options.verb + ": " + from.Describe() + " has no collections");
  }
  milvus::Capabilities capabilities(to);
  AERIE_ASSIGN(const milvus::SpecFeatures features, capabilities.Features(context));
  return RestorePlanner(from, *to, features, options).Plan(context, names);
}

}  // namespace aerie::transfer
