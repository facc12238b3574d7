#include "transfer/diff.h"

#include <algorithm>
#include <random>

#include "base/testing_effort.h"
#include "objects/faulty_store.h"
#include "transfer/transfer_testing.h"

namespace aerie::transfer {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class DiffTest : public TransferTest {};

TEST_F(DiffTest, SnapshotAndClusterRowByRow) {
  Site site;
  site.Create("docs", 50);
  const repo::Snapshot snapshot = Take(site);
  ExpectSame(snapshot, site);
  fake::pb::DeleteRequest erase;
  erase.set_collection_name("docs");
  erase.set_expr("id in [3, 7]");
  (void)site.server.Apply<fake::pb::MutationResult>(erase);
  site.Insert(fake::SimpleRows("docs", {3, 100, 101, 102}, 900));
  const DiffResult diff = Compare(snapshot, site);
  const CollectionDiff& one = diff.collections.at(0);
  EXPECT_FALSE(diff.same());
  EXPECT_EQ(one.missing, 1u);
  EXPECT_EQ(one.extra, 3u);
  EXPECT_EQ(one.changed, 1u);
  EXPECT_EQ(one.rows_left, 50u);
  EXPECT_EQ(one.rows_right, 52u);
  ASSERT_EQ(one.examples.size(), 5u);
  EXPECT_EQ(one.examples[0].key, "3");
  EXPECT_THAT(one.examples[0].fields, ElementsAre("value", "vector"));
  EXPECT_EQ(one.examples[1].key, "7");
  EXPECT_EQ(one.examples[1].kind, RowDifference::Kind::kMissing);
  EXPECT_EQ(one.examples[2].kind, RowDifference::Kind::kExtra);
}

TEST_F(DiffTest, TwoSnapshotsAndTwoClusters) {
  Site site;
  site.Create("docs", 50);
  site.Create("gone", 1);
  const repo::Snapshot first = Take(site);
  ASSERT_TRUE(milvus::DropCollection(context_, *site.client, {"default", "gone"}).ok());
  site.Create("come", 1);
  site.Insert(fake::SimpleRows("docs", {60}));
  const repo::Snapshot second = Take(site);
  const auto a = MakeSnapshotEndpoint(*repository_, first);
  const auto b = MakeSnapshotEndpoint(*repository_, second);
  const auto diff = RunDiff(context_, *a, *b, {}, NoProgress());
  ASSERT_TRUE(diff.ok()) << diff.status();
  ASSERT_EQ(diff->collections.size(), 3u);
  EXPECT_EQ(diff->collections[0].extra, 1u);
  EXPECT_TRUE(diff->collections[1].only_left);
  EXPECT_TRUE(diff->collections[2].only_right);

  Site other;
  other.Create("docs", 51);
  DiffOptions options;
  options.left_name.collection = options.right_name.collection = "docs";
  const auto clusters =
      RunDiff(context_, *site.endpoint(), *other.endpoint(), options, NoProgress());
  ASSERT_TRUE(clusters.ok()) << clusters.status();
  EXPECT_EQ(clusters->collections.at(0).missing, 1u);
  EXPECT_EQ(clusters->collections.at(0).extra, 1u);
}

TEST_F(DiffTest, ANullIsNotADefault) {
  fake::schema::CollectionSchema schema = fake::SimpleSchema("docs");
  schema.mutable_fields(1)->set_nullable(true);
  Site left(Behaviour::Of(Release::k2_6));
  Site right(Behaviour::Of(Release::k2_6));
  left.server.Create(schema);
  right.server.Create(schema);
  auto rows = fake::SimpleRows("docs", {1});
  rows.mutable_fields_data(1)->mutable_scalars()->mutable_long_data()->set_data(0, 0);
  rows.mutable_fields_data(1)->add_valid_data(true);
  left.Insert(rows);
  rows.mutable_fields_data(1)->set_valid_data(0, false);
  rows.mutable_fields_data(1)->mutable_scalars()->mutable_long_data()->clear_data();
  right.Insert(rows);
  const auto diff = RunDiff(context_, *left.endpoint(), *right.endpoint(), {}, NoProgress());
  ASSERT_TRUE(diff.ok()) << diff.status();
  ASSERT_EQ(diff->collections.at(0).changed, 1u) << diff->collections.at(0).status;
  EXPECT_THAT(diff->collections.at(0).examples.at(0).fields, ElementsAre("value"));
}

TEST_F(DiffTest, DifferentSchemasAreSaidAndTheCommonColumnsCompared) {
  Site left;
  Site right;
  left.Create("docs", 10);
  fake::schema::CollectionSchema schema = fake::SimpleSchema("docs");
  schema.mutable_fields(1)->set_name("worth");
  right.server.Create(schema);
  auto rows = fake::SimpleRows("docs", Keys(0, 10));
  rows.mutable_fields_data(1)->set_field_name("worth");
  right.Insert(rows);
  const auto diff = RunDiff(context_, *left.endpoint(), *right.endpoint(), {}, NoProgress());
  ASSERT_TRUE(diff.ok()) << diff.status();
  EXPECT_FALSE(diff->same());
  EXPECT_THAT(diff->collections.at(0).spec, Contains(HasSubstr("worth")));
  EXPECT_EQ(diff->collections.at(0).changed, 0u);
}

TEST_F(DiffTest, AFailureIsNotSameness) {
  Site site;
  site.Create("docs", 10);
  const repo::Snapshot snapshot = Take(site);
  site.server.Inject(Fault::Milvus("Query", 65535, false, "broken", 1000));
  const DiffResult diff = Compare(snapshot, site);
  EXPECT_FALSE(diff.same());
  EXPECT_FALSE(diff.collections.at(0).status.ok());
}

// Two sides with a history of their own, as snapshots and as clusters: whichever way they are
// compared, the counts are those of the rows themselves.
class DiffKindsTest : public DiffTest, public testing::WithParamInterface<int> {
 protected:
  // Changes some rows of `site`, here and there.
  static void Edit(Site& site, std::mt19937& random) {
    for (int i = 0; i < 12; ++i) {
      const auto at = static_cast<std::int64_t>(random() % 400);
      const auto count = static_cast<std::int64_t>(1 + random() % 4);
      fake::pb::DeleteRequest erase;
      erase.set_collection_name("docs");
      erase.set_expr("id >= " + std::to_string(at) + " and id < " + std::to_string(at + count));
      (void)site.server.Apply<fake::pb::MutationResult>(erase);
      // Some of the keys again, with other values or the same ones; some beyond the others.
      const bool beyond = random() % 4 == 0;
      const bool same = random() % 3 == 0;
      if (random() % 3 != 0) {
        site.Insert(WideRows("docs", beyond ? 500 + 8 * i : at, count, same ? 0 : 1));
      }
    }
  }
  struct Counts {
    std::uint64_t missing = 0, extra = 0, changed = 0;
    bool operator==(const Counts&) const = default;
  };
  static Counts Between(const std::map<rows::Key, std::int64_t>& left,
                        const std::map<rows::Key, std::int64_t>& right) {
    Counts counts;
    for (const auto& [key, value] : left) {
      const auto there = right.find(key);
      if (there == right.end())
        ++counts.missing;
      else if (there->second != value)
        ++counts.changed;
    }
    for (const auto& [key, value] : right) counts.extra += left.contains(key) ? 0 : 1;
    return counts;
  }
};

TEST_P(DiffKindsTest, CountsAreThoseOfTheRows) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  Site left;
  Site right;
  left.CreateWide("docs", 400);
  right.CreateWide("docs", 400);
  const repo::Snapshot base = Take(left);
  Edit(right, random);
  if (GetParam() % 2 == 1) Edit(left, random);
  const repo::Snapshot a = Take(left);
  const repo::Snapshot b = Take(right);
  const Counts expected = Between(ValuesOf(a), ValuesOf(b));
  const std::size_t rows_left = ValuesOf(a).size();
  const std::size_t rows_right = ValuesOf(b).size();
  const auto stored_a = MakeSnapshotEndpoint(*repository_, a);
  const auto stored_b = MakeSnapshotEndpoint(*repository_, b);
  const auto live_a = left.endpoint();
  const auto live_b = right.endpoint();
  for (Endpoint* from : {stored_a.get(), live_a.get()}) {
    for (Endpoint* to : {stored_b.get(), live_b.get()}) {
      for (const auto stored : {StoredRowsAre::kKnownByDigest, StoredRowsAre::kRead}) {
        DiffOptions options;
        options.max_examples = 3;
        options.stored_rows = stored;
        const auto diff = RunDiff(context_, *from, *to, options, NoProgress());
        ASSERT_TRUE(diff.ok()) << diff.status();
        const CollectionDiff& one = diff->collections.at(0);
        ASSERT_TRUE(one.status.ok()) << one.status;
        EXPECT_EQ((Counts{one.missing, one.extra, one.changed}), expected)
            << from->Describe() << " and " << to->Describe();
        EXPECT_EQ(one.rows_left, rows_left);
        EXPECT_EQ(one.rows_right, rows_right);
        EXPECT_EQ(one.digest_left.rows, rows_left);
        EXPECT_EQ(one.examples.size(), std::min<std::size_t>(3, expected.missing) +
                                           std::min<std::size_t>(3, expected.extra) +
                                           std::min<std::size_t>(3, expected.changed));
        for (const RowDifference& row : one.examples) {
          if (row.kind != RowDifference::Kind::kChanged) continue;
          EXPECT_THAT(row.fields, ElementsAre("value", "vector"));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DiffKindsTest, testing::Range(0, Effort(6, 4, 2)));

TEST_F(DiffTest, OfWhatIsStoredOnlyWhatDiffersIsRead) {
  auto counting = std::make_shared<objects::FaultyStore>(store_);
  auto opened = repo::OpenRepository(Context::Background(), counting, repo::TestPassphrase());
  ASSERT_TRUE(opened.ok()) << opened.status();
  Site site;
  site.CreateWide("docs", 400);
  const repo::Snapshot first = Take(site);
  site.Insert(WideRows("docs", 1000, 1));
  const repo::Snapshot second = Take(site);
  const auto bytes_of = [&](Endpoint& a, Endpoint& b, StoredRowsAre stored) {
    const std::uint64_t before = counting->bytes_read();
    DiffOptions options;
    options.stored_rows = stored;
    const auto diff = RunDiff(context_, a, b, options, NoProgress());
    EXPECT_TRUE(diff.ok()) << diff.status();
    EXPECT_EQ(diff->collections.at(0).extra, 1u);
    return counting->bytes_read() - before;
  };
  const auto stored_first = MakeSnapshotEndpoint(**opened, first);
  const auto stored_second = MakeSnapshotEndpoint(**opened, second);
  const auto live = site.endpoint();
  const std::uint64_t whole = bytes_of(*stored_first, *live, StoredRowsAre::kRead);
  EXPECT_LT(bytes_of(*stored_first, *live, StoredRowsAre::kKnownByDigest), whole / 10);
  EXPECT_LT(bytes_of(*stored_first, *stored_second, StoredRowsAre::kKnownByDigest), whole / 10);
}

}  // namespace
}  // namespace aerie::transfer
