// Locks: who gets them together, who never, and what becomes of those that ran out.
#include "repo/locks.h"

#include <thread>

#include "repo/lock_file.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/prune_testing.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::FaultyStore;
using objects::MemoryStore;
using objects::Verb;

constexpr Duration kMinute = std::chrono::minutes(1);

class LocksTest : public PruneTest {
 protected:
  // One process's table; `renew` far off leaves renewing to the test.
  std::unique_ptr<LockTable> Table(const std::shared_ptr<objects::ObjectStore>& store,
                                   Duration renew = std::chrono::hours(1000)) {
    stores_.push_back(store);
    auto table = std::make_unique<LockTable>(*store, keys_, clock_);
    LockTimes times;
    times.renew = renew;
    times.patience = {};
    table->set_times(times);
    return table;
  }
  Result<std::unique_ptr<Lease>> Get(LockTable& table, LockMode mode) {
    return table.Acquire(context_, mode, mode == LockMode::kShared ? "backup" : "prune");
  }
  std::size_t Objects() { return Count(*memory_, kLocksPrefix); }

  const KeyRing keys_ = DeriveKeys(SecretKey(), Suite::kAes256Gcm, ObjectId{});
  std::vector<std::shared_ptr<objects::ObjectStore>> stores_;  // they outlive the tables
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FaultyStore> store_ = std::make_shared<FaultyStore>(memory_);
  std::unique_ptr<LockTable> one_ = Table(store_);
  std::unique_ptr<LockTable> two_ = Table(store_);
};

TEST_F(LocksTest, SharedOnesGoTogetherAndAnExclusiveOneIsAlone) {
  {
    const auto a = Get(*one_, LockMode::kShared);
    const auto b = Get(*two_, LockMode::kShared);
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(KindOf(Get(*two_, LockMode::kExclusive).status()), Kind::kLocked);
  }
  EXPECT_EQ(Objects(), 0U);
  const auto alone = Get(*one_, LockMode::kExclusive);
  ASSERT_TRUE(alone.ok()) << alone.status();
  for (const LockMode mode : {LockMode::kShared, LockMode::kExclusive}) {
    for (LockTable* const table : {one_.get(), two_.get()}) {
      EXPECT_EQ(KindOf(Get(*table, mode).status()), Kind::kLocked);
    }
  }
  EXPECT_EQ(Objects(), 1U) << "who was refused leaves nothing behind";
}

TEST_F(LocksTest, TheMessageNamesTheHolderItsAgeAndTheRemedy) {
  const auto held = Get(*one_, LockMode::kExclusive);
  ASSERT_TRUE(held.ok());
  clock_.Advance(3 * kMinute);
  const Status status = Get(*two_, LockMode::kShared).status();
  EXPECT_EQ(ExitCode(KindOf(status)), 5);
  const LockRecord& record = (*held)->record();
  for (const std::string& word :
       {record.owner + "@" + record.host, std::to_string(record.process.pid), std::string("prune"),
        std::string("3 min ago"), std::string("7 min"), std::string("aerie repo unlock")}) {
    EXPECT_NE(std::string(status.message()).find(word), std::string::npos) << word << status;
  }
}

TEST_F(LocksTest, OfTwoThatWantItAloneAtAnyMomentNeverBothGetIt) {
  for (const LockMode other : {LockMode::kExclusive, LockMode::kShared}) {
    for (std::uint64_t nth = 1;; ++nth) {
      const auto hooked = std::make_shared<HookStore>(memory_);
      const auto table = Table(hooked);
      Result<std::unique_ptr<Lease>> inner = NotFoundError("not yet");
      hooked->Before(nth, [&](const std::string&) { inner = Get(*two_, other); });
      const auto outer = Get(*table, LockMode::kExclusive);
      EXPECT_FALSE(outer.ok() && inner.ok()) << nth;
      EXPECT_FALSE(!outer.ok() && KindOf(inner.status()) == Kind::kNotFound) << nth;
      if (hooked->calls() < nth) break;
    }
  }
  EXPECT_EQ(Objects(), 0U);
}

