#include "objects/s3_store.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/log.h"
#include "objects/digests.h"
#include "objects/s3_errors.h"
#include "objects/s3_upload.h"
#include "objects/s3_xml.h"

namespace aerie::objects {
namespace {

constexpr std::uint64_t kMaxObjectBytes = std::uint64_t{4} << 30;
constexpr char kConditionalProbe[] = "aerie~conditional";
constexpr char kCompliance[] = "COMPLIANCE";

std::optional<std::uint64_t> NumberIn(std::string_view text) {
  std::uint64_t value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || at != text.data() + text.size()) return std::nullopt;
  return value;
}

// "bytes 3-6/10"
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t total = 0;
};

std::optional<ContentRange> ParseContentRange(const std::string& text) {
  constexpr std::string_view kUnit = "bytes ";
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == std::string::npos || slash == std::string::npos ||
      slash < dash) {
    return std::nullopt;
  }
  const auto first = NumberIn(std::string_view(text).substr(kUnit.size(), dash - kUnit.size()));
  const auto last = NumberIn(std::string_view(text).substr(dash + 1, slash - dash - 1));
  const auto total = NumberIn(std::string_view(text).substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{*first, *last, *total};
}

// An answer that is no answer to what was asked: something between us and the store, most likely.
Status Strange(const std::string& operation, const std::string& what) {
  return MakeStatus(Kind::kTransient, operation + ": " + what);
}

// Whether what is retained in `mode` is kept as `wanted` would.
bool Covers(const std::string& mode, const std::string& wanted) {
  return mode == kCompliance || mode == wanted;
}

Status WithRetentionRights(const Status& status) {
  return WithMessage(status, std::string(status.message()) +
                                 "; retention needs s3:GetBucketObjectLockConfiguration on the "
                                 "bucket, s3:GetObjectRetention and s3:PutObjectRetention below "
                                 "the prefix");
}

}  // namespace

Result<std::shared_ptr<S3Store>> S3Store::Open(const std::string& location,
                                               const S3Options& options,
                                               const Environment& environment,
                                               const S3Limits& limits) {
  AERIE_ASSIGN(const S3Uri uri, ParseS3Uri(location));
  AERIE_ASSIGN(auto client, S3Client::Open(uri, options, environment));
  return std::shared_ptr<S3Store>(new S3Store(uri, std::move(client), limits));
}

S3Store::S3Store(S3Uri uri, std::unique_ptr<S3Client> client, const S3Limits& limits)
    : uri_(std::move(uri)), client_(std::move(client)), limits_(limits) {
  if (client_->settings().aws) conditional_ = Conditional::kHonoured;
}

Capabilities S3Store::capabilities() const {
  return {.server_side_copy = true, .put_if_absent_atomic = conditional_ == Conditional::kHonoured};
}

std::string S3Store::PathOf(const std::string& key) const {
  return uri_.prefix.empty() ? key : uri_.prefix + "/" + key;
}

std::string S3Store::Operation(const char* verb, const std::string& key) const {
  return std::string(verb) + " " + Describe() + "/" + key;
}

// ------------------------------------------------------------------------------------------ writes

Status S3Store::Put(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  return Write(context, key, bytes, Condition::kNone);
}

Status S3Store::PutIfAbsent(const Context& context, const ObjectKey& key, ByteSpan bytes) {
  AERIE_TRY(CheckKey(key));
  const std::string operation = Operation("create", key.text);
  const auto taken = [&] {
    return MakeStatus(Kind::kExists, operation + ": the object exists already");
  };
  AERIE_ASSIGN(const Conditional conditional, FindConditional(context));
  const bool in_parts = bytes.size() > limits_.single_put_bytes;
  // In parts the condition is only judged at the end, which would be late to find out.
  if (conditional == Conditional::kIgnored || in_parts) {
    const auto info = Stat(context, key);
    if (info.ok()) return taken();
    if (KindOf(info.status()) != Kind::kNotFound) return info.status();
  }
  const Status status =
      Write(context, key, bytes,
            conditional == Conditional::kIgnored ? Condition::kNone : Condition::kAbsent);
  return KindOf(status) == Kind::kExists ? taken() : status;
}

