// Locks in the store: shared ones for backup and readers, an exclusive one for whoever deletes.
//
// docs/format.md, section Locks, is the protocol; docs/decisions/0006 says why it is safe. A lock
// is a lease: while one is held a thread renews it, and a holder that could not renew finds out by
// Check before it does harm. Expiry is counted on the store's clock only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/context.h"
#include "objects/object_store.h"
#include "repo/crypto.h"
#include "repo/lock_file.h"

namespace aerie::repo {

struct LockTimes {
  Duration ttl = std::chrono::minutes(10);
  Duration renew = std::chrono::minutes(2);
  Duration margin = std::chrono::minutes(2);    // what a holder leaves of the ttl
  Duration max_skew = std::chrono::minutes(2);  // of the store's clock, for an exclusive lock
  Duration patience = std::chrono::seconds(5);  // before a lock that is held is an error
};

// One holder, as the store shows it.
struct LockHolder {
  LockRecord record;
  std::vector<objects::ObjectKey> objects;
  std::int64_t renewed_ms = 0;  // newest object's time, store's clock
  bool readable = true;         // false: of the record only mode and ttl count

  // Store's clock.
  std::int64_t ExpiresMs() const { return renewed_ms + record.ttl_ms; }
  // "alice@db1, process 4242 (aerie backup)".
  std::string Who() const;
};

class LockTable;

// A lock that is held; releases it when destroyed. Thread-safe.
class Lease {
 public:
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // Ok while the lock is held for certain; kLocked, naming `operation`, once it may not be. To be
  // asked right before anything that others rely on being excluded from.
  Status Check(const std::string& operation) const;
  // As Check, and asks the store whether the lock is still there: nobody took it over or broke it.
  Status Confirm(const Context& context, const std::string& operation);
  // `context` with a deadline no later than the end of what is certain now.
  Context Limit(const Context& context) const;

  // Writes the next lock object. Called by the background thread; tests call it themselves.
  Status Renew(const Context& context);

  const LockRecord& record() const { return record_; }
  // The time of acquisition on the store's clock.
  std::int64_t store_now_ms() const { return store_now_ms_; }

 private:
  friend class LockTable;
  struct Moment {
    SteadyTime steady;
    WallTime wall;
  };
  Lease(LockTable& table, LockRecord record) : table_(table), record_(std::move(record)) {}
  Moment Now() const;
  void Extend(const Moment& began);
  void Lose(std::string why);
  Status Release();
  void KeepRenewing(const std::stop_token& stop);

  LockTable& table_;
  const LockRecord record_;
  std::int64_t store_now_ms_ = 0;
  std::mutex renew_mutex_;  // one renewal at a time
  mutable std::mutex mutex_;
  std::vector<objects::ObjectKey> objects_;  // oldest first
  Moment valid_until_;
  std::string lost_;
  std::jthread keeper_;
};

// The locks of one repository. One per open repository; must outlive its leases and not store, keys
// or clock. Thread-safe.
class LockTable {
 public:
  // `clock` is that of renewals. `config` is the config object that the keys were opened with;
  // empty: not known.
  LockTable(objects::ObjectStore& store, const KeyRing& keys, Clock& clock, Bytes config = {})
      : store_(store), keys_(keys), clock_(clock), config_(std::move(config)) {}

  // For tests, before the first Acquire.
  void set_times(const LockTimes& times) { times_ = times; }
  const LockTimes& times() const { return times_; }

  // kLocked naming who holds what conflicts and what to do, or when the config is not any more what
  // it was: the master key was rotated, and nothing may be written with the old one. kRefused when
  // an exclusive lock is asked for and the store's clock and ours differ too much. Locks of others
  // that conflict and have run out, or whose process on this machine has ended, are removed.
  Result<std::unique_ptr<Lease>> Acquire(const Context& context, LockMode mode,
                                         const std::string& purpose);

  // All holders and the store's time.
  struct Survey {
    std::vector<LockHolder> holders;
    std::int64_t now_ms = 0;
  };
  Result<Survey> Look(const Context& context);

  // Takes the lock from its holder, who finds out at its next renewal.
  Status Remove(const Context& context, const LockHolder& holder);

 private:
  friend class Lease;
  LockRecord NewRecord(LockMode mode, const std::string& purpose) const;
  Result<objects::ObjectKey> Write(const Context& context, const LockRecord& record);
  Result<Survey> List(const Context& context, const objects::ObjectKey& own);
  Result<LockHolder> Read(const Context& context, const objects::ObjectInfo& info);
  Result<std::unique_ptr<Lease>> TryAcquire(const Context& context, LockMode mode,
                                            const std::string& purpose);
  Result<std::int64_t> Contend(const Context& context, const LockRecord& record,
                               const objects::ObjectKey& own);
  Status CheckConfig(const Context& context, const std::string& purpose);
  Status CheckSkew(const std::string& purpose, std::int64_t store_ms, WallTime before) const;
  Status RemoveObjects(const Context& context, const std::vector<objects::ObjectKey>& objects);

  objects::ObjectStore& store_;
  const KeyRing& keys_;
  Clock& clock_;
  const Bytes config_;
  LockTimes times_;
};

// A shared lock for who only reads; null where the store may not be written: reading goes on
// without. kLocked.
Result<std::unique_ptr<Lease>> AcquireForReading(const Context& context, LockTable& locks,
                                                 const std::string& purpose);

}  // namespace aerie::repo
