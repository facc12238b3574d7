#include "objects/faulty_store.h"

#include <algorithm>
#include <numeric>

namespace aerie::objects {
namespace {

const char* VerbName(Verb verb) {
  switch (verb) {
    case Verb::kPut: return "put";
    case Verb::kPutIfAbsent: return "put-if-absent";
    case Verb::kGet: return "get";
    case Verb::kStat: return "stat";
    case Verb::kList: return "list";
    case Verb::kRemove: return "remove";
    case Verb::kCopy: return "copy";
    case Verb::kRetain: return "retain";
    case Verb::kRetention: return "look up the retention of";
  }
  return "?";
}

Bytes Flipped(ByteSpan bytes, std::uint64_t bit) {
  Bytes out(bytes.begin(), bytes.end());
  if (out.empty()) return out;
  const std::uint64_t at = bit % (std::uint64_t{out.size()} * 8);
  out[at / 8] ^= static_cast<std::uint8_t>(1U << (at % 8));
  return out;
}

ByteSpan Head(ByteSpan bytes, std::uint64_t size) {
  return bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), size)));
}

bool Crashes(Effect effect) {
  return effect == Effect::kCrash || effect == Effect::kCrashTorn || effect == Effect::kCrashAfter;
}

bool NothingDone(Effect effect) { return effect == Effect::kFail || effect == Effect::kCrash; }

bool Torn(Effect effect) { return effect == Effect::kTorn || effect == Effect::kCrashTorn; }

bool DoneThenFails(Effect effect) {
  return effect == Effect::kFailAfter || effect == Effect::kCrashAfter;
}

}  // namespace

void FaultyStore::Add(FaultRule rule) {
  std::lock_guard lock(mutex_);
  rules_.push_back(std::move(rule));
}

void FaultyStore::CrashAt(std::uint64_t n, Effect effect) {
  Add({.effect = effect, .kind = Kind::kFailed, .skip = n - 1});
}

void FaultyStore::Revive() {
  std::lock_guard lock(mutex_);
  crashed_ = false;
  rules_.clear();
  capacity_left_.reset();
  latency_ = {};
}

bool FaultyStore::crashed() const {
  std::lock_guard lock(mutex_);
  return crashed_;
}

void FaultyStore::SetCapacity(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  capacity_left_ = bytes;
}

void FaultyStore::SetLatency(Duration latency) {
  std::lock_guard lock(mutex_);
  latency_ = latency;
}

std::uint64_t FaultyStore::calls(Verb verb) const {
  std::lock_guard lock(mutex_);
  return calls_[static_cast<std::size_t>(verb)];
}

std::uint64_t FaultyStore::calls() const {
  std::lock_guard lock(mutex_);
  return std::accumulate(calls_.begin(), calls_.end(), std::uint64_t{0});
}

void FaultyStore::CrashNow() {
  std::lock_guard lock(mutex_);
  crashed_ = true;
}

Result<FaultyStore::Verdict> FaultyStore::Arrive(const Context& context, Verb verb,
                                                 const std::vector<std::string>& keys) {
  const std::string operation =
      std::string(VerbName(verb)) + " " + Describe() + "/" + (keys.empty() ? "" : keys.front());
  const Status crash = FailedError(operation + ": the process has crashed (injected)");
  Duration latency{};
  Verdict verdict;
  {
    std::lock_guard lock(mutex_);
    ++calls_[static_cast<std::size_t>(verb)];
    if (crashed_) return crash;
    latency = latency_;
    for (FaultRule& rule : rules_) {
      const bool hit = (!rule.verb || *rule.verb == verb) &&
                       (rule.key_prefix.empty() ||
                        std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
                          return key.starts_with(rule.key_prefix);
                        }));
      if (!hit || rule.times == 0) continue;
      if (rule.skip > 0) {
        --rule.skip;
        continue;
      }
      if (verdict.rule) continue;  // later rules still count the calls they let pass
      if (rule.times != FaultRule::kForever) --rule.times;
      verdict.rule = rule;
    }
    if (verdict.rule && Crashes(verdict.rule->effect)) {
      verdict.status = crash;
      // kCrashTorn and kCrashAfter have something to do yet: see CrashNow.
      if (verdict.rule->effect == Effect::kCrash) crashed_ = true;
    } else if (verdict.rule) {
      verdict.status = MakeStatus(verdict.rule->kind, operation + ": failed (injected)");
    }
  }
  if (latency > Duration::zero()) AERIE_TRY(context.Sleep(latency, operation));
  return verdict;
}