Status S3Store::Write(const Context& context, const ObjectKey& key, ByteSpan bytes,
                      Condition condition) {
  AERIE_TRY(CheckKey(key));
  S3NewObject object{
      .path = PathOf(key.text),
      .bytes = bytes,
      .if_absent = condition == Condition::kAbsent,
      .operation = Operation(condition == Condition::kAbsent ? "create" : "write", key.text)};
  if (bytes.size() > kMaxObjectBytes) {
    return MakeStatus(Kind::kTooLarge, object.operation + ": an object has at most 4 GiB");
  }
  const Status status = bytes.size() > limits_.single_put_bytes
                            ? UploadInParts(context, *client_, object, limits_.part_bytes)
                            : UploadWhole(context, *client_, object);
  if (status.ok()) bucket_seen_ = true;
  return status;
}

// ------------------------------------------------------------------------------- conditional
// writes

Result<S3Store::Conditional> S3Store::FindConditional(const Context& context) {
  if (conditional_ != Conditional::kUnknown) return conditional_.load();
  std::lock_guard lock(finding_);
  if (conditional_ != Conditional::kUnknown) return conditional_.load();
  // The first may make the object, or find that of an earlier run; the second must find one.
  AERIE_ASSIGN(bool refused, TryConditional(context));
  if (!refused && conditional_ == Conditional::kUnknown) {
    AERIE_ASSIGN(refused, TryConditional(context));
  }
  if (refused) {
    conditional_ = Conditional::kHonoured;
  } else {
    conditional_ = Conditional::kIgnored;
    log::Warn(
        "the store does not honour If-None-Match: two writers that create one object in the "
        "same moment do not notice each other",
        {{"store", Describe()}});
  }
  return conditional_.load();
}

// Whether an object was there and the store refused to write it again. A store that does not know
// the condition says so, and is taken for one that ignores it.
Result<bool> S3Store::TryConditional(const Context& context) {
  const Status status =
      UploadWhole(context, *client_,
                  {.path = PathOf(kConditionalProbe),
                   .if_absent = true,
                   .operation = "find out whether " + Describe() + " honours If-None-Match"});
  switch (KindOf(status)) {
    case Kind::kOk: return false;
    case Kind::kExists: return true;
    case Kind::kUnsupported:
    case Kind::kInvalid: conditional_ = Conditional::kIgnored; return false;
    // Whether it was made will be seen at the next try.
    case Kind::kUnknownOutcome: return MakeStatus(Kind::kTransient, std::string(status.message()));
    default: return status;
  }
}

// ------------------------------------------------------------------------------------------- reads

Result<Bytes> S3Store::Get(const Context& context, const ObjectKey& key, std::uint64_t offset,
                           std::uint64_t length) {
  AERIE_TRY(CheckKey(key));
  const bool wraps = length != kToEnd && length > kToEnd - offset;
  if (length == 0 || wraps) return GetNothing(context, key, offset, length);
  if (offset != 0 || length != kToEnd) return GetRange(context, key, offset, length);
  const std::string operation = Operation("read", key.text);
  AERIE_ASSIGN(HttpAnswer answer, client_->Send(context, {.method = "GET",
                                                          .key = PathOf(key.text),
                                                          .operation = operation,
                                                          .max_answer = kMaxObjectBytes}));
  // Without an announced length a connection that broke off would look like the end.
  if (NumberIn(answer.Header("content-length")) != answer.body.size()) {
    return Strange(operation, "the answer does not say how long it is");
  }
  bucket_seen_ = true;
  return std::move(answer.body);
}

