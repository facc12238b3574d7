// Insert, Upsert, Delete, Query and Search of the fake Milvus.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "fake_cluster.h"

namespace aerie::fake {
namespace {

using Columns = google::protobuf::RepeatedPtrField<schema::FieldData>;
using Names = google::protobuf::RepeatedPtrField<std::string>;

constexpr char kMeta[] = "$meta";
constexpr std::uint64_t kBoundedMilliseconds = 5'000;

std::string Parameter(const google::protobuf::RepeatedPtrField<common::KeyValuePair>& params,
                      const std::string& key) {
  for (const auto& pair : params) {
    if (pair.key() == key) return pair.value();
  }
  return {};
}

bool IsTrue(const std::string& text) { return text == "True" || text == "true"; }

Key KeyOf(const Cell& cell) {
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return *number;
  const auto* text = std::get_if<std::string>(&cell);
  return text ? *text : std::string();
}

std::uint64_t HashOf(const Key& key) {
  if (const auto* number = std::get_if<std::int64_t>(&key)) {
    return static_cast<std::uint64_t>(*number) * 0x9E3779B97F4A7C15ULL >> 17U;
  }
  return std::hash<std::string>()(std::get<std::string>(key));
}

std::uint64_t Before(std::uint64_t timestamp, std::uint64_t milliseconds) {
  return timestamp - std::min(timestamp, milliseconds << 18U);
}

// 2.3: BM25's output cannot be read back.
bool IsUnreadable(const schema::FieldSchema& field) {
  return field.is_function_output() && field.data_type() == schema::SparseFloatVector;
}

}  // namespace

struct FakeCluster::Page {
  bool count = false;
  std::optional<std::int64_t> limit;
  std::int64_t offset = 0;
  bool iterator = false;
  bool best = false;  // reduce_stop_for_best
};

struct FakeCluster::Seen {
  const Key* key;
  const FakeRow* row;
};

struct FakeCluster::RowFilter {
  const Expression& expression;
  const std::set<std::int64_t>& partitions;
  std::uint64_t at;
};

// Where rows go: one partition, or by the partition key.
struct FakeCluster::Placement {
  std::int64_t partition = 0;
  bool by_key = false;
};

int FakeCluster::BadExpressionCode() const {
  return behaviour.release < Release::k2_4 ? 65535 : 1100;
}

// 3.3: with a dynamic field an unknown name means a dynamic key.
bool FakeCluster::ParseFilter(const FakeCollection& collection, const std::string& text,
                              Expression* out, common::Status* status) const {
  if (text.empty()) return true;
  const auto meta = collection.FindColumn(kMeta);
  const NameLookup names = [&](const std::string& name) -> std::optional<FieldReference> {
    if (const auto column = collection.FindColumn(name)) {
      return FieldReference{*column, KindOfTerm(collection.columns[*column].data_type()), {}};
    }
    if (meta) return FieldReference{*meta, TermKind::kJson, {name}};
    return std::nullopt;
  };
  auto parsed = Expression::Parse(text, names);
  if (!parsed.ok()) {
    Fail(status, BadExpressionCode(), std::string(parsed.status().message()));
    return false;
  }
  *out = *std::move(parsed);
  return true;
}

// --- Writing ---

// 2.3: nobody may name a partition where a partition key places the rows.
bool FakeCluster::Place(FakeCollection& collection, const std::string& partition,
                        Placement* placement, common::Status* status) {
  if (collection.partition_key_column) {
    placement->by_key = true;
    if (partition.empty()) return true;
    Fail(status, 65535,
         "not support manually specifying the partition names if partition key mode is used");
    return false;
  }
  const FakePartition* found =
      FindPartition(collection, partition.empty() ? "_default" : partition, status);
  if (!found) return false;
  placement->partition = found->id;
  return true;
}

// 2.5: keys of automatic-key collections come from the server, unless a property allows others.
bool FakeCluster::KeysAreGenerated(const FakeCollection& collection, bool upsert) const {
  const schema::FieldSchema& key = collection.columns[collection.key_column];
  if (!key.autoid() && !collection.schema.autoid()) return false;
  if (upsert) return true;
  return !behaviour.allows_insert_auto_id || !IsTrue(collection.Property("allow_insert_auto_id"));
}

bool FakeCluster::FillMissing(const FakeCollection& collection, std::size_t column,
                              std::size_t rows, std::vector<Cell>* out, common::Status* status) {
  const schema::FieldSchema& field = collection.columns[column];
  const bool automatic = field.autoid() || collection.schema.autoid();
  if (column == collection.key_column && automatic) {
    for (std::size_t i = 0; i < rows; ++i) {
      if (field.data_type() == schema::Int64) {
        out->emplace_back(NextId());
      } else {
        out->emplace_back(std::to_string(NextId()));
      }
    }
    return true;
  }
  if (field.is_dynamic()) {
    out->assign(rows, Cell(std::string("{}")));  // 2.4
    return true;
  }
  if (field.has_default_value()) {
    crashed = behaviour.crashes_on_missing_default;
    out->assign(rows, DefaultCell(field));
    return !crashed;
  }
  if (field.nullable() || field.is_function_output()) {
    out->assign(rows, Cell());
    return true;
  }
  if (behaviour.release < Release::k2_4) {
    Fail(status, 65535, "%!s(<nil>) is not supported now");
  } else {
    Fail(status, 1100, "the number of fields is less than needed: invalid parameter");
  }
  return false;
}

bool FakeCluster::CheckCells(const FakeCollection& collection, std::size_t column,
                             std::vector<Cell>* cells, common::Status* status) {
  const schema::FieldSchema& field = collection.columns[column];
  const std::string limit = Parameter(field.type_params(), "max_length");
  const std::size_t longest = limit.empty() ? std::numeric_limits<std::size_t>::max()
                                            : std::strtoull(limit.c_str(), nullptr, 10);
  for (Cell& cell : *cells) {
    if (const auto* text = std::get_if<std::string>(&cell); text && text->size() > longest) {
      Fail(status, 1100, "length of field " + field.name() + " exceeds max length: " + limit);
      return false;
    }
    const auto* array = std::get_if<std::shared_ptr<const schema::ScalarField>>(&cell);
    if (array && behaviour.crashes_on_untyped_array &&
        (*array)->data_case() == schema::ScalarField::DATA_NOT_SET) {
      crashed = true;
      return false;
    }
    if (std::holds_alternative<std::monostate>(cell) && behaviour.null_becomes_default &&
        field.has_default_value()) {
      cell = DefaultCell(field);
    }
  }
  return true;
}

// The cells of a request by column. An upsert must give its keys, also where the server makes new
// ones in their place (which is the caller's work).
bool FakeCluster::UnpackRows(FakeCollection& collection, const Columns& columns, std::size_t rows,
                             bool upsert, std::vector<std::vector<Cell>>* out,
                             common::Status* status) {
  if (rows == 0) {
    Fail(status, 1100, "num_rows should be greater than 0: invalid parameter");
    return false;
  }
  out->assign(collection.columns.size(), {});
  std::vector<bool> given(collection.columns.size(), false);
  for (const schema::FieldData& data : columns) {
    const auto column = collection.FindColumn(data.is_dynamic() ? kMeta : data.field_name());
    const bool meta_as_static = column && !data.is_dynamic() && data.field_name() == kMeta;
    const bool generated = column && *column == collection.key_column && !upsert &&
                           KeysAreGenerated(collection, upsert);
    if (!column || generated || (column && collection.columns[*column].is_function_output())) {
      Fail(status, 1100, "the number of fields is less than needed: invalid parameter");
      return false;
    }
    if (meta_as_static || given[*column]) {
      Fail(status, 1100, "duplicated field " + data.field_name() + " found");
      return false;
    }
    auto cells = UnpackColumn(data, collection.columns[*column], rows);
    if (!cells.ok()) {
      const std::string reason(cells.status().message());
      const bool not_finite = reason.find("not a number") != std::string::npos;
      Fail(status, not_finite ? 65535 : 1100, reason);
      return false;
    }
    given[*column] = true;
    (*out)[*column] = *std::move(cells);
    if (!CheckCells(collection, *column, &(*out)[*column], status)) return false;
  }
  if (upsert && !given[collection.key_column]) {
    Fail(status, 1100, "must assign pk when upsert");
    return false;
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!given[i] && !FillMissing(collection, i, rows, &(*out)[i], status)) return false;
  }
  return true;
}

