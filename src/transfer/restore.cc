#include "transfer/restore.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/task_group.h"
#include "milvus/capabilities.h"
#include "milvus/collection_admin.h"
#include "milvus/scratch_index.h"
#include "milvus/spec_reader.h"
#include "transfer/memory_share.h"
#include "transfer/restore_rows.h"

namespace aerie::transfer {
namespace {

using rows::CollectionName;
using rows::CollectionSpec;

constexpr char kStagingEnd[] = "_aerie_restore";
constexpr char kOldEnd[] = "_aerie_old";

CollectionName TargetName(const CollectionName& from, const RestoreOptions& options) {
  CollectionName to = from;
  if (!options.database.empty()) to.database = options.database;
  auto renamed = options.rename.find(from.collection);
  if (renamed == options.rename.end()) renamed = options.rename.find(from.ToString());
  to.collection =
      renamed != options.rename.end() ? renamed->second : from.collection + options.suffix;
  return to;
}

CollectionName Staging(const CollectionName& final_name) {
  return {final_name.database, StagingName(final_name.collection)};
}

// The name of a replaced collection between the arrival of the new one and its drop.
CollectionName OldName(const CollectionName& name) {
  return {name.database, name.collection + kOldEnd};
}

bool GeneratesKeys(const CollectionSpec& spec) {
  const rows::FieldSchema* key = spec.schema.primary_key();
  return spec.schema.auto_id || (key != nullptr && key->auto_id);
}

// New keys are made only where they were accepted and the server cannot keep the old ones.
bool MakesNewKeys(const CollectionSpec& spec, const RestoreOptions& options,
                  const milvus::SpecFeatures& features) {
  return options.new_keys && GeneratesKeys(spec) && features.auto_id_insert != milvus::Answer::kYes;
}

// The spec a collection is made with: the snapshot's, under another name, without what comes last.
CollectionSpec SpecFor(const CollectionSpec& from, const CollectionName& name) {
  CollectionSpec spec = from;
  spec.name = name;
  spec.schema.name = name.collection;
  spec.aliases.clear();
  return spec;
}

// Rows can be read back only from a loaded collection, which needs an index on each vector.
std::vector<rows::IndexSpec> IndexesForReading(const CollectionSpec& spec, bool wanted) {
  std::vector<rows::IndexSpec> indexes;
  if (wanted) indexes = spec.indexes;
  const auto scratch = milvus::ScratchIndexesFor(spec, indexes);
  indexes.insert(indexes.end(), scratch.begin(), scratch.end());
  return indexes;
}

Status NameTaken(const CollectionName& name) {
  return RefusedError("restore to " + name.ToString() +
                      ": a collection of that name is there; use --suffix or --rename, or "
                      "--on-conflict replace or merge");
}

// One collection into the target cluster.
class CollectionRestore {
 public:
  CollectionRestore(Endpoint& from, std::shared_ptr<milvus::Client> to,
                    const milvus::SpecFeatures& features, const RestoreOptions& options,
                    std::size_t call_bytes, ProgressSink& progress)
      : from_(from),
        to_(std::move(to)),
        features_(features),
        options_(options),
        call_bytes_(call_bytes),
        progress_(progress) {}

  RestoreOutcome Run(const Context& context, const CollectionName& name) {
    RestoreOutcome outcome;
    outcome.name = name;
    outcome.to = TargetName(name, options_);
    const SteadyTime start = context.clock().Steady();
    outcome.status = Restore(context, outcome);
    if (!outcome.status.ok()) {
      outcome.status =
          Annotate(outcome.status, "restore " + name.ToString() + " to " + outcome.to.ToString());
    }
    outcome.seconds = std::chrono::duration<double>(context.clock().Steady() - start).count();
    progress_.OnProgress(
        {.type = ProgressEvent::Type::kItemDone,
         .collection = outcome.to.ToString(),
         .rows_done = static_cast<std::int64_t>(outcome.digest.rows),
         .bytes_done = static_cast<std::int64_t>(outcome.bytes),
         .message = outcome.status.ok() ? "done" : std::string(outcome.status.message())});
    return outcome;
  }

 private:
  Status Restore(const Context& context, RestoreOutcome& outcome) {
    AERIE_ASSIGN(auto source, from_.Open(context, outcome.name));
    Status status = RestoreFrom(context, *source, outcome);
    const Status closed =
        source->Close(Context(context.clock()).WithTimeout(std::chrono::minutes(2)));
    return status.ok() ? closed : status;
  }

