// One collection of a restore or copy: the order of steps that docs/restoring.md argues.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/progress.h"
#include "base/turns.h"
#include "milvus/capabilities.h"
#include "milvus/client.h"
#include "transfer/endpoint.h"
#include "transfer/restore.h"

namespace aerie::transfer {

// What all collections of a job share; it outlives their work.
struct RestoreJob {
  Endpoint& from;
  std::shared_ptr<milvus::Client> to;
  milvus::SpecFeatures features;
  const RestoreOptions& options;
  std::size_t call_bytes = 4 << 20;  // aim of the rows of one call
  ProgressSink& progress;
  // Of moving rows. A collection is made, indexed and loaded before its turn, which on Milvus is
  // some seconds of waiting for the server.
  Turns& turns;
};

// Never fails: how it went, also badly, is the outcome. Callable for several at once; `number` is
// its place in the order of turns. What is restored is not flushed yet.
RestoreOutcome RestoreCollection(const Context& context, const RestoreJob& job,
                                 const RestorePlan::Item& item, std::size_t number);

// Seals what was written, once for each database. Rows are safe in the server's log before; sealing
// only makes its statistics true and builds the indexes, which would take processors from rows that
// are still on their way. So it comes last, nobody waits for it, and a refusal (servers limit it)
// is worth no more than a line: for each collection that is not sealed, that line.
std::map<rows::CollectionName, std::string> SealCollections(
    const Context& context, milvus::Client& to, const std::vector<rows::CollectionName>& names);

}  // namespace aerie::transfer
