#include "fake_expression.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace aerie::fake {

enum class Op {
  kLiteral,
  kField,
  kNegate,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kLike,
  kIsNull,
  kNot,
  kAnd,
  kOr,
};

struct ExpressionNode {
  Op op;
  std::vector<std::shared_ptr<const ExpressionNode>> children;
  Term literal;
  FieldReference field;
  std::vector<Term> list;  // of kIn
};

namespace {

using Node = ExpressionNode;
using NodePtr = std::shared_ptr<const Node>;

NodePtr Make(Op op, std::vector<NodePtr> children) {
  return std::make_shared<Node>(Node{op, std::move(children), {}, {}, {}});
}

NodePtr MakeLiteral(Term value) {
  return std::make_shared<Node>(Node{Op::kLiteral, {}, std::move(value), {}, {}});
}

// --- Evaluation ---

std::optional<double> AsDouble(const Term& term) {
  if (const auto* i = std::get_if<std::int64_t>(&term)) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&term)) return *d;
  return std::nullopt;
}

// Negative, zero, positive; nullopt when the two cannot be compared (NaN, null, other types).
std::optional<int> Compare(const Term& left, const Term& right) {
  const auto order = [](const auto& a, const auto& b) { return a < b ? -1 : (b < a ? 1 : 0); };
  if (left.index() == right.index() && !std::holds_alternative<double>(left)) {
    if (const auto* i = std::get_if<std::int64_t>(&left)) {
      return order(*i, std::get<std::int64_t>(right));
    }
    if (const auto* s = std::get_if<std::string>(&left)) {
      return order(*s, std::get<std::string>(right));
    }
    if (const auto* b = std::get_if<bool>(&left)) return order(*b, std::get<bool>(right));
    return std::nullopt;
  }
  const auto a = AsDouble(left);
  const auto b = AsDouble(right);
  if (!a || !b || std::isnan(*a) || std::isnan(*b)) return std::nullopt;
  return order(*a, *b);
}

bool Holds(Op op, int order) {
  switch (op) {
    case Op::kEqual: return order == 0;
    case Op::kNotEqual: return order != 0;
    case Op::kLess: return order < 0;
    case Op::kLessEqual: return order <= 0;
    case Op::kGreater: return order > 0;
    default: return order >= 0;
  }
}

// `%` in a pattern stands for any text.
bool Like(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '%') {
    return !text.empty() && text.front() == pattern.front() &&
           Like(text.substr(1), pattern.substr(1));
  }
  for (std::size_t skip = 0; skip <= text.size(); ++skip) {
    if (Like(text.substr(skip), pattern.substr(1))) return true;
  }
  return false;
}

Term Calculate(Op op, const Term& left, const Term& right) {
  const auto* a = std::get_if<std::int64_t>(&left);
  const auto* b = std::get_if<std::int64_t>(&right);
  if (a && b) {
    switch (op) {
      case Op::kAdd: return *a + *b;
      case Op::kSubtract: return *a - *b;
      case Op::kMultiply: return *a * *b;
      case Op::kDivide: return *b == 0 ? Term() : Term(*a / *b);
      default: return *b == 0 ? Term() : Term(*a % *b);
    }
  }
  const auto x = AsDouble(left);
  const auto y = AsDouble(right);
  if (!x || !y) return {};
  switch (op) {
    case Op::kAdd: return *x + *y;
    case Op::kSubtract: return *x - *y;
    case Op::kMultiply: return *x * *y;
    case Op::kDivide: return *x / *y;
    default: return std::fmod(*x, *y);
  }
}

Term Value(const Node& node, const ValueLookup& values) {
  switch (node.op) {
    case Op::kLiteral: return node.literal;
    case Op::kField: return values(node.field);
    case Op::kNegate:
      return Calculate(Op::kSubtract, std::int64_t{0}, Value(*node.children[0], values));
    default:
      return Calculate(node.op, Value(*node.children[0], values), Value(*node.children[1], values));
  }
}

