// How much is written, on a scripted cluster; migrate_plan in test/acceptance does it on a real
// one.
#include "migrate/write_rate.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_milvus.h"
#include "milvus/collection_admin.h"
#include "milvus/fake_testing.h"
#include "milvus/spec_reader.h"

namespace aerie::migrate {
namespace {

using fake::FakeMilvus;
using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::Ge;
using ::testing::Le;

TEST(Extrapolate, OfASampleAndOfTheNumbersOfRows) {
  const auto of = [](SampleChange sample, std::int64_t rows, std::int64_t grown) {
    const Changes c = Extrapolate(sample, rows, grown);
    return std::vector<double>{c.added, c.updated, c.deleted};
  };
  using Three = std::vector<double>;
  EXPECT_EQ(of({.before = 100}, 1000, 0), (Three{0, 0, 0}));
  EXPECT_EQ(of({.before = 100, .updated = 3}, 1000, 0), (Three{0, 30, 0}));
  EXPECT_EQ(of({.before = 100}, 1000, 7), (Three{7, 0, 0}));
  EXPECT_EQ(of({.before = 100}, 1000, -7), (Three{0, 0, 7})) << "none of them was in the sample";
  EXPECT_EQ(of({.before = 100, .gone = 2}, 1000, 0), (Three{20, 0, 20})) << "as many were added";
  EXPECT_EQ(of({.before = 0}, 0, 12), (Three{12, 0, 0}));
}

class WriteRateTest : public ::testing::Test {
 protected:
  static std::vector<std::int64_t> Keys(std::int64_t count, std::int64_t step) {
    std::vector<std::int64_t> keys(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) keys[static_cast<std::size_t>(i)] = i * step;
    return keys;
  }
  void Write(const std::vector<std::int64_t>& keys, std::int64_t value = 0) {
    server_.Apply<fake::pb::MutationResult>(fake::SimpleRows("docs", keys, value));
  }
  void Delete(const std::string& expression) {
    fake::pb::DeleteRequest request;
    request.set_collection_name("docs");
    request.set_expr(expression);
    EXPECT_EQ(server_.Apply<fake::pb::MutationResult>(request).status().code(), 0);
  }
  WriteWatch Begin() {
    const auto client = milvus::OpenFake(server_);
    const auto spec = milvus::ReadCollectionSpec(context_, *client, {"default", "docs"});
    EXPECT_TRUE(spec.ok()) << spec.status();
    auto watch = WriteWatch::Begin(context_, client, {spec->spec});
    EXPECT_TRUE(watch.ok()) << watch.status();
    return *std::move(watch);
  }
  Changes End(const WriteWatch& watch) {
    const auto changes = watch.End(context_);
    EXPECT_TRUE(changes.ok()) << changes.status();
    return changes.ok() ? *changes : Changes();
  }

  FakeMilvus server_;
  const Context context_ = Context::Background();
};

TEST_F(WriteRateTest, AllOfFewRowsIsExact) {
  server_.Create(fake::SimpleSchema("docs"));
  Write(Keys(1000, 10));
  const WriteWatch watch = Begin();
  Delete("id in [20, 30, 40]");
  Delete("id in [100, 110]");
  Write({100, 110}, 5);         // updated
  Write({3, 5, 7, 9, 11, 13});  // added
  const Changes changes = End(watch);
  EXPECT_EQ(changes.deleted, 3);
  EXPECT_EQ(changes.updated, 2);
  EXPECT_EQ(changes.added, 6);
  EXPECT_GT(changes.seconds, 0);
}

TEST_F(WriteRateTest, UpdatesOfManyRowsAreSeenWhereverTheyAre) {
  server_.Create(fake::SimpleSchema("docs"));
  // Multiples of the first primes, as keys of programs are.
  const auto keys = Keys(40'000, 7 * 13);
  Write(keys);
  const WriteWatch watch = Begin();
  // The last quarter: a sample of the first keys would not see it.
  const std::vector<std::int64_t> last(keys.end() - 10'000, keys.end());
  Delete("id >= " + std::to_string(last.front()));
  Write(last, 5);
  const Changes changes = End(watch);
  EXPECT_THAT(changes.updated, DoubleNear(10'000, 1'500));
  EXPECT_EQ(changes.added + changes.deleted, 0);
}

TEST_F(WriteRateTest, OfTextKeysTheFirstAreLookedAt) {
  server_.Create(fake::SimpleTextSchema("docs"));
  std::vector<std::string> keys;
  for (int i = 10'000; i < 13'000; ++i) keys.push_back("k" + std::to_string(i));
  server_.Apply<fake::pb::MutationResult>(fake::SimpleTextRows("docs", keys));
  const WriteWatch watch = Begin();
  Delete("id like \"k100%\"");  // the first hundred
  EXPECT_THAT(End(watch).deleted, AllOf(Ge(100), Le(300)));
}

TEST_F(WriteRateTest, AnEmptyCollectionAndAServerThatFails) {
  server_.Create(fake::SimpleSchema("docs"));
  const WriteWatch watch = Begin();
  Write(Keys(10, 1));
  EXPECT_EQ(End(watch).added, 10);
  server_.Inject(
      fake::Fault::Grpc("Query", grpc::StatusCode::PERMISSION_DENIED, "permission deny"));
  const auto denied = watch.End(context_);
  EXPECT_EQ(KindOf(denied.status()), Kind::kDenied);
  EXPECT_THAT(std::string(denied.status().message()),
              ::testing::HasSubstr("measure how much is written to default.docs"));
}

}  // namespace
}  // namespace aerie::migrate
