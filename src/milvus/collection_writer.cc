#include "milvus/collection_writer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <map>

#include "base/log.h"
#include "base/queue.h"
#include "base/task_group.h"
#include "milvus/capabilities.h"
#include "milvus/collection_admin.h"
#include "milvus/errors.h"
#include "milvus/field_data.h"
#include "milvus/key_expr.h"
#include "milvus/range_query.h"
#include "rows/digest.h"

namespace aerie::milvus {
namespace {

using rows::Digest128;
using rows::Key;
using rows::RowBatch;

// A call that is settled is tried again a few times, should its repair be in doubt as well.
constexpr int kSettleTries = 5;
constexpr auto kSettlePause = std::chrono::milliseconds(500);
constexpr std::size_t kDeleteKeys = 4096;
constexpr std::size_t kDeleteBytes = 1 << 20;

// Rows [begin, end) of a batch: what one call carries.
struct Piece {
  std::shared_ptr<const RowBatch> batch;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::optional<Key> after;  // last key of the piece before, of the same partition

  std::size_t rows() const { return end - begin; }
  std::string KeysText() const {
    return KeyForMessage(batch->KeyAt(begin)) + " to " + KeyForMessage(batch->KeyAt(end - 1));
  }
};

// The first row with a float vector that is not finite, which servers refuse (protocol.md 2.4).
std::optional<std::pair<std::size_t, std::string>> FindNonFinite(const Piece& piece) {
  for (const rows::Column& column : piece.batch->columns()) {
    if (column.field().type != rows::DataType::kFloatVector) continue;
    const std::size_t dim = column.width() / sizeof(float);
    const auto* values = reinterpret_cast<const float*>(column.data().data());
    for (std::size_t row = piece.begin; row < piece.end; ++row) {
      const float* cell = values + row * dim;
      if (!std::all_of(cell, cell + dim, [](float value) { return std::isfinite(value); })) {
        return std::pair{row, column.field().name};
      }
    }
  }
  return std::nullopt;
}

class CollectionWriter : public rows::RowWriter {
 public:
  CollectionWriter(const Context& context, std::shared_ptr<Client> client,
                   const rows::CollectionSpec& target, const WriterOptions& options)
      : client_(std::move(client)),
        target_(target),
        options_(options),
        columns_(target_.schema.Columns()),
        key_(*target_.schema.primary_key()),
        one_row_calls_(HasOpaqueColumn(columns_)),
        queue_(static_cast<std::size_t>(Writers()),
               static_cast<std::size_t>(Writers()) * 2 * options_.call_bytes),
        tasks_(context),
        stopped_(tasks_.context(), [this] { Stop(); }) {}

  ~CollectionWriter() override { Abort(); }

  Status Start(const Context& context) {
    if (SendsGeneratedKeys()) AERIE_TRY(AllowKeys(context));
    for (int i = 0; i < Writers(); ++i) {
      tasks_.Spawn("write rows", [this](const Context& ctx) { return StorePieces(ctx); });
    }
    return Ok();
  }

  Status Write(const Context& context, RowBatch batch) override {
    AERIE_TRY(Usable());
    if (batch.rows() == 0) return Ok();
    if (pending_ && !Joins(*pending_, batch)) AERIE_TRY(SendPending(context));
    if (pending_) {
      pending_->Append(batch);
    } else {
      pending_ = std::move(batch);
    }
    if (one_row_calls_ || pending_->ByteSize() * 4 >= options_.call_bytes * 3) {
      AERIE_TRY(SendPending(context));
    }
    return Ok();
  }

  Status Delete(const Context& context, const std::string& partition,
                const std::vector<Key>& keys) override {
    AERIE_TRY(Usable());
    AERIE_TRY(SendPending(context));
    AERIE_TRY(WaitIdle(context));
    for (std::size_t begin = 0; begin < keys.size();) {
      std::size_t end = begin;
      for (std::size_t bytes = 0; end < keys.size() && end - begin < kDeleteKeys; ++end) {
        const auto* text = std::get_if<std::string>(&keys[end]);
        bytes += text == nullptr ? 8 : text->size();
        if (bytes > kDeleteBytes && end > begin) break;
      }
      const auto at = keys.begin();
      AERIE_TRY(DeleteKeys(
          context, partition,
          {at + static_cast<std::ptrdiff_t>(begin), at + static_cast<std::ptrdiff_t>(end)}));
      deleted_ += end - begin;
      begin = end;
    }
    return Ok();
  }

