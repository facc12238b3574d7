// Rows of a migration by syncs in either direction (docs/syncing.md).
//
// What each direction keeps between rounds is in a folder of its own below `folder`. One call at a
// time; any thread. The clients must outlive it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/progress.h"
#include "migrate/ports.h"
#include "milvus/client.h"
#include "transfer/endpoint.h"
#include "transfer/sync.h"

namespace aerie::migrate {

struct SyncMoverOptions {
  transfer::Selection selection;
  std::string folder;
  std::size_t parallel_collections = 4;
  int writers = 2;
  int streams = 2;
  transfer::Layout layout = {};  // of collections that are made
  // Take over a collection of the target that no sync made, also one that differs.
  bool adopt = false;
  // An audit precedes the fence of the source: the proof of the way there reads the source alone.
  bool audited_before = false;
  Duration audit_every = {};  // of the source, in the rounds back; zero: not because of time
  // Of the source. In the pause it is the second that holds back, since nobody else is served
  // there.
  transfer::ClusterEndpointOptions reading = {};
  std::shared_ptr<transfer::ClusterThrottle> throttle_in_pause = nullptr;
};

class SyncMover : public Mover {
 public:
  SyncMover(std::shared_ptr<milvus::Client> source, std::shared_ptr<milvus::Client> target,
            SyncMoverOptions options, ProgressSink& progress);

  Result<CopyReport> Copy(const Context& context, Haste haste) override;
  Result<RoundReport> Round(const Context& context, Side from, Haste haste) override;
  Result<RoundReport> Audit(const Context& context, Side from) override;
  Result<ProofReport> Prove(const Context& context, Side from) override;

 private:
  using Digests = std::map<std::string, rows::RangeDigest>;  // of the side that was read
  struct Done {
    RoundReport report;
    std::uint64_t rows = 0;
    Digests digests;
  };
  Result<Done> Sync(const Context& context, Side from, bool audit, Haste haste);
  std::unique_ptr<transfer::Endpoint> EndpointOf(Side side, Haste haste) const;

  const std::shared_ptr<milvus::Client> source_;
  const std::shared_ptr<milvus::Client> target_;
  const SyncMoverOptions options_;
  ProgressSink& progress_;
  // By the last round of each side; empty: there was none in this process.
  std::map<Side, Digests> seen_;
};

}  // namespace aerie::migrate
