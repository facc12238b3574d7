#include "milvus/key_expr.h"

#include <algorithm>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace aerie::milvus {
namespace {

using rows::Key;

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

rows::FieldSchema IntKey() {
  rows::FieldSchema field;
  field.name = "id";
  field.type = rows::DataType::kInt64;
  field.primary_key = true;
  return field;
}

rows::FieldSchema TextKey() {
  rows::FieldSchema field = IntKey();
  field.type = rows::DataType::kVarChar;
  return field;
}

Key Int(std::int64_t number) { return number; }
Key Text(std::string text) { return text; }

// The meaning of an expression that RangeExpr or KeysExpr makes over an Int64 key, read as the
// server reads it: a literal's digits must fit an Int64 before the sign is applied.
class Meaning {
 public:
  explicit Meaning(const std::string& expr) {
    std::size_t at = 0;
    while ((at = expr.find("id ", at)) != std::string::npos) {
      at += 3;
      const std::size_t space = expr.find(' ', at);
      const std::string op = expr.substr(at, space - at);
      std::size_t from = space + 1;
      EXPECT_NE(expr[from], '[') << "lists are not read here";
      const bool minus = expr[from] == '-';
      if (minus) ++from;
      std::size_t used = 0;
      const std::int64_t digits = std::stoll(expr.substr(from), &used);
      terms_.emplace_back(op, minus ? -digits : digits);
      at = from + used;
    }
    EXPECT_FALSE(terms_.empty()) << expr;
  }
  bool Holds(std::int64_t key) const {
    return std::all_of(terms_.begin(), terms_.end(), [&](const auto& term) {
      const auto& [op, value] = term;
      if (op == ">") return key > value;
      if (op == ">=") return key >= value;
      if (op == "<") return key < value;
      if (op == "<=") return key <= value;
      ADD_FAILURE() << op;
      return false;
    });
  }

 private:
  std::vector<std::pair<std::string, std::int64_t>> terms_;
};

TEST(KeyExprTest, RangesMeanWhatTheySay) {
  std::mt19937_64 random(7);
  const std::int64_t edges[] = {kMin, kMin + 1, kMin + 2, -1000, -1, 0, 1, 1000, kMax - 1, kMax};
  std::vector<std::int64_t> probes(std::begin(edges), std::end(edges));
  for (int i = 0; i < 20; ++i) probes.push_back(static_cast<std::int64_t>(random()));
  for (int after = -1; after < 10; ++after) {
    for (int to = -1; to < 10; ++to) {
      KeyRange range;
      if (after >= 0) range.after = Int(edges[after]);
      if (to >= 0) range.to = Int(edges[to]);
      const std::string expr = RangeExpr(IntKey(), range);
      const Meaning meaning(expr);
      for (const std::int64_t probe : probes) {
        EXPECT_EQ(meaning.Holds(probe), range.Contains(Int(probe))) << expr << " " << probe;
      }
    }
  }
}

// Whatever the cuts: every key lies in exactly one range of a chain.
TEST(KeyExprTest, ChainsCoverEveryKeyOnce) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::int64_t> cuts{kMin, kMax, 0};
    for (int i = 0; i < 10; ++i) cuts.push_back(static_cast<std::int64_t>(random()));
    std::sort(cuts.begin(), cuts.end());
    std::vector<KeyRange> chain;
    std::optional<Key> after;
    for (const std::int64_t cut : cuts) {
      chain.push_back({after, Int(cut)});
      after = Int(cut);
    }
    chain.push_back({after, std::nullopt});
    for (std::int64_t key : {kMin, kMax, std::int64_t{0}, std::int64_t{1},
                             static_cast<std::int64_t>(random()), cuts[4] + 1}) {
      const auto holds = std::count_if(chain.begin(), chain.end(), [&](const KeyRange& range) {
        return Meaning(RangeExpr(IntKey(), range)).Holds(key);
      });
      EXPECT_EQ(holds, 1) << key;
    }
  }
}

TEST(KeyExprTest, SmallestIntegerHasNoLiteral) {
  EXPECT_EQ(RangeExpr(IntKey(), {std::nullopt, Int(kMin)}), "id < -9223372036854775807");
  EXPECT_EQ(RangeExpr(IntKey(), {Int(kMin), std::nullopt}), "id >= -9223372036854775807");
  EXPECT_EQ(KeysExpr(IntKey(), {Int(kMin)}), "id < -9223372036854775807");
  EXPECT_EQ(KeysExpr(IntKey(), {Int(5), Int(kMin), Int(-7)}),
            "(id in [5,-7]) or (id < -9223372036854775807)");
}

TEST(KeyExprTest, WholeKeySpaceIsNeverEmptyText) {
  EXPECT_EQ(RangeExpr(IntKey(), {}), "id <= 9223372036854775807");
  EXPECT_EQ(RangeExpr(TextKey(), {}), "id >= \"\"");
}

TEST(KeyExprTest, EmptyStringIsAKeyOfItsOwn) {
  EXPECT_EQ(RangeExpr(TextKey(), {std::nullopt, Text("")}), "id <= \"\"");
  EXPECT_EQ(RangeExpr(TextKey(), {Text(""), std::nullopt}), "id > \"\"");
}

TEST(KeyExprTest, TextIsEscaped) {
  EXPECT_EQ(KeyLiteral(Text("a\\b\"c\nd\re\tf'g")), "\"a\\\\b\\\"c\\nd\\re\\tf'g\"");
  EXPECT_EQ(KeyLiteral(Text(std::string("\0\x01\x7f", 3))), "\"\\u0000\\u0001\\u007f\"");
  EXPECT_EQ(KeyLiteral(Text("h\u00e9 \u6f22 \U0001F985")), "\"h\u00e9 \u6f22 \U0001F985\"");
  EXPECT_EQ(KeysExpr(TextKey(), {Text("a\""), Text("")}), "id in [\"a\\\"\",\"\"]");
}

TEST(KeyExprTest, FilterIsAndedAsAWhole) {
  EXPECT_EQ(RangeExpr(IntKey(), {Int(1), Int(9)}, "a == 1 or b == 2"),
            "(id > 1 and id <= 9) and (a == 1 or b == 2)");
}

TEST(KeyExprTest, EmptyRangesAreSeen) {
  EXPECT_FALSE(KeyRange{}.Empty());
  EXPECT_TRUE((KeyRange{Int(kMax), std::nullopt}).Empty());
  EXPECT_TRUE((KeyRange{Int(3), Int(3)}).Empty());
  EXPECT_FALSE((KeyRange{Int(3), Int(4)}).Empty());
  EXPECT_FALSE((KeyRange{std::nullopt, Int(kMin)}).Empty());
  EXPECT_FALSE((KeyRange{Text("zzz"), std::nullopt}).Empty());
}

TEST(KeyExprTest, MessagesShortenLongKeysAtACharacter) {
  std::string text(79, 'x');
  for (int i = 0; i < 100; ++i) text += "\u6f22";
  const std::string shown = KeyForMessage(Text(text));
  EXPECT_EQ(shown, "\"" + std::string(79, 'x') + "\"... (379 bytes)");
  EXPECT_EQ((KeyRange{Int(3), std::nullopt}).ToText(), "(3, last key]");
  EXPECT_EQ((KeyRange{std::nullopt, Text("a")}).ToText(), "(first key, \"a\"]");
}

}  // namespace
}  // namespace aerie::milvus