  Result<rows::WriteReceipt> Commit(const Context& context) override {
    AERIE_TRY(Usable());
    AERIE_TRY(SendPending(context));
    AERIE_TRY(WaitIdle(context));
    queue_.Close();
    AERIE_TRY(tasks_.Join());
    AERIE_TRY(RemoveLateCopies(context));
    AERIE_TRY(ForbidKeys(context));
    closed_ = true;
    rows::WriteReceipt receipt;
    receipt.written = written_;
    receipt.deleted_keys = deleted_;
    receipt.reconciled_batches = settled_.size();
    receipt.write_ts = write_ts_;
    return receipt;
  }

  void Abort() override {
    if (closed_) return;
    closed_ = true;
    tasks_.Cancel();
    (void)tasks_.Join();
    // The job's context may be cancelled already; the property must go all the same.
    const Context cleanup = Context::Background().WithTimeout(std::chrono::seconds(10));
    const Status status = ForbidKeys(cleanup);
    if (!status.ok()) {
      log::Warn("cannot take a property away again", {{"collection", Name()},
                                                      {"property", kAllowInsertAutoIdProperty},
                                                      {"error", std::string(status.message())}});
    }
  }

 private:
  int Writers() const { return std::max(options_.writers, 1); }
  std::string Name() const { return target_.name.ToString(); }
  std::string PieceText(const Piece& piece) const {
    return "write " + Name() + " keys " + piece.KeysText();
  }
  bool AutoId() const { return target_.schema.auto_id || key_.auto_id; }
  bool SendsGeneratedKeys() const {
    return AutoId() && options_.generated_keys == GeneratedKeys::kKeep;
  }
  bool MakesKeys() const { return AutoId() && !SendsGeneratedKeys(); }

  Status Usable() {
    if (closed_) return InternalError("write " + Name() + ": the writer is closed");
    std::lock_guard lock(mutex_);
    return failure_;
  }

  static bool Joins(const RowBatch& held, const RowBatch& next) {
    return held.partition() == next.partition() && held.KeyAt(held.rows() - 1) < next.KeyAt(0);
  }

  // --- Pieces on their way ---

  Status SendPending(const Context& context) {
    if (!pending_) return Ok();
    const auto batch = std::make_shared<const RowBatch>(std::move(*pending_));
    pending_.reset();
    const std::size_t bytes = batch->ByteSize();
    std::size_t calls = bytes <= 2 * options_.call_bytes ? 1 : bytes / options_.call_bytes + 1;
    if (one_row_calls_) calls = batch->rows();
    const std::size_t per = (batch->rows() + calls - 1) / calls;
    if (sent_partition_ != batch->partition()) {
      sent_partition_ = batch->partition();
      sent_to_.reset();
    }
    for (std::size_t begin = 0; begin < batch->rows(); begin += per) {
      const std::size_t end = std::min(begin + per, batch->rows());
      {
        std::lock_guard lock(mutex_);
        ++in_flight_;
      }
      const Status pushed = queue_.Push(context, Piece{batch, begin, end, sent_to_}, bytes / calls);
      sent_to_ = batch->KeyAt(end - 1);
      if (!pushed.ok()) return FirstError(context, pushed);
    }
    return Ok();
  }

  // What ended the writer, rather than that it has ended.
  Status FirstError(const Context& context, const Status& seen) {
    if (context.cancelled()) return seen;
    std::lock_guard lock(mutex_);
    return failure_.ok() ? seen : failure_;
  }

  Status WaitIdle(const Context& context) {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, context.stop(), [&] { return in_flight_ == 0 || !failure_.ok(); });
    AERIE_TRY(failure_);
    return context.Check("write " + Name());
  }

  void Fail(const Status& status) {
    {
      std::lock_guard lock(mutex_);
      if (failure_.ok()) failure_ = status;
    }
    queue_.Fail(status);
    idle_.notify_all();
  }
  void Stop() { Fail(MakeStatus(Kind::kCancelled, "write " + Name() + ": stopped")); }

  Status StorePieces(const Context& context) {
    rows::RowDigester digester(columns_);
    while (true) {
      Result<std::optional<Piece>> piece = queue_.Pop(context);
      if (!piece.ok()) return piece.status();
      if (!*piece) return Ok();
      const Status status = Store(context, **piece, digester);
      if (!status.ok()) {
        Fail(status);
        return status;
      }
      std::lock_guard lock(mutex_);
      if (--in_flight_ == 0) idle_.notify_all();
    }
  }

  // --- One piece ---

