#include "migrate/sync_mover.h"

#include <utility>

namespace aerie::migrate {
namespace {

// A round that is not whole for every collection is none: they are cut over together.
Status StatusOf(const transfer::SyncResult& result) {
  for (const transfer::SyncOutcome& outcome : result.collections) {
    if (!outcome.status.ok()) return Annotate(outcome.status, outcome.name.ToString());
    if (outcome.how == transfer::SyncOutcome::How::kGone) {
      return NotFoundError(outcome.name.ToString() +
                           ": it was dropped while it was being migrated; abort, and begin anew "
                           "without it");
    }
  }
  return result.status;
}

}  // namespace

SyncMover::SyncMover(std::shared_ptr<milvus::Client> source, std::shared_ptr<milvus::Client> target,
                     SyncMoverOptions options, ProgressSink& progress)
    : source_(std::move(source)),
      target_(std::move(target)),
      options_(std::move(options)),
      progress_(progress) {}

std::unique_ptr<transfer::Endpoint> SyncMover::EndpointOf(Side side, Haste haste) const {
  transfer::ClusterEndpointOptions reading;
  if (side == Side::kSource) reading = options_.reading;
  if (haste == Haste::kPause) {
    // Nobody writes there: one time tick is enough for all collections.
    reading.as_of_list = true;
    reading.throttle = side == Side::kSource ? options_.throttle_in_pause : nullptr;
  }
  return transfer::MakeClusterEndpoint(side == Side::kSource ? source_ : target_, reading);
}

Result<SyncMover::Done> SyncMover::Sync(const Context& context, Side from, bool audit,
                                        Haste haste) {
  const bool forward = from == Side::kSource;
  seen_.erase(from);
  const auto endpoint = EndpointOf(from, haste);
  transfer::SyncState state(options_.folder + (forward ? "/forward" : "/reverse"));
  transfer::SyncOptions options;
  options.selection = options_.selection;
  if (audit) options.audit = transfer::SyncOptions::Audit::kAlways;
  options.audit_every = forward ? Duration() : options_.audit_every;
  // The way back writes into the collections that clients used before.
  if (!forward || options_.adopt) {
    options.strangers = transfer::SyncOptions::Strangers::kAdopt;
  }
  if (forward) options.layout = options_.layout;
  options.parallel_collections = options_.parallel_collections;
  options.writers = options_.writers;
  options.streams = options_.streams;
  options.verb = "migrate";
  AERIE_ASSIGN(const transfer::SyncResult result,
               transfer::RunSync(context, *endpoint, forward ? target_ : source_, options, state,
                                 progress_));
  AERIE_TRY(StatusOf(result));
  Done done;
  for (const transfer::SyncOutcome& outcome : result.collections) {
    done.report.inserted += outcome.inserted;
    done.report.updated += outcome.updated;
    done.report.deleted += outcome.deleted;
    done.rows += outcome.digest.rows;
    done.digests[outcome.name.ToString()] = outcome.digest;
  }
  seen_[from] = done.digests;
  return done;
}

Result<CopyReport> SyncMover::Copy(const Context& context, Haste haste) {
  AERIE_ASSIGN(const Done done, Sync(context, Side::kSource, false, haste));
  return CopyReport{.rows = done.rows};
}

Result<RoundReport> SyncMover::Round(const Context& context, Side from, Haste haste) {
  AERIE_ASSIGN(const Done done, Sync(context, from, false, haste));
  return done.report;
}

Result<RoundReport> SyncMover::Audit(const Context& context, Side from) {
  AERIE_ASSIGN(const Done done, Sync(context, from, true, Haste::kNone));
  return done.report;
}

Result<ProofReport> SyncMover::Prove(const Context& context, Side from) {
  // The round before may have been of a process that was killed.
  if (!seen_.contains(from)) AERIE_TRY(Sync(context, from, false, Haste::kPause).status());
  const Digests before = seen_.at(from);
  const bool both = from == Side::kTarget || !options_.audited_before;
  AERIE_ASSIGN(const Done done, Sync(context, from, both, Haste::kPause));
  ProofReport proof;
  for (const auto& [name, digest] : done.digests) {
    const auto found = before.find(name);
    if (found != before.end() && found->second == digest) continue;
    proof.source_changed = true;
    proof.what =
        name + " has " + std::to_string(digest.rows) + " rows" +
        (found == before.end() ? ", and was not there before"
                               : ", and " + std::to_string(found->second.rows) + " before" +
                                     (found->second.rows == digest.rows ? ", not the same" : ""));
  }
  if (!proof.source_changed) {
    proof.repaired = done.report.inserted + done.report.updated + done.report.deleted;
  }
  return proof;
}

}  // namespace aerie::migrate