  Status RestoreFrom(const Context& context, rows::CollectionSource& source,
                     RestoreOutcome& outcome) {
    AERIE_ASSIGN(const bool exists, milvus::CollectionExists(context, *to_, outcome.to));
    // The plan saw the name free; while other collections were restored somebody may have taken it.
    if (exists && options_.on_conflict == OnConflict::kFail) return NameTaken(outcome.to);
    const bool merge = exists && options_.on_conflict == OnConflict::kMerge;
    makes_new_keys_ = MakesNewKeys(source.spec(), options_, features_);
    if (makes_new_keys_) {
      outcome.warnings.emplace_back(
          "its keys are generated anew, so that rows were counted but "
          "could not be compared one by one");
    }
    const CollectionName work = merge ? outcome.to : Staging(outcome.to);
    AERIE_ASSIGN(const CollectionSpec target,
                 Prepare(context, source.spec(), work, merge, outcome));
    const Status copied = CopyRows(context, source, target, merge, outcome);
    if (KindOf(copied) == Kind::kRefused && !merge && !outcome.resumed) {
      // Rows that the target does not take: no later run could go on with what is there.
      const Status dropped = milvus::DropCollection(context, *to_, work);
      if (!dropped.ok()) return Annotate(copied, work.ToString() + " is left there");
    }
    AERIE_TRY(copied);
    if (merge) return Ok();
    return Finish(context, source.spec(), target, exists, outcome);
  }

  // The collection that rows go into: there, indexed, loaded; described.
  Result<CollectionSpec> Prepare(const Context& context, const CollectionSpec& from,
                                 const CollectionName& work, bool merge, RestoreOutcome& outcome) {
    Phase("prepare", outcome);
    AERIE_ASSIGN(bool there, milvus::CollectionExists(context, *to_, work));
    if (there && !merge && makes_new_keys_) {
      // Which rows an earlier run wrote cannot be told by keys that the server made.
      AERIE_TRY(milvus::DropCollection(context, *to_, work));
      there = false;
    }
    const CollectionSpec wanted = SpecFor(from, work);
    if (there) {
      AERIE_ASSIGN(const auto described, milvus::DescribeCollection(context, *to_, work));
      AERIE_TRY(CheckSameSchema(wanted, described.spec));
      AERIE_TRY(MakePartitions(context, wanted));
      outcome.resumed = !merge;
    } else {
      AERIE_TRY(milvus::EnsureDatabase(context, *to_, work.database));
      AERIE_TRY(milvus::CreateCollectionFromSpec(context, *to_, wanted));
    }
    if (!merge) {
      AERIE_ASSIGN(auto lost, milvus::CompareRecreated(context, *to_, wanted));
      for (std::string& line : lost) outcome.warnings.push_back("not kept: " + std::move(line));
      const auto indexes = IndexesForReading(from, options_.create_indexes);
      has_scratch_ = std::any_of(indexes.begin(), indexes.end(), milvus::IsScratchIndex);
      AERIE_TRY(MakeIndexes(context, work, indexes));
    }
    milvus::LoadOptions load;
    load.replicas = std::max<std::int32_t>(1, WantsLoaded(from) ? from.replicas : 1);
    Status loaded = milvus::Load(context, *to_, work, load);
    if (!loaded.ok() && load.replicas > 1) {
      outcome.warnings.push_back("not kept: " + std::to_string(load.replicas) +
                                 " replicas; loaded with one (" + std::string(loaded.message()) +
                                 ")");
      load.replicas = 1;
      loaded = milvus::Load(context, *to_, work, load);
    }
    AERIE_TRY(loaded);
    AERIE_ASSIGN(auto reading, milvus::ReadCollectionSpec(context, *to_, work));
    return std::move(reading.spec);
  }

  // An interrupted run may have made some of them; a collection to merge into may lack some.
  Status MakePartitions(const Context& context, const CollectionSpec& wanted) {
    if (wanted.has_partition_key()) return Ok();
    AERIE_ASSIGN(const auto reading, milvus::ReadCollectionSpec(context, *to_, wanted.name));
    const auto& have = reading.spec.partitions;
    for (const rows::PartitionSpec& partition : wanted.partitions) {
      if (!SelectsPartition(options_.selection, partition.name)) continue;
      const bool made = std::any_of(have.begin(), have.end(),
                                    [&](const auto& one) { return one.name == partition.name; });
      if (made) continue;
      milvus::pb::CreatePartitionRequest request;
      request.set_db_name(wanted.name.database);
      request.set_collection_name(wanted.name.collection);
      request.set_partition_name(partition.name);
      AERIE_TRY(to_->CreatePartition(context, request));
    }
    return Ok();
  }