Result<Bytes> S3Store::GetRange(const Context& context, const ObjectKey& key, std::uint64_t offset,
                                std::uint64_t length) {
  const std::string operation = Operation("read", key.text);
  std::string range = "bytes=" + std::to_string(offset) + "-";
  if (length != kToEnd) range += std::to_string(offset + length - 1);
  S3Call call{.method = "GET",
              .key = PathOf(key.text),
              .headers = {{"range", range}},
              .operation = operation,
              .accept = {416}};
  // An error needs room, too, however short the range.
  call.max_answer = std::max(call.max_answer, std::min(length, kMaxObjectBytes));
  AERIE_ASSIGN(HttpAnswer answer, client_->Send(context, call));
  // Beyond the end, or at it: what that means depends on the size.
  if (answer.status == 416) return GetNothing(context, key, offset, length);
  const auto got = ParseContentRange(answer.Header("content-range"));
  if (answer.status != 206 || !got || got->first != offset) {
    return Strange(operation, "the store did not answer with the range that was asked for");
  }
  bucket_seen_ = true;
  std::uint64_t wanted = length;
  AERIE_TRY(ResolveRange(Describe(), key, got->total, offset, wanted));
  if (answer.body.size() != wanted) {
    return Strange(operation, "the store answered with another number of bytes than it has");
  }
  return std::move(answer.body);
}

// A range that holds no byte, or none at all, which HTTP cannot ask for.
Result<Bytes> S3Store::GetNothing(const Context& context, const ObjectKey& key,
                                  std::uint64_t offset, std::uint64_t length) {
  AERIE_ASSIGN(const ObjectInfo info, Stat(context, key));
  AERIE_TRY(ResolveRange(Describe(), key, info.size, offset, length));
  if (length == 0) return Bytes();
  return Strange(Operation("read", key.text), "the object changed while it was read");
}

Result<ObjectInfo> S3Store::Stat(const Context& context, const ObjectKey& key) {
  AERIE_ASSIGN(const HttpAnswer answer, Head(context, key));
  const auto size = NumberIn(answer.Header("content-length"));
  const auto modified = ParseS3Time(answer.Header("last-modified"));
  if (!size || !modified) {
    return Strange(Operation("look up", key.text), "the answer has no size or no time");
  }
  return ObjectInfo{.key = key, .size = *size, .modified_ms = *modified};
}

// An answer of success.
Result<HttpAnswer> S3Store::Head(const Context& context, const ObjectKey& key) {
  AERIE_TRY(CheckKey(key));
  const std::string operation = Operation("look up", key.text);
  AERIE_ASSIGN(HttpAnswer answer, client_->Send(context, {.method = "HEAD",
                                                          .key = PathOf(key.text),
                                                          .operation = operation,
                                                          .accept = {301, 307, 400, 403, 404}}));
  // An answer to HEAD has no words; that of a read has. A bucket that was seen need not be asked
  // about each time that an object is not there.
  if (answer.status == 404 && bucket_seen_) {
    return NotFoundError(operation + ": there is no such object");
  }
  if (answer.status / 100 != 2) return ExplainStat(context, key);
  bucket_seen_ = true;
  return answer;
}

Status S3Store::ExplainStat(const Context& context, const ObjectKey& key) {
  const std::string operation = Operation("look up", key.text);
  const auto answer = client_->Send(context, {.method = "GET",
                                              .key = PathOf(key.text),
                                              .headers = {{"range", "bytes=0-0"}},
                                              .operation = operation,
                                              .accept = {416}});
  if (answer.ok()) return Strange(operation, "the object can be read but not looked up");
  if (KindOf(answer.status()) == Kind::kNotFound) bucket_seen_ = true;
  return answer.status();
}

Status S3Store::List(const Context& context, const std::string& prefix,
                     const std::function<Status(const ObjectInfo&)>& visit) {
  AERIE_TRY(CheckPrefix(prefix));
  const std::string operation = Operation("list", prefix);
  const std::size_t skip = PathOf("").size();
  std::string last;  // the path that was seen last
  S3Page page;
  do {
    const std::string token = page.next;
    AERIE_TRY(ListPage(context, prefix, page));
    if (!page.next.empty() && page.next == token) {
      return Strange(operation, "the listing goes on where it began");
    }
    for (S3Listed& found : page.objects) {
      if (!found.key.starts_with(PathOf(prefix))) {
        return Strange(operation, "the listing has an object from elsewhere");
      }
      if (found.key <= last) {
        return UnsupportedError(operation +
                                ": the store does not list in the order of keys; use a "
                                "general purpose bucket");
      }
      last = std::move(found.key);
      const ObjectKey key{last.substr(skip)};
      if (!CheckKey(key).ok()) continue;
      AERIE_TRY(visit({.key = key, .size = found.size, .modified_ms = found.modified_ms}));
    }
  } while (!page.next.empty());
  return Ok();
}

