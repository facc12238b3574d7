// SEAM. What every fallible call of Aerie returns.
//
// Status and Result<T> are absl's, under our own names, so that a room never depends on absl
// directly. The absl code says what went wrong in the large; a Kind payload refines it where an
// exit code or a reaction depends on it. Edges (gRPC, Milvus codes, HTTP, errno, SQLite) translate
// once into these constructors; nobody above an edge looks at foreign codes.
//
// A message names the operation, the object and the remedy, in one line, without a final stop:
//   "open repository /backups: the passphrase does not unlock any key; set AERIE_PASSWORD or ..."
//
// Values are immutable and may be shared between threads.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace aerie {

using Status = absl::Status;
template <class T>
using Result = absl::StatusOr<T>;

inline Status Ok() { return absl::OkStatus(); }

// What a caller can do about an error. Stable: exit codes and JSON "error.kind" derive from it.
enum class Kind {
  kOk,
  kFailed,          // exit 1: anything not listed below
  kInvalid,         // exit 2: the user's words are wrong
  kPartial,         // exit 3: some items done, some not; details are in the result
  kDifferent,       // exit 4: compared and found different
  kLocked,          // exit 5: somebody else holds the lock
  kWrongKey,        // exit 6: passphrase or key does not fit
  kNotFound,        // exit 7: the named thing is not there
  kRefused,         // exit 8: refused for safety; nothing was changed
  kCancelled,       // exit 130: interrupted by the user
  kCorrupt,         // exit 1: bytes are not what was written
  kTransient,       // exit 1: may succeed when repeated (retryable)
  kThrottled,       // exit 1: retryable, but only after a pause: the peer asked for less load
  kTimeout,         // exit 1: deadline passed; a read, so nothing is in doubt
  kUnknownOutcome,  // exit 1: a write whose effect is not known; reconcile before repeating
  kUnsupported,     // exit 1: the peer cannot do this
  kExists,          // exit 1: something of that name is already there
  kTooLarge,        // exit 1: an answer or request over a limit; halve and repeat
  kNoSpace,         // exit 1: the disk, bucket or quota is full
  kDenied,          // exit 1: authentication or permission
  kInternal,        // exit 1: broken invariant of ours
};

// The process exit code of an error kind: 0, 1, 2, 3, 4, 5, 6, 7, 8 or 130.
int ExitCode(Kind kind);
// Stable lower-case word for JSON and logs, such as "not_found".
const char* KindName(Kind kind);

Status MakeStatus(Kind kind, std::string message);
// The kind a status was made with; for absl statuses from elsewhere the nearest one.
Kind KindOf(const Status& status);

inline Status FailedError(std::string m) { return MakeStatus(Kind::kFailed, std::move(m)); }
inline Status InvalidError(std::string m) { return MakeStatus(Kind::kInvalid, std::move(m)); }
inline Status NotFoundError(std::string m) { return MakeStatus(Kind::kNotFound, std::move(m)); }
inline Status RefusedError(std::string m) { return MakeStatus(Kind::kRefused, std::move(m)); }
inline Status CorruptError(std::string m) { return MakeStatus(Kind::kCorrupt, std::move(m)); }
inline Status UnsupportedError(std::string m) {
  return MakeStatus(Kind::kUnsupported, std::move(m));
}
inline Status InternalError(std::string m) { return MakeStatus(Kind::kInternal, std::move(m)); }
inline Status UnknownOutcomeError(std::string m) {
  return MakeStatus(Kind::kUnknownOutcome, std::move(m));
}

// True for kTransient and kThrottled only. An unknown outcome is never retryable by itself.
bool IsRetryable(const Status& status);

// The same kind and payloads with another message. Ok stays ok.
Status WithMessage(const Status& status, const std::string& message);
// The same kind and payloads, with "context: " before the message. Ok stays ok.
Status Annotate(const Status& status, const std::string& context);

}  // namespace aerie

#define AERIE_CONCAT_INNER_(a, b) a##b
#define AERIE_CONCAT_(a, b) AERIE_CONCAT_INNER_(a, b)

// AERIE_TRY(expr): returns the status of a Status expression if it is not ok.
#define AERIE_TRY(...)                                     \
  do {                                                     \
    ::aerie::Status aerie_try_status_ = (__VA_ARGS__);     \
    if (!aerie_try_status_.ok()) return aerie_try_status_; \
  } while (false)

// AERIE_ASSIGN(auto x, expr): unwraps a Result or returns its status.
#define AERIE_ASSIGN(lhs, ...) \
  AERIE_ASSIGN_IMPL_(AERIE_CONCAT_(aerie_result_, __LINE__), lhs, __VA_ARGS__)
#define AERIE_ASSIGN_IMPL_(tmp, lhs, ...)        \
  auto tmp = (__VA_ARGS__);                      \
  if (!tmp.ok()) return std::move(tmp).status(); \
  lhs = *std::move(tmp)