bool Test(const Node& node, const ValueLookup& values) {
  switch (node.op) {
    case Op::kAnd: return Test(*node.children[0], values) && Test(*node.children[1], values);
    case Op::kOr: return Test(*node.children[0], values) || Test(*node.children[1], values);
    case Op::kNot: return !Test(*node.children[0], values);
    case Op::kIsNull:
      return std::holds_alternative<std::monostate>(Value(*node.children[0], values));
    case Op::kIn: {
      const Term value = Value(*node.children[0], values);
      if (node.list.empty()) return false;
      // Sorted and of one type: the usual list of keys.
      if (value.index() == node.list.front().index() && value.index() == node.list.back().index() &&
          !std::holds_alternative<double>(value)) {
        return std::binary_search(node.list.begin(), node.list.end(), value);
      }
      for (const Term& item : node.list) {
        if (Compare(value, item) == 0) return true;
      }
      return false;
    }
    case Op::kLike: {
      const Term value = Value(*node.children[0], values);
      const auto* text = std::get_if<std::string>(&value);
      return text && Like(*text, std::get<std::string>(node.children[1]->literal));
    }
    case Op::kField: {
      const Term value = Value(node, values);
      const auto* flag = std::get_if<bool>(&value);
      return flag && *flag;
    }
    default: {
      const auto order =
          Compare(Value(*node.children[0], values), Value(*node.children[1], values));
      return order && Holds(node.op, *order);
    }
  }
}

// --- Tokens ---

struct Token {
  enum Kind { kEnd, kName, kNumber, kText, kSign } kind = kEnd;
  std::string text;  // a name, a sign, a number's digits, or a string's value
};

