#include "milvus/errors.h"

#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "aerie_milvus_common.pb.h"

namespace aerie::milvus {
namespace {

using grpc::StatusCode;

CallNames Names(CallKind kind) { return {kind, "query", "default.docs", "http://10.0.0.1:19530"}; }

struct AnswerRow {
  const char* about;
  WireStatus answer;
  Kind read;
  Kind write;
  int code;
};

TEST(MilvusErrors, AnswersOfEveryVersionBecomeKinds) {
  const AnswerRow rows[] = {
      {"2.2 not found", {4, 0, false, "can't find", ""}, Kind::kNotFound, Kind::kNotFound, 100},
      {"2.2 not found in words only",
       {1, 0, false, "DescribeCollection failed: can't find collection: docs", ""},
       Kind::kNotFound,
       Kind::kNotFound,
       100},
      {"2.2 not loaded",
       {1, 0, false, "collection 1 has not been loaded", ""},
       Kind::kFailed,
       Kind::kFailed,
       101},
      {"2.2 rate limit", {49, 0, false, "limit", ""}, Kind::kThrottled, Kind::kThrottled, 8},
      {"2.2 disk quota", {54, 0, false, "quota", ""}, Kind::kNoSpace, Kind::kNoSpace, 7},
      {"2.2 permission", {3, 0, false, "no", ""}, Kind::kDenied, Kind::kDenied, 1401},
      {"2.2 coordinator not ready",
       {57, 0, false, "activating", ""},
       Kind::kTransient,
       Kind::kTransient,
       1},
      {"2.3 not found, as Describe says it",
       {1, 100, false, "collection not found", ""},
       Kind::kNotFound,
       Kind::kNotFound,
       100},
      {"2.3 not ready",
       {1, 1, true, "service not ready", ""},
       Kind::kTransient,
       Kind::kTransient,
       1},
      {"2.3 unavailable",
       {1, 2, true, "service unavailable", ""},
       Kind::kTransient,
       Kind::kUnknownOutcome,
       2},
      {"2.3 memory", {1, 3, false, "memory limit", ""}, Kind::kNoSpace, Kind::kNoSpace, 3},
      {"2.3 internal",
       {1, 5, false, "service internal error", ""},
       Kind::kFailed,
       Kind::kUnknownOutcome,
       5},
      {"2.3 disk", {1, 7, false, "disk limit", ""}, Kind::kNoSpace, Kind::kNoSpace, 7},
      {"2.3 rate limit", {49, 8, true, "rate limit", ""}, Kind::kThrottled, Kind::kThrottled, 8},
      {"2.3 quota", {1, 9, false, "quota exceeded", ""}, Kind::kNoSpace, Kind::kNoSpace, 9},
      {"2.3 time tick",
       {1, 11, false, "time tick long delay", ""},
       Kind::kThrottled,
       Kind::kThrottled,
       11},
      {"2.3 not loaded",
       {1, 101, false, "collection not loaded", ""},
       Kind::kFailed,
       Kind::kFailed,
       101},
      {"2.3 not loaded, number lost",
       {1, 65535, false, "x: collection not loaded[collection=1]", ""},
       Kind::kFailed,
       Kind::kFailed,
       101},
      {"2.3 loading",
       {1, 103, true, "not fully loaded", ""},
       Kind::kTransient,
       Kind::kTransient,
       103},
      {"2.3 no partition",
       {1, 200, false, "partition not found", ""},
       Kind::kNotFound,
       Kind::kNotFound,
       200},
      {"2.3 channel",
       {1, 500, false, "channel not found", ""},
       Kind::kFailed,
       Kind::kUnknownOutcome,
       500},
      {"2.3 no index",
       {1, 700, false, "index not found", ""},
       Kind::kNotFound,
       Kind::kNotFound,
       700},
      {"2.3 no database",
       {1, 800, false, "database not found", ""},
       Kind::kNotFound,
       Kind::kNotFound,
       800},
      {"2.3 parameter",
       {1, 1100, false, "invalid parameter", ""},
       Kind::kFailed,
       Kind::kFailed,
       1100},
      {"2.3 odd name",
       {1, 1100, false, "Invalid collection name: a b. ...", ""},
       Kind::kInvalid,
       Kind::kInvalid,
       1100},
      {"2.3 too large",
       {1, 1102, false, "parameter too large", ""},
       Kind::kTooLarge,
       Kind::kTooLarge,
       1102},
      {"2.3 not permitted", {1, 1401, false, "denied", ""}, Kind::kDenied, Kind::kDenied, 1401},
      {"2.3 alias taken", {1, 1602, false, "alias exists", ""}, Kind::kExists, Kind::kExists, 1602},
      {"2.3 deadline inside",
       {1, 65535, false, "context deadline exceeded", ""},
       Kind::kTransient,
       Kind::kUnknownOutcome,
       65535},
      {"2.3 refused an expression",
       {1, 65535, false, "cannot parse expression", ""},
       Kind::kInvalid,
       Kind::kInvalid,
       65535},
      {"2.3 refused for whatever reason",
       {1, 65535, false, "something went wrong", ""},
       Kind::kFailed,
       Kind::kFailed,
       65535},
      {"2.3 overtaken by an insert while it read",
       {1, 65535, false,
        "failed to Query, QueryNode ID = 1, reason=worker(1) query failed: Assert "
        "\"std::max(data_barrier, indexing_barrier) == num_chunk\" at ExecExprVisitor.cpp:325 => "
        "max(data_barrier, index_barrier) not equal to num_chunk: service internal error",
        ""},
       Kind::kTransient,
       Kind::kUnknownOutcome,
       65535},
      {"2.4 answer too large",
       {1, 65535, false, "query results exceed the maxOutputSize Limit", ""},
       Kind::kTooLarge,
       Kind::kTooLarge,
       65535},
      {"2.6 requery",
       {1, 2200, true, "requery", ""},
       Kind::kTransient,
       Kind::kUnknownOutcome,
       2200},
  };
  for (const AnswerRow& row : rows) {
    SCOPED_TRACE(row.about);
    const Status read = FromMilvusStatus(Names(CallKind::kRead), row.answer);
    const Status write = FromMilvusStatus(Names(CallKind::kWrite), row.answer);
    EXPECT_STREQ(KindName(KindOf(read)), KindName(row.read)) << read;
    EXPECT_STREQ(KindName(KindOf(write)), KindName(row.write)) << write;
    EXPECT_EQ(MilvusCode(read), row.code);
    EXPECT_NE(std::string(read.message()).find("query default.docs"), std::string::npos) << read;
    EXPECT_NE(std::string(read.message()).find("; "), std::string::npos) << "no remedy: " << read;
  }
}

TEST(MilvusErrors, OkNeedsBothNumbersToBeZero) {
  EXPECT_TRUE(FromMilvusStatus(Names(CallKind::kRead), {}).ok());
  EXPECT_TRUE(FromMilvusStatus(Names(CallKind::kRead), {0, 0, true, "ignored", ""}).ok());
  EXPECT_FALSE(FromMilvusStatus(Names(CallKind::kRead), {0, 100, false, "", ""}).ok());
  EXPECT_FALSE(FromMilvusStatus(Names(CallKind::kRead), {1, 0, false, "", ""}).ok());
}

struct GrpcRow {
  StatusCode code;
  const char* text;
  Kind read;
  Kind write;
};

TEST(MilvusErrors, WhatGrpcSaysBecomesKinds) {
  const GrpcRow rows[] = {
      {StatusCode::UNAVAILABLE, "Socket closed", Kind::kTransient, Kind::kUnknownOutcome},
      {StatusCode::UNAVAILABLE, "recvmsg:Connection reset by peer", Kind::kTransient,
       Kind::kUnknownOutcome},
      {StatusCode::UNAVAILABLE,
       "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to "
       "connect to remote host: Connection refused",
       Kind::kTransient, Kind::kTransient},
      {StatusCode::UNAVAILABLE,
       "DNS resolution failed for x:19530: C-ares status is not "
       "ARES_SUCCESS",
       Kind::kTransient, Kind::kTransient},
      {StatusCode::UNAVAILABLE,
       "failed to connect to all addresses; last error: UNKNOWN: "
       "ipv4:127.0.0.1:1: Ssl handshake failed: SSL_ERROR_SSL",
       Kind::kDenied, Kind::kDenied},
      {StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded", Kind::kTimeout, Kind::kUnknownOutcome},
      {StatusCode::CANCELLED, "CANCELLED", Kind::kTransient, Kind::kUnknownOutcome},
      {StatusCode::UNAUTHENTICATED, "auth check failure", Kind::kDenied, Kind::kDenied},
      {StatusCode::PERMISSION_DENIED, "PrivilegeQuery: permission deny to u", Kind::kDenied,
       Kind::kDenied},
      {StatusCode::UNIMPLEMENTED, "unknown method", Kind::kUnsupported, Kind::kUnsupported},
      {StatusCode::RESOURCE_EXHAUSTED, "grpc: trying to send message larger than max (7 vs. 6)",
       Kind::kTooLarge, Kind::kTooLarge},
      {StatusCode::RESOURCE_EXHAUSTED, "Received message larger than max (7 vs. 6)",
       Kind::kTooLarge, Kind::kTooLarge},
      {StatusCode::RESOURCE_EXHAUSTED, "slow down", Kind::kThrottled, Kind::kThrottled},
      {StatusCode::INTERNAL, "stream terminated", Kind::kFailed, Kind::kUnknownOutcome},
  };
  for (const GrpcRow& row : rows) {
    SCOPED_TRACE(row.text);
    const grpc::Status status(row.code, row.text);
    const Status read = FromGrpcStatus(Names(CallKind::kRead), status);
    const Status write = FromGrpcStatus(Names(CallKind::kWrite), status);
    EXPECT_STREQ(KindName(KindOf(read)), KindName(row.read)) << read;
    EXPECT_STREQ(KindName(KindOf(write)), KindName(row.write)) << write;
    EXPECT_EQ(MilvusCode(read), std::nullopt);
  }
  EXPECT_TRUE(FromGrpcStatus(Names(CallKind::kRead), grpc::Status::OK).ok());
}

TEST(MilvusErrors, MessagesNameOperationObjectAndRemedyInOneLine) {
  const Status lost = FromGrpcStatus(Names(CallKind::kWrite),
                                     grpc::Status(StatusCode::UNAVAILABLE, "Socket\nclosed"));
  EXPECT_EQ(lost.message(),
            "query default.docs on http://10.0.0.1:19530: the connection was lost (Socket "
            "closed); whether it was done is not known: compare before repeating");
  const Status refused = FromGrpcStatus(
      Names(CallKind::kRead),
      grpc::Status(StatusCode::UNAVAILABLE,
                   "failed to connect to all addresses; last error: Connection refused"));
  EXPECT_EQ(refused.message(),
            "connect to http://10.0.0.1:19530: connection refused; check the address and that "
            "the server is running");
}

TEST(MilvusErrors, TheServersCodeSurvivesAnnotation) {
  const Status status =
      FromMilvusStatus(Names(CallKind::kRead), {1, 101, false, "collection not loaded", ""});
  EXPECT_TRUE(IsNotLoaded(status));
  EXPECT_TRUE(IsNotLoaded(Annotate(status, "backup")));
  EXPECT_FALSE(IsNotLoaded(FailedError("other")));
  EXPECT_TRUE(HasCode(status, code::kCollectionNotLoaded));
}

TEST(MilvusErrors, ProtoStatusIsReadWhole) {
  ::milvus::proto::common::Status proto;
  proto.set_error_code(::milvus::proto::common::RateLimit);
  proto.set_code(8);
  proto.set_retriable(true);
  proto.set_reason("r");
  proto.set_detail("d");
  const WireStatus wire = ToWireStatus(proto);
  EXPECT_EQ(wire.error_code, 49);
  EXPECT_EQ(wire.code, 8);
  EXPECT_TRUE(wire.retriable);
  EXPECT_EQ(wire.reason, "r");
  EXPECT_EQ(wire.detail, "d");
}

}  // namespace
}  // namespace aerie::milvus