TEST_F(LocksTest, OfManyThreadsOneAtATimeIsAlone) {
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> got{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, table = Table(store_)] {
        for (int i = 0; i < 100; ++i) {
          const auto lease = Get(*table, LockMode::kExclusive);
          if (!lease.ok()) continue;
          ++got;
          most = std::max(most.load(), ++inside);
          --inside;
        }
      });
    }
  }
  EXPECT_EQ(most, 1);
  EXPECT_GT(got, 0);
  EXPECT_EQ(Objects(), 0U);
}

TEST_F(LocksTest, ALockIsTakenOverWhenItRanOutAndNotBefore) {
  const auto dead = Get(*one_, LockMode::kExclusive);
  ASSERT_TRUE(dead.ok());
  clock_.Advance(10 * kMinute);
  EXPECT_EQ(KindOf(Get(*two_, LockMode::kShared).status()), Kind::kLocked);
  EXPECT_EQ(KindOf((*dead)->Check("x")), Kind::kLocked) << "the holder stops before that";
  clock_.Advance(std::chrono::milliseconds(1));
  const auto heir = Get(*two_, LockMode::kExclusive);
  ASSERT_TRUE(heir.ok()) << heir.status();
  EXPECT_EQ(KindOf((*dead)->Renew(context_)), Kind::kLocked);
  EXPECT_TRUE((*heir)->Check("x").ok());
  EXPECT_EQ(Objects(), 1U);
}