void AppendUtf8(std::uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameChar(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

class Lexer {
 public:
  explicit Lexer(const std::string& text) : text_(text) {}

  Result<Token> Next() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
    if (at_ == text_.size()) return Token{};
    const char c = text_[at_];
    if (c == '"' || c == '\'') return String(c);
    if (IsDigit(c) || (c == '.' && at_ + 1 < text_.size() && IsDigit(text_[at_ + 1]))) {
      return Number();
    }
    if (IsNameChar(c)) {
      const std::size_t begin = at_;
      while (at_ < text_.size() && IsNameChar(text_[at_])) ++at_;
      return Token{Token::kName, text_.substr(begin, at_ - begin)};
    }
    for (const char* sign : {"==", "!=", "<=", ">=", "&&", "||", "**"}) {
      if (text_.compare(at_, 2, sign) == 0) {
        at_ += 2;
        return Token{Token::kSign, sign};
      }
    }
    ++at_;
    if (std::string("<>()[],!+-*/%").find(c) == std::string::npos) {
      return InvalidError(std::string("token recognition error at: '") + c + "'");
    }
    return Token{Token::kSign, std::string(1, c)};
  }

 private:
  Result<Token> Number() {
    const std::size_t begin = at_;
    const auto exponent_sign = [&] {
      return (text_[at_] == '+' || text_[at_] == '-') &&
             (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E');
    };
    while (at_ < text_.size() && (IsDigit(text_[at_]) || text_[at_] == '.' || text_[at_] == 'e' ||
                                  text_[at_] == 'E' || exponent_sign())) {
      ++at_;
    }
    return Token{Token::kNumber, text_.substr(begin, at_ - begin)};
  }

  Result<Token> String(char quote) {
    Token token{Token::kText, ""};
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        return token;
      }
      if (c == '\n' || c == '\r') break;
      if (c != '\\') {
        token.text += c;
      } else if (!Escape(token.text)) {
        break;
      }
    }
    return InvalidError("token recognition error in a string");
  }

  // Reads the escape that begins at at_ and leaves at_ on its last character.
  bool Escape(std::string& out) {
    if (++at_ == text_.size()) return false;
    const std::string from = "abfnrtv\\\"'";
    const std::string to = "\a\b\f\n\r\t\v\\\"'";
    if (const auto simple = from.find(text_[at_]); simple != std::string::npos) {
      out += to[simple];
      return true;
    }
    const char kind = text_[at_];
    const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits == 0 || at_ + digits >= text_.size()) return false;
    std::uint32_t code = 0;
    const char* begin = text_.data() + at_ + 1;
    const auto [end, error] = std::from_chars(begin, begin + digits, code, 16);
    if (error != std::errc() || end != begin + digits) return false;
    at_ += digits;
    if (kind == 'x') {
      out += static_cast<char>(code);
    } else {
      AppendUtf8(code, out);
    }
    return true;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

// --- Grammar ---

bool IsComparison(Op op) { return op >= Op::kEqual && op <= Op::kGreaterEqual; }

bool IsBoolean(const Node& node) {
  return IsComparison(node.op) || node.op >= Op::kIn ||
         (node.op == Op::kField &&
          (node.field.kind == TermKind::kBool || node.field.kind == TermKind::kJson));
}

std::optional<Op> ComparisonOf(const std::string& sign) {
  if (sign == "==") return Op::kEqual;
  if (sign == "!=") return Op::kNotEqual;
  if (sign == "<") return Op::kLess;
  if (sign == "<=") return Op::kLessEqual;
  if (sign == ">") return Op::kGreater;
  if (sign == ">=") return Op::kGreaterEqual;
  return std::nullopt;
}

class Parser {
 public:
  Parser(const std::string& text, const NameLookup& names) : lexer_(text), names_(names) {}

  Result<NodePtr> Parse() {
    AERIE_TRY(Advance());
    AERIE_ASSIGN(NodePtr node, Or());
    if (token_.kind != Token::kEnd) return Unexpected();
    if (!IsBoolean(*node)) return InvalidError("predicate is not a boolean expression");
    return node;
  }

 private:
  Status Advance() {
    AERIE_ASSIGN(token_, lexer_.Next());
    return Ok();
  }
  Status Unexpected() const { return InvalidError("unexpected input '" + token_.text + "'"); }
  bool Is(const std::string& sign) const {
    return token_.kind == Token::kSign && token_.text == sign;
  }
  bool IsWord(const std::string& lower, const std::string& upper) const {
    return token_.kind == Token::kName && (token_.text == lower || token_.text == upper);
  }
  Status Expect(const std::string& sign) {
    if (!Is(sign)) return Unexpected();
    return Advance();
  }

  Result<NodePtr> Or() {
    AERIE_ASSIGN(NodePtr left, And());
    while (Is("||") || IsWord("or", "OR")) {
      AERIE_TRY(Advance());
      AERIE_ASSIGN(NodePtr right, And());
      if (!IsBoolean(*left) || !IsBoolean(*right)) return InvalidError("or of non-boolean terms");
      left = Make(Op::kOr, {left, right});
    }
    return left;
  }

  Result<NodePtr> And() {
    AERIE_ASSIGN(NodePtr left, Not());
    while (Is("&&") || IsWord("and", "AND")) {
      AERIE_TRY(Advance());
      AERIE_ASSIGN(NodePtr right, Not());
      if (!IsBoolean(*left) || !IsBoolean(*right)) return InvalidError("and of non-boolean terms");
      left = Make(Op::kAnd, {left, right});
    }
    return left;
  }

  Result<NodePtr> Not() {
    if (!Is("!") && !IsWord("not", "NOT")) return Comparison();
    AERIE_TRY(Advance());
    AERIE_ASSIGN(NodePtr inner, Not());
    if (!IsBoolean(*inner)) return InvalidError("not of a non-boolean term");
    return Make(Op::kNot, {inner});
  }

  Result<NodePtr> Comparison() {
    AERIE_ASSIGN(NodePtr left, Sum());
    if (IsWord("in", "IN")) return In(left, false);
    if (IsWord("not", "NOT")) {
      AERIE_TRY(Advance());
      if (!IsWord("in", "IN")) return Unexpected();
      return In(left, true);
    }
    if (IsWord("like", "LIKE")) return LikePattern(left);
    if (IsWord("is", "IS")) return IsNull(left);
    NodePtr all;
    while (token_.kind == Token::kSign && ComparisonOf(token_.text)) {
      const Op op = *ComparisonOf(token_.text);
      AERIE_TRY(Advance());
      AERIE_ASSIGN(NodePtr right, Sum());
      AERIE_TRY(CheckComparable(*left, *right));
      NodePtr one = Make(op, {left, right});
      all = all ? Make(Op::kAnd, {all, one}) : one;
      left = right;
    }
    return all ? all : left;
  }

  static TermKind KindOf(const Node& node) {
    if (node.op == Op::kField) return node.field.kind;
    if (node.op != Op::kLiteral) return TermKind::kFloat;
    if (std::holds_alternative<bool>(node.literal)) return TermKind::kBool;
    if (std::holds_alternative<std::string>(node.literal)) return TermKind::kString;
    return TermKind::kInt;
  }

  static Status CheckComparable(const Node& left, const Node& right) {
    if (left.op == Op::kLiteral && right.op == Op::kLiteral) {
      return InvalidError("comparison of two constants");
    }
    const TermKind a = KindOf(left);
    const TermKind b = KindOf(right);
    const auto number = [](TermKind k) { return k == TermKind::kInt || k == TermKind::kFloat; };
    if (a == TermKind::kOther || b == TermKind::kOther) {
      return InvalidError("comparison of a field that cannot be compared");
    }
    if (a == b || (number(a) && number(b)) || a == TermKind::kJson || b == TermKind::kJson) {
      return Ok();
    }
    return InvalidError("comparison of different types");
  }

  Result<NodePtr> In(const NodePtr& left, bool negated) {
    AERIE_TRY(Advance());
    AERIE_TRY(Expect("["));
    auto node = std::make_shared<Node>(Node{Op::kIn, {left}, {}, {}, {}});
    while (!Is("]")) {
      AERIE_ASSIGN(NodePtr item, Sum());
      const Node* literal = item.get();
      if (literal->op != Op::kLiteral) return InvalidError("'in' wants a list of constants");
      AERIE_TRY(CheckComparable(*left, *literal));
      node->list.push_back(literal->literal);
      if (!Is(",")) break;
      AERIE_TRY(Advance());
    }
    AERIE_TRY(Expect("]"));
    std::sort(node->list.begin(), node->list.end());
    return negated ? Make(Op::kNot, {node}) : NodePtr(node);
  }

  Result<NodePtr> LikePattern(const NodePtr& left) {
    AERIE_TRY(Advance());
    if (token_.kind != Token::kText) return Unexpected();
    NodePtr pattern = MakeLiteral(token_.text);
    AERIE_TRY(Advance());
    return Make(Op::kLike, {left, pattern});
  }

  Result<NodePtr> IsNull(const NodePtr& left) {
    AERIE_TRY(Advance());
    const bool negated = IsWord("not", "NOT");
    if (negated) AERIE_TRY(Advance());
    if (!IsWord("null", "NULL")) return Unexpected();
    AERIE_TRY(Advance());
    NodePtr node = Make(Op::kIsNull, {left});
    return negated ? Make(Op::kNot, {node}) : node;
  }

  Result<NodePtr> Sum() {
    AERIE_ASSIGN(NodePtr left, Product());
    while (Is("+") || Is("-")) {
      const Op op = Is("+") ? Op::kAdd : Op::kSubtract;
      AERIE_TRY(Advance());
      AERIE_ASSIGN(NodePtr right, Product());
      left = Make(op, {left, right});
    }
    return left;
  }

  Result<NodePtr> Product() {
    AERIE_ASSIGN(NodePtr left, Unary());
    while (Is("*") || Is("/") || Is("%")) {
      const Op op = Is("*") ? Op::kMultiply : Is("/") ? Op::kDivide : Op::kModulo;
      AERIE_TRY(Advance());
      AERIE_ASSIGN(NodePtr right, Unary());
      left = Make(op, {left, right});
    }
    return left;
  }

  Result<NodePtr> Unary() {
    if (!Is("-")) return Primary();
    AERIE_TRY(Advance());
    AERIE_ASSIGN(NodePtr inner, Unary());
    if (inner->op != Op::kLiteral) return Make(Op::kNegate, {inner});
    if (const auto* i = std::get_if<std::int64_t>(&inner->literal)) return MakeLiteral(-*i);
    if (const auto* d = std::get_if<double>(&inner->literal)) return MakeLiteral(-*d);
    return InvalidError("minus before a constant that is no number");
  }

  Result<NodePtr> Primary() {
    if (Is("(")) {
      AERIE_TRY(Advance());
      AERIE_ASSIGN(NodePtr inner, Or());
      AERIE_TRY(Expect(")"));
      return inner;
    }
    const Token token = token_;
    if (token.kind == Token::kText) {
      AERIE_TRY(Advance());
      return MakeLiteral(token.text);
    }
    if (token.kind == Token::kNumber) {
      AERIE_TRY(Advance());
      return NumberLiteral(token.text);
    }
    if (token.kind != Token::kName) return Unexpected();
    AERIE_TRY(Advance());
    if (token.text == "true" || token.text == "True") return MakeLiteral(true);
    if (token.text == "false" || token.text == "False") return MakeLiteral(false);
    return FieldTerm(token.text);
  }

  static Result<NodePtr> NumberLiteral(const std::string& digits) {
    if (digits.find_first_of(".eE") != std::string::npos) {
      return MakeLiteral(std::strtod(digits.c_str(), nullptr));
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      return InvalidError("value out of range: " + digits);
    }
    return MakeLiteral(value);
  }

  Result<NodePtr> FieldTerm(const std::string& name) {
    auto field = names_(name);
    if (!field) return InvalidError("field " + name + " not exist");
    while (Is("[")) {
      AERIE_TRY(Advance());
      if (token_.kind != Token::kText && token_.kind != Token::kNumber) return Unexpected();
      if (field->kind != TermKind::kJson) return InvalidError(name + " is not of type JSON");
      field->path.push_back(token_.text);
      AERIE_TRY(Advance());
      AERIE_TRY(Expect("]"));
    }
    return std::make_shared<Node>(Node{Op::kField, {}, {}, std::move(*field), {}});
  }

  Lexer lexer_;
  const NameLookup& names_;
  Token token_;
};

// --- What an expression says of the key ---

std::optional<Key> AsKey(const Term& term) {
  if (const auto* i = std::get_if<std::int64_t>(&term)) return Key(*i);
  if (const auto* s = std::get_if<std::string>(&term)) return Key(*s);
  return std::nullopt;
}

bool IsKey(const Node& node, std::size_t key_column) {
  return node.op == Op::kField && node.field.column == key_column && node.field.path.empty();
}

Op Mirrored(Op op) {
  switch (op) {
    case Op::kLess: return Op::kGreater;
    case Op::kLessEqual: return Op::kGreaterEqual;
    case Op::kGreater: return Op::kLess;
    case Op::kGreaterEqual: return Op::kLessEqual;
    default: return op;
  }
}

void Narrow(const Node& node, std::size_t key_column, Expression::Bounds& bounds) {
  if (node.op == Op::kAnd) {
    for (const NodePtr& child : node.children) Narrow(*child, key_column, bounds);
    return;
  }
  if (node.op == Op::kIn && IsKey(*node.children[0], key_column) && !node.list.empty()) {
    const auto first = AsKey(node.list.front());
    const auto last = AsKey(node.list.back());
    if (first && (!bounds.first || *bounds.first < *first)) bounds.first = first;
    if (last && (!bounds.last || *last < *bounds.last)) bounds.last = last;
    return;
  }
  if (!IsComparison(node.op)) return;
  const bool key_left = IsKey(*node.children[0], key_column);
  if (!key_left && !IsKey(*node.children[1], key_column)) return;
  const Node& other = *node.children[key_left ? 1 : 0];
  if (other.op != Op::kLiteral) return;
  const auto key = AsKey(other.literal);
  if (!key) return;
  const Op op = key_left ? node.op : Mirrored(node.op);
  const bool below = op == Op::kLess || op == Op::kLessEqual || op == Op::kEqual;
  const bool above = op == Op::kGreater || op == Op::kGreaterEqual || op == Op::kEqual;
  if (above && (!bounds.first || *bounds.first < *key)) bounds.first = key;
  if (below && (!bounds.last || *key < *bounds.last)) bounds.last = key;
}

}  // namespace