  // An interrupted run may have made some of them.
  Status MakeIndexes(const Context& context, const CollectionName& work,
                     const std::vector<rows::IndexSpec>& indexes) {
    AERIE_ASSIGN(const auto reading, milvus::ReadCollectionSpec(context, *to_, work));
    std::vector<rows::IndexSpec> missing;
    for (const rows::IndexSpec& index : indexes) {
      const auto& have = reading.spec.indexes;
      const bool made = std::any_of(have.begin(), have.end(), [&](const rows::IndexSpec& one) {
        return one.index_name == index.index_name && one.field_name == index.field_name;
      });
      if (!made) missing.push_back(index);
    }
    return milvus::CreateIndexes(context, *to_, work, missing);
  }

  Status CheckSameSchema(const CollectionSpec& wanted, const CollectionSpec& there) const {
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
    const auto differences = rows::DiffSpecs(a, b);
    if (differences.empty()) return Ok();
    return RefusedError("collection " + there.name.ToString() + " is there with another schema (" +
                        differences.front() + "); drop it, or restore under another name");
  }

  Status CopyRows(const Context& context, rows::CollectionSource& source,
                  const CollectionSpec& target, bool merge, RestoreOutcome& outcome) {
    Phase("write", outcome);
    RestoreRowsOptions copy;
    copy.writers = options_.writers;
    copy.call_bytes = call_bytes_;
    copy.may_hold_rows = merge || outcome.resumed;
    copy.exclusive = !merge;
    copy.new_keys = makes_new_keys_;
    copy.selection = options_.selection;
    copy.label = outcome.to.ToString();
    AERIE_ASSIGN(const RestoredRows done,
                 RestoreRows(context, source, to_, target, copy, progress_));
    outcome.digest = done.digest;
    outcome.bytes = done.bytes;
    outcome.rows_written = done.rows_written;
    return Ok();
  }

  // Everything is written and compared. The name comes as late as can be: until then a run that
  // is cut off can be run again.
  Status Finish(const Context& context, const CollectionSpec& from, const CollectionSpec& target,
                bool replaces, RestoreOutcome& outcome) {
    Phase("finish", outcome);
    Seal(context, target.name, outcome);
    if (has_scratch_) {
      AERIE_TRY(milvus::Release(context, *to_, target.name));
      AERIE_TRY(milvus::DropScratchIndexes(context, *to_, target.name));
    }
    const auto policy = replaces ? milvus::AliasConflict::kMove : milvus::AliasConflict::kSkip;
    AERIE_ASSIGN(auto lines, SetAliases(context, target.name, from.aliases, policy));
    Append(std::move(lines), outcome);
    milvus::LoadSnapshot load = milvus::LoadSnapshotOf(from);
    if (!WantsLoaded(from)) {
      load = {};
      for (const auto& partition : from.partitions) load.partitions.push_back({partition.name});
    }
    AERIE_TRY(GiveName(context, target.name, replaces, outcome));
    AERIE_TRY(DropOld(context, outcome));
    // Not before: milvus-lite releases a collection that it renames.
    CollectionSpec named = target;
    named.name = outcome.to;
    AERIE_ASSIGN(lines, milvus::PutBackLoadState(context, *to_, named, load));
    Append(std::move(lines), outcome);
    return SetTtl(context, from, outcome.to);
  }

  // Making an alias is not repeated by the client; asked again, this makes those still missing.
  Result<std::vector<std::string>> SetAliases(const Context& context, const CollectionName& name,
                                              const std::vector<std::string>& aliases,
                                              milvus::AliasConflict policy) {
    auto lines = milvus::CreateAliases(context, *to_, name, aliases, policy);
    if (KindOf(lines.status()) != Kind::kUnknownOutcome) return lines;
    return milvus::CreateAliases(context, *to_, name, aliases, policy);
  }

  // Set twice, a property has the same value.
  Status SetTtl(const Context& context, const CollectionSpec& from, const CollectionName& name) {
    const auto last = milvus::PropertiesToApplyLast(from);
    const Status set = milvus::ApplyProperties(context, *to_, name, last);
    if (KindOf(set) != Kind::kUnknownOutcome) return set;
    return milvus::ApplyProperties(context, *to_, name, last);
  }