// A lock that is valid for long, of a process that is not this one.
TEST_F(LocksTest, OfAProcessOfThisMachineThatHasEndedItIsTakenOverAtOnce) {
  ProcessIdentity ended = ThisProcess();
  --ended.started;
  ProcessIdentity elsewhere = ended;
  elsewhere.machine = "another";
  ProcessIdentity unknown = ended;
  unknown.machine.clear();
  for (const ProcessIdentity& process : {ended, elsewhere, unknown, ThisProcess()}) {
    const LockRecord record = {.holder = RandomId(),
                               .mode = LockMode::kShared,
                               .purpose = "backup",
                               .owner = "alice",
                               .host = "db1",
                               .program = "aerie",
                               .process = process,
                               .acquired_ms = 5,
                               .ttl_ms = 600'000};
    const objects::ObjectKey key = LockKey(RandomId());
    const auto sealed = SealMeta(keys_, MetaType::kLock, key, EncodeLock(record));
    ASSERT_TRUE(sealed.ok() && store_->Put(context_, key, *sealed).ok());
    const auto heir = Get(*one_, LockMode::kExclusive);
    EXPECT_EQ(heir.ok(), process == ended) << heir.status();
    EXPECT_EQ(Objects(), 1U) << "the heir's, or the one that was respected";
    store_->Remove(context_, {key});
  }
}

TEST_F(LocksTest, TheHolderIsSureForLessThanTheLockLasts) {
  const auto held = Get(*one_, LockMode::kShared);
  ASSERT_TRUE(held.ok());
  clock_.Advance(8 * kMinute - std::chrono::milliseconds(1));
  EXPECT_TRUE((*held)->Check("commit").ok());
  EXPECT_LE(*(*held)->Limit(context_).Remaining(), std::chrono::milliseconds(1));
  clock_.Advance(std::chrono::milliseconds(1));
  const Status lost = (*held)->Check("commit");
  EXPECT_EQ(KindOf(lost), Kind::kLocked);
  EXPECT_NE(std::string(lost.message()).find("commit"), std::string::npos);
}

TEST_F(LocksTest, AThreadRenewsItAsLongAsItIsHeld) {
  const auto table = Table(store_, 2 * kMinute);
  auto held = Get(*table, LockMode::kExclusive);
  ASSERT_TRUE(held.ok());
  for (std::uint64_t i = 1; i <= 20; ++i) {
    clock_.AwaitSleeps(i);
    EXPECT_TRUE((*held)->Check("x").ok());
    EXPECT_EQ(KindOf(Get(*two_, LockMode::kShared).status()), Kind::kLocked);
    EXPECT_LE(Objects(), 2U);
    clock_.Advance(2 * kMinute);
  }
  clock_.AwaitSleeps(21);
  EXPECT_TRUE((*held)->Check("x").ok());
  held->reset();
  EXPECT_EQ(Objects(), 0U);
}

TEST_F(LocksTest, WhoCannotRenewKnowsItInTime) {
  const auto table = Table(store_, 2 * kMinute);
  auto held = Get(*table, LockMode::kExclusive);
  ASSERT_TRUE(held.ok());
  clock_.AwaitSleeps(1);
  store_->Add({.effect = Effect::kFail,
               .kind = Kind::kTransient,
               .verb = Verb::kPutIfAbsent,
               .times = objects::FaultRule::kForever});
  for (std::uint64_t i = 2; i <= 4; ++i) {
    clock_.Advance(2 * kMinute);
    clock_.AwaitSleeps(i);
    EXPECT_TRUE((*held)->Check("x").ok()) << "it may work the next time";
  }
  clock_.Advance(2 * kMinute);
  EXPECT_EQ(KindOf((*held)->Check("x")), Kind::kLocked);
}

// A holder that slept at any moment of a renewal, while its lock ran out and was taken over.
TEST_F(LocksTest, ARenewalAndATakeOverNeverBothSucceed) {
  for (std::uint64_t nth = 1;; ++nth) {
    const auto hooked = std::make_shared<HookStore>(memory_);
    const auto table = Table(hooked);
    const auto sleeper = Get(*table, LockMode::kExclusive);
    ASSERT_TRUE(sleeper.ok()) << sleeper.status();
    ASSERT_TRUE((*sleeper)->Renew(context_).ok());
    Result<std::unique_ptr<Lease>> heir = NotFoundError("not yet");
    hooked->Before(nth, [&](const std::string&) {
      clock_.Advance(11 * kMinute);
      heir = Get(*two_, LockMode::kExclusive);
    });
    (void)(*sleeper)->Renew(context_);
    const bool through = hooked->calls() < nth;
    hooked->Before(0, nullptr);
    if (through) break;
    EXPECT_FALSE((*sleeper)->Check("x").ok() && heir.ok()) << nth;
    if (heir.ok()) {
      EXPECT_TRUE((*heir)->Check("x").ok()) << nth;
    }
  }
  EXPECT_EQ(Objects(), 0U);
}

TEST_F(LocksTest, AListingThatMissesARenewalSeesTheLockBefore) {
  const auto held = Get(*one_, LockMode::kExclusive);
  clock_.Advance(2 * kMinute);
  ASSERT_TRUE((*held)->Renew(context_).ok());
  const std::int64_t renewed_ms = ToUnixMillis(clock_.Now());
  clock_.Advance(kMinute);
  const auto late = std::make_shared<ShortStore>(memory_);
  late->shows = [&](const objects::ObjectInfo& info) { return info.modified_ms != renewed_ms; };
  const auto table = Table(late);
  EXPECT_EQ(KindOf(Get(*table, LockMode::kShared).status()), Kind::kLocked);
}

TEST_F(LocksTest, AListingWithoutTheOwnLockIsNotTrusted) {
  const auto late = std::make_shared<ShortStore>(memory_);
  late->shows = [](const objects::ObjectInfo&) { return false; };
  const auto table = Table(late);
  EXPECT_EQ(KindOf(Get(*table, LockMode::kExclusive).status()), Kind::kFailed);
  EXPECT_EQ(Objects(), 0U);
}

TEST_F(LocksTest, OnlyTheStoresClockDecidesWhatRanOut) {
  const auto held = Get(*one_, LockMode::kShared);
  ASSERT_TRUE(held.ok());
  // A machine a day ahead of everybody: it can neither take the lock over nor delete.
  SteppedClock ahead;
  ahead.Advance(std::chrono::hours(24));
  LockTable table(*store_, keys_, ahead);
  LockTimes times;
  times.patience = {};
  table.set_times(times);
  const Context context(clock_);  // of the store
  EXPECT_EQ(KindOf(table.Acquire(context, LockMode::kExclusive, "prune").status()), Kind::kLocked);
  EXPECT_TRUE(table.Acquire(context, LockMode::kShared, "backup").ok());
  EXPECT_EQ(Objects(), 1U);
}

TEST_F(LocksTest, SkewIsRefusedForExclusiveLocksOnly) {
  for (const Duration off : {3 * kMinute, -3 * kMinute}) {
    const auto table = Table(std::make_shared<SkewedStore>(memory_, off));
    const Status status = Get(*table, LockMode::kExclusive).status();
    EXPECT_EQ(KindOf(status), Kind::kRefused) << status;
    EXPECT_NE(std::string(status.message()).find("3 min"), std::string::npos) << status;
    EXPECT_TRUE(Get(*table, LockMode::kShared).ok());
  }
  const auto table = Table(std::make_shared<SkewedStore>(memory_, kMinute));
  EXPECT_TRUE(Get(*table, LockMode::kExclusive).ok());
  EXPECT_EQ(Objects(), 0U);
}

TEST_F(LocksTest, ALockThatCannotBeReadCountsAsExclusiveForAnHour) {
  ASSERT_TRUE(memory_->Put(context_, LockKey(RandomId()), Bytes(100, 7)).ok());
  EXPECT_EQ(KindOf(Get(*one_, LockMode::kShared).status()), Kind::kLocked);
  clock_.Advance(61 * kMinute);
  EXPECT_TRUE(Get(*one_, LockMode::kShared).ok());
  EXPECT_EQ(Objects(), 0U);
}

TEST_F(LocksTest, LookingAndUnlocking) {
  EXPECT_TRUE(one_->Look(context_)->holders.empty());
  const auto held = Get(*one_, LockMode::kShared);
  ASSERT_TRUE((*held)->Renew(context_).ok());
  const auto survey = two_->Look(context_);
  ASSERT_TRUE(survey.ok()) << survey.status();
  ASSERT_EQ(survey->holders.size(), 1U);
  EXPECT_EQ(survey->holders[0].record, (*held)->record());
  EXPECT_GT(survey->holders[0].ExpiresMs(), survey->now_ms);
  ASSERT_TRUE(two_->Remove(context_, survey->holders[0]).ok());
  EXPECT_EQ(Objects(), 0U);
  EXPECT_TRUE(Get(*two_, LockMode::kExclusive).ok());
  EXPECT_EQ(KindOf((*held)->Renew(context_)), Kind::kLocked);
  EXPECT_EQ(KindOf((*held)->Check("commit")), Kind::kLocked);
}

TEST_F(LocksTest, PatienceWaitsForALockThatIsGivenBack) {
  auto held = Get(*one_, LockMode::kExclusive);
  ASSERT_TRUE(held.ok());
  LockTimes times = two_->times();
  times.patience = 10 * kMinute;
  two_->set_times(times);
  std::jthread giver([&] {
    clock_.AwaitSleeps(2);  // the holder's thread, and the one that waits
    held->reset();
    clock_.Advance(kMinute);
  });
  EXPECT_TRUE(Get(*two_, LockMode::kShared).ok());
}

TEST(LockFile, ComesBackAndRefusesWhatItDoesNotKnow) {
  const LockRecord record = {.holder = RandomId(),
                             .mode = LockMode::kExclusive,
                             .purpose = "prune",
                             .owner = "al\"ice",
                             .host = "db1",
                             .program = "aerie",
                             .process = {.machine = "boot", .pid = 42, .started = 7},
                             .acquired_ms = 5,
                             .ttl_ms = 600'000};
  const Bytes body = EncodeLock(record);
  EXPECT_EQ(*DecodeLock(body), record);
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_EQ(KindOf(DecodeLock(ByteSpan(body).first(size)).status()), Kind::kCorrupt);
  }
  std::string text(body.begin(), body.end());
  const std::size_t machine = text.find("\"machine\"");
  std::string earlier = text;
  earlier.erase(machine, text.find("\"program\"") - machine);
  LockRecord without = record;
  without.process = {.machine = "", .pid = 42, .started = 0};
  EXPECT_EQ(*DecodeLock(AsBytes(earlier)), without) << "as versions before wrote it";
  text.replace(text.find("exclusive"), 9, "whatever!");
  EXPECT_EQ(KindOf(DecodeLock(AsBytes(text)).status()), Kind::kCorrupt);
}

}  // namespace
}  // namespace aerie::repo