Result<Expression> Expression::Parse(const std::string& text, const NameLookup& names) {
  auto root = Parser(text, names).Parse();
  if (!root.ok()) {
    return InvalidError("cannot parse expression: " + text +
                        ", error: " + std::string(root.status().message()));
  }
  Expression expression;
  expression.root_ = *root;
  return expression;
}

bool Expression::Matches(const ValueLookup& values) const {
  return root_ == nullptr || Test(*root_, values);
}

Expression::Bounds Expression::KeyBounds(std::size_t key_column) const {
  Bounds bounds;
  if (root_) Narrow(*root_, key_column, bounds);
  return bounds;
}

std::optional<std::vector<Key>> Expression::KeyList(std::size_t key_column) const {
  if (!root_ || root_->children.empty() || !IsKey(*root_->children[0], key_column)) {
    return std::nullopt;
  }
  std::vector<Term> terms;
  if (root_->op == Op::kIn) {
    terms = root_->list;
  } else if (root_->op == Op::kEqual && root_->children[1]->op == Op::kLiteral) {
    terms = {root_->children[1]->literal};
  } else {
    return std::nullopt;
  }
  std::vector<Key> keys;
  for (const Term& term : terms) {
    const auto key = AsKey(term);
    if (!key) return std::nullopt;
    keys.push_back(*key);
  }
  return keys;
}

}  // namespace aerie::fake
