#include "transfer/diff.h"

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

}  // namespace
}  // namespace aerie::transfer
