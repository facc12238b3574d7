// The boolean expressions that the fake Milvus understands: the part of Milvus's grammar that
// Aerie's reader, writer and user filters need. Comparisons of fields with literals, also chained
// (1 < id < 5); in and not in; is null; like 'prefix%'; arithmetic; json paths; and/&&, or/||,
// not/!; parentheses. What Milvus refuses is refused (protocol.md 3.3): the literal of INT64_MIN,
// raw line ends in strings, `true`, `1 == 1`, unknown names without a dynamic field.
//
// An Expression is a value, immutable, usable from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/status.h"

namespace aerie::fake {

// Primary keys: Int64 numeric, VarChar bytewise.
using Key = std::variant<std::int64_t, std::string>;

// What a term is at one row; monostate: null or absent.
using Term = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

enum class TermKind { kBool, kInt, kFloat, kString, kJson, kOther };

struct FieldReference {
  std::size_t column = 0;
  TermKind kind = TermKind::kOther;
  std::vector<std::string> path;  // into a JSON value; numbers address array elements
};

// Tells what a name means; nullopt: nothing.
using NameLookup = std::function<std::optional<FieldReference>(const std::string&)>;
// Gives the value of a field at the row that is being tested.
using ValueLookup = std::function<Term(const FieldReference&)>;

struct ExpressionNode;

class Expression {
 public:
  // kInvalid with Milvus's kind of message when the text is refused.
  static Result<Expression> Parse(const std::string& text, const NameLookup& names);

  // The expression of no text: matches every row.
  Expression() = default;

  bool Matches(const ValueLookup& values) const;

  // Keys outside of [first, last] cannot match. Unset: no bound known.
  struct Bounds {
    std::optional<Key> first;
    std::optional<Key> last;
  };
  Bounds KeyBounds(std::size_t key_column) const;

  // The keys of `pk in [..]` or `pk == x`, if it is just that.
  std::optional<std::vector<Key>> KeyList(std::size_t key_column) const;

 private:
  std::shared_ptr<const ExpressionNode> root_;
};

}  // namespace aerie::fake