  // The replaced collection: of this run, or of an earlier one that ended between two renames.
  Status DropOld(const Context& context, RestoreOutcome& outcome) {
    const CollectionName old = OldName(outcome.to);
    AERIE_ASSIGN(const bool there, milvus::CollectionExists(context, *to_, old));
    if (!there) return Ok();
    if (options_.on_conflict != OnConflict::kReplace) {
      outcome.warnings.push_back(
          "the collection that an interrupted run replaced is still there "
          "as " +
          old.ToString() + "; drop it when you no longer need it");
      return Ok();
    }
    const Status dropped = milvus::DropCollection(context, *to_, old);
    if (KindOf(dropped) != Kind::kUnknownOutcome) return dropped;
    AERIE_ASSIGN(const bool still, milvus::CollectionExists(context, *to_, old));
    return still ? milvus::DropCollection(context, *to_, old) : Ok();
  }

  // Rows are safe in the server's log already; sealing only makes its statistics true and builds
  // the indexes, so nobody waits for it and a refusal (servers limit it) is worth no more than a
  // line.
  void Seal(const Context& context, const CollectionName& name, RestoreOutcome& outcome) {
    milvus::pb::FlushRequest request;
    request.set_db_name(name.database);
    request.add_collection_names(name.collection);
    const Status status = to_->Flush(context, request).status();
    if (!status.ok())
      outcome.warnings.push_back("not flushed yet: " + std::string(status.message()));
  }

  Status GiveName(const Context& context, const CollectionName& staging, bool replaces,
                  const RestoreOutcome& outcome) {
    if (replaces) AERIE_TRY(Rename(context, outcome.to, OldName(outcome.to)));
    const Status renamed = Rename(context, staging, outcome.to);
    if (renamed.ok()) return renamed;
    if (replaces) {
      const Status back = Rename(context, OldName(outcome.to), outcome.to);
      if (!back.ok()) {
        return Annotate(back, "the old collection is now " + OldName(outcome.to).ToString() +
                                  "; rename it back by hand");
      }
    }
    return Annotate(renamed, "every row is in " + staging.ToString() +
                                 " and was compared, but it could not get its name");
  }

  Status Rename(const Context& context, const CollectionName& from, const CollectionName& to) {
    milvus::pb::RenameCollectionRequest request;
    request.set_db_name(from.database);
    request.set_oldname(from.collection);
    request.set_newname(to.collection);
    // Left empty, 2.3 moves the collection to the default database (protocol.md 1.5).
    request.set_newdbname(to.database);
    const Status renamed = to_->RenameCollection(context, request);
    if (KindOf(renamed) != Kind::kUnknownOutcome) return renamed;
    AERIE_ASSIGN(const bool before, milvus::CollectionExists(context, *to_, from));
    AERIE_ASSIGN(const bool after, milvus::CollectionExists(context, *to_, to));
    if (after && !before) return Ok();
    if (after) return renamed;
    return to_->RenameCollection(context, request);
  }

  bool WantsLoaded(const CollectionSpec& from) const {
    return options_.load && options_.create_indexes && !has_scratch_ &&
           from.load_state == rows::LoadState::kLoaded;
  }

  void Phase(const char* phase, const RestoreOutcome& outcome) {
    progress_.OnProgress({.type = ProgressEvent::Type::kPhase,
                          .phase = phase,
                          .collection = outcome.to.ToString(),
                          .message = {}});
  }

  static void Append(std::vector<std::string> lines, RestoreOutcome& outcome) {
    for (std::string& line : lines) outcome.warnings.push_back(std::move(line));
  }

