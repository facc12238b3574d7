// Sync: collections of one cluster kept equal to those of another, round after round.
// docs/syncing.md says what a round does and what it promises.
//
// Each collection is for itself. A round that was killed is simply run again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "milvus/client.h"
#include "transfer/endpoint.h"
#include "transfer/layout.h"
#include "transfer/outcome.h"
#include "transfer/selection.h"
#include "transfer/sync_specs.h"
#include "transfer/sync_state.h"

namespace aerie::transfer {

struct SyncOptions {
  Selection selection;  // of collections; they are synced whole
  std::map<std::string, std::string> rename;
  std::string suffix;
  std::string database;
  enum class Audit {
    kWhenDue,  // when what is kept cannot be trusted, or the last one is `audit_every` ago
    kAlways,
  } audit = Audit::kWhenDue;
  Duration audit_every = std::chrono::hours(24 * 7);  // zero: not because of time
  // A collection of the target that no sync made, and that has rows which the source has not, or
  // has otherwise.
  enum class Strangers { kRefuse, kAdopt } strangers = Strangers::kRefuse;
  // A collection that a sync made and whose source is gone.
  enum class Gone { kReport, kDrop } gone = Gone::kReport;
  IndexRebuild indexes = IndexRebuild::kReport;
  Layout layout;  // of collections that are made
  std::size_t parallel_collections = 4;
  int writers = 2;            // requests in flight for each collection
  int streams = 2;            // the same, reading
  std::string verb = "sync";  // what messages call the job
};

struct SyncOutcome : CollectionOutcome {
  enum class How {
    kNothing,  // nothing was done: see status
    kCopied,   // it was not there
    kDigests,  // compared with what was kept of the last round
    kAudited,  // both sides were read
    kGone,     // its source is gone
    kDropped,  // and now it is, too
  };
  rows::CollectionName to;
  How how = How::kNothing;
  std::string why;  // of an audit
  std::uint64_t inserted = 0;
  std::uint64_t updated = 0;
  std::uint64_t deleted = 0;
  std::vector<std::string> schema;  // what was changed, a line each
  // Everything that the source had acknowledged by then is on the target: when the last whole round
  // began; 0: there was none yet.
  std::int64_t as_of_ms = 0;
};

struct SyncResult {
  Status status;  // ok; kPartial; or the only error
  std::vector<SyncOutcome> collections;
};

// What a round would do, as far as reading tells; neither the target nor the state is changed.
Result<SyncResult> PlanSync(const Context& context, Endpoint& from,
                            std::shared_ptr<milvus::Client> to, const SyncOptions& options,
                            SyncState& state, ProgressSink& progress);

// One round. `from` is a live cluster. An error status only when the job could not begin: kRefused
// where it would write what it reads, kInvalid for options that do not fit, kNotFound when nothing
// is selected. Everything later is in the result; kLocked for a pair that another process is at.
Result<SyncResult> RunSync(const Context& context, Endpoint& from,
                           std::shared_ptr<milvus::Client> to, const SyncOptions& options,
                           SyncState& state, ProgressSink& progress);

}  // namespace aerie::transfer