Status FaultyStore::Store(const Context& context, Verb verb, const ObjectKey& key, ByteSpan bytes) {
  {
    std::lock_guard lock(mutex_);
    if (capacity_left_ && bytes.size() > *capacity_left_) {
      return MakeStatus(Kind::kNoSpace,
                        "write " + Describe() + "/" + key.text + ": no space left (injected)");
    }
    if (capacity_left_) *capacity_left_ -= bytes.size();
  }
  return verb == Verb::kPut ? inner_->Put(context, key, bytes)
                            : inner_->PutIfAbsent(context, key, bytes);
}

Status FaultyStore::Write(const Context& context, Verb verb, const ObjectKey& key, ByteSpan bytes) {
  AERIE_ASSIGN(const Verdict verdict, Arrive(context, verb, {key.text}));
  if (!verdict.rule) return Store(context, verb, key, bytes);
  const FaultRule& rule = *verdict.rule;
  if (NothingDone(rule.effect)) return verdict.status;
  if (rule.effect == Effect::kLose) return Ok();
  if (rule.effect == Effect::kFlipBit) {
    return Store(context, verb, key, Flipped(bytes, rule.at));
  }
  if (rule.effect == Effect::kTruncate) return Store(context, verb, key, Head(bytes, rule.at));
  const Status done = Store(context, verb, key, Torn(rule.effect) ? Head(bytes, rule.at) : bytes);
  if (Crashes(rule.effect)) CrashNow();
  // A definite refusal of the store itself (the key is taken) is nothing to be unsure of.
  return done.ok() || Crashes(rule.effect) ? verdict.status : done;
}

Status FaultyStore::Put(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  return Write(context, Verb::kPut, key, bytes);
}

Status FaultyStore::PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  return Write(context, Verb::kPutIfAbsent, key, bytes);
}

Result<Bytes> FaultyStore::Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                               std::uint64_t length) {
  AERIE_ASSIGN(Bytes bytes, Read(context, key, offset, length));
  bytes_read_ += bytes.size();
  return bytes;
}

Result<Bytes> FaultyStore::Read(const Context& context, const ObjectKey& key, std::uint64_t offset,
                                std::uint64_t length) {
  AERIE_ASSIGN(const Verdict verdict, Arrive(context, Verb::kGet, {key.text}));
  if (!verdict.rule) return inner_->Get(context, key, offset, length);
  const FaultRule& rule = *verdict.rule;
  if (rule.effect != Effect::kFlipBit && rule.effect != Effect::kTruncate) {
    if (Crashes(rule.effect)) CrashNow();
    return verdict.status;
  }
  AERIE_ASSIGN(const Bytes bytes, inner_->Get(context, key, offset, length));
  if (rule.effect == Effect::kFlipBit) return Flipped(bytes, rule.at);
  const ByteSpan head = Head(bytes, rule.at);
  return Bytes(head.begin(), head.end());
}

Result<ObjectInfo> FaultyStore::Stat(const Context& context, const ObjectKey& key) {
  AERIE_ASSIGN(const Verdict verdict, Arrive(context, Verb::kStat, {key.text}));
  if (!verdict.rule) return inner_->Stat(context, key);
  if (Crashes(verdict.rule->effect)) CrashNow();
  return verdict.status;
}