  Status Store(const Context& context, const Piece& piece, rows::RowDigester& digester) {
    std::vector<Digest128> digests;
    AERIE_TRY(digester.AppendDigests(*piece.batch, piece.begin, piece.end, digests));
    Status status;
    if (options_.start == WriteStart::kEmpty || MakesKeys()) {
      status = Insert(context, piece);
      if (KindOf(status) == Kind::kUnknownOutcome) {
        status = Settle(context, piece, digests, digester, status);
      }
    } else if (AutoId()) {
      status =
          Settle(context, piece, digests, digester,
                 UnknownOutcomeError(PieceText(piece) + ": an earlier run may have stored it"));
    } else {
      status = Upsert(context, piece);
      if (KindOf(status) == Kind::kUnknownOutcome || KindOf(status) == Kind::kUnsupported) {
        status = Settle(context, piece, digests, digester, status);
      }
    }
    if (!status.ok()) return ExplainRefusal(piece, status);
    StoredRows stored;
    stored.partition = piece.batch->partition();
    stored.range = {piece.after, piece.batch->KeyAt(piece.end - 1)};
    for (const Digest128& digest : digests) stored.digest.Add(digest);
    {
      std::lock_guard lock(mutex_);
      written_.Add(stored.digest);
      stored.ts = write_ts_;
    }
    return options_.on_stored ? options_.on_stored(context, stored) : Ok();
  }

  Status ExplainRefusal(const Piece& piece, const Status& status) const {
    const Kind kind = KindOf(status);
    const bool named = status.message().find(Name()) != std::string::npos;
    if (kind != Kind::kFailed && kind != Kind::kInvalid && kind != Kind::kRefused) {
      return named ? status : Annotate(status, PieceText(piece));
    }
    if (const auto bad = FindNonFinite(piece)) {
      return RefusedError("write " + Name() + ": the row with key " +
                          KeyForMessage(piece.batch->KeyAt(bad->first)) +
                          " has NaN or infinity "
                          "in vector " +
                          bad->second +
                          ", which the server refuses; correct it "
                          "at the source (" +
                          std::string(status.message()) + ")");
    }
    if (SendsGeneratedKeys()) return KeysRefused(std::string(status.message()));
    return Annotate(status, PieceText(piece));
  }

  template <class Request>
  Result<Request> MakeRequest(const Piece& piece) const {
    Request request;
    request.set_db_name(target_.name.database);
    request.set_collection_name(target_.name.collection);
    if (!target_.has_partition_key()) request.set_partition_name(piece.batch->partition());
    request.set_num_rows(static_cast<std::uint32_t>(piece.rows()));
    const AutoIdKeys keys = MakesKeys() ? AutoIdKeys::kLeaveOut : AutoIdKeys::kSend;
    AERIE_TRY(BatchToWire(*piece.batch, target_.schema, keys, piece.begin, piece.end,
                          request.mutable_fields_data()));
    return request;
  }

  Status Insert(const Context& context, const Piece& piece) {
    AERIE_ASSIGN(const pb::InsertRequest request, MakeRequest<pb::InsertRequest>(piece));
    AERIE_ASSIGN(const pb::MutationResult result, client_->Insert(context, request));
    return CheckMutation(piece, result, result.insert_cnt());
  }

  Status Upsert(const Context& context, const Piece& piece) {
    AERIE_ASSIGN(const pb::UpsertRequest request, MakeRequest<pb::UpsertRequest>(piece));
    AERIE_ASSIGN(const pb::MutationResult result, client_->Upsert(context, request));
    return CheckMutation(piece, result, std::max(result.upsert_cnt(), result.insert_cnt()));
  }

  // An answer that does not say "all of them" leaves open which.
  Status CheckMutation(const Piece& piece, const pb::MutationResult& result, std::int64_t count) {
    const auto wanted = static_cast<std::int64_t>(piece.rows());
    if (!result.err_index().empty() || count != wanted) {
      return UnknownOutcomeError(PieceText(piece) + ": the server took " + std::to_string(count) +
                                 " of " + std::to_string(wanted) + " rows and named " +
                                 std::to_string(result.err_index_size()) + " as failed");
    }
    std::lock_guard lock(mutex_);
    write_ts_ = std::max(write_ts_, result.timestamp());
    return Ok();
  }

  // --- After an unknown outcome ---

