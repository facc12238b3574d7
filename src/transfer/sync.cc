#include "transfer/sync.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/task_group.h"
#include "milvus/capabilities.h"
#include "milvus/collection_admin.h"
#include "milvus/spec_reader.h"
#include "transfer/memory_share.h"
#include "transfer/restore_collection.h"
#include "transfer/restore_plan.h"
#include "transfer/sync_collection.h"

namespace aerie::transfer {
namespace {

using rows::CollectionName;
using How = SyncOutcome::How;

RestoreOptions CopyOptions(const SyncOptions& options) {
  RestoreOptions copy;
  copy.selection = options.selection;
  copy.rename = options.rename;
  copy.suffix = options.suffix;
  copy.database = options.database;
  copy.layout = options.layout;
  copy.parallel_collections = options.parallel_collections;
  copy.writers = options.writers;
  copy.streams = options.streams;
  copy.verb = options.verb;
  return copy;
}

// What comes when the rows of all collections are in step: aliases, and collections that are gone.
class SyncEnding {
 public:
  SyncEnding(const SyncJob& job, const RestorePlan& plan, SyncResult& result)
      : job_(job), plan_(plan), result_(result) {}

  Status Run(const Context& context) {
    AERIE_ASSIGN(records_,
                 job_.state.Records(context, job_.from.cluster()->cluster(), job_.to->cluster()));
    for (const SyncRecord& record : records_) ours_.insert(record.to.name);
    for (const auto& item : plan_.items) {
      ours_.insert(item.to);
      for (const std::string& alias : item.spec.aliases) wanted_.emplace(item.to.database, alias);
    }
    for (std::size_t i = 0; i < plan_.items.size(); ++i) {
      SyncOutcome& outcome = result_.collections[i];
      if (!outcome.status.ok()) continue;
      const Status status = Aliases(context, plan_.items[i], outcome);
      if (!status.ok()) {
        outcome.status =
            Annotate(status, job_.options.verb + " aliases of " + outcome.to.ToString());
      }
    }
    for (const SyncRecord& record : records_) AERIE_TRY(Gone(context, record));
    return Ok();
  }

 private:
  bool Writes() const { return job_.act == SyncJob::Act::kWrite; }

  // --- Aliases ---

  Status Aliases(const Context& context, const RestorePlan::Item& item, SyncOutcome& outcome) {
    const auto [from, to] = EndsOf(job_, item.from, item.to);
    std::vector<std::string> had;
    std::unique_ptr<SyncPair> pair;
    if (Writes()) {
      AERIE_ASSIGN(pair, job_.state.Open(context, from, to));
      if (!pair->record()) return InternalError("what was kept of it is gone");
      had = pair->record()->spec.aliases;
    } else {
      AERIE_ASSIGN(const auto peeked, job_.state.Peek(context, from, to));
      if (peeked.record) had = peeked.record->spec.aliases;
    }
    std::vector<std::string> have;
    for (const std::string& alias : item.spec.aliases) {
      AERIE_TRY(SetAlias(context, item.to, alias, outcome));
      have.push_back(alias);
    }
    for (const std::string& alias : had) {
      if (std::find(have.begin(), have.end(), alias) != have.end()) continue;
      AERIE_TRY(RemoveAlias(context, item.to, alias, outcome));
    }
    if (!Writes() || have == had) return Ok();
    SyncRecord record = *pair->record();
    record.spec.aliases = std::move(have);
    return pair->Save(context, record);
  }

  // Where an alias leads to; its own name when a collection has that.
  Result<std::optional<CollectionName>> LeadsTo(const Context& context,
                                                const CollectionName& alias) const {
    const auto reading = milvus::DescribeCollection(context, *job_.to, alias);
    if (KindOf(reading.status()) == Kind::kNotFound) return std::optional<CollectionName>();
    AERIE_TRY(reading.status());
    return std::optional(reading->spec.name);
  }

