#include "base/status.h"

#include <memory>
#include <set>

#include <gtest/gtest.h>

namespace aerie {
namespace {

struct Row {
  Kind kind;
  const char* name;
  int exit_code;
};

// The contract of exit codes and JSON error kinds: a change here breaks users.
constexpr Row kContract[] = {
    {Kind::kOk, "ok", 0},
    {Kind::kFailed, "failed", 1},
    {Kind::kInvalid, "invalid", 2},
    {Kind::kPartial, "partial", 3},
    {Kind::kDifferent, "different", 4},
    {Kind::kLocked, "locked", 5},
    {Kind::kWrongKey, "wrong_key", 6},
    {Kind::kNotFound, "not_found", 7},
    {Kind::kRefused, "refused", 8},
    {Kind::kCancelled, "cancelled", 130},
    {Kind::kCorrupt, "corrupt", 1},
    {Kind::kTransient, "transient", 1},
    {Kind::kThrottled, "throttled", 1},
    {Kind::kTimeout, "timeout", 1},
    {Kind::kUnknownOutcome, "unknown_outcome", 1},
    {Kind::kUnsupported, "unsupported", 1},
    {Kind::kExists, "exists", 1},
    {Kind::kTooLarge, "too_large", 1},
    {Kind::kNoSpace, "no_space", 1},
    {Kind::kDenied, "denied", 1},
    {Kind::kInternal, "internal", 1},
};

TEST(Status, EveryKindKeepsItsNameAndExitCode) {
  std::set<std::string> names;
  for (const auto& row : kContract) {
    EXPECT_STREQ(KindName(row.kind), row.name);
    EXPECT_EQ(ExitCode(row.kind), row.exit_code) << row.name;
    EXPECT_TRUE(names.insert(row.name).second);
    const Status status = MakeStatus(row.kind, "why");
    EXPECT_EQ(KindOf(status), row.kind);
    EXPECT_EQ(status.ok(), row.kind == Kind::kOk);
    if (!status.ok()) {
      EXPECT_EQ(status.message(), "why");
    }
  }
}

TEST(Status, OnlyTransientAndThrottledAreRetryable) {
  for (const auto& row : kContract) {
    EXPECT_EQ(IsRetryable(MakeStatus(row.kind, "x")),
              row.kind == Kind::kTransient || row.kind == Kind::kThrottled)
        << row.name;
  }
}

TEST(Status, ForeignStatusesGetTheNearestKind) {
  EXPECT_EQ(KindOf(absl::NotFoundError("x")), Kind::kNotFound);
  EXPECT_EQ(KindOf(absl::PermissionDeniedError("x")), Kind::kDenied);
  EXPECT_EQ(KindOf(absl::UnavailableError("x")), Kind::kTransient);
  EXPECT_EQ(KindOf(absl::DeadlineExceededError("x")), Kind::kTimeout);
  EXPECT_EQ(KindOf(absl::DataLossError("x")), Kind::kCorrupt);
  EXPECT_EQ(KindOf(absl::UnknownError("x")), Kind::kFailed);
}

TEST(Status, AnnotateKeepsKindAndPayloads) {
  EXPECT_TRUE(Annotate(Ok(), "context").ok());
  Status status = MakeStatus(Kind::kWrongKey, "no key fits");
  status.SetPayload("test/detail", absl::Cord("7"));
  const Status annotated = Annotate(status, "open /backups");
  EXPECT_EQ(KindOf(annotated), Kind::kWrongKey);
  EXPECT_EQ(annotated.message(), "open /backups: no key fits");
  ASSERT_TRUE(annotated.GetPayload("test/detail").has_value());
  EXPECT_EQ(std::string(*annotated.GetPayload("test/detail")), "7");
}

Result<int> Half(int n) {
  if (n % 2 != 0) return InvalidError("odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  AERIE_ASSIGN(const int half, Half(n));
  AERIE_ASSIGN(int quarter, Half(half));
  return quarter;
}

Status CheckQuarter(int n) {
  AERIE_TRY(Quarter(n).status());
  return Ok();
}

TEST(Status, MacrosPassValuesAndErrorsOn) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(KindOf(Quarter(6).status()), Kind::kInvalid);
  EXPECT_TRUE(CheckQuarter(4).ok());
  EXPECT_EQ(CheckQuarter(5).message(), "odd");
  const auto take = []() -> Status {
    AERIE_ASSIGN(auto owned, Result<std::unique_ptr<int>>(std::make_unique<int>(1)));
    return *owned == 1 ? Ok() : InternalError("moved wrongly");
  };
  EXPECT_TRUE(take().ok());
}

}  // namespace
}  // namespace aerie
