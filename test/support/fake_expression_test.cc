#include "fake_expression.h"

#include <gtest/gtest.h>

namespace aerie::fake {
namespace {

// id (Int64) is column 0, name (VarChar) 1, price (Double) 2, ok (Bool) 3, vector 4, meta 5.
std::optional<FieldReference> Names(const std::string& name) {
  if (name == "id") return FieldReference{0, TermKind::kInt, {}};
  if (name == "name") return FieldReference{1, TermKind::kString, {}};
  if (name == "price") return FieldReference{2, TermKind::kFloat, {}};
  if (name == "ok") return FieldReference{3, TermKind::kBool, {}};
  if (name == "vector") return FieldReference{4, TermKind::kOther, {}};
  if (name == "meta") return FieldReference{5, TermKind::kJson, {}};
  return std::nullopt;
}

Result<bool> Matches(const std::string& text, std::vector<Term> row) {
  AERIE_ASSIGN(const Expression expression, Expression::Parse(text, Names));
  return expression.Matches([&](const FieldReference& field) {
    if (field.path == std::vector<std::string>{"a", "1"}) return Term(std::string("deep"));
    return row.at(field.column);
  });
}

const std::vector<Term> kRow = {std::int64_t{7}, std::string("a\"b\\c\n"), 1.5, true, {}, {}};

TEST(FakeExpression, AcceptsWhatMilvusAccepts) {
  for (const char* text : {"id == 7",
                           "7 == id",
                           "id >= 7 and id <= 7",
                           "(id > 6) && (id < 8)",
                           "6 < id <= 7",
                           "id in [1, 7, 3]",
                           "id not in [1]",
                           "not (id == 8)",
                           "!(id != 7)",
                           "id % 2 == 1",
                           "id > -9223372036854775807",
                           "id <= 9223372036854775807",
                           "id + 1 == 8",
                           "-id == -7",
                           R"(name == "a\"b\\c\n")",
                           R"(name == 'a"b\\c\x0a')",
                           R"(name == "\u0061\"b\\c\n")",
                           R"(name like "a%")",
                           R"(name >= "" AND id == 7)",
                           "price > 1",
                           "price == 1.5e0",
                           "ok",
                           "ok == true",
                           "not ok or id == 7",
                           R"(meta["a"][1] == "deep")",
                           "meta is null",
                           "id is not null"}) {
    const auto result = Matches(text, kRow);
    ASSERT_TRUE(result.ok()) << text << ": " << result.status();
    EXPECT_TRUE(*result) << text;
  }
}

TEST(FakeExpression, TellsRowsThatDoNotMatch) {
  for (const char* text : {"id == 8", "id > 7", "id in []", "id not in [7]", "name < \"a\"",
                           "price > 1.5", "not ok", "7 < id < 9", "meta[\"b\"] == 1"}) {
    const auto result = Matches(text, kRow);
    ASSERT_TRUE(result.ok()) << text << ": " << result.status();
    EXPECT_FALSE(*result) << text;
  }
}

TEST(FakeExpression, RefusesWhatMilvusRefuses) {
  for (const char* text :
       {"id == -9223372036854775808", "id == 9223372036854775808", "true", "1 == 1", "id",
        "unknown == 1", "id == \"7\"", "name == 7", "vector == 1", "name == \"a\nb\"",
        "name == \"open", "name == \"\\q\"", "id ==", "(id == 7", "id == 7)", "id = 7",
        "id == 7 and name", "id in [price]", "id in 7"}) {
    const auto result = Matches(text, kRow);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(KindOf(result.status()), Kind::kInvalid) << text;
  }
}

TEST(FakeExpression, KnowsTheBoundsOfKeys) {
  const auto bounds = Expression::Parse("id >= 3 and (20 > id) and price > 2", Names)->KeyBounds(0);
  EXPECT_EQ(bounds.first, Key(std::int64_t{3}));
  EXPECT_EQ(bounds.last, Key(std::int64_t{20}));
  const auto list = Expression::Parse("id in [9, 4]", Names)->KeyBounds(0);
  EXPECT_EQ(list.first, Key(std::int64_t{4}));
  EXPECT_EQ(list.last, Key(std::int64_t{9}));
  const auto none = Expression::Parse("id >= 3 or id < 0", Names)->KeyBounds(0);
  EXPECT_FALSE(none.first || none.last);
}

TEST(FakeExpression, KnowsPlainListsOfKeys) {
  EXPECT_EQ(Expression::Parse("id in [9, 4]", Names)->KeyList(0)->size(), 2U);
  EXPECT_EQ(Expression::Parse("id == 9", Names)->KeyList(0)->size(), 1U);
  EXPECT_FALSE(Expression::Parse("id > 9", Names)->KeyList(0));
  EXPECT_FALSE(Expression::Parse("id in [9] and ok", Names)->KeyList(0));
}

}  // namespace
}  // namespace aerie::fake