  Status SetAlias(const Context& context, const CollectionName& to, const std::string& alias,
                  SyncOutcome& outcome) {
    const CollectionName name{to.database, alias};
    AERIE_ASSIGN(const auto leads_to, LeadsTo(context, name));
    if (leads_to == to) return Ok();
    if (leads_to && (*leads_to == name || !ours_.contains(*leads_to))) {
      outcome.warnings.push_back(
          "alias " + alias + ": " +
          (*leads_to == name ? "a collection has that name"
                             : "it leads to " + leads_to->ToString() + ", which no sync made") +
          "; it is left");
      return Ok();
    }
    outcome.schema.push_back(
        "alias " + alias + ": " +
        (leads_to ? "moved here from " + leads_to->ToString() : std::string("made")));
    return Writes() ? Point(context, to, alias) : Ok();
  }

  // Making an alias is not repeated by the client; asked again, this makes it if it is missing.
  Status Point(const Context& context, const CollectionName& to, const std::string& alias) {
    const auto point = [&] {
      return milvus::CreateAliases(context, *job_.to, to, {alias}, milvus::AliasConflict::kMove)
          .status();
    };
    const Status status = point();
    return KindOf(status) == Kind::kUnknownOutcome ? point() : status;
  }

  // One that the source lost. Another collection that has it there takes it by its own turn.
  Status RemoveAlias(const Context& context, const CollectionName& to, const std::string& alias,
                     SyncOutcome& outcome) {
    if (wanted_.contains({to.database, alias})) return Ok();
    AERIE_ASSIGN(const auto leads_to, LeadsTo(context, {to.database, alias}));
    if (leads_to != to) return Ok();
    outcome.schema.push_back("alias " + alias + ": removed");
    if (!Writes()) return Ok();
    milvus::pb::DropAliasRequest request;
    request.set_db_name(to.database);
    request.set_alias(alias);
    return job_.to->DropAlias(context, request);
  }

  // --- Collections whose source is gone ---

  bool IsPlanned(const SyncRecord& record) const {
    return std::any_of(plan_.items.begin(), plan_.items.end(), [&](const auto& item) {
      return item.from == record.from.name || item.to == record.to.name;
    });
  }

  Status Gone(const Context& context, const SyncRecord& record) {
    if (IsPlanned(record) || !Selects(job_.options.selection, record.from.name)) return Ok();
    // The list did not have it. Asked by its name it must not be there either.
    const auto source = milvus::DescribeCollection(context, *job_.from.cluster(), record.from.name);
    if (source.ok()) return Ok();
    SyncOutcome outcome;
    outcome.name = record.from.name;
    outcome.to = record.to.name;
    outcome.as_of_ms = record.as_of_ms;
    const SteadyTime start = context.clock().Steady();
    outcome.status = KindOf(source.status()) == Kind::kNotFound ? EndPair(context, record, outcome)
                                                                : source.status();
    // Gone on both sides by other hands: nothing to tell.
    if (outcome.status.ok() && outcome.how == How::kNothing) return Ok();
    if (!outcome.status.ok()) {
      outcome.status = Annotate(outcome.status, job_.options.verb + " " + outcome.to.ToString() +
                                                    ", whose source is gone");
    }
    outcome.seconds = std::chrono::duration<double>(context.clock().Steady() - start).count();
    result_.collections.push_back(std::move(outcome));
    return context.Check(job_.options.verb);
  }

  Status EndPair(const Context& context, const SyncRecord& record, SyncOutcome& outcome) {
    const auto there = milvus::DescribeCollection(context, *job_.to, record.to.name);
    const bool is_there = there.ok() && there->spec.id == record.to.id;
    if (!is_there && !there.ok() && KindOf(there.status()) != Kind::kNotFound) {
      return there.status();
    }
    if (is_there) outcome.how = How::kGone;
    const bool drops = job_.options.gone == SyncOptions::Gone::kDrop;
    if (is_there && (!drops || !record.made)) {
      outcome.warnings.push_back(record.from.name.ToString() +
                                 " is not in the source any more; it is left" +
                                 (record.made ? " (--prune-extra drops it)"
                                              : ", since no sync made it; drop it yourself"));
      return Ok();
    }
    if (is_there) outcome.how = How::kDropped;
    if (!Writes()) return Ok();
    AERIE_ASSIGN(const auto pair, job_.state.Open(context, record.from, record.to));
    if (is_there) AERIE_TRY(Drop(context, record));
    return pair->Forget(context);
  }