// Replaces the page by the one that it announces, or by the first when it is empty.
Status S3Store::ListPage(const Context& context, const std::string& prefix, S3Page& page) {
  const std::string operation = Operation("list", prefix);
  S3Call call{.method = "GET",
              .key = "",
              .query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", PathOf(prefix)}},
              .operation = operation};
  if (!page.next.empty()) call.query.emplace_back("continuation-token", page.next);
  AERIE_ASSIGN(const HttpAnswer answer, client_->Send(context, call));
  auto parsed = ParseS3Page(answer.body);
  if (!parsed.ok()) return Strange(operation, std::string(parsed.status().message()));
  bucket_seen_ = true;
  page = *std::move(parsed);
  return Ok();
}

// ------------------------------------------------------------------------------------- removal,
// copy

std::vector<RemoveResult> S3Store::Remove(const Context& context,
                                          const std::vector<ObjectKey>& keys) {
  std::vector<RemoveResult> results;
  results.reserve(keys.size());
  std::vector<std::size_t> batch;
  for (const ObjectKey& key : keys) {
    results.push_back({key, CheckKey(key)});
    if (results.back().status.ok()) batch.push_back(results.size() - 1);
    if (batch.size() < limits_.remove_keys) continue;
    RemoveBatch(context, batch, results);
    batch.clear();
  }
  if (batch.size() == 1) {
    results[batch[0]].status = RemoveOne(context, results[batch[0]].key);
  } else if (!batch.empty()) {
    RemoveBatch(context, batch, results);
  }
  return results;
}

Status S3Store::RemoveOne(const Context& context, const ObjectKey& key) {
  const Status status = client_
                            ->Send(context, {.method = "DELETE",
                                             .key = PathOf(key.text),
                                             .operation = Operation("remove", key.text)})
                            .status();
  // Most stores answer 204 in any case; a bucket that is not there is another kind.
  return KindOf(status) == Kind::kNotFound ? Ok() : status;
}

void S3Store::RemoveBatch(const Context& context, const std::vector<std::size_t>& at,
                          std::vector<RemoveResult>& results) {
  const std::string operation = "remove " + std::to_string(at.size()) + " objects of " + Describe();
  // A key that is named twice is asked for once.
  std::map<std::string, Status> answers;
  for (const std::size_t i : at) {
    answers.emplace(
        PathOf(results[i].key.text),
        UnknownOutcomeError(operation + ": the answer says nothing of " + results[i].key.text));
  }
  std::vector<std::string> paths;
  for (const auto& [path, status] : answers) paths.push_back(path);
  const auto removed = AskRemove(context, paths, operation);
  if (!removed.ok()) {
    for (const std::size_t i : at) results[i].status = removed.status();
    return;
  }
  for (const S3Removed& one : *removed) {
    const auto it = answers.find(one.key);
    if (it == answers.end()) continue;
    it->second = one.error ? S3FailureOf(operation, *one.error) : Ok();
    if (KindOf(it->second) == Kind::kNotFound) it->second = Ok();
  }
  for (const std::size_t i : at) {
    const Status& status = answers.at(PathOf(results[i].key.text));
    results[i].status =
        status.ok() ? status : Annotate(status, Operation("remove", results[i].key.text));
  }
}

Result<std::vector<S3Removed>> S3Store::AskRemove(const Context& context,
                                                  const std::vector<std::string>& paths,
                                                  const std::string& operation) {
  const std::string body = WriteS3Delete(paths);
  AERIE_ASSIGN(const HttpAnswer answer,
               client_->Send(context, {.method = "POST",
                                       .key = "",
                                       .query = {{"delete", ""}},
                                       // Demanded by S3 for this request, besides the signature.
                                       .headers = {{"content-md5", Base64(Md5(AsBytes(body)))}},
                                       .body = AsBytes(body),
                                       .operation = operation}));
  auto removed = ParseS3Removed(answer.body);
  if (!removed.ok()) {
    return UnknownOutcomeError(operation + ": " + std::string(removed.status().message()));
  }
  bucket_seen_ = true;
  return removed;
}

