#include "milvus/range_query.h"

#include <algorithm>

namespace aerie::milvus {
namespace {

constexpr std::int64_t kNoLimit = -1;
// A list of keys in one expression; parsing a longer one costs the server more than another call.
constexpr std::size_t kMaxListedKeys = 4000;
constexpr std::size_t kMaxListedBytes = 256 << 10;

void AddParam(pb::QueryRequest* request, const std::string& key, const std::string& value) {
  auto* pair = request->add_query_params();
  pair->set_key(key);
  pair->set_value(value);
}

std::string ObjectText(const RowScope& scope) {
  const std::string name = scope.name.ToString();
  return scope.partition.empty() ? name : name + "/" + scope.partition;
}

bool HasTimestamptz(const std::vector<rows::FieldSchema>& columns) {
  return std::any_of(columns.begin(), columns.end(), [](const rows::FieldSchema& field) {
    return field.type == rows::DataType::kTimestamptz;
  });
}

rows::FieldSchema KeyField(const rows::CollectionSchema& schema) {
  const rows::FieldSchema* key = schema.primary_key();
  return key == nullptr ? rows::FieldSchema() : *key;
}

// The keys from `at` on that one expression may list; moves `at` behind them.
std::vector<rows::Key> NextListed(const std::vector<rows::Key>& keys, std::size_t& at) {
  std::vector<rows::Key> some;
  std::size_t bytes = 0;
  for (; at < keys.size() && some.size() < kMaxListedKeys && bytes < kMaxListedBytes; ++at) {
    if (const auto* text = std::get_if<std::string>(&keys[at])) bytes += text->size();
    some.push_back(keys[at]);
  }
  return some;
}

}  // namespace

void SetReadPoint(const ReadPoint& point, pb::QueryRequest* request) {
  request->set_use_default_consistency(false);
  if (point.mode == ReadPoint::Mode::kStrong) {
    request->set_consistency_level(pbcommon::Strong);
    return;
  }
  // The timestamp itself, not a level: a strong read would wait a time tick on every call.
  request->set_consistency_level(pbcommon::Customized);
  request->set_guarantee_timestamp(point.ts);
  if (point.mode == ReadPoint::Mode::kSnapshot) AddParam(request, "iterator", "True");
}

RangeQuery::RangeQuery(std::shared_ptr<Client> client, RowScope scope)
    : client_(std::move(client)),
      scope_(std::move(scope)),
      columns_(scope_.schema.Columns()),
      key_field_(KeyField(scope_.schema)),
      object_(ObjectText(scope_)) {}

pb::QueryRequest RangeQuery::Request(const std::string& expression) const {
  pb::QueryRequest request;
  request.set_db_name(scope_.name.database);
  request.set_collection_name(scope_.name.collection);
  if (!scope_.partition.empty()) request.add_partition_names(scope_.partition);
  request.set_expr(expression);
  SetReadPoint(scope_.point, &request);
  // The server refuses when the name has come to mean another collection.
  AddParam(&request, "collection_id", std::to_string(scope_.collection_id));
  return request;
}

Result<pb::QueryResults> RangeQuery::QueryRows(const Context& context,
                                               const std::string& expression,
                                               std::int64_t limit) const {
  pb::QueryRequest request = Request(expression);
  if (limit != kNoLimit) AddParam(&request, "limit", std::to_string(limit));
  if (name_fields_) {
    for (const rows::FieldSchema& field : columns_) request.add_output_fields(field.name);
  } else {
    request.add_output_fields("*");
  }
  // Texts of time zones differ otherwise from one collection's setting to another's.
  if (HasTimestamptz(columns_)) AddParam(&request, "timezone", "UTC");
  return client_->Query(context, request);
}

Result<AnswerRows> RangeQuery::Rows(const Context& context, const KeyRange& range) const {
  return Rows(context, range, kNoLimit);
}

Result<AnswerRows> RangeQuery::RowsWhere(const Context& context, const std::string& expression,
                                         std::int64_t limit, const std::string& what) const {
  Result<pb::QueryResults> answer = QueryRows(context, expression, limit);
  if (answer.ok() && !name_fields_ && !MissingColumns(columns_, *answer).empty()) {
    name_fields_ = true;
    answer = QueryRows(context, expression, limit);
  }
  if (!answer.ok()) return answer.status();
  Result<AnswerRows> rows = RowsFromAnswer(columns_, scope_.partition, *answer);
  if (!rows.ok()) return Annotate(rows.status(), object_ + " keys " + what);
  return rows;
}

Result<AnswerRows> RangeQuery::Rows(const Context& context, const KeyRange& range,
                                    std::int64_t limit) const {
  AERIE_ASSIGN(AnswerRows rows, RowsWhere(context, RangeExpr(key_field_, range, scope_.filter),
                                          limit, range.ToText()));
  const rows::RowBatch& batch = rows.batch;
  if (batch.rows() > 0 &&
      !(range.Contains(batch.KeyAt(0)) && range.Contains(batch.KeyAt(batch.rows() - 1)))) {
    return CorruptError("read " + object_ + " keys " + range.ToText() +
                        ": the server answers with key " + KeyForMessage(batch.KeyAt(0)) +
                        " outside of the range; check the server");
  }
  return rows;
}

std::string RangeQuery::ExprOfKeys(const std::vector<rows::Key>& keys) const {
  const std::string expression = KeysExpr(key_field_, keys);
  return scope_.filter.empty() ? expression : "(" + expression + ") and (" + scope_.filter + ")";
}

Result<AnswerRows> RangeQuery::RowsOf(const Context& context,
                                      const std::vector<rows::Key>& keys) const {
  AnswerRows all;
  all.batch = rows::RowBatch::Empty(scope_.schema, scope_.partition);
  for (std::size_t at = 0; at < keys.size();) {
    const std::vector<rows::Key> some = NextListed(keys, at);
    AERIE_ASSIGN(AnswerRows found, RowsWhere(context, ExprOfKeys(some), kNoLimit,
                                             "from " + KeyForMessage(some.front())));
    all.batch.Append(found.batch);
    all.repeated_keys += found.repeated_keys;
  }
  return all;
}

Result<std::int64_t> RangeQuery::Count(const Context& context, const KeyRange& range) const {
  return Count(context, RangeExpr(key_field_, range, scope_.filter));
}

Result<std::int64_t> RangeQuery::CountKeys(const Context& context,
                                           const std::vector<rows::Key>& keys) const {
  std::int64_t count = 0;
  for (std::size_t at = 0; at < keys.size();) {
    const std::string expression = ExprOfKeys(NextListed(keys, at));
    AERIE_ASSIGN(const std::int64_t counted, Count(context, expression));
    count += counted;
  }
  return count;
}

Result<std::int64_t> RangeQuery::Count(const Context& context,
                                       const std::string& expression) const {
  pb::QueryRequest request = Request(expression);
  request.add_output_fields("count(*)");
  AERIE_ASSIGN(const pb::QueryResults answer, client_->Query(context, request));
  Result<std::int64_t> count = CountFromAnswer(answer);
  if (!count.ok()) return Annotate(count.status(), object_);
  return count;
}

Result<std::vector<rows::Key>> RangeQuery::Keys(const Context& context, const KeyRange& range,
                                                std::int64_t limit) const {
  pb::QueryRequest request = Request(RangeExpr(key_field_, range, scope_.filter));
  request.add_output_fields(key_field_.name);
  AddParam(&request, "limit", std::to_string(limit));
  // Without it some servers give pages in the order of insertion.
  if (scope_.point.mode != ReadPoint::Mode::kSnapshot) AddParam(&request, "iterator", "True");
  AERIE_ASSIGN(const pb::QueryResults answer, client_->Query(context, request));
  AERIE_ASSIGN(std::vector<rows::Key> keys, KeysFromAnswer(key_field_, answer));
  std::erase_if(keys, [&](const rows::Key& key) { return !range.Contains(key); });
  return keys;
}

}  // namespace aerie::milvus
