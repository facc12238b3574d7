// Primary keys and key ranges as Milvus boolean expressions, with the traps of the predicate
// language taken care of (protocol.md 3.3): INT64_MIN does not parse as a literal, the largest
// Int64 and the empty string are ordinary keys, and strings need escaping.
//
// Pure functions of plain values; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rows/batch.h"

namespace aerie::milvus {

// The keys greater than `after` and not greater than `to`; an absent end is the end of the key
// space. A range begins right after the one before it ends, so adjacent ranges neither overlap nor
// leave a gap, whatever keys come to exist between them.
struct KeyRange {
  std::optional<rows::Key> after;
  std::optional<rows::Key> to;

  // True when no key can lie in it.
  bool Empty() const;
  bool Contains(const rows::Key& key) const;
  // `(after, to]` for messages, long keys shortened.
  std::string ToText() const;
};

// A key for messages: escaped, and shortened when very long.
std::string KeyForMessage(const rows::Key& key);

// `key` as a literal. INT64_MIN has none: its callers below avoid it, and it is not allowed here.
std::string KeyLiteral(const rows::Key& key);

// The expression for all rows of `range` that satisfy `filter` (empty: all). Never empty, since
// servers take an empty expression only with a limit.
std::string RangeExpr(const rows::FieldSchema& key_field, const KeyRange& range,
                      const std::string& filter = {});

// The expression for the rows whose key is one of `keys`, which must not be empty.
std::string KeysExpr(const rows::FieldSchema& key_field, const std::vector<rows::Key>& keys);

}  // namespace aerie::milvus