void FakeCluster::Store(FakeCollection& collection, const Placement& placement,
                        std::vector<std::vector<Cell>> columns, std::uint64_t at,
                        pb::MutationResult* result) {
  const std::size_t rows = columns[collection.key_column].size();
  const bool numbers = collection.columns[collection.key_column].data_type() == schema::Int64;
  for (std::size_t i = 0; i < rows; ++i) {
    const Key key = KeyOf(columns[collection.key_column][i]);
    FakeRow row;
    row.partition = placement.partition;
    if (placement.by_key) {
      const Key by = KeyOf(columns[*collection.partition_key_column][i]);
      row.partition = collection.partitions[HashOf(by) % collection.partitions.size()].id;
    }
    const auto shards = static_cast<std::uint64_t>(collection.shards);
    row.segment =
        collection.generation * collection.shards + static_cast<std::int64_t>(HashOf(key) % shards);
    row.inserted = at;
    for (auto& column : columns) row.cells.push_back(std::move(column[i]));
    collection.rows[key].push_back(std::move(row));
    if (numbers) {
      result->mutable_ids()->mutable_int_id()->add_data(std::get<std::int64_t>(key));
    } else {
      result->mutable_ids()->mutable_str_id()->add_data(std::get<std::string>(key));
    }
    result->add_succ_index(static_cast<std::uint32_t>(i));
  }
  result->set_timestamp(at);
}