Status FaultyStore::List(const Context& context, const std::string& prefix,
                         const std::function<Status(const ObjectInfo&)>& visit) {
  AERIE_ASSIGN(const Verdict verdict, Arrive(context, Verb::kList, {prefix}));
  if (!verdict.rule) return inner_->List(context, prefix, visit);
  const FaultRule& rule = *verdict.rule;
  if (NothingDone(rule.effect)) return verdict.status;
  const bool partial = Torn(rule.effect) || rule.effect == Effect::kTruncate;
  std::uint64_t left = partial ? rule.at : FaultRule::kForever;
  const Status done = inner_->List(context, prefix, [&](const ObjectInfo& info) {
    if (left == 0) return Ok();
    --left;
    return visit(info);
  });
  if (Crashes(rule.effect)) CrashNow();
  if (!done.ok() || rule.effect == Effect::kTruncate) return done;
  return verdict.status;
}

std::vector<RemoveResult> FaultyStore::Remove(const Context& context,
                                              const std::vector<ObjectKey>& keys) {
  std::vector<std::string> texts;
  std::vector<RemoveResult> results;
  for (const ObjectKey& key : keys) texts.push_back(key.text);
  const auto verdict = Arrive(context, Verb::kRemove, texts);
  if (verdict.ok() && !verdict->rule) return inner_->Remove(context, keys);
  const Status failure = verdict.ok() ? verdict->status : verdict.status();
  std::size_t removed = 0;
  if (verdict.ok()) {
    const FaultRule& rule = *verdict->rule;
    if (DoneThenFails(rule.effect)) removed = keys.size();
    if (Torn(rule.effect)) removed = std::min<std::uint64_t>(keys.size(), rule.at);
    if (removed > 0) {
      results = inner_->Remove(context, {keys.begin(), keys.begin() + std::ptrdiff_t(removed)});
    }
    if (Crashes(rule.effect)) CrashNow();
    if (rule.effect == Effect::kLose) {
      for (const ObjectKey& key : keys) results.push_back({key, Ok()});
      return results;
    }
    // Done, but the answer was lost: the caller learns of none.
    if (DoneThenFails(rule.effect) || Crashes(rule.effect)) results.clear();
  }
  for (std::size_t i = results.size(); i < keys.size(); ++i) results.push_back({keys[i], failure});
  return results;
}

Status FaultyStore::CheckRetention(const Context& context) {
  AERIE_ASSIGN(const Verdict verdict, Arrive(context, Verb::kRetention, {""}));
  if (!verdict.rule) return inner_->CheckRetention(context);
  if (Crashes(verdict.rule->effect)) CrashNow();
  return verdict.status;
}

Status FaultyStore::Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) {
  AERIE_ASSIGN(const Verdict verdict, Arrive(context, Verb::kRetain, {key.text}));
  if (!verdict.rule) return inner_->Retain(context, key, until_ms);
  const FaultRule& rule = *verdict.rule;
  if (rule.effect == Effect::kLose) return Ok();
  if (DoneThenFails(rule.effect)) AERIE_TRY(inner_->Retain(context, key, until_ms));
  if (Crashes(rule.effect)) CrashNow();
  return verdict.status;
}

Result<std::int64_t> FaultyStore::RetainedUntil(const Context& context, const ObjectKey& key) {
  AERIE_ASSIGN(const Verdict verdict, Arrive(context, Verb::kRetention, {key.text}));
  if (!verdict.rule) return inner_->RetainedUntil(context, key);
  if (Crashes(verdict.rule->effect)) CrashNow();
  return verdict.status;
}

Status FaultyStore::Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) {
  AERIE_ASSIGN(const Verdict verdict, Arrive(context, Verb::kCopy, {from.text, to.text}));
  if (!verdict.rule) return inner_->Copy(context, from, to);
  const FaultRule& rule = *verdict.rule;
  if (rule.effect == Effect::kLose) return Ok();
  if (DoneThenFails(rule.effect)) {
    AERIE_TRY(inner_->Copy(context, from, to));
  }
  if (Crashes(rule.effect)) CrashNow();
  return verdict.status;
}

Result<std::optional<std::uint64_t>> FaultyStore::FreeBytes(const Context& context) {
  AERIE_ASSIGN(const Verdict verdict, Arrive(context, Verb::kStat, {""}));
  if (!verdict.rule) return inner_->FreeBytes(context);
  if (Crashes(verdict.rule->effect)) CrashNow();
  return verdict.status;
}

}  // namespace aerie::objects