  Status Drop(const Context& context, const SyncRecord& record) {
    const Status dropped = milvus::DropCollection(context, *job_.to, record.to.name);
    if (KindOf(dropped) != Kind::kUnknownOutcome) return dropped;
    const auto there = milvus::DescribeCollection(context, *job_.to, record.to.name);
    if (KindOf(there.status()) == Kind::kNotFound) return Ok();
    AERIE_TRY(there.status());
    return there->spec.id == record.to.id
               ? milvus::DropCollection(context, *job_.to, record.to.name)
               : Ok();
  }

  const SyncJob& job_;
  const RestorePlan& plan_;
  SyncResult& result_;
  std::vector<SyncRecord> records_;
  std::set<CollectionName> ours_;                         // of the target
  std::set<std::pair<std::string, std::string>> wanted_;  // databases of the target, and aliases
};

void SealCopied(const Context& context, milvus::Client& to, SyncResult& result) {
  std::vector<CollectionName> names;
  for (const SyncOutcome& outcome : result.collections) {
    if (outcome.status.ok() && outcome.how == How::kCopied) names.push_back(outcome.to);
  }
  const auto refused = SealCollections(context, to, names);
  for (SyncOutcome& outcome : result.collections) {
    const auto why = refused.find(outcome.to);
    if (why != refused.end()) outcome.warnings.push_back(why->second);
  }
}

Status CheckOptions(const Endpoint& from, const SyncOptions& options) {
  if (from.cluster() == nullptr) {
    return InvalidError(options.verb + ": " + from.Describe() + " is not a live cluster");
  }
  if (!options.selection.partitions.empty() || !options.selection.filter.empty()) {
    return InvalidError(options.verb + ": collections are kept equal whole, not in part");
  }
  return Ok();
}

Result<SyncResult> Sync(const Context& context, Endpoint& from, std::shared_ptr<milvus::Client> to,
                        const SyncOptions& options, SyncState& state, SyncJob::Act act,
                        ProgressSink& progress) {
  AERIE_TRY(CheckOptions(from, options));
  RestoreOptions copy = CopyOptions(options);
  // A collection that is there is looked at in its turn.
  AERIE_ASSIGN(const RestorePlan plan, PlanRestore(context, from, to, copy));
  copy.each_for_itself = true;
  AERIE_TRY(CheckPlan(plan, copy));
  copy.each_for_itself = false;
  milvus::Capabilities capabilities(to);
  AERIE_ASSIGN(const milvus::SpecFeatures features, capabilities.Features(context));
  const std::size_t at_once = std::min(plan.items.size(), options.parallel_collections);
  // An audit reads both sides.
  const std::size_t call_bytes = CallBytes(at_once, options.writers + 2 * options.streams);
  const SyncJob job{from, to, features, options, copy, state, call_bytes, act, progress};
  const std::vector<std::size_t> order = LargestFirst(plan);
  SyncResult result;
  result.collections.resize(plan.items.size());
  AERIE_TRY(ParallelFor(
      context, order.size(), options.parallel_collections, [&](const Context& task, std::size_t i) {
        result.collections[order[i]] = SyncCollection(task, job, plan.items[order[i]]);
        return Ok();
      }));
  if (act == SyncJob::Act::kWrite) SealCopied(context, *to, result);
  const Status ended = SyncEnding(job, plan, result).Run(context);
  result.status = StatusOfAll(result.collections, options.verb + " to " + to->cluster());
  if (result.status.ok()) result.status = ended;
  return result;
}

}  // namespace

Result<SyncResult> PlanSync(const Context& context, Endpoint& from,
                            std::shared_ptr<milvus::Client> to, const SyncOptions& options,
                            SyncState& state, ProgressSink& progress) {
  return Sync(context, from, std::move(to), options, state, SyncJob::Act::kLook, progress);
}

Result<SyncResult> RunSync(const Context& context, Endpoint& from,
                           std::shared_ptr<milvus::Client> to, const SyncOptions& options,
                           SyncState& state, ProgressSink& progress) {
  return Sync(context, from, std::move(to), options, state, SyncJob::Act::kWrite, progress);
}

}  // namespace aerie::transfer