void FakeCluster::Do(const pb::InsertRequest& request, pb::MutationResult* answer) {
  common::Status* status = answer->mutable_status();
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), status);
  Placement placement;
  if (!c || !Place(*c, request.partition_name(), &placement, status)) return;
  std::vector<std::vector<Cell>> columns;
  if (!UnpackRows(*c, request.fields_data(), request.num_rows(), false, &columns, status)) return;
  Store(*c, placement, std::move(columns), Tick(), answer);
  answer->set_insert_cnt(request.num_rows());
}

// 1.6: delete and insert at one time. Only the partition written to loses its old row; two equal
// keys in one call leave two rows.
void FakeCluster::Do(const pb::UpsertRequest& request, pb::MutationResult* answer) {
  common::Status* status = answer->mutable_status();
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), status);
  Placement placement;
  if (!c || !Place(*c, request.partition_name(), &placement, status)) return;
  const bool generated = KeysAreGenerated(*c, true);
  if (generated && !behaviour.upserts_auto_id) {
    return Fail(status, 1100, "upsert can not assign primary field data when auto id enabled");
  }
  std::vector<std::vector<Cell>> columns;
  if (!UnpackRows(*c, request.fields_data(), request.num_rows(), true, &columns, status)) return;
  const std::uint64_t at = Tick();
  for (const Cell& cell : columns[c->key_column]) {
    const auto found = c->rows.find(KeyOf(cell));
    if (found == c->rows.end()) continue;
    for (FakeRow& row : found->second) {
      const bool here = placement.by_key || row.partition == placement.partition;
      if (here && row.deleted == 0) row.deleted = at;
    }
  }
  if (generated) {
    columns[c->key_column].clear();
    FillMissing(*c, c->key_column, request.num_rows(), &columns[c->key_column], status);
  }
  Store(*c, placement, std::move(columns), at, answer);
  answer->set_insert_cnt(request.num_rows());
  answer->set_delete_cnt(request.num_rows());
  answer->set_upsert_cnt(request.num_rows());
}

// 1.6: by a list of keys also where nothing is loaded, counting the keys asked for; by anything
// else on loaded collections, counting the rows. No ids, no timestamp.
void FakeCluster::Do(const pb::DeleteRequest& request, pb::MutationResult* answer) {
  common::Status* status = answer->mutable_status();
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), status);
  if (!c) return;
  if (request.expr().empty()) return Fail(status, 1100, "expression is empty");
  Expression expression;
  if (!ParseFilter(*c, request.expr(), &expression, status)) return;
  std::set<std::int64_t> partitions;
  for (const FakePartition& partition : c->partitions) partitions.insert(partition.id);
  if (!request.partition_name().empty()) {
    Placement placement;
    if (!Place(*c, request.partition_name(), &placement, status)) return;
    partitions = {placement.partition};
  }
  const auto keys = expression.KeyList(c->key_column);
  if (!keys && !c->loaded()) return Fail(status, 101, "collection not loaded");
  const std::uint64_t at = Tick();
  const std::vector<Seen> rows = VisibleRows(*c, {expression, partitions, at});
  for (const Seen& seen : rows) {
    for (FakeRow& row : c->rows.find(*seen.key)->second) {
      if (&row == seen.row) row.deleted = at;
    }
  }
  answer->set_delete_cnt(static_cast<std::int64_t>(keys ? keys->size() : rows.size()));
}

