#include "repo/locks.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "base/log.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/store_new.h"

namespace aerie::repo {
namespace {

// What a lock that cannot be read is taken for.
constexpr std::int64_t kUnreadableTtlMs = 3'600'000;
constexpr std::chrono::seconds kReleaseLimit{30};
constexpr std::chrono::milliseconds kFirstPause{200};

std::int64_t Millis(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

std::string UserName() {
  passwd entry{};
  passwd* found = nullptr;
  char buffer[4096];
  if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) {
    return entry.pw_name;
  }
  return "uid " + std::to_string(geteuid());
}

std::string Ago(std::int64_t ms) {
  const std::int64_t seconds = std::max<std::int64_t>(ms, 0) / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  return std::to_string(seconds / 60) + " min";
}

bool Conflicts(LockMode a, LockMode b) {
  return a == LockMode::kExclusive || b == LockMode::kExclusive;
}

Status HeldBy(const LockHolder& holder, const std::string& purpose, std::int64_t now_ms) {
  return MakeStatus(Kind::kLocked, purpose + ": the repository is locked by " + holder.Who() +
                                       ", last renewed " + Ago(now_ms - holder.renewed_ms) +
                                       " ago; wait until that ends; if it is dead, its lock "
                                       "runs out in " +
                                       Ago(holder.ExpiresMs() - now_ms) +
                                       ", or aerie repo unlock --yes removes it");
}

}  // namespace

std::string LockHolder::Who() const {
  if (!readable) return "somebody (the lock cannot be read)";
  return record.owner + "@" + record.host + ", process " + std::to_string(record.process.pid) +
         " (" + record.program + " " + record.purpose + ", since " +
         FormatUtc(FromUnixMillis(record.acquired_ms)).substr(0, 19) + "Z)";
}

// ---- a lock that is held ----

Lease::~Lease() {
  keeper_ = {};
  const Status released = Release();
  if (released.ok()) return;
  log::Warn("a lock could not be released; it runs out by itself",
            {{"purpose", record_.purpose}, {"reason", std::string(released.message())}});
}

Lease::Moment Lease::Now() const { return {table_.clock_.Steady(), table_.clock_.Now()}; }

void Lease::Extend(const Moment& began) {
  const Duration certain = table_.times_.ttl - table_.times_.margin;
  std::lock_guard lock(mutex_);
  valid_until_ = {began.steady + certain,
                  began.wall + std::chrono::duration_cast<WallTime::duration>(certain)};
}

void Lease::Lose(std::string why) {
  std::lock_guard lock(mutex_);
  if (lost_.empty()) lost_ = std::move(why);
}

Status Lease::Check(const std::string& operation) const {
  const Moment now = Now();
  std::lock_guard lock(mutex_);
  std::string why = lost_;
  // The wall clock too: the monotonic one stands still while a machine sleeps.
  if (why.empty() && (now.steady >= valid_until_.steady || now.wall >= valid_until_.wall)) {
    why = "it could not be renewed in time";
  }
  if (why.empty()) return Ok();
  return MakeStatus(Kind::kLocked, operation + ": the lock on the repository was lost (" + why +
                                       "); run the command again");
}

Status Lease::Confirm(const Context& context, const std::string& operation) {
  std::lock_guard renewing(renew_mutex_);
  AERIE_TRY(Check(operation));
  objects::ObjectKey newest;
  {
    std::lock_guard lock(mutex_);
    newest = objects_.back();
  }
  const Status there = table_.store_.Stat(context, newest).status();
  if (KindOf(there) == Kind::kNotFound) Lose("somebody removed it");
  AERIE_TRY(Check(operation));
  return Annotate(there, operation);
}

Context Lease::Limit(const Context& context) const {
  const SteadyTime now = table_.clock_.Steady();
  std::lock_guard lock(mutex_);
  return context.WithTimeout(std::max(valid_until_.steady - now, Duration::zero()));
}

Status Lease::Renew(const Context& context) {
  std::lock_guard renewing(renew_mutex_);
  AERIE_TRY(Check("renew the lock"));
  const Moment began = Now();
  objects::ObjectKey previous;
  {
    std::lock_guard lock(mutex_);
    previous = objects_.back();
  }
  AERIE_ASSIGN(const objects::ObjectKey next, table_.Write(context, record_));
  std::vector<objects::ObjectKey> old;
  {
    std::lock_guard lock(mutex_);
    old.assign(objects_.begin(), objects_.end() - 1);
    objects_.push_back(next);
  }
  // Who takes over removes first and lists after: either the new object is seen, or the old one is
  // missing here.
  const auto still = table_.store_.Stat(context, previous);
  if (KindOf(still.status()) == Kind::kNotFound) {
    Lose("somebody took it over");
    return Check("renew the lock");
  }
  AERIE_TRY(still.status());
  Extend(began);
  AERIE_TRY(table_.RemoveObjects(context, old));
  std::lock_guard lock(mutex_);
  std::erase_if(objects_, [&](const auto& key) { return std::ranges::count(old, key) != 0; });
  return Ok();
}

Status Lease::Release() {
  const Context context = Context(table_.clock_).WithTimeout(kReleaseLimit);
  std::lock_guard lock(mutex_);
  return table_.RemoveObjects(context, objects_);
}

void Lease::KeepRenewing(const std::stop_token& stop) {
  while (table_.clock_.SleepFor(table_.times_.renew, stop) && !stop.stop_requested()) {
    const Status renewed = Renew(Context(table_.clock_).WithTimeout(table_.times_.renew));
    if (renewed.ok()) continue;
    log::Warn("the lock on the repository could not be renewed",
              {{"purpose", record_.purpose}, {"reason", std::string(renewed.message())}});
    if (!Check("keep the lock").ok()) return;
  }
}

// ---- acquiring ----

LockRecord LockTable::NewRecord(LockMode mode, const std::string& purpose) const {
  return {.holder = RandomId(),
          .mode = mode,
          .purpose = purpose,
          .owner = UserName(),
          .host = HostName(),
          .program = program_invocation_short_name,
          .process = ThisProcess(),
          .acquired_ms = ToUnixMillis(clock_.Now()),
          .ttl_ms = Millis(times_.ttl)};
}

Result<objects::ObjectKey> LockTable::Write(const Context& context, const LockRecord& record) {
  objects::ObjectKey key = LockKey(RandomId());
  AERIE_ASSIGN(const Bytes object, SealMeta(keys_, MetaType::kLock, key, EncodeLock(record)));
  const Status written = StoreNew(context, store_, key, object);
  if (!written.ok()) {
    // It may be there all the same.
    const Context cleaning = Context(clock_).WithTimeout(kReleaseLimit);
    (void)store_.Remove(cleaning, {key});
    return written;
  }
  return key;
}

Result<LockHolder> LockTable::Read(const Context& context, const objects::ObjectInfo& info) {
  AERIE_ASSIGN(const Bytes object, store_.Get(context, info.key));
  LockHolder holder;
  holder.objects = {info.key};
  holder.renewed_ms = info.modified_ms;
  const auto body = UnsealMeta(keys_, MetaType::kLock, info.key, object);
  auto record = body.ok() ? DecodeLock(*body) : body.status();
  if (record.ok()) {
    holder.record = *std::move(record);
  } else {
    holder.readable = false;
    holder.record.mode = LockMode::kExclusive;
    holder.record.ttl_ms = kUnreadableTtlMs;
    holder.record.holder = *IdOfKey(info.key, LockKey);
  }
  return holder;
}

Result<LockTable::Survey> LockTable::List(const Context& context, const objects::ObjectKey& own) {
  std::vector<objects::ObjectInfo> found;
  AERIE_TRY(store_.List(context, kLocksPrefix, [&](const objects::ObjectInfo& info) {
    if (IdOfKey(info.key, LockKey)) found.push_back(info);
    return Ok();
  }));
  const auto mine = std::ranges::find(found, own, &objects::ObjectInfo::key);
  if (mine == found.end()) {
    return FailedError("list locks of " + store_.Describe() +
                       ": the lock just written is not among them, so the listing cannot be "
                       "trusted; run the command again");
  }
  Survey survey;
  survey.now_ms = mine->modified_ms;
  std::map<ObjectId, LockHolder> holders;
  for (const objects::ObjectInfo& info : found) {
    if (info.key == own) continue;
    auto read = Read(context, info);
    if (KindOf(read.status()) == Kind::kNotFound) continue;  // released meanwhile
    AERIE_TRY(read.status());
    const auto [at, fresh] = holders.try_emplace(read->record.holder, *read);
    if (fresh) continue;
    at->second.objects.push_back(info.key);
    at->second.renewed_ms = std::max(at->second.renewed_ms, info.modified_ms);
  }
  for (auto& [id, holder] : holders) survey.holders.push_back(std::move(holder));
  return survey;
}

Status LockTable::CheckSkew(const std::string& purpose, std::int64_t store_ms,
                            WallTime before) const {
  const std::int64_t skew = Millis(times_.max_skew);
  const std::int64_t early = ToUnixMillis(before) - skew;
  const std::int64_t late = ToUnixMillis(clock_.Now()) + skew;
  if (store_ms >= early && store_ms <= late) return Ok();
  const std::int64_t off = store_ms < early ? early + skew - store_ms : store_ms + skew - late;
  return RefusedError(purpose + ": the clock of " + store_.Describe() + " is " + Ago(off) +
                      (store_ms < early ? " behind" : " ahead of") +
                      " this machine's; set the clocks right (NTP); nothing was deleted");
}

// Ok, with the store's time, when `own` stands alone among those that conflict.
Result<std::int64_t> LockTable::Contend(const Context& context, const LockRecord& record,
                                        const objects::ObjectKey& own) {
  for (;;) {
    AERIE_TRY(context.Check(record.purpose));
    AERIE_ASSIGN(const Survey survey, List(context, own));
    bool removed = false;
    for (const LockHolder& holder : survey.holders) {
      if (!Conflicts(record.mode, holder.record.mode)) continue;
      const bool ran_out = holder.ExpiresMs() < survey.now_ms;
      if (!ran_out && !HasEnded(holder.record.process)) {
        return HeldBy(holder, record.purpose, survey.now_ms);
      }
      log::Warn(ran_out ? "a lock that ran out is removed"
                        : "the lock of a process that has ended is removed",
                {{"holder", holder.Who()}});
      AERIE_TRY(Remove(context, holder));
      removed = true;
    }
    if (!removed) return survey.now_ms;
  }
}

Result<std::unique_ptr<Lease>> LockTable::TryAcquire(const Context& context, LockMode mode,
                                                     const std::string& purpose) {
  std::unique_ptr<Lease> lease(new Lease(*this, NewRecord(mode, purpose)));
  const Lease::Moment began = lease->Now();
  AERIE_ASSIGN(const objects::ObjectKey own, Write(context, lease->record_));
  lease->objects_ = {own};
  AERIE_ASSIGN(lease->store_now_ms_, Contend(context, lease->record_, own));
  if (mode == LockMode::kExclusive) {
    AERIE_TRY(CheckSkew(purpose, lease->store_now_ms_, began.wall));
  }
  lease->Extend(began);
  lease->keeper_ =
      std::jthread([raw = lease.get()](const std::stop_token& stop) { raw->KeepRenewing(stop); });
  return lease;
}

Result<std::unique_ptr<Lease>> LockTable::Acquire(const Context& context, LockMode mode,
                                                  const std::string& purpose) {
  // Two that come at the same moment may both step back; so it is tried again, at odd times.
  Duration left = times_.patience;
  for (Duration pause = kFirstPause;; pause *= 2) {
    auto lease = TryAcquire(context, mode, purpose);
    if (lease.ok()) {
      AERIE_TRY(CheckConfig(context, purpose));
      return lease;
    }
    if (KindOf(lease.status()) != Kind::kLocked || left <= Duration::zero()) return lease;
    std::array<std::uint8_t, 1> random{};
    FillRandom(random);
    const Duration wait = std::min<Duration>(left, pause + pause * random[0] / 256);
    left -= wait;
    AERIE_TRY(context.Sleep(wait, purpose));
  }
}

// Under a lock nobody rotates: what the config says now holds as long as the lock does.
Status LockTable::CheckConfig(const Context& context, const std::string& purpose) {
  if (config_.empty()) return Ok();
  AERIE_ASSIGN(const Bytes now, store_.Get(context, ConfigKey()));
  if (now == config_) return Ok();
  return MakeStatus(Kind::kLocked,
                    purpose + ": the master key of " + store_.Describe() +
                        " was rotated after this program opened it; run the command again");
}

// ---- looking and removing ----

Result<LockTable::Survey> LockTable::Look(const Context& context) {
  AERIE_ASSIGN(const objects::ObjectKey own,
               Write(context, NewRecord(LockMode::kShared, "look at locks")));
  auto survey = List(context, own);
  AERIE_TRY(RemoveObjects(context, {own}));
  return survey;
}

Status LockTable::Remove(const Context& context, const LockHolder& holder) {
  return RemoveObjects(context, holder.objects);
}

Status LockTable::RemoveObjects(const Context& context,
                                const std::vector<objects::ObjectKey>& objects) {
  if (objects.empty()) return Ok();
  for (const objects::RemoveResult& result : store_.Remove(context, objects)) {
    AERIE_TRY(Annotate(result.status, "remove lock " + result.key.text));
  }
  return Ok();
}

Result<std::unique_ptr<Lease>> AcquireForReading(const Context& context, LockTable& locks,
                                                 const std::string& purpose) {
  auto acquired = locks.Acquire(context, LockMode::kShared, purpose);
  const Kind kind = KindOf(acquired.status());
  if (kind != Kind::kDenied && kind != Kind::kNoSpace) return acquired;
  log::Info("reading without a lock", {{"reason", std::string(acquired.status().message())}});
  return std::unique_ptr<Lease>();
}

}  // namespace aerie::repo
