#include "base/status.h"

#include <array>
#include <string>

namespace aerie {
namespace {

constexpr char kKindUrl[] = "aerie/kind";

struct KindInfo {
  Kind kind;
  const char* name;
  absl::StatusCode code;
  int exit_code;
};

constexpr std::array kKinds = {
    KindInfo{Kind::kOk, "ok", absl::StatusCode::kOk, 0},
    KindInfo{Kind::kFailed, "failed", absl::StatusCode::kUnknown, 1},
    KindInfo{Kind::kInvalid, "invalid", absl::StatusCode::kInvalidArgument, 2},
    KindInfo{Kind::kPartial, "partial", absl::StatusCode::kUnknown, 3},
    KindInfo{Kind::kDifferent, "different", absl::StatusCode::kUnknown, 4},
    KindInfo{Kind::kLocked, "locked", absl::StatusCode::kAborted, 5},
    KindInfo{Kind::kWrongKey, "wrong_key", absl::StatusCode::kUnauthenticated, 6},
    KindInfo{Kind::kNotFound, "not_found", absl::StatusCode::kNotFound, 7},
    KindInfo{Kind::kRefused, "refused", absl::StatusCode::kFailedPrecondition, 8},
    KindInfo{Kind::kCancelled, "cancelled", absl::StatusCode::kCancelled, 130},
    KindInfo{Kind::kCorrupt, "corrupt", absl::StatusCode::kDataLoss, 1},
    KindInfo{Kind::kTransient, "transient", absl::StatusCode::kUnavailable, 1},
    KindInfo{Kind::kThrottled, "throttled", absl::StatusCode::kUnavailable, 1},
    KindInfo{Kind::kTimeout, "timeout", absl::StatusCode::kDeadlineExceeded, 1},
    KindInfo{Kind::kUnknownOutcome, "unknown_outcome", absl::StatusCode::kUnknown, 1},
    KindInfo{Kind::kUnsupported, "unsupported", absl::StatusCode::kUnimplemented, 1},
    KindInfo{Kind::kExists, "exists", absl::StatusCode::kAlreadyExists, 1},
    KindInfo{Kind::kTooLarge, "too_large", absl::StatusCode::kOutOfRange, 1},
    KindInfo{Kind::kNoSpace, "no_space", absl::StatusCode::kResourceExhausted, 1},
    KindInfo{Kind::kDenied, "denied", absl::StatusCode::kPermissionDenied, 1},
    KindInfo{Kind::kInternal, "internal", absl::StatusCode::kInternal, 1},
};

const KindInfo& Info(Kind kind) {
  for (const auto& info : kKinds) {
    if (info.kind == kind) return info;
  }
  return kKinds[1];
}

}  // namespace

int ExitCode(Kind kind) { return Info(kind).exit_code; }

const char* KindName(Kind kind) { return Info(kind).name; }

Status MakeStatus(Kind kind, std::string message) {
  const KindInfo& info = Info(kind);
  if (kind == Kind::kOk) return Ok();
  Status status(info.code, message);
  status.SetPayload(kKindUrl, absl::Cord(info.name));
  return status;
}

Kind KindOf(const Status& status) {
  if (status.ok()) return Kind::kOk;
  if (auto payload = status.GetPayload(kKindUrl)) {
    const std::string name(*payload);
    for (const auto& info : kKinds) {
      if (name == info.name) return info.kind;
    }
  }
  for (const auto& info : kKinds) {
    if (info.code == status.code()) return info.kind;
  }
  return Kind::kFailed;
}

bool IsRetryable(const Status& status) {
  const Kind kind = KindOf(status);
  return kind == Kind::kTransient || kind == Kind::kThrottled;
}

Status Annotate(const Status& status, const std::string& context) {
  return WithMessage(status, context + ": " + std::string(status.message()));
}

Status WithMessage(const Status& status, const std::string& message) {
  if (status.ok()) return status;
  Status changed = MakeStatus(KindOf(status), message);
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { changed.SetPayload(url, payload); });
  return changed;
}

}  // namespace aerie
