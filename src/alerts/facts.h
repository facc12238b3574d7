// SEAM. What alerts are judged by: plain values, read by a port that `app` fills.
//
// Times are milliseconds since the Unix epoch, 0: never or none. Where something could not be read
// its `trouble` says why, in a line, and the rest of it counts for nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/status.h"

namespace aerie::alerts {

// The last job of a kind and subject that ended otherwise than by a cancel; and each open one.
struct JobFact {
  std::int64_t number = 0;
  std::string kind{};
  std::string about{};  // "schedule nightly", "cluster prod"
  std::string state{};  // as jobs::NameOf
  bool ended = false;
  std::string error{};
  std::int64_t queued_ms = 0;
  std::int64_t started_ms = 0;
  std::int64_t ended_ms = 0;
  std::int64_t heard_ms = 0;  // of the process that runs it; 0: none does
  std::int64_t rows = -1;     // -1: its kind does not count them
  std::int64_t bytes = -1;
};

struct ScheduleFact {
  std::string id{};
  std::string kind{};
  bool enabled = true;
  std::int64_t created_ms = 0;
  std::int64_t next_ms = 0;
  std::int64_t overdue_ms = 0;         // due since then, and nothing was made of it
  std::int64_t missed_ms = 0;          // the newest time that was missed
  std::int64_t missed_times = 0;       // of those that are recorded
  std::int64_t missed_since_good = 0;  // of those after its last good run
  std::int64_t period_ms = 0;          // between its next two times
  std::int64_t good_started_ms = 0;    // of its last run that ended well
  std::int64_t good_ended_ms = 0;
};

struct CollectionFact {
  std::string name{};  // database.collection
  std::int64_t newest_backup_ms = 0;
  std::int64_t newest_verified_ms = 0;
  std::int64_t first_seen_ms = 0;  // given by ObserveCollections
};

struct ClusterFact {
  std::string name{};
  std::string trouble{};
  // Every repository was read. Else a newer backup may be in one that was not.
  bool repositories_read = true;
  std::vector<CollectionFact> collections{};
};

struct RepositoryFact {
  std::string name{};
  std::string trouble{};
  std::int64_t bytes = 0;
  std::int64_t snapshots = 0;
};

struct StorageSample {
  std::int64_t at_ms = 0;
  std::int64_t used_bytes = 0;
};

// A place with an end: a file system, or a store with a configured capacity.
struct StorageFact {
  std::string name{};
  std::string trouble{};
  std::int64_t used_bytes = 0;
  std::int64_t limit_bytes = 0;
  std::vector<StorageSample> history{};  // by time; given by the monitor
};

// What others found by themselves: an open alert of a migration, a failover.
struct RaisedFact {
  std::string about{};
  std::string text{};
  std::string remedy{};
};

// How a channel does; given by the monitor.
struct ChannelFact {
  std::string name{};
  std::int64_t waiting = 0;
  std::int64_t oldest_waiting_ms = 0;  // when it was made
  std::int64_t given_up_ms = 0;        // the last time that a message was given up
  std::int64_t delivered_ms = 0;       // the last time that one was delivered
  std::string error{};                 // of the last attempt, when it failed
};

struct Facts {
  std::vector<JobFact> jobs{};
  std::vector<ScheduleFact> schedules{};
  std::vector<ClusterFact> clusters{};
  std::vector<RepositoryFact> repositories{};
  std::vector<StorageFact> storages{};
  std::vector<RaisedFact> raised{};
  std::vector<ChannelFact> channels{};
  std::map<std::pair<std::string, std::string>, std::int64_t> job_counts{};  // by kind and state
};

class FactSource {
 public:
  virtual ~FactSource() = default;
  // Blocks, for seconds where clusters or stores are slow, never without end. An error when the
  // catalog cannot be read: then nothing is judged. One call at a time.
  virtual Result<Facts> Read(const Context& context) = 0;
};

// Since when each collection is known, by "cluster/database.collection"; of "cluster" itself too.
using SeenTimes = std::map<std::string, std::int64_t>;

// Gives each collection its `first_seen_ms`: 0 when it was there when its cluster was first seen,
// so that it needs a backup at once. Returns what is to be remembered in place of `seen`: what went
// away is forgotten, except of clusters that did not answer.
SeenTimes ObserveCollections(Facts& facts, const SeenTimes& seen, std::int64_t now_ms);

}  // namespace aerie::alerts
