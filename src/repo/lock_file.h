// The object locks/<id>: who is at work. docs/format.md, section Locks.
//
// Pure functions, safe from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/process.h"
#include "base/status.h"
#include "repo/crypto.h"

namespace aerie::repo {

// Any number may hold shared ones; who holds an exclusive one is alone.
enum class LockMode { kShared, kExclusive };

struct LockRecord {
  ObjectId holder;  // the same in all lock objects of one holder
  LockMode mode = LockMode::kShared;
  std::string purpose;  // "backup"
  std::string owner;    // user name
  std::string host;
  std::string program;
  ProcessIdentity process;
  std::int64_t acquired_ms = 0;  // holder's clock
  std::int64_t ttl_ms = 0;       // valid that long after the object was written
  bool operator==(const LockRecord&) const = default;
};

// The body of a lock object; SealMeta makes the object of it.
Bytes EncodeLock(const LockRecord& record);
// kCorrupt for whatever EncodeLock does not make.
Result<LockRecord> DecodeLock(ByteSpan body);

}  // namespace aerie::repo