// --- Reading ---

// Ids of the partitions a read sees; empty with `status` filled when it may not read.
std::set<std::int64_t> FakeCluster::ReadablePartitions(FakeCollection& collection,
                                                       const Names& names, common::Status* status) {
  std::set<std::int64_t> ids;
  if (!collection.loaded()) {
    Fail(status, 101, "collection not loaded[collection=" + collection.schema.name() + "]");
    return ids;
  }
  if (collection.loading_polls > 0) {
    Fail(status, 103, "collection not fully loaded", true);
    return ids;
  }
  if (collection.partition_key_column && !names.empty()) {
    Fail(status, 65535,
         "not support manually specifying the partition names if partition key mode is used");
    return ids;
  }
  // 3.3: a partition that is released is left out without an error, unless it was asked for.
  for (const FakePartition& partition : collection.partitions) {
    if (names.empty() && partition.loaded) ids.insert(partition.id);
  }
  for (const auto& name : names) {
    // 2.3.5 says both with its code for everything.
    const bool old = behaviour.release < Release::k2_4;
    const FakePartition* partition = collection.FindPartition(name);
    if (!partition) {
      Fail(status, old ? 65535 : 200, "partition name " + name + " not found");
      return {};
    }
    if (!partition->loaded) {
      Fail(status, old ? 65535 : 201,
           "failed to query: partition not loaded[partition=" + name + "]");
      return {};
    }
    ids.insert(partition->id);
  }
  return ids;
}

// 3.4. The time a read happens at. What is promised for the future is waited for: time goes on.
std::uint64_t FakeCluster::ReadTime(const FakeCollection& collection,
                                    const pb::QueryRequest& request, const Page& page,
                                    common::Status* status) {
  constexpr std::uint64_t kDay = 24ULL * 3600 * 1000;
  const std::uint64_t given = request.guarantee_timestamp();
  const std::uint64_t now = Tick();
  const bool by_collection = request.use_default_consistency();
  const auto level = by_collection ? collection.consistency : request.consistency_level();
  std::uint64_t promise = given;
  if (level == common::Bounded || (level == common::Strong && !by_collection && given == 2)) {
    promise = Before(now, kBoundedMilliseconds);
  } else if (level == common::Eventually) {
    promise = 1;
  } else if (level == common::Strong && (by_collection || given == 0)) {
    promise = now;
  }
  const std::uint64_t wanted = std::max(promise, page.iterator ? given : 0);
  if (wanted > now && (wanted - now) >> 18U > kDay) {
    Fail(status, 65535, "Timestamp lag too large");
    return 0;
  }
  now_ = std::max(now_, wanted);
  if (behaviour.read_timestamps && page.iterator && given > 2) return given;
  return behaviour.stale_reads ? std::max(promise, Before(now, kBoundedMilliseconds)) : now_;
}

// Section 7: expiry counts from the row's insertion, by the present time whatever is read at.
bool FakeCluster::IsVisible(const FakeCollection& collection, const FakeRow& row,
                            std::uint64_t at) const {
  if (row.inserted > at || (row.deleted != 0 && row.deleted <= at)) return false;
  const auto ttl =
      std::strtoull(collection.Property("collection.ttl.seconds").c_str(), nullptr, 10);
  return ttl == 0 || (row.inserted >> 18U) + ttl * 1000 > now_ >> 18U;
}

