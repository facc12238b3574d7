// Statements are kept compiled between calls; nobody may see that.
#include "catalog/sqlite.h"

#include <gtest/gtest.h>

namespace aerie::catalog {
namespace {

class SqliteTest : public ::testing::Test {
 protected:
  SqliteTest() {
    EXPECT_TRUE(db_->Run("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)").ok());
    for (std::int64_t k = 0; k < 3; ++k) EXPECT_TRUE(Insert(k, std::to_string(k)).ok());
  }
  Status Insert(std::int64_t k, Value v) {
    return db_->Run("INSERT INTO t VALUES (?, ?)", {k, std::move(v)});
  }
  std::vector<std::string> Values(std::string_view sql, const std::vector<Value>& values = {}) {
    std::vector<std::string> found;
    const Status run = db_->Run(sql, values, [&](const Row& row) {
      found.push_back(row.IsNull(0) ? "null" : row.Text(0));
    });
    EXPECT_TRUE(run.ok()) << run;
    return found;
  }

  using Texts = std::vector<std::string>;
  static constexpr std::string_view kAll = "SELECT v FROM t ORDER BY k";
  const std::unique_ptr<Database> db_ = *Database::Open(kInMemory, std::chrono::seconds(1));
};

TEST_F(SqliteTest, OneTextRunsWhileTheRowsOfTheSameAreLookedAt) {
  Texts seen;
  const Status run = db_->Run(kAll, {}, [&](const Row& row) {
    seen.push_back(row.Text(0));
    EXPECT_EQ(Values(kAll), (Texts{"0", "1", "2"}));
  });
  EXPECT_TRUE(run.ok()) << run;
  EXPECT_EQ(seen, (Texts{"0", "1", "2"}));
}

TEST_F(SqliteTest, ValuesOfTheCallBeforeAreForgotten) {
  EXPECT_EQ(Values("SELECT ?", {"a"}), Texts{"a"});
  EXPECT_EQ(Values("SELECT ?"), Texts{"null"});
}

TEST_F(SqliteTest, AnErrorIsToldOnceAndTheStatementWorksAgain) {
  EXPECT_FALSE(Insert(1, "twice").ok());
  EXPECT_TRUE(Insert(3, "3").ok());
  EXPECT_FALSE(db_->Run("SELECT nothing FROM nowhere").ok());
  EXPECT_EQ(Values(kAll), (Texts{"0", "1", "2", "3"}));
}

TEST_F(SqliteTest, WhatWasLeftInTheMiddleHoldsNothing) {
  // Its last row fails and takes the others with it; a transaction that begins then is its own.
  EXPECT_FALSE(db_->Run("INSERT INTO t SELECT k + 10, v FROM t UNION ALL SELECT 0, ''").ok());
  auto transaction = Transaction::Begin(*db_);
  ASSERT_TRUE(transaction.ok());
  ASSERT_TRUE(Insert(4, "4").ok());
  transaction->reset();
  EXPECT_EQ(Values(kAll), (Texts{"0", "1", "2"}));
}

TEST_F(SqliteTest, TheTableMayChangeBetweenTwoRunsOfAText) {
  EXPECT_EQ(Values("SELECT * FROM t WHERE k = 1"), Texts{"1"});
  ASSERT_TRUE(db_->Run("ALTER TABLE t RENAME TO old").ok());
  ASSERT_TRUE(db_->Run("CREATE TABLE t (v TEXT, k INTEGER)").ok());
  ASSERT_TRUE(db_->Run("INSERT INTO t VALUES ('new', 1)").ok());
  EXPECT_EQ(Values("SELECT * FROM t WHERE k = 1"), Texts{"new"});
}

TEST_F(SqliteTest, MoreTextsThanAreKept) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 300; ++i) {
      const std::string number = std::to_string(i);
      EXPECT_EQ(Values("SELECT " + number), Texts{number});
    }
  }
}

}  // namespace
}  // namespace aerie::catalog
