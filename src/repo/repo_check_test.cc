// A check of a whole repository: what it finds, what it reads first, and what it remembers.
#include "repo/repo_check.h"

#include <algorithm>
#include <set>

#include "repo/check_record.h"
#include "repo/damage_record.h"
#include "repo/object_names.h"
#include "repo/pack_reader.h"
#include "repo/prune_testing.h"

namespace aerie::repo {
namespace {

using objects::Effect;
using objects::FaultRule;
using objects::FaultyStore;
using objects::MemoryStore;
using objects::Verb;

CheckRepositoryOptions Reading(DataSelection selection = {}) {
  CheckRepositoryOptions options;
  options.data = selection;
  options.streams = 1;
  options.program = "aerie test";
  return options;
}

bool Names(const RepositoryCheck& check, const std::string& text) {
  return std::ranges::any_of(check.findings, [&](const Finding& finding) {
    return (finding.object + " " + finding.where + " " + finding.message).find(text) !=
           std::string::npos;
  });
}

class RepoCheckTest : public PruneTest {
 protected:
  void SetUp() override {
    repository_ = Make(store_);
    for (int i = 0; i < 4; ++i) snapshots_.push_back(MustStore(*repository_, Rows(1000 * i, 200)));
  }

  RepositoryCheck Check(const CheckRepositoryOptions& options = {}) {
    const auto repository = Open(store_);
    auto check = CheckRepository(context_, *repository, options);
    EXPECT_TRUE(check.ok()) << check.status();
    return check.ok() ? *check : RepositoryCheck{};
  }
  std::vector<std::string> Keys(const std::string& prefix) {
    return KeysUnder(AllObjects(*memory_), prefix);
  }
  void Change(const std::string& key, const std::function<void(Bytes&)>& change) {
    Bytes bytes = BytesOf(*memory_, key);
    change(bytes);
    ASSERT_TRUE(memory_->Put(context_, {key}, bytes).ok());
  }
  void FlipEveryPack(std::size_t at) {
    for (const std::string& pack : Keys(kPacksPrefix)) {
      Change(pack, [at](Bytes& bytes) { bytes[at % (bytes.size() - 200)] ^= 1; });
    }
  }
  // What is wrong with one snapshot, every row of it read.
  std::vector<Finding> FindingsOf(const Snapshot& snapshot) {
    const auto findings =
        Open(memory_)->Check(context_, {.read_data = true, .only = {snapshot.id}, .progress = {}});
    EXPECT_TRUE(findings.ok()) << findings.status();
    return findings.ok() ? *findings : std::vector<Finding>{};
  }
  // Puts a note of damage into the store, as an earlier check would.
  void PutNote(DamagedCopies copies) {
    DamageMemory none;
    ASSERT_TRUE(
        SaveDamageMemory(context_, *memory_, repository_->core().keys, {}, std::move(copies), none)
            .ok());
  }

  // When each pack was last read, by what is stored.
  CheckedTimes Times() {
    const auto keys = repository_->core().keys;
    auto memory = ReadCheckMemory(context_, *memory_, keys, ToUnixMillis(clock_.Now()));
    EXPECT_TRUE(memory.ok()) << memory.status();
    return memory->times;
  }

