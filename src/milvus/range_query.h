// The three questions a reader asks about the rows of one partition: which rows lie in a key range,
// how many, and which keys come next. All are asked of one pinned collection at one point in time.
//
// Thread-safe; several streams share one. The client retries; nothing here repeats a call.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "milvus/client.h"
#include "milvus/field_data.h"
#include "milvus/key_expr.h"

namespace aerie::milvus {

// When the rows are looked at.
struct ReadPoint {
  enum class Mode {
    kSnapshot,  // every answer is as of `ts` (servers that answer read timestamps)
    kLive,      // every answer is at least as new as `ts`
    kStrong,    // the server hands out no timestamps: each call asks for the newest state
  };
  Mode mode = Mode::kStrong;
  std::uint64_t ts = 0;
};

// What is read. `partition` "" asks about all partitions at once, the only way that a server with a
// partition key allows.
struct RowScope {
  rows::CollectionName name;  // the collection's own, not an alias
  std::int64_t collection_id = 0;
  rows::CollectionSchema schema;
  std::string partition;
  std::string filter;  // Milvus expression; empty: all rows
  ReadPoint point;
};

class RangeQuery {
 public:
  // The most that a server gives to a call with a limit (protocol.md 3.5).
  static constexpr std::int64_t kMaxPage = 16384;

  RangeQuery(std::shared_ptr<Client> client, RowScope scope);

  const RowScope& scope() const { return scope_; }
  const std::vector<rows::FieldSchema>& columns() const { return columns_; }
  const rows::FieldSchema& key_field() const { return key_field_; }
  // "db.collection" or "db.collection/partition", for messages.
  const std::string& object() const { return object_; }

  // All rows of `range`, without a limit, whole. kTooLarge: cut the range. Where keys are stored
  // several times, 2.3.5 leaves out one row for every surplus copy that comes before the end of its
  // answer: compare with Count.
  Result<AnswerRows> Rows(const Context& context, const KeyRange& range) const;
  // The same with a limit, which counts copies: nothing is left out of a range of fewer copies.
  Result<AnswerRows> Rows(const Context& context, const KeyRange& range, std::int64_t limit) const;
  // The rows with these keys, which ascend, whatever lies between them. For as many keys as rows
  // fit into an answer.
  Result<AnswerRows> RowsOf(const Context& context, const std::vector<rows::Key>& keys) const;
  // Stored visible copies, equal keys each counted.
  Result<std::int64_t> Count(const Context& context, const KeyRange& range) const;
  // Stored visible copies of the rows with these keys, of which none is twice.
  Result<std::int64_t> CountKeys(const Context& context, const std::vector<rows::Key>& keys) const;
  // Up to `limit` keys of `range` from its start, ascending. Only a hint: servers lose keys here
  // when keys are stored twice, and a short page is not the end (protocol.md 3.2).
  Result<std::vector<rows::Key>> Keys(const Context& context, const KeyRange& range,
                                      std::int64_t limit) const;

 private:
  pb::QueryRequest Request(const std::string& expression) const;
  Result<std::int64_t> Count(const Context& context, const std::string& expression) const;
  Result<pb::QueryResults> QueryRows(const Context& context, const std::string& expression,
                                     std::int64_t limit) const;
  Result<AnswerRows> RowsWhere(const Context& context, const std::string& expression,
                               std::int64_t limit, const std::string& what) const;
  std::string ExprOfKeys(const std::vector<rows::Key>& keys) const;

  const std::shared_ptr<Client> client_;
  const RowScope scope_;
  const std::vector<rows::FieldSchema> columns_;
  const rows::FieldSchema key_field_;
  const std::string object_;
  // Set once a server was seen to leave vectors out of "*" (2.2).
  mutable std::atomic<bool> name_fields_{false};
};

// Fills the part of a query that says when the rows are looked at.
void SetReadPoint(const ReadPoint& point, pb::QueryRequest* request);

}  // namespace aerie::milvus
