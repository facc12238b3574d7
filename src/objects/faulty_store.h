// The one fault injector of stores: a decorator that fails, lies, tears or crashes on demand.
//
// For tests of everything that keeps objects. Without rules it only counts. A rule names the calls
// that it strikes (verb, key, how many to let pass, how many to strike) and what happens to them.
// The first rule that strikes a call decides it; an effect that means nothing to a verb fails it.
// "Crash" stands for the death of our process: this and every later call fails with kFailed until
// Revive, and the inner store keeps what it had.
//
// Shares the inner store; thread-safe; rules may be added at any time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "objects/object_store.h"

namespace aerie::objects {

// kRetention: CheckRetention and RetainedUntil.
enum class Verb { kPut, kPutIfAbsent, kGet, kStat, kList, kRemove, kCopy, kRetain, kRetention };
inline constexpr std::size_t kVerbs = 9;

enum class Effect {
  kFail,       // nothing is done; `kind` is returned
  kFailAfter,  // done, and yet `kind` is returned
  kLose,       // writes and removals: nothing is done and ok is returned
  kTorn,       // writes: the first `at` bytes are stored, `kind` is returned. Remove: the first
               // `at` keys are removed, the others get `kind`. List: `at` entries, then `kind`
  kFlipBit,    // writes store, and Get returns, the bytes with bit number `at` (modulo) flipped
  kTruncate,   // writes store, and Get returns, the first `at` bytes; List visits `at` entries; ok
  kCrash,      // crash before anything is done
  kCrashTorn,  // as kTorn, then crash
  kCrashAfter  // done, then crash
};

struct FaultRule {
  static constexpr std::uint64_t kForever = std::numeric_limits<std::uint64_t>::max();

  Effect effect = Effect::kFail;
  Kind kind = Kind::kTransient;   // use kUnknownOutcome with kFailAfter and kTorn where it fits
  std::optional<Verb> verb = {};  // none: any
  std::string key_prefix = "";    // of the key, of the listing's prefix, of any key of a Remove
  std::uint64_t skip = 0;         // matching calls let through first
  std::uint64_t times = 1;        // calls struck after those; kForever: all
  std::uint64_t at = 0;           // byte, bit, key or entry, by effect
};

class FaultyStore : public ObjectStore {
 public:
  explicit FaultyStore(std::shared_ptr<ObjectStore> inner) : inner_(std::move(inner)) {}

  void Add(FaultRule rule);
  // The n-th call from now, counted from 1, of whatever verb, meets `effect`.
  void CrashAt(std::uint64_t n, Effect effect = Effect::kCrash);
  // Ends a crash and forgets every rule, capacity and latency; counts stay.
  void Revive();
  bool crashed() const;
  // Writes are kNoSpace once `bytes` more have been stored; what does not fit whole is not stored.
  void SetCapacity(std::uint64_t bytes);
  // Each call first sleeps on the context's clock.
  void SetLatency(Duration latency);
  // Calls that arrived, struck ones included.
  std::uint64_t calls(Verb verb) const;
  std::uint64_t calls() const;
  // Bytes that Get returned.
  std::uint64_t bytes_read() const { return bytes_read_; }

  std::string Describe() const override { return inner_->Describe(); }
  Capabilities capabilities() const override { return inner_->capabilities(); }
  Status Put(const Context& context, const ObjectKey& key, ByteSpan bytes) override;
  Status PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) override;
  Result<Bytes> Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override;
  Result<ObjectInfo> Stat(const Context& context, const ObjectKey& key) override;
  Status List(const Context& context, const std::string& prefix,
              const std::function<Status(const ObjectInfo&)>& visit) override;
  std::vector<RemoveResult> Remove(const Context& context,
                                   const std::vector<ObjectKey>& keys) override;
  Status CheckRetention(const Context& context) override;
  Status Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) override;
  Result<std::int64_t> RetainedUntil(const Context& context, const ObjectKey& key) override;
  Status Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) override;
  Result<std::optional<std::uint64_t>> FreeBytes(const Context& context) override;

 private:
  // What one call is to do: the struck rule, or none.
  struct Verdict {
    std::optional<FaultRule> rule;
    Status status;  // what a struck call returns
  };
  Result<Verdict> Arrive(const Context& context, Verb verb, const std::vector<std::string>& keys);
  Status Write(const Context& context, Verb verb, const ObjectKey& key, ByteSpan bytes);
  Status Store(const Context& context, Verb verb, const ObjectKey& key, ByteSpan bytes);
  void CrashNow();
  Result<Bytes> Read(const Context& context, const ObjectKey& key, std::uint64_t offset,
                     std::uint64_t length);

  const std::shared_ptr<ObjectStore> inner_;
  mutable std::mutex mutex_;
  std::vector<FaultRule> rules_;
  std::array<std::uint64_t, kVerbs> calls_{};
  std::optional<std::uint64_t> capacity_left_;
  Duration latency_{};
  std::atomic<std::uint64_t> bytes_read_ = 0;
  bool crashed_ = false;
};

}  // namespace aerie::objects