// In the order of keys, all copies of equal keys.
std::vector<FakeCluster::Seen> FakeCluster::VisibleRows(const FakeCollection& collection,
                                                        const RowFilter& filter) const {
  std::vector<Seen> seen;
  const auto bounds = filter.expression.KeyBounds(collection.key_column);
  auto it = bounds.first ? collection.rows.lower_bound(*bounds.first) : collection.rows.begin();
  for (; it != collection.rows.end(); ++it) {
    if (bounds.last && *bounds.last < it->first) break;
    for (const FakeRow& row : it->second) {
      if (filter.partitions.count(row.partition) == 0) continue;
      if (!IsVisible(collection, row, filter.at)) continue;
      const ValueLookup values = [&](const FieldReference& field) {
        return CellTerm(row.cells[field.column], field);
      };
      if (filter.expression.Matches(values)) seen.push_back({&it->first, &row});
    }
  }
  return seen;
}

std::vector<FakeCluster::Seen> FakeCluster::WithoutCopies(const std::vector<Seen>& rows) const {
  std::vector<Seen> kept;
  for (const Seen& seen : rows) {
    if (!kept.empty() && *kept.back().key == *seen.key) {
      if (behaviour.shown_copy == Behaviour::Copy::kLast) kept.back() = seen;
      continue;
    }
    const auto* number = std::get_if<std::int64_t>(seen.key);
    const bool hidden = number && *number == std::numeric_limits<std::int64_t>::max();
    if (!hidden || !behaviour.hides_int64_max) kept.push_back(seen);
  }
  return kept;
}

std::vector<FakeCluster::Seen> FakeCluster::WithoutLimit(std::vector<Seen> rows) const {
  if (behaviour.copies_cut_answers) {
    std::size_t keys = 0;
    const Key* before = nullptr;
    for (const Seen& seen : rows) {
      if (before == nullptr || *before != *seen.key) ++keys;
      before = seen.key;
    }
    rows.resize(keys);
  }
  return WithoutCopies(rows);
}

// 3.2. Every stream, which is a segment's part in a partition, gives its first `limit` rows, copies
// counted; they are merged by key and copies dropped. Where a stream stopped at the limit, keys of
// it that come after are missing from the page although later keys of other streams are in it: a
// cursor loses them. With reduce_stop_for_best the page ends where such a stream is drained; on
// 2.3.5 where any is, whatever the limit: 393 of 400 rows in two streams, asked for 1,000 (tried).
std::vector<FakeCluster::Seen> FakeCluster::OnePage(const std::vector<Seen>& rows,
                                                    const Page& page) const {
  struct Stream {
    std::size_t rows = 0;
    const Key* last = nullptr;
    bool cut = false;
  };
  const auto wanted = static_cast<std::size_t>(*page.limit + page.offset);
  std::map<std::pair<std::int64_t, std::int64_t>, Stream> streams;
  std::vector<Seen> merged;
  for (const Seen& seen : rows) {
    Stream& stream = streams[{seen.row->segment, seen.row->partition}];
    if (stream.rows == wanted) {
      stream.cut = true;
      continue;
    }
    stream.rows += 1;
    stream.last = seen.key;
    merged.push_back(seen);
  }
  std::vector<Seen> result = WithoutCopies(merged);
  const bool loose = page.best && behaviour.hold_back_last_row;
  for (const auto& [id, stream] : streams) {
    if (!page.best || !(stream.cut || loose)) continue;
    const auto& last = *stream.last;
    std::erase_if(result, [&](const Seen& seen) { return last < *seen.key; });
  }
  if (!loose && result.size() > wanted) result.resize(wanted);
  const auto skip = std::min(result.size(), static_cast<std::size_t>(page.offset));
  result.erase(result.begin(), result.begin() + static_cast<std::ptrdiff_t>(skip));
  if (behaviour.page_rows > 0 && result.size() > static_cast<std::size_t>(behaviour.page_rows)) {
    result.resize(static_cast<std::size_t>(behaviour.page_rows));
  }
  return result;
}