// --------------------------------------------------------------------------------------- retention

Status S3Store::CheckRetention(const Context& context) {
  const std::string operation = "look up the object lock of " + Describe();
  const auto answer = client_->Send(
      context,
      {.method = "GET", .key = "", .query = {{"object-lock", ""}}, .operation = operation});
  bool enabled = false;
  if (answer.ok()) {
    AERIE_ASSIGN(enabled, ParseS3ObjectLock(answer->body));
  } else if (KindOf(answer.status()) != Kind::kNotFound) {
    return KindOf(answer.status()) == Kind::kDenied ? WithRetentionRights(answer.status())
                                                    : answer.status();
  }
  if (enabled) return Ok();
  return RefusedError(
      operation + ": the bucket has none, so that nothing in it can be immutable; " +
      "use a bucket made with it (aws s3api create-bucket " +
      "--object-lock-enabled-for-bucket, mc mb --with-lock), or leave out " + "--immutable-for");
}

Result<S3Store::Retention> S3Store::ReadRetention(const Context& context, const ObjectKey& key) {
  AERIE_ASSIGN(const HttpAnswer answer, Head(context, key));
  Retention out{.mode = answer.Header("x-amz-object-lock-mode"), .until_ms = 0};
  if (out.mode.empty()) return out;
  const auto until = ParseS3Time(answer.Header("x-amz-object-lock-retain-until-date"));
  if (!until) {
    return Strange(Operation("look up the retention of", key.text), "the answer has no time");
  }
  out.until_ms = *until;
  return out;
}

Result<std::int64_t> S3Store::RetainedUntil(const Context& context, const ObjectKey& key) {
  AERIE_ASSIGN(const Retention retention, ReadRetention(context, key));
  return retention.until_ms;
}

// What is there is read first: not every server refuses to shorten it.
Status S3Store::Retain(const Context& context, const ObjectKey& key, std::int64_t until_ms) {
  AERIE_ASSIGN(Retention now, ReadRetention(context, key));
  if (now.until_ms <= ToUnixMillis(context.clock().Now())) now = {};
  Retention wanted{.mode = client_->settings().retention_mode,
                   .until_ms = std::max(until_ms, now.until_ms)};
  if (now.mode == kCompliance) wanted.mode = kCompliance;
  if (now.mode == wanted.mode && now.until_ms == wanted.until_ms) return Ok();
  const Status put = PutRetention(context, key, wanted);
  if (KindOf(put) != Kind::kDenied) return put;
  // Somebody beside may have extended it further since; what he was promised is not shortened.
  const auto since = ReadRetention(context, key);
  const bool kept = since.ok() && since->until_ms >= until_ms && Covers(since->mode, wanted.mode);
  return kept ? Ok() : put;
}

Status S3Store::PutRetention(const Context& context, const ObjectKey& key,
                             const Retention& retention) {
  const std::string body = WriteS3Retention(retention.mode, retention.until_ms);
  const Status status =
      client_
          ->Send(context, {.method = "PUT",
                           .key = PathOf(key.text),
                           .query = {{"retention", ""}},
                           // Demanded by S3 for this request, besides the signature.
                           .headers = {{"content-md5", Base64(Md5(AsBytes(body)))}},
                           .body = AsBytes(body),
                           .operation = Operation("retain", key.text)})
          .status();
  return KindOf(status) == Kind::kDenied ? WithRetentionRights(status) : status;
}

Status S3Store::Copy(const Context& context, const ObjectKey& from, const ObjectKey& to) {
  AERIE_TRY(CheckKey(from));
  AERIE_TRY(CheckKey(to));
  const std::string operation = Operation("copy", from.text) + " to " + to.text;
  S3Call call{.method = "PUT",
              .key = PathOf(to.text),
              .headers = NewObjectHeaders(client_->settings()),
              .operation = operation,
              .expects = "CopyObjectResult"};
  call.headers.emplace_back("x-amz-copy-source",
                            PercentEncodePath("/" + uri_.bucket + "/" + PathOf(from.text)));
  return client_->Send(context, call).status();
}

}  // namespace aerie::objects
