// SEAM. What the driver of a migration works through: rows, fences, switches, alerts.
//
// Every action may be made again, also when it was made already, in part, or by a process that was
// killed: the driver makes the action of a state again after a crash. Each call blocks and honours
// the context; a cancelled one may have done its work. Called from one worker thread at a time,
// alerts from another. A dual write, which comes with the gateway, is another Mover and Switch.
#pragma once

#include <cstdint>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "migrate/machine.h"

namespace aerie::migrate {

struct CopyReport {
  std::uint64_t rows = 0;
};

struct RoundReport {
  std::uint64_t inserted = 0;
  std::uint64_t updated = 0;
  std::uint64_t deleted = 0;
};

struct ProofReport {
  bool source_changed = false;  // the side that is read is not as the last round saw it
  std::string what;             // where and by how much, one line
  std::uint64_t repaired = 0;   // rows of the other side that were not what the last round wrote
};

// How hard the cluster that is read may be worked.
enum class Haste {
  kNone,   // clients use it: nothing of theirs is to suffer
  kPause,  // clients wait until this is done: as fast as it goes, within limits that a user set
};

// Rows, between the cluster that is read and the other. `from` says which is read.
class Mover {
 public:
  virtual ~Mover() = default;
  // Makes the target's collections, whole. Again: goes on, and leaves alone what is there and
  // right.
  virtual Result<CopyReport> Copy(const Context& context, Haste haste) = 0;
  // Makes the other side equal to what is read. Again: finds less to do.
  virtual Result<RoundReport> Round(const Context& context, Side from, Haste haste) = 0;
  // The same, but believes nothing that it knows of the other side: both are read whole. Never in a
  // pause.
  virtual Result<RoundReport> Audit(const Context& context, Side from) = 0;
  // Reads the side once more, after a round, and the other too unless an audit came before. What
  // the other side lacks is repaired and counted. Always in a pause.
  virtual Result<ProofReport> Prove(const Context& context, Side from) = 0;
};

// Keeps clients, and nobody else, from writing to a cluster.
class Fence {
 public:
  virtual ~Fence() = default;
  // Ok: no write of a client reaches it any more. Returns since when, in milliseconds since the
  // Unix epoch; 0: since the call. An error says that it is not known.
  virtual Result<std::int64_t> Apply(const Context& context, Side side) = 0;
  // Ok: clients may write there. Also of a cluster that was never fenced.
  virtual Status Lift(const Context& context, Side side) = 0;
};

// Sends clients to a cluster.
class Switch {
 public:
  virtual ~Switch() = default;
  // Ok: all clients. An error says that it is not known where each of them is.
  virtual Status To(const Context& context, Side side) = 0;
};

// Whether the migration may begin.
class Preflight {
 public:
  virtual ~Preflight() = default;
  // Changes nothing that stays. kRefused with all that failed, in one line.
  virtual Status Check(const Context& context) = 0;
};

class AlertSink {
 public:
  virtual ~AlertSink() = default;
  // An error: it is delivered again later. May deliver one twice.
  virtual Status Deliver(const Context& context, const catalog::Alert& alert) = 0;
};

}  // namespace aerie::migrate