// 2.4: `*` leaves out what is not loaded or cannot be read, and in 2.2 the vectors. A dynamic key
// gives "$meta" whole. The key is always there.
bool FakeCluster::OutputColumns(const FakeCollection& collection, const Names& names,
                                std::vector<std::size_t>* columns, common::Status* status) const {
  std::set<std::size_t> wanted{collection.key_column};
  const auto is_loaded = [&](const schema::FieldSchema& field) {
    if (field.is_dynamic() && collection.skips_dynamic) return false;
    return collection.load_fields.empty() || field.is_dynamic() || field.is_primary_key() ||
           collection.load_fields.count(field.name()) != 0;
  };
  for (const auto& name : names) {
    if (name == "*") {
      for (std::size_t i = 0; i < collection.columns.size(); ++i) {
        const schema::FieldSchema& field = collection.columns[i];
        const bool vector_ok = behaviour.star_gives_vectors || !IsVector(field.data_type());
        if (vector_ok && is_loaded(field) && !IsUnreadable(field)) wanted.insert(i);
      }
      continue;
    }
    auto column = collection.FindColumn(name);
    if (!column) column = collection.FindColumn(kMeta);
    if (!column) {
      Fail(status, 65535, "field " + name + " not exist");
      return false;
    }
    if (IsUnreadable(collection.columns[*column]) || !is_loaded(collection.columns[*column])) {
      Fail(status, 65535, "not allowed to retrieve raw data of field " + name);
      return false;
    }
    wanted.insert(*column);
  }
  columns->assign(wanted.begin(), wanted.end());
  return true;
}

void FakeCluster::PackRows(const FakeCollection& collection,
                           const std::vector<std::size_t>& columns, std::vector<Seen> rows,
                           Columns* out) {
  if (behaviour.shuffle_rows) std::shuffle(rows.begin(), rows.end(), random_);
  std::vector<std::size_t> order = columns;
  if (behaviour.shuffle_columns) std::shuffle(order.begin(), order.end(), random_);
  PackOptions options;
  options.empty_arrays_untyped = behaviour.empty_arrays_untyped;
  for (const std::size_t column : order) {
    std::vector<const Cell*> cells;
    cells.reserve(rows.size());
    for (const Seen& seen : rows) cells.push_back(&seen.row->cells[column]);
    *out->Add() = PackColumn(collection.columns[column], cells, options);
  }
}

void FakeCluster::Do(const pb::QueryRequest& request, pb::QueryResults* answer) {
  common::Status* status = answer->mutable_status();
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), status);
  if (!c) return;
  Page page;
  page.count = request.output_fields_size() == 1 && request.output_fields(0) == "count(*)";
  const auto& params = request.query_params();
  if (const auto limit = Parameter(params, "limit"); !limit.empty() && limit != "-1") {
    page.limit = std::strtoll(limit.c_str(), nullptr, 10);
  }
  page.offset = std::strtoll(Parameter(params, "offset").c_str(), nullptr, 10);
  page.iterator = IsTrue(Parameter(params, "iterator"));
  page.best = IsTrue(Parameter(params, "reduce_stop_for_best"));
  const auto pinned = Parameter(params, "collection_id");
  if (behaviour.pins_collection_id && !pinned.empty() && pinned != std::to_string(c->id)) {
    return Fail(status, 1100, "Input collection id is not consistent");
  }
  if (page.limit && (*page.limit < 1 || page.offset + *page.limit > 16'384)) {
    return Fail(status, 65535,
                "invalid max query result window, (offset+limit) should be in range [1, 16384]");
  }
  if (page.count && page.limit) {
    return Fail(status, 65535, "count entities with pagination is not allowed");
  }
  if (request.expr().empty() && !page.limit && !page.count) {
    return Fail(status, 65535, "empty expression should be used with limit");
  }
  const auto partitions = ReadablePartitions(*c, request.partition_names(), status);
  Expression expression;
  std::vector<std::size_t> columns;
  if (status->code() != 0 || !ParseFilter(*c, request.expr(), &expression, status)) return;
  if (!page.count && !OutputColumns(*c, request.output_fields(), &columns, status)) return;
  const std::uint64_t at = ReadTime(*c, request, page, status);
  if (status->code() != 0) return;
  const std::vector<Seen> rows = VisibleRows(*c, {expression, partitions, at});
  answer->set_collection_name(request.collection_name());
  *answer->mutable_output_fields() = request.output_fields();
  if (behaviour.read_timestamps && page.iterator && request.guarantee_timestamp() == 0) {
    answer->set_session_ts(at);
  }
  if (page.count) {
    schema::FieldData* count = answer->add_fields_data();
    count->set_type(schema::Int64);
    count->set_field_name("count(*)");
    count->mutable_scalars()->mutable_long_data()->add_data(static_cast<std::int64_t>(rows.size()) +
                                                            behaviour.count_error);
    return;
  }
  if (behaviour.release >= Release::k2_4) {
    answer->set_primary_field_name(c->columns[c->key_column].name());
  }
  PackRows(*c, columns, page.limit ? OnePage(rows, page) : WithoutLimit(rows),
           answer->mutable_fields_data());
}