  std::vector<objects::ObjectKey> AllKeys() {
    std::vector<objects::ObjectKey> keys;
    for (const auto& [key, bytes] : AllObjects(*memory_)) keys.push_back({key});
    return keys;
  }

  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FaultyStore> store_ = std::make_shared<FaultyStore>(memory_);
  std::unique_ptr<Repository> repository_;
  std::vector<Snapshot> snapshots_;
};

// ---- what it finds ----

TEST_F(RepoCheckTest, AWholeRepositoryHasNeitherFindingsNorNotes) {
  for (const auto& options : {CheckRepositoryOptions{}, Reading()}) {
    const RepositoryCheck check = Check(options);
    EXPECT_TRUE(check.findings.empty());
    EXPECT_TRUE(check.notes.empty());
    EXPECT_EQ(check.snapshots, 4U);
    EXPECT_EQ(check.packs, 4U);
  }
  EXPECT_EQ(Keys(kLocksPrefix).size(), 0U);
}

TEST_F(RepoCheckTest, ALostPackIsNamedWithEveryKeyRangeThatNeedsItAndTheRemedy) {
  const std::string pack = Keys(kPacksPrefix).at(0);
  memory_->Remove(context_, {{pack}});
  const RepositoryCheck check = Check();
  EXPECT_TRUE(Names(check, pack));
  std::set<std::string> snapshots;
  for (const Finding& finding : check.findings) {
    EXPECT_FALSE(finding.remedy.empty()) << finding.message;
    if (finding.place) snapshots.insert(finding.place->snapshot.hex);
  }
  EXPECT_EQ(snapshots.size(), 1U);
}

// Every byte of every pack: the data check names the pack, and the rows where they are concerned.
TEST_F(RepoCheckTest, ADamagedByteAnywhereInAPackIsNamed) {
  for (const std::string& pack : Keys(kPacksPrefix)) {
    const std::size_t size = BytesOf(*memory_, pack).size();
    for (std::size_t at = 0; at < size; at += 1 + size / 40) {
      const auto flip = [&](Bytes& bytes) { bytes[at] ^= 4; };
      Change(pack, flip);
      const RepositoryCheck check = Check(Reading());
      EXPECT_TRUE(Names(check, pack)) << at;
      EXPECT_FALSE(Times().contains(*IdOfKey({pack}, PackKey))) << "read and not found right";
      Change(pack, flip);
    }
  }
  EXPECT_TRUE(Check(Reading()).findings.empty());
}

TEST_F(RepoCheckTest, ADamagedBlobOfRowsNamesTheirKeys) {
  const std::string pack = Keys(kPacksPrefix).at(1);
  Change(pack, [](Bytes& bytes) { bytes[20] ^= 1; });
  const RepositoryCheck check = Check(Reading());
  const auto rows = std::ranges::find_if(
      check.findings, [](const Finding& finding) { return finding.place && finding.place->keys; });
  ASSERT_NE(rows, check.findings.end());
  EXPECT_NE(rows->where.find("keys "), std::string::npos);
  EXPECT_NE(rows->remedy.find("aerie repo repair"), std::string::npos);
}

// A second copy in another pack: the pack is damaged, the rows are not.
TEST_F(RepoCheckTest, ADamagedBlobWithAnotherCopyConcernsNoRows) {
  const auto [left, right] = [&] {
    const auto other = Open(store_);
    const auto one = repository_->BeginSnapshot(context_, Info());
    const auto two = other->BeginSnapshot(context_, Info());
    const rows::RowBatch rows = Rows(9000, 50);
    std::vector<Snapshot> stored;
    for (const auto* writer : {&*one, &*two}) {
      auto partition = *(*writer)->OpenPartition(context_, spec_, rows.partition(), {});
      EXPECT_TRUE(partition->Write(context_, rows.Slice(0, rows.rows())).ok());
      EXPECT_TRUE(partition->Commit(context_).ok());
      EXPECT_TRUE(
          (*writer)->AddCollection(context_, ManifestOf(spec_, partition->root()), {}).ok());
    }
    stored.push_back(*(*one)->Commit(context_, true));
    stored.push_back(*(*two)->Commit(context_, true));
    return std::pair(stored[0], stored[1]);
  }();
  std::size_t seen = 0;
  for (const std::string& pack : Keys(kPacksPrefix)) {
    const auto flip = [](Bytes& bytes) { bytes[20] ^= 1; };
    Change(pack, flip);
    const RepositoryCheck check = Check(Reading());
    EXPECT_TRUE(Names(check, pack));
    const bool rows = std::ranges::any_of(
        check.findings, [&](const Finding& finding) { return finding.place.has_value(); });
    if (!rows) ++seen;
    Change(pack, flip);
  }
  EXPECT_EQ(seen, 2U) << "the two packs that are copies of each other";
}

TEST_F(RepoCheckTest, PacksUnderEachOthersNamesAreNamedBoth) {
  const auto packs = Keys(kPacksPrefix);
  const Bytes first = BytesOf(*memory_, packs[0]);
  ASSERT_TRUE(memory_->Put(context_, {packs[0]}, BytesOf(*memory_, packs[1])).ok());
  ASSERT_TRUE(memory_->Put(context_, {packs[1]}, first).ok());
  const RepositoryCheck check = Check();
  EXPECT_TRUE(Names(check, packs[0]));
  EXPECT_TRUE(Names(check, packs[1]));
}

TEST_F(RepoCheckTest, APackUnderASecondNameIsNamed) {
  const auto packs = Keys(kPacksPrefix);
  const std::string copy = PackKey(RandomId()).text;
  ASSERT_TRUE(memory_->Put(context_, {copy}, BytesOf(*memory_, packs[0])).ok());
  const RepositoryCheck check = Check();
  ASSERT_EQ(check.findings.size(), 1U);
  EXPECT_TRUE(Names(check, copy));
}

TEST_F(RepoCheckTest, CutPacksAreNamed) {
  for (const std::string& pack : Keys(kPacksPrefix)) {
    const Bytes whole = BytesOf(*memory_, pack);
    for (const std::size_t left :
         {std::size_t{0}, std::size_t{7}, whole.size() / 2, whole.size() - 1}) {
      Change(pack, [&](Bytes& bytes) { bytes.resize(left); });
      EXPECT_TRUE(Names(Check(), pack)) << left;
      EXPECT_TRUE(Names(Check(Reading()), pack)) << left;
      ASSERT_TRUE(memory_->Put(context_, {pack}, whole).ok());
    }
  }
}

// Objects that were deleted and come back.
TEST_F(RepoCheckTest, AReplayedSnapshotOrIndexIsNamed) {
  const auto before = AllObjects(*memory_);
  ASSERT_TRUE(DeleteSnapshots(context_, *repository_, {snapshots_[0].id}).ok());
  MustPrune(*repository_, Options(Duration::zero()));
  MustPrune(*repository_, Options(Duration::zero()));
  ASSERT_TRUE(Check(Reading()).findings.empty());
  for (const auto& [key, bytes] : before) {
    if (memory_->Stat(context_, {key}).ok() || key.starts_with(kPacksPrefix)) continue;
    ASSERT_TRUE(memory_->Put(context_, {key}, bytes).ok());
    const RepositoryCheck check = Check();
    EXPECT_FALSE(check.findings.empty()) << key;
    for (const Finding& finding : check.findings) EXPECT_FALSE(finding.remedy.empty());
    memory_->Remove(context_, {{key}});
  }
}

TEST_F(RepoCheckTest, LeftoversAreNotesAndALostIndexIsAFinding) {
  {
    auto writer = repository_->BeginSnapshot(context_, Info());
    auto partition = *(*writer)->OpenPartition(context_, spec_, "part", {});
    ASSERT_TRUE(partition->Write(context_, Rows(7000, 100)).ok());
    ASSERT_TRUE(partition->Commit(context_).ok());
    store_->Add({.effect = Effect::kFail,
                 .kind = Kind::kFailed,
                 .verb = Verb::kPutIfAbsent,
                 .key_prefix = kIndexPrefix});
    ASSERT_FALSE((*writer)->Commit(context_, true).ok());
  }
  ASSERT_TRUE(memory_->Put(context_, {"packs/readme"}, Bytes(3)).ok());
  ASSERT_TRUE(memory_->Put(context_, CheckedKey(RandomId()), Bytes(30)).ok());
  RepositoryCheck check = Check();
  EXPECT_TRUE(check.findings.empty());
  EXPECT_EQ(check.notes.size(), 3U);
  EXPECT_TRUE(Check(Reading()).findings.empty());
  EXPECT_EQ(Check().notes.size(), 2U) << "the unreadable record was replaced";

  for (const std::string& index : Keys(kIndexPrefix)) memory_->Remove(context_, {{index}});
  check = Check();
  EXPECT_EQ(check.findings.size(), 4U);
  for (const Finding& finding : check.findings) {
    EXPECT_NE(finding.remedy.find("rebuild-index"), std::string::npos) << finding.message;
  }
}

// ---- stores that lie ----

TEST_F(RepoCheckTest, AListingThatFailsIsAnErrorAndAShortOneIsFoundOut) {
  for (const char* prefix : {kPacksPrefix, kIndexPrefix, kSnapshotsPrefix, kKeysPrefix}) {
    for (std::uint64_t skip = 0; skip < 2; ++skip) {
      const auto repository = Open(store_);
      store_->Add(
          {.effect = Effect::kFail, .verb = Verb::kList, .key_prefix = prefix, .skip = skip});
      const auto check = CheckRepository(context_, *repository, {});
      if (!check.ok()) {
        EXPECT_EQ(KindOf(check.status()), Kind::kTransient);
      }
      store_->Revive();
    }
  }
  const std::size_t packs = Check().packs;
  for (const std::uint64_t skip : {0, 1, 2}) {
    const auto late = Open(store_);
    store_->Add({.effect = Effect::kTruncate,
                 .verb = Verb::kList,
                 .key_prefix = kPacksPrefix,
                 .skip = skip,
                 .at = 1});
    const auto check = CheckRepository(context_, *late, {});
    ASSERT_TRUE(check.ok()) << check.status();
    if (check->findings.empty()) {
      EXPECT_EQ(check->packs, packs) << "a listing that came late is made good";
    }
    store_->Revive();
  }
  const auto repository = Open(store_);
  store_->Add({.effect = Effect::kTruncate,
               .verb = Verb::kList,
               .key_prefix = kPacksPrefix,
               .times = FaultRule::kForever,
               .at = 1});
  EXPECT_FALSE(CheckRepository(context_, *repository, {})->findings.empty());
}

// A backup commits at some moment of a check, at every one in turn: neither is in the other's way.
TEST_F(RepoCheckTest, ABackupBesideACheckIsNoDamage) {
  const auto before = AllObjects(*memory_);
  bool passed = false;
  for (std::uint64_t at = 1; !passed; ++at) {
    SCOPED_TRACE("operation " + std::to_string(at));
    const auto memory = StoreWith(before);
    const auto hooked = std::make_shared<HookStore>(memory);
    const auto checker = Open(hooked);
    const auto writer = Open(memory);
    hooked->Before(at, [&](const std::string&) { MustStore(*writer, Rows(50'000, 100)); });
    CheckRepositoryOptions options = Reading();
    options.streams = 1;
    const auto check = CheckRepository(context_, *checker, options);
    ASSERT_TRUE(check.ok()) << check.status();
    for (const Finding& finding : check->findings) {
      ADD_FAILURE() << finding.object << " " << finding.where << ": " << finding.message;
    }
    passed = hooked->calls() < at;
    ASSERT_FALSE(HasFailure());
    ASSERT_LT(at, 500U);
  }
}

// ---- what is read first ----

TEST(SelectPacks, TakesTheOldestFirstAndThoseNeverReadBeforeAll) {
  const std::vector<PackAge> packs = {{.size = 10, .read_ms = 30},
                                      {.size = 10, .read_ms = {}},
                                      {.size = 10, .read_ms = 10},
                                      {.size = 10, .read_ms = 20}};
  EXPECT_EQ(SelectPacks(packs, {}), (std::vector<std::size_t>{1, 2, 3, 0}));
  EXPECT_EQ(SelectPacks(packs, {.fraction = 0.5}), (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(SelectPacks(packs, {.fraction = 0.51}), (std::vector<std::size_t>{1, 2, 3}));
  EXPECT_EQ(SelectPacks(packs, {.max_bytes = 11}), (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(SelectPacks(packs, {.fraction = 0.0001}), (std::vector<std::size_t>{1}));
  EXPECT_TRUE(SelectPacks({}, {}).empty());
}

TEST(SelectPacks, PartsAreDisjointAndTogetherEverything) {
  std::vector<PackAge> packs;
  for (std::uint32_t i = 0; i < 100; ++i)
    packs.push_back({.size = 1, .read_ms = {}, .draw = i * 77});
  std::multiset<std::size_t> all;
  for (std::uint32_t part = 1; part <= 7; ++part) {
    for (const std::size_t i : SelectPacks(packs, {.part = part, .parts = 7})) all.insert(i);
  }
  EXPECT_EQ(all.size(), 100U);
  EXPECT_EQ(std::set<std::size_t>(all.begin(), all.end()).size(), 100U);
}

TEST_F(RepoCheckTest, PartByPartEverythingIsReadBeforeAnythingIsReadAgain) {
  std::set<ObjectId> read;
  for (std::size_t run = 1; run <= 4; ++run) {
    clock_.Advance(std::chrono::hours(1));
    const RepositoryCheck check = Check(Reading({.max_bytes = 1}));
    EXPECT_EQ(check.data->read_packs, 1U);
    EXPECT_EQ(check.data->never_read, 4 - run);
    EXPECT_EQ(Times().size(), run) << "another one each time";
    EXPECT_EQ(Keys(kCheckedPrefix).size(), 1U) << "merged";
  }
  const CheckedTimes before = Times();
  const auto oldest = std::ranges::min_element(before, {}, [](const auto& t) { return t.second; });
  clock_.Advance(std::chrono::hours(1));
  Check(Reading({.max_bytes = 1}));
  const CheckedTimes after = Times();
  for (const auto& [pack, at_ms] : after) {
    EXPECT_EQ(at_ms == before.at(pack), pack != oldest->first);
  }
}

// A clock that goes on by ten minutes with every pack that is read.
class SlowStore : public ForwardingStore {
 public:
  SlowStore(std::shared_ptr<ObjectStore> inner, SteppedClock& clock)
      : ForwardingStore(std::move(inner)), clock_(clock) {}
  Result<Bytes> Get(const Context& c, const objects::ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override {
    if (key.text.starts_with(kPacksPrefix) && offset == kPackHeadBytes) {
      clock_.Advance(std::chrono::minutes(1));
    }
    return inner_->Get(c, key, offset, length);
  }

 private:
  SteppedClock& clock_;
};

TEST_F(RepoCheckTest, StopsWhenTheTimeIsUpAndTheNextRunGoesOn) {
  CheckRepositoryOptions options = Reading();
  options.max_duration = std::chrono::seconds(90);
  std::size_t runs = 0;
  for (bool stopped = true; stopped; ++runs) {
    ASSERT_LT(runs, 5U);
    const auto repository = Open(std::make_shared<SlowStore>(store_, clock_));
    const auto check = CheckRepository(context_, *repository, options);
    ASSERT_TRUE(check.ok()) << check.status();
    stopped = check->data->never_read > 0;
    EXPECT_LE(check->data->read_packs, 2U);
    EXPECT_GE(check->data->read_packs, 1U) << "however short the time";
    EXPECT_TRUE(check->data->stopped);
  }
  EXPECT_EQ(Times().size(), 4U);
}

// ---- what is remembered ----

TEST_F(RepoCheckTest, AReadOnlyRepositoryIsCheckedAndNothingRemembered) {
  const auto repository = Open(store_);
  store_->Add({.effect = Effect::kFail,
               .kind = Kind::kDenied,
               .verb = Verb::kPutIfAbsent,
               .times = FaultRule::kForever});
  const auto check = CheckRepository(context_, *repository, Reading());
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_TRUE(check->findings.empty());
  EXPECT_EQ(check->data->read_packs, 4U);
  EXPECT_FALSE(check->data->not_remembered.empty());
  EXPECT_TRUE(Keys(kCheckedPrefix).empty());
}

TEST_F(RepoCheckTest, TimesInTheFutureAndOfPacksThatAreGoneAreForgotten) {
  const KeyRing keys = repository_->core().keys;
  const auto packs = Keys(kPacksPrefix);
  const std::int64_t now_ms = ToUnixMillis(clock_.Now());
  CheckRecord record{.created_ms = now_ms, .program = "x", .host = "y", .packs = {}};
  record.packs[*IdOfKey({packs[0]}, PackKey)] = now_ms + 3'600'000;
  record.packs[*IdOfKey({packs[1]}, PackKey)] = now_ms - 1;
  record.packs[RandomId()] = now_ms - 5;
  CheckMemory memory;
  std::unordered_set<ObjectId, ObjectIdHash> there;
  for (const auto& [pack, at_ms] : record.packs) there.insert(pack);
  memory.times = record.packs;
  ASSERT_TRUE(SaveCheckMemory(context_, *memory_, keys, there, record, memory).ok());
  const RepositoryCheck check = Check(Reading({.max_bytes = 1}));
  EXPECT_EQ(check.data->never_read, 2U);
  EXPECT_EQ(Times().size(), 2U);
}

TEST_F(RepoCheckTest, TwoChecksAtOnceLoseNothingOfEachOther) {
  const KeyRing keys = repository_->core().keys;
  const std::int64_t now_ms = ToUnixMillis(clock_.Now());
  const ObjectId a = RandomId(), b = RandomId();
  auto one = *ReadCheckMemory(context_, *memory_, keys, now_ms);
  auto two = *ReadCheckMemory(context_, *memory_, keys, now_ms);
  one.times[a] = now_ms;
  two.times[b] = now_ms - 1;
  ASSERT_TRUE(SaveCheckMemory(context_, *memory_, keys, {a, b}, {}, one).ok());
  ASSERT_TRUE(SaveCheckMemory(context_, *memory_, keys, {a, b}, {}, two).ok());
  EXPECT_EQ(Times(), (CheckedTimes{{a, now_ms}, {b, now_ms - 1}}));
}

TEST(CheckRecord, EncodesAndDecodesAndRefusesEverythingElse) {
  CheckRecord record{.created_ms = 5, .program = "p", .host = "h", .packs = {}};
  for (std::int64_t i = 0; i < 20; ++i) record.packs[RandomId()] = i / 3;
  const Bytes body = EncodeCheckRecord(record);
  EXPECT_EQ(*DecodeCheckRecord(body), record);
  for (std::size_t size = 0; size < body.size(); size += 7) {
    EXPECT_EQ(KindOf(DecodeCheckRecord(ByteSpan(body).first(size)).status()), Kind::kCorrupt);
  }
  for (const char* text :
       {"[]", R"({"created_ms":1,"program":"","host":"","runs":[1]})",
        R"({"created_ms":1,"program":"","host":"","runs":[{"at_ms":1,"packs":["x"]}]})"}) {
    EXPECT_EQ(KindOf(DecodeCheckRecord(AsBytes(text)).status()), Kind::kCorrupt) << text;
  }
}

// ---- damage that is remembered ----

// A byte of every pack, at several places: without the note the next backup rests on the damage.
TEST_F(RepoCheckTest, TheBackupAfterACheckRestsOnNothingDamaged) {
  const auto before = AllObjects(*memory_);
  std::size_t rested = 0;
  for (const std::size_t at : {20U, 700U, 1500U, 2900U}) {
    SCOPED_TRACE(at);
    for (const bool patches : {false, true}) {
      memory_->Remove(context_, AllKeys());
      for (const auto& [key, bytes] : before)
        ASSERT_TRUE(memory_->Put(context_, {key}, bytes).ok());
      over_latest_ = patches && at == 20;
      FlipEveryPack(at);
      const Snapshot unaware = MustStore(*Open(store_), Rows(3000, 200));
      rested += FindingsOf(unaware).empty() ? 0 : 1;
      EXPECT_FALSE(Check(Reading()).findings.empty());
      EXPECT_EQ(Keys(kDamagedPrefix).size(), 1U);
      for (int i = 0; i < 4; ++i) {
        const Snapshot snapshot = MustStore(*Open(store_), Rows(1000 * i, 200));
        for (const Finding& finding : FindingsOf(snapshot)) {
          ADD_FAILURE() << finding.object << " " << finding.where << ": " << finding.message;
        }
      }
      const Snapshot again = MustStore(*Open(store_), Rows(3000, 200));
      EXPECT_EQ(again.stats.blobs_new, 0U) << "stored anew once";
    }
  }
  EXPECT_GT(rested, 0U) << "the test shows nothing";
}

TEST_F(RepoCheckTest, ANoteGoesWhenThePackIsSoundAgainOrGone) {
  FlipEveryPack(20);
  Check(Reading());
  ASSERT_EQ(Keys(kDamagedPrefix).size(), 1U);
  FlipEveryPack(20);
  const std::string kept = Keys(kDamagedPrefix).at(0);
  Check();
  EXPECT_EQ(Keys(kDamagedPrefix), std::vector{kept}) << "nothing was read";
  Check(Reading());
  EXPECT_TRUE(Keys(kDamagedPrefix).empty());

  const std::string pack = Keys(kPacksPrefix).at(0);
  Change(pack, [](Bytes& bytes) { bytes[20] ^= 1; });
  Check(Reading());
  ASSERT_EQ(Keys(kDamagedPrefix).size(), 1U);
  memory_->Remove(context_, {{pack}});
  Check(Reading());
  EXPECT_TRUE(Keys(kDamagedPrefix).empty());
}

TEST_F(RepoCheckTest, PruneKeepsTheSoundCopiesAndRemovesNotesOfPacksThatAreGone) {
  FlipEveryPack(20);
  Check(Reading());
  const auto damaged = Keys(kPacksPrefix);
  for (int i = 0; i < 4; ++i) MustStore(*Open(store_), Rows(1000 * i, 200));
  const auto repository = Open(store_);
  for (int run = 0; run < 4; ++run) {
    MustPrune(*repository);
    clock_.Advance(kMargin + std::chrono::hours(1));
  }
  EXPECT_TRUE(Keys(kDamagedPrefix).empty());
  for (const std::string& pack : damaged)
    EXPECT_FALSE(memory_->Stat(context_, {pack}).ok()) << pack;
  ExpectWhole(memory_, "after prune: ");
}

// Old, wrong or unreadable: at worst data is stored a second time.
TEST_F(RepoCheckTest, AFalseNoteDoesNoHarm) {
  const auto packs = repository_->core().catalog.index().Packs();
  DamagedCopies all;
  for (const ObjectId& id : packs) {
    const auto size = *repository_->core().catalog.index().PackSize(id);
    const auto record = ReadPackDirectory(context_, *memory_, repository_->core().keys, id, size);
    ASSERT_TRUE(record.ok()) << record.status();
    for (const PackEntry& entry : record->entries) all[id].insert(entry.name);
  }
  all[RandomId()] = {BlobName{}};
  PutNote(all);
  ASSERT_TRUE(memory_->Put(context_, DamagedKey(RandomId()), Bytes(30)).ok());
  ASSERT_TRUE(memory_->Put(context_, {"damaged/readme"}, Bytes(3)).ok());
  const RepositoryCheck structure = Check();
  EXPECT_TRUE(structure.findings.empty()) << "only what was seen is a finding";
  EXPECT_EQ(structure.notes.size(), 1U) << "the unreadable one";
  const auto reader = Open(store_);
  ExpectSameRows(Rows(0, 200), *Read(*reader, snapshots_[0]));
  EXPECT_GT(MustStore(*Open(store_), Rows(0, 200)).stats.blobs_new, 0U);
  MustPrune(*Open(store_));
  ExpectWhole(memory_, "after prune: ");
  EXPECT_EQ(Keys(kDamagedPrefix).size(), 2U) << "prune took the unreadable one";
  EXPECT_TRUE(Check(Reading()).findings.empty());
  EXPECT_EQ(Keys(kDamagedPrefix), std::vector<std::string>{"damaged/readme"});
}

TEST_F(RepoCheckTest, DamageThatCannotBeWrittenDownIsFoundAndSaidNotToBeRemembered) {
  FlipEveryPack(20);
  const auto repository = Open(store_);
  store_->Add({.effect = Effect::kFail,
               .kind = Kind::kDenied,
               .verb = Verb::kPutIfAbsent,
               .times = FaultRule::kForever});
  const auto check = CheckRepository(context_, *repository, Reading());
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_FALSE(check->findings.empty());
  EXPECT_FALSE(check->data->not_remembered.empty());
  EXPECT_TRUE(Keys(kDamagedPrefix).empty());
}

TEST(DamageRecord, EncodesAndDecodesAndRefusesEverythingElse) {
  DamageRecord record{.created_ms = 5, .program = "p", .host = "h", .packs = {}};
  for (std::uint8_t i = 0; i < 9; ++i) {
    BlobName name;
    name.bytes[3] = i;
    record.packs[RandomId()] = {BlobName{}, name};
  }
  const Bytes body = EncodeDamageRecord(record);
  EXPECT_EQ(*DecodeDamageRecord(body), record);
  for (std::size_t size = 0; size < body.size(); size += 7) {
    EXPECT_EQ(KindOf(DecodeDamageRecord(ByteSpan(body).first(size)).status()), Kind::kCorrupt);
  }
  const std::string head = R"({"created_ms":1,"program":"","host":"","packs":)";
  const std::string id(32, 'a');
  for (const std::string& packs :
       {std::string("{}"), std::string("[1]"), std::string(R"([{"id":"x","blobs":[]}])"),
        R"([{"id":")" + id + R"("}])", R"([{"id":")" + id + R"(","blobs":["aa"]}])"}) {
    const std::string text = head + packs + "}";
    EXPECT_EQ(KindOf(DecodeDamageRecord(AsBytes(text)).status()), Kind::kCorrupt) << text;
  }
}

class CheckCrash : public RepoCheckTest, public ::testing::WithParamInterface<Effect> {};
INSTANTIATE_TEST_SUITE_P(Effects, CheckCrash,
                         ::testing::Values(Effect::kCrash, Effect::kCrashAfter),
                         [](const auto& effect) {
                           return effect.param == Effect::kCrash ? "Before" : "After";
                         });

// Dies at every operation in turn; then a new process checks everything.
TEST_P(CheckCrash, AnywhereLosesNothing) {
  clock_.Advance(std::chrono::hours(1));
  Check(Reading({.max_bytes = 1}));
  const auto before = AllObjects(*memory_);
  bool finished = false;
  for (std::uint64_t at = 1; !finished; ++at) {
    SCOPED_TRACE("operation " + std::to_string(at));
    const auto memory = StoreWith(before);
    const auto faulty = std::make_shared<FaultyStore>(memory);
    faulty->CrashAt(at, GetParam());
    CheckRepositoryOptions options = Reading();
    options.remember_every = {};  // after each pack
    if (auto opened = OpenRepository(context_, faulty, TestPassphrase()); opened.ok()) {
      const auto check = CheckRepository(context_, *Hasty(*std::move(opened)), options);
      finished = check.ok() && !faulty->crashed();
    }
    const auto again = Open(memory);
    const auto check = CheckRepository(context_, *again, Reading());
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_TRUE(check->findings.empty());
    EXPECT_EQ(check->data->never_read, 0U);
    EXPECT_EQ(again->ListSnapshots(context_)->size(), 4U);
    ASSERT_FALSE(HasFailure());
    ASSERT_LT(at, 500U);
  }
}

// The same where packs are damaged and what was noted before is out of date: the next check and the
// next backup make it good.
TEST_P(CheckCrash, AnywhereAmongNotesOfDamageLosesNothing) {
  FlipEveryPack(20);
  Check(Reading());
  FlipEveryPack(20);
  FlipEveryPack(700);
  ASSERT_TRUE(memory_->Put(context_, DamagedKey(RandomId()), Bytes(30)).ok());
  const auto before = AllObjects(*memory_);
  bool finished = false;
  for (std::uint64_t at = 1; !finished; ++at) {
    SCOPED_TRACE("operation " + std::to_string(at));
    memory_ = StoreWith(before);
    const auto faulty = std::make_shared<FaultyStore>(memory_);
    faulty->CrashAt(at, GetParam());
    if (auto opened = OpenRepository(context_, faulty, TestPassphrase()); opened.ok()) {
      const auto check = CheckRepository(context_, *Hasty(*std::move(opened)), Reading());
      finished = check.ok() && !faulty->crashed();
    }
    const auto again = Open(memory_);
    const auto check = CheckRepository(context_, *again, Reading());
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_EQ(Keys(kDamagedPrefix).size(), 1U);
    EXPECT_TRUE(FindingsOf(MustStore(*Open(memory_), Rows(1000, 200))).empty());
    ASSERT_FALSE(HasFailure());
    ASSERT_LT(at, 500U);
  }
}

}  // namespace
}  // namespace aerie::repo