  Status Settle(const Context& context, const Piece& piece, const std::vector<Digest128>& digests,
                rows::RowDigester& digester, const Status& why) {
    if (MakesKeys()) {
      return UnknownOutcomeError(PieceText(piece) +
                                 ": it is not known whether the rows were "
                                 "stored, and as the server makes new keys they cannot be looked "
                                 "up; drop the target and write it again (" +
                                 std::string(why.message()) + ")");
    }
    log::Info("settling a write by its keys", {{"collection", Name()},
                                               {"keys", piece.KeysText()},
                                               {"because", std::string(why.message())}});
    Status last = why;
    for (int i = 0; i < kSettleTries; ++i) {
      if (i > 0) AERIE_TRY(context.Sleep(kSettlePause * (1 << i), PieceText(piece)));
      last = SettleOnce(context, piece, digests, digester);
      if (KindOf(last) != Kind::kUnknownOutcome) break;
    }
    if (!last.ok()) {
      if (IsRetryable(last) || KindOf(last) == Kind::kTimeout) {
        return UnknownOutcomeError(PieceText(piece) +
                                   ": it is not known whether the rows were "
                                   "stored and the server cannot be asked; run the command again "
                                   "when it serves (" +
                                   std::string(last.message()) + ")");
      }
      return last;
    }
    std::lock_guard lock(mutex_);
    settled_.push_back(piece);
    return Ok();
  }

  Status SettleOnce(const Context& context, const Piece& piece,
                    const std::vector<Digest128>& digests, rows::RowDigester& digester) {
    Result<RowBatch> found = FindRows(context, piece);
    // Without looking, every row counts as missing.
    if (!found.ok() && !(IsNotLoaded(found.status()) && !AutoId())) return found.status();
    const RowBatch stored =
        found.ok() ? std::move(*found) : RowBatch::Empty(target_.schema, piece.batch->partition());
    std::map<Key, Digest128> known;
    std::vector<Digest128> stored_digests;
    AERIE_TRY(digester.DigestRows(stored, stored_digests));
    for (std::size_t row = 0; row < stored.rows(); ++row) {
      known[stored.KeyAt(row)] = stored_digests[row];
    }
    RowBatch missing = piece.batch->Slice(piece.begin, piece.begin);
    std::vector<Key> different;
    for (std::size_t row = piece.begin; row < piece.end; ++row) {
      const auto it = known.find(piece.batch->KeyAt(row));
      if (it != known.end() && it->second == digests[row - piece.begin]) continue;
      if (it != known.end()) different.push_back(it->first);
      missing.AppendRows(*piece.batch, row, row + 1);
    }
    if (missing.rows() == 0) return Ok();
    return Replace(context, std::move(missing), different, found.ok());
  }

  // Upserts `batch`; where that is not possible, deletes the keys in `present` and inserts.
  Status Replace(const Context& context, RowBatch batch, const std::vector<Key>& present,
                 bool looked) {
    const std::string partition = batch.partition();
    const auto shared = std::make_shared<const RowBatch>(std::move(batch));
    const Piece piece{shared, 0, shared->rows(), std::nullopt};
    if (!AutoId()) {
      const Status status = Upsert(context, piece);
      if (KindOf(status) != Kind::kUnsupported || !looked) return status;
    }
    if (!present.empty()) AERIE_TRY(DeleteKeys(context, partition, present));
    return Insert(context, piece);
  }

  pb::QueryRequest KeysRequest(const Piece& piece) const {
    pb::QueryRequest request;
    request.set_db_name(target_.name.database);
    request.set_collection_name(target_.name.collection);
    if (!target_.has_partition_key()) request.add_partition_names(piece.batch->partition());
    std::vector<Key> keys;
    keys.reserve(piece.rows());
    for (std::size_t row = piece.begin; row < piece.end; ++row) {
      keys.push_back(piece.batch->KeyAt(row));
    }
    request.set_expr(KeysExpr(key_, keys));
    SetReadPoint(ReadPoint{}, &request);
    return request;
  }

  Result<RowBatch> FindRows(const Context& context, const Piece& piece) const {
    pb::QueryRequest request = KeysRequest(piece);
    request.add_output_fields("*");
    AERIE_ASSIGN(const pb::QueryResults answer, client_->Query(context, request));
    AERIE_ASSIGN(AnswerRows rows, RowsFromAnswer(columns_, piece.batch->partition(), answer));
    return std::move(rows.batch);
  }

  // A call that was given up for lost may have been applied after it was settled. One more look,
  // when all else is done, finds the second copies that it made.
  Status RemoveLateCopies(const Context& context) {
    for (const Piece& piece : settled_) {
      pb::QueryRequest request = KeysRequest(piece);
      request.add_output_fields("count(*)");
      const Result<pb::QueryResults> answer = client_->Query(context, request);
      // Not loaded: nothing can be counted, and the caller's comparison after the load decides.
      if (IsNotLoaded(answer.status())) continue;
      if (!answer.ok()) return Annotate(answer.status(), PieceText(piece));
      AERIE_ASSIGN(const std::int64_t count, CountFromAnswer(*answer));
      if (count <= static_cast<std::int64_t>(piece.rows())) continue;
      std::vector<Key> keys;
      for (std::size_t row = piece.begin; row < piece.end; ++row) {
        keys.push_back(piece.batch->KeyAt(row));
      }
      AERIE_TRY(Annotate(Replace(context, piece.batch->Slice(piece.begin, piece.end), keys, true),
                         PieceText(piece)));
    }
    return Ok();
  }