namespace {

// Larger is nearer, as Milvus scores IP and COSINE; L2 is returned as the square of the distance.
double Score(const std::string& metric, const float* a, const float* b, std::size_t dim) {
  double dot = 0;
  double square = 0;
  double norm_a = 0;
  double norm_b = 0;
  for (std::size_t i = 0; i < dim; ++i) {
    dot += double{a[i]} * b[i];
    square += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm_a += double{a[i]} * a[i];
    norm_b += double{b[i]} * b[i];
  }
  if (metric == "L2") return -square;
  return metric == "COSINE" ? dot / std::sqrt(std::max(norm_a * norm_b, 1e-30)) : dot;
}

std::vector<float> Floats(const std::string& bytes) {
  std::vector<float> values(bytes.size() / 4);
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * 4);
  return values;
}

}  // namespace

// Float vectors only, every row compared.
void FakeCluster::Do(const pb::SearchRequest& request, pb::SearchResults* answer) {
  common::Status* status = answer->mutable_status();
  FakeCollection* c = FindCollection(request.db_name(), request.collection_name(), status);
  if (!c) return;
  const auto partitions = ReadablePartitions(*c, request.partition_names(), status);
  Expression expression;
  if (status->code() != 0 || !ParseFilter(*c, request.dsl(), &expression, status)) return;
  std::string field = Parameter(request.search_params(), "anns_field");
  for (const FakeIndex& index : c->indexes) {
    if (field.empty()) field = index.field;
  }
  const auto column = c->FindColumn(field);
  common::PlaceholderGroup group;
  if (!column || c->columns[*column].data_type() != schema::FloatVector ||
      !group.ParseFromString(request.placeholder_group()) || group.placeholders_size() != 1) {
    return Fail(status, 1100, "the fake searches one float vector field only");
  }
  auto metric = Parameter(request.search_params(), "metric_type");
  for (const FakeIndex& index : c->indexes) {
    if (metric.empty() && index.field == field) metric = Parameter(index.params, "metric_type");
  }
  const auto top = std::strtoull(Parameter(request.search_params(), "topk").c_str(), nullptr, 10);
  std::vector<std::size_t> columns;
  if (!OutputColumns(*c, request.output_fields(), &columns, status)) return;
  const auto rows = WithoutCopies(VisibleRows(*c, {expression, partitions, Tick()}));
  schema::SearchResultData* results = answer->mutable_results();
  std::vector<Seen> hits;
  for (const auto& value : group.placeholders(0).values()) {
    const std::vector<float> query = Floats(value);
    std::vector<std::pair<double, Seen>> scored;
    for (const Seen& seen : rows) {
      const auto* bytes = std::get_if<std::string>(&seen.row->cells[*column]);
      if (!bytes || bytes->size() != query.size() * 4) continue;
      scored.emplace_back(Score(metric, query.data(), Floats(*bytes).data(), query.size()), seen);
    }
    std::stable_sort(scored.begin(), scored.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    if (scored.size() > top) scored.resize(top);
    for (const auto& [score, seen] : scored) {
      results->add_scores(static_cast<float>(metric == "L2" ? -score : score));
      if (const auto* number = std::get_if<std::int64_t>(seen.key)) {
        results->mutable_ids()->mutable_int_id()->add_data(*number);
      } else {
        results->mutable_ids()->mutable_str_id()->add_data(std::get<std::string>(*seen.key));
      }
      hits.push_back(seen);
    }
    results->add_topks(static_cast<std::int64_t>(scored.size()));
  }
  results->set_num_queries(group.placeholders(0).values_size());
  results->set_top_k(static_cast<std::int64_t>(top));
  if (request.output_fields().empty()) return;
  const bool shuffle = std::exchange(behaviour.shuffle_rows, false);
  PackRows(*c, columns, hits, results->mutable_fields_data());
  behaviour.shuffle_rows = shuffle;
}

}  // namespace aerie::fake