  Endpoint& from_;
  const std::shared_ptr<milvus::Client> to_;
  const milvus::SpecFeatures& features_;
  const RestoreOptions& options_;
  const std::size_t call_bytes_;
  ProgressSink& progress_;
  bool has_scratch_ = false;
  bool makes_new_keys_ = false;
};

// Every name is free, or what is there may be replaced or merged into: asked before anything
// starts.
Status CheckPlan(const RestorePlan& plan, const RestoreOptions& options) {
  std::set<CollectionName> targets;
  for (const RestorePlan::Item& item : plan.items) {
    for (const CollectionName& name : {item.to, Staging(item.to), OldName(item.to)}) {
      if (targets.insert(name).second) continue;
      return InvalidError("restore: two collections would both become " + name.ToString() +
                          "; rename one of them");
    }
    if (item.exists && options.on_conflict == OnConflict::kFail) {
      return NameTaken(item.to);
    }
    if (!item.refused.empty()) {
      return RefusedError("restore to " + item.to.ToString() + ": " + item.refused);
    }
  }
  return Ok();
}

}  // namespace

namespace {

// Why the collection of that name cannot be replaced; empty: it can.
Result<std::string> CannotReplace(const Context& context, milvus::Client& client,
                                  const CollectionName& name) {
  AERIE_ASSIGN(const auto there, milvus::DescribeCollection(context, client, name));
  if (there.spec.name != name) {
    return "it is an alias of " + there.spec.name.ToString() + "; name the collection itself";
  }
  AERIE_ASSIGN(const bool old, milvus::CollectionExists(context, client, OldName(name)));
  if (!old) return std::string();
  return OldName(name).ToString() + " is there, left by a replace that was interrupted; drop it " +
         "when you no longer need it";
}

}  // namespace

std::string StagingName(const std::string& final_name) { return final_name + kStagingEnd; }

Result<RestorePlan> PlanRestore(const Context& context, Endpoint& from,
                                std::shared_ptr<milvus::Client> to, const RestoreOptions& options) {
  AERIE_ASSIGN(auto all, from.List(context));
  AERIE_ASSIGN(auto names, Select(options.selection, all, from.Describe()));
  if (names.empty()) return NotFoundError("restore: " + from.Describe() + " has no collections");
  milvus::Capabilities capabilities(to);
  AERIE_ASSIGN(const milvus::SpecFeatures features, capabilities.Features(context));
  RestorePlan plan;
  for (const CollectionName& name : names) {
    RestorePlan::Item item;
    item.from = name;
    item.to = TargetName(name, options);
    AERIE_ASSIGN(Endpoint::Seen seen, from.Inspect(context, name));
    item.rows = seen.rows;
    milvus::SpecFeatures keeps = features;
    if (MakesNewKeys(seen.spec, options, features)) {
      keeps.auto_id_insert = milvus::Answer::kYes;
      item.cannot_keep.push_back(item.to.ToString() + ": its keys are generated anew");
    }
    seen.spec.name = item.to;
    for (const auto& line : milvus::Precheck(seen.spec, keeps)) {
      if (line.weight == milvus::PrecheckLine::Weight::kRefused) {
        item.refused = line.text;
        RestoreOptions accepting = options;
        accepting.new_keys = true;
        if (MakesNewKeys(seen.spec, accepting, features)) {
          item.refused += ", or accept new keys with --new-keys";
        }
      }
      item.cannot_keep.push_back(line.text);
    }
    AERIE_ASSIGN(item.exists, milvus::CollectionExists(context, *to, item.to));
    if (item.exists && options.on_conflict == OnConflict::kReplace) {
      AERIE_ASSIGN(const std::string why, CannotReplace(context, *to, item.to));
      if (!why.empty()) item.refused = why;
    }
    AERIE_ASSIGN(item.resumes, milvus::CollectionExists(context, *to, Staging(item.to)));
    plan.items.push_back(std::move(item));
  }
  return plan;
}

Result<RestoreResult> RunRestore(const Context& context, Endpoint& from,
                                 std::shared_ptr<milvus::Client> to, const RestoreOptions& options,
                                 ProgressSink& progress) {
  AERIE_ASSIGN(const RestorePlan plan, PlanRestore(context, from, to, options));
  AERIE_TRY(CheckPlan(plan, options));
  milvus::Capabilities capabilities(to);
  AERIE_ASSIGN(const milvus::SpecFeatures features, capabilities.Features(context));
  const std::size_t call_bytes =
      CallBytes(std::min(plan.items.size(), options.parallel_collections), options.writers);
  RestoreResult result;
  result.collections.resize(plan.items.size());
  AERIE_TRY(ParallelFor(context, plan.items.size(), options.parallel_collections,
                        [&](const Context& task, std::size_t i) {
                          CollectionRestore one(from, to, features, options, call_bytes, progress);
                          result.collections[i] = one.Run(task, plan.items[i].from);
                          return Ok();
                        }));
  std::size_t failed = 0;
  for (const RestoreOutcome& outcome : result.collections) {
    if (outcome.status.ok()) continue;
    ++failed;
    if (result.status.ok()) result.status = outcome.status;
  }
  if (failed > 0 && failed < result.collections.size()) {
    result.status = MakeStatus(
        Kind::kPartial, "restore to " + to->cluster() + ": " + std::to_string(failed) + " of " +
                            std::to_string(result.collections.size()) +
                            " collections failed: " + std::string(result.status.message()));
  }
  return result;
}

}  // namespace aerie::transfer