  // Deleting twice is deleting once, so an unknown outcome is simply asked for again.
  Status DeleteKeys(const Context& context, const std::string& partition,
                    const std::vector<Key>& keys) {
    pb::DeleteRequest request;
    request.set_db_name(target_.name.database);
    request.set_collection_name(target_.name.collection);
    if (!target_.has_partition_key()) request.set_partition_name(partition);
    request.set_expr(KeysExpr(key_, keys));
    Status status;
    for (int i = 0; i < kSettleTries; ++i) {
      if (i > 0) AERIE_TRY(context.Sleep(kSettlePause * (1 << i), "delete from " + Name()));
      status = client_->Delete(context, request).status();
      if (KindOf(status) != Kind::kUnknownOutcome) break;
    }
    return Annotate(status, "delete from " + Name());
  }

  // --- Generated keys ---

  Status KeysRefused(const std::string& why) const {
    return RefusedError("write " + Name() +
                        ": the server does not take keys for a collection "
                        "whose keys it generates; let it make new keys, or create the target "
                        "without generated keys (" +
                        why + ")");
  }

  Status AllowKeys(const Context& context) {
    if (rows::FindValue(target_.properties, kAllowInsertAutoIdProperty) != nullptr) return Ok();
    // Older servers keep any property, obey none that they do not know, and cannot drop it again.
    Capabilities capabilities(client_);
    AERIE_ASSIGN(const SpecFeatures features, capabilities.Features(context));
    if (features.auto_id_insert == Answer::kNo) return KeysRefused("it is older than 2.6.3");
    pb::AlterCollectionRequest request;
    request.set_db_name(target_.name.database);
    request.set_collection_name(target_.name.collection);
    auto* property = request.add_properties();
    property->set_key(kAllowInsertAutoIdProperty);
    property->set_value("true");
    const Status status = client_->AlterCollection(context, request);
    if (!status.ok()) return KeysRefused(std::string(status.message()));
    keys_allowed_ = true;
    return Ok();
  }

  Status ForbidKeys(const Context& context) {
    if (!keys_allowed_) return Ok();
    pb::AlterCollectionRequest request;
    request.set_db_name(target_.name.database);
    request.set_collection_name(target_.name.collection);
    request.add_delete_keys(kAllowInsertAutoIdProperty);
    AERIE_TRY(client_->AlterCollection(context, request));
    keys_allowed_ = false;
    return Ok();
  }

  const std::shared_ptr<Client> client_;
  const rows::CollectionSpec target_;
  const WriterOptions options_;
  const std::vector<rows::FieldSchema> columns_;
  const rows::FieldSchema key_;
  const bool one_row_calls_;
  bool keys_allowed_ = false;
  bool closed_ = false;
  std::optional<RowBatch> pending_;
  std::optional<std::string> sent_partition_;
  std::optional<Key> sent_to_;
  std::uint64_t deleted_ = 0;

  std::mutex mutex_;
  std::condition_variable_any idle_;
  std::size_t in_flight_ = 0;
  Status failure_;
  rows::RangeDigest written_;
  std::uint64_t write_ts_ = 0;
  std::vector<Piece> settled_;  // keeps their rows: few, or something is wrong with the server

  BoundedQueue<Piece> queue_;
  TaskGroup tasks_;  // after what its threads use
  OnCancel stopped_;
};

}  // namespace

Result<std::unique_ptr<rows::RowWriter>> OpenCollectionWriter(const Context& context,
                                                              std::shared_ptr<Client> client,
                                                              const rows::CollectionSpec& target,
                                                              const WriterOptions& options) {
  if (target.schema.primary_key() == nullptr) {
    return InternalError("write " + target.name.ToString() + ": the schema has no primary key");
  }
  const bool generated = target.schema.auto_id || target.schema.primary_key()->auto_id;
  if (generated && options.generated_keys == GeneratedKeys::kNew &&
      options.start == WriteStart::kResumed) {
    return RefusedError("write " + target.name.ToString() +
                        ": with new keys it cannot be told "
                        "which rows an earlier run stored; drop the target and start again");
  }
  auto writer = std::make_unique<CollectionWriter>(context, std::move(client), target, options);
  AERIE_TRY(writer->Start(context));
  return std::unique_ptr<rows::RowWriter>(std::move(writer));
}

}  // namespace aerie::milvus
