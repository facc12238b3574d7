#include "transfer/restore_collection.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/machine_lock.h"
#include "milvus/collection_admin.h"
#include "milvus/scratch_index.h"
#include "milvus/spec_reader.h"
#include "rows/load_state.h"
#include "transfer/diff.h"
#include "transfer/restore_plan.h"
#include "transfer/restore_rows.h"

namespace aerie::transfer {
namespace {

using rows::CollectionName;
using rows::CollectionSpec;

// The spec a collection is made with: the source's, under another name, without what comes last.
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

// One collection into the target cluster.
class CollectionRestore {
 public:
  explicit CollectionRestore(const RestoreJob& job)
      : from_(job.from), to_(job.to), options_(job.options), progress_(job.progress), job_(job) {}

  RestoreOutcome Run(const Context& context, const RestorePlan::Item& item, std::size_t number) {
    number_ = number;
    RestoreOutcome outcome;
    outcome.name = item.from;
    outcome.to = item.to;
    const SteadyTime start = context.clock().Steady();
    outcome.status =
        item.refused.empty() ? Restore(context, item, outcome) : RefusedError(item.refused);
    if (!had_turn_) job_.turns.PassOver(number_);
    if (!outcome.status.ok()) {
      outcome.status = Annotate(outcome.status, options_.verb + " " + outcome.name.ToString() +
                                                    " to " + outcome.to.ToString());
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
  Status Restore(const Context& context, const RestorePlan::Item& item, RestoreOutcome& outcome) {
    AERIE_TRY(LockStaging(outcome.to));
    AERIE_ASSIGN(const bool exists, milvus::CollectionExists(context, *to_, outcome.to));
    const bool merge = exists && options_.on_conflict == OnConflict::kMerge;
    if (merge) staging_lock_.reset();
    if (!exists) AERIE_TRY(PrepareAhead(context, item.spec, outcome));
    AERIE_TRY(TakeTurn(context));
    if (exists && !merge) {
      AERIE_ASSIGN(const std::string difference, CompareWithWhatIsThere(context, outcome));
      if (outcome.was_there) return DropLeftStaging(context, outcome);
      // The plan may have seen the name free, and somebody took it meanwhile.
      if (options_.on_conflict == OnConflict::kFail) return NameTaken(difference);
    }
    AERIE_ASSIGN(auto source, from_.Open(context, outcome.name));
    const CollectionSpec from = source->spec();
    const Result<CollectionSpec> target = CopyFrom(context, *source, merge, outcome);
    // Before anything gets its name: only now is it known that what was read is one collection.
    const Status closed =
        source->Close(Context(context.clock()).WithTimeout(std::chrono::minutes(2)));
    turn_.reset();
    AERIE_TRY(ExplainFailure(context, target.status(), closed, merge, outcome));
    if (merge) return Ok();
    return Finish(context, from, *target, exists, outcome);
  }

  // Two that work in one staging collection would each take it for what an earlier run left. Held
  // to the end; a process that is killed has let go of it, so that the next run goes on.
  Status LockStaging(const CollectionName& to) {
    const CollectionName staging = Staging(to);
    auto lock = MachineLock::Take(to_->cluster() + "/" + staging.ToString());
    if (KindOf(lock.status()) == Kind::kLocked) {
      return WithMessage(lock.status(),
                         std::string(lock.status().message()) + " is at work on " +
                             staging.ToString() + " already; wait until that has ended, or " +
                             options_.verb + " under another name (--suffix, --rename)");
    }
    AERIE_TRY(Annotate(lock.status(), "lock " + staging.ToString()));
    staging_lock_.emplace(*std::move(lock));
    return Ok();
  }

  // What an earlier run of a job of many has finished is done. Else what is different, for a
  // message.
  Result<std::string> CompareWithWhatIsThere(const Context& context, RestoreOutcome& outcome) {
    if (!options_.each_for_itself || options_.new_keys) return std::string();
    Phase("compare", outcome);
    const auto there = MakeClusterEndpoint(to_, {});
    DiffOptions diff;
    diff.left_name = outcome.name;
    diff.right_name = outcome.to;
    diff.selection.partitions = options_.selection.partitions;
    diff.stop_at_first = true;
    AERIE_ASSIGN(const DiffResult result, RunDiff(context, from_, *there, diff, progress_));
    const CollectionDiff& found = result.collections.front();
    AERIE_TRY(found.status);
    if (!found.examples.empty()) {
      return " in which key " + found.examples.front().key + " is not as in the source";
    }
    if (found.missing + found.extra > 0) {
      return " with " + std::to_string(found.missing + found.extra) + " rows " +
             (found.missing > 0 ? "less" : "more");
    }
    outcome.was_there = true;
    outcome.digest = found.digest_left;
    for (const std::string& line : found.spec) {
      outcome.warnings.push_back("was there with the same rows, but: " + line);
    }
    return std::string();
  }

  // What a killed run was making, when the collection turns out to need no other: a replace that
  // goes on finds the old one equal.
  Status DropLeftStaging(const Context& context, const RestoreOutcome& outcome) {
    const CollectionName staging = Staging(outcome.to);
    AERIE_ASSIGN(const bool left, milvus::CollectionExists(context, *to_, staging));
    return left ? milvus::DropCollection(context, *to_, staging) : Ok();
  }

  // Before its turn, since on Milvus this is some seconds of waiting for the server. The source is
  // not opened so early: what it shows is of that moment, and what is not loaded is loaded then.
  Status PrepareAhead(const Context& context, const CollectionSpec& planned,
                      RestoreOutcome& outcome) {
    const auto target = Prepare(context, planned, Staging(outcome.to), false, outcome);
    AERIE_TRY(ExplainFailure(context, target.status(), Ok(), false, outcome));
    ahead_ = Ahead{planned, *target};
    return Ok();
  }

  // Every row of the source into the collection that it works in, whose description is answered.
  Result<CollectionSpec> CopyFrom(const Context& context, rows::CollectionSource& source,
                                  bool merge, RestoreOutcome& outcome) {
    if (!ahead_ || !rows::DiffSpecs(ahead_->from, source.spec()).empty()) {
      outcome.warnings.clear();  // those of what the source was before
      const CollectionName work = merge ? outcome.to : Staging(outcome.to);
      AERIE_ASSIGN(CollectionSpec target, Prepare(context, source.spec(), work, merge, outcome));
      ahead_ = Ahead{source.spec(), std::move(target)};
    }
    AERIE_TRY(CopyRows(context, source, ahead_->target, merge, outcome));
    return ahead_->target;
  }

  // To read and write rows.
  Status TakeTurn(const Context& context) {
    AERIE_ASSIGN(turn_, job_.turns.Take(context, number_, "wait for its turn"));
    had_turn_ = true;
    return Ok();
  }

  // A collection that has become another one explains whatever went wrong with reading it. What was
  // read of it stays: it may be all that is left.
  Status ExplainFailure(const Context& context, const Status& copied, const Status& closed,
                        bool merge, const RestoreOutcome& outcome) {
    if (copied.ok() && closed.ok()) return Ok();
    const CollectionName work = merge ? outcome.to : Staging(outcome.to);
    if (KindOf(closed) == Kind::kRefused) {
      return WithMessage(closed, std::string(closed.message()) +
                                     " (what was read until then is in " + work.ToString() + ")");
    }
    if (KindOf(copied) == Kind::kRefused && made_ && !merge) {
      // Rows that the target does not take: no later run could go on with what this one made.
      const Status dropped = milvus::DropCollection(context, *to_, work);
      if (!dropped.ok() && KindOf(dropped) != Kind::kNotFound) {
        return Annotate(copied, work.ToString() + " is left there");
      }
    }
    if (KindOf(copied) == Kind::kNotFound && !merge) {
      // No lock reaches other machines.
      const auto there = milvus::CollectionExists(context, *to_, work);
      if (there.ok() && !*there) {
        return WithMessage(copied,
                           work.ToString() +
                               " is gone, renamed or dropped while it was written: another " +
                               "machine works on the same name, or somebody removed it; " +
                               "run this again when that has ended");
      }
    }
    return copied.ok() ? closed : copied;
  }

  // The collection that rows go into: there, indexed, loaded; described.
  Result<CollectionSpec> Prepare(const Context& context, const CollectionSpec& from,
                                 const CollectionName& work, bool merge, RestoreOutcome& outcome) {
    Phase("prepare", outcome);
    outcome.new_keys = MakesNewKeys(from, options_, job_.features);
    if (outcome.new_keys) {
      outcome.warnings.emplace_back(
          "its keys are generated anew, so that rows were counted but "
          "could not be compared one by one");
    }
    AERIE_ASSIGN(bool there, milvus::CollectionExists(context, *to_, work));
    if (there && !merge && (outcome.new_keys || made_)) {
      // Which rows an earlier run wrote cannot be told by keys that the server made; and what this
      // run has made is empty yet.
      AERIE_TRY(milvus::DropCollection(context, *to_, work));
      there = false;
    }
    CollectionSpec wanted = SpecFor(from, work);
    if (options_.layout.shards > 0) wanted.shards = options_.layout.shards;
    if (there) {
      AERIE_ASSIGN(const auto described, milvus::DescribeCollection(context, *to_, work));
      const auto differences = SchemaDifferences(wanted, described.spec);
      if (!differences.empty()) return SchemaDiffers(described.spec, differences, options_);
      AERIE_TRY(MakePartitions(context, wanted));
      outcome.resumed = !merge;
    } else {
      AERIE_TRY(milvus::EnsureDatabase(context, *to_, work.database));
      AERIE_TRY(milvus::CreateCollectionFromSpec(context, *to_, wanted));
      made_ = true;
    }
    if (!merge) {
      AERIE_ASSIGN(auto lost, milvus::CompareRecreated(context, *to_, wanted));
      for (std::string& line : lost) outcome.warnings.push_back("not kept: " + std::move(line));
      const auto indexes = IndexesForReading(from, options_.create_indexes);
      has_scratch_ = std::any_of(indexes.begin(), indexes.end(), milvus::IsScratchIndex);
      AERIE_TRY(MakeIndexes(context, work, indexes));
    }
    milvus::LoadOptions load;
    if (WantsLoaded(from)) {
      const std::int32_t asked = options_.layout.replicas;
      load.replicas = std::max<std::int32_t>(1, asked > 0 ? asked : from.replicas);
    }
    Status loaded = milvus::Load(context, *to_, work, load);
    if (!loaded.ok() && load.replicas > 1) {
      outcome.warnings.push_back("not kept: " + std::to_string(load.replicas) +
                                 " replicas; loaded with one (" + std::string(loaded.message()) +
                                 ")");
      load.replicas = 1;
      loaded = milvus::Load(context, *to_, work, load);
    }
    AERIE_TRY(loaded);
    replicas_ = load.replicas;
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

  Status CopyRows(const Context& context, rows::CollectionSource& source,
                  const CollectionSpec& target, bool merge, RestoreOutcome& outcome) {
    Phase("write", outcome);
    RestoreRowsOptions copy;
    copy.writers = options_.writers;
    copy.call_bytes = job_.call_bytes;
    copy.may_hold_rows = merge || outcome.resumed;
    copy.exclusive = !merge;
    copy.new_keys = outcome.new_keys;
    copy.selection = options_.selection;
    if (from_.cluster() != nullptr) {
      copy.read.batch_bytes = job_.call_bytes;
      copy.read.streams = options_.streams;
    }
    copy.label = outcome.to.ToString();
    AERIE_ASSIGN(const RestoredRows done,
                 RestoreRows(context, source, to_, target, copy, progress_));
    outcome.digest = done.digest;
    outcome.bytes = done.bytes;
    outcome.rows_written = done.rows_written;
    outcome.report = done.report;
    Append(done.report.warnings, outcome);
    return Ok();
  }

  // Everything is written and compared. The name comes as late as can be: until then a run that
  // is cut off can be run again.
  Status Finish(const Context& context, const CollectionSpec& from, const CollectionSpec& target,
                bool replaces, RestoreOutcome& outcome) {
    Phase("finish", outcome);
    if (has_scratch_) {
      AERIE_TRY(milvus::Release(context, *to_, target.name));
      AERIE_TRY(milvus::DropScratchIndexes(context, *to_, target.name));
    }
    const auto policy = replaces ? milvus::AliasConflict::kMove : milvus::AliasConflict::kSkip;
    const auto aliases = options_.aliases ? from.aliases : std::vector<std::string>();
    AERIE_ASSIGN(auto lines, SetAliases(context, target.name, aliases, policy));
    Append(std::move(lines), outcome);
    milvus::LoadSnapshot load = milvus::LoadSnapshotOf(from);
    load.replicas = replicas_;
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
           rows::IsWantedLoaded(from.load_state);
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
  const RestoreOptions& options_;
  ProgressSink& progress_;
  const RestoreJob& job_;
  std::size_t number_ = 0;
  std::optional<MachineLock> staging_lock_;
  Turns::Turn turn_;
  bool had_turn_ = false;
  struct Ahead {
    CollectionSpec from;    // what the source was then
    CollectionSpec target;  // as it was described
  };
  std::optional<Ahead> ahead_;
  std::int32_t replicas_ = 1;  // with which it was loaded
  bool made_ = false;          // the collection that rows go into is this run's own
  bool has_scratch_ = false;
};

}  // namespace

RestoreOutcome RestoreCollection(const Context& context, const RestoreJob& job,
                                 const RestorePlan::Item& item, std::size_t number) {
  return CollectionRestore(job).Run(context, item, number);
}

std::map<CollectionName, std::string> SealCollections(const Context& context, milvus::Client& to,
                                                      const std::vector<CollectionName>& names) {
  std::map<std::string, milvus::pb::FlushRequest> by_database;
  for (const CollectionName& name : names) {
    by_database[name.database].add_collection_names(name.collection);
  }
  std::map<CollectionName, std::string> refused;
  for (auto& [database, request] : by_database) {
    request.set_db_name(database);
    const Status sealed = to.Flush(context, request).status();
    if (sealed.ok()) continue;
    for (const std::string& collection : request.collection_names()) {
      refused[{database, collection}] = "not flushed yet: " + std::string(sealed.message());
    }
  }
  return refused;
}

}  // namespace aerie::transfer
