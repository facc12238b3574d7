#include "milvus/errors.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include <grpcpp/support/status.h>

namespace aerie::milvus {
namespace {

constexpr char kCodeUrl[] = "aerie/milvus-code";

struct LegacyCode {
  int error_code;
  int code;
};
// error_code of 2.2 (common.ErrorCode) to the code of later versions. What is not listed is
// unclassified.
constexpr std::array kLegacy = {
    LegacyCode{3, 1401}, LegacyCode{4, 100},  LegacyCode{5, 1100},  LegacyCode{7, 1100},
    LegacyCode{8, 1100}, LegacyCode{9, 1100}, LegacyCode{10, 1100}, LegacyCode{11, 1100},
    LegacyCode{24, 3},   LegacyCode{25, 700}, LegacyCode{28, 100},  LegacyCode{45, 2},
    LegacyCode{46, 103}, LegacyCode{48, 9},   LegacyCode{49, 8},    LegacyCode{52, 3},
    LegacyCode{53, 3},   LegacyCode{54, 7},   LegacyCode{55, 11},   LegacyCode{56, 1},
    LegacyCode{57, 1},   LegacyCode{100, 1},
};

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool ContainsAny(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return Contains(text, part); });
}

// Words of servers that have no fitting number for it: 2.2 always, later ones now and then.
int CodeFromText(std::string_view reason) {
  if (ContainsAny(reason, {"collection not loaded", "has not been loaded", "not loaded into memory",
                           "collection not fully loaded"})) {
    return code::kCollectionNotLoaded;
  }
  if (ContainsAny(reason,
                  {"can't find collection", "collection not found", "CollectionNotExists"})) {
    return code::kCollectionNotFound;
  }
  if (Contains(reason, "partition not found")) return code::kPartitionNotFound;
  if (ContainsAny(reason, {"index not exist", "index not found", "there is no vector index"})) {
    return code::kIndexNotFound;
  }
  if (Contains(reason, "database not found")) return code::kDatabaseNotFound;
  return code::kUnclassified;
}

int ModernCode(const WireStatus& answer) {
  int found = answer.code;
  if (found == 0) {
    const auto* row = std::find_if(kLegacy.begin(), kLegacy.end(), [&](const LegacyCode& r) {
      return r.error_code == answer.error_code;
    });
    found = row == kLegacy.end() ? code::kUnclassified : row->code;
  }
  return found == code::kUnclassified ? CodeFromText(answer.reason) : found;
}

struct Meaning {
  Kind read;
  Kind write;
  const char* remedy;
};

// Answers of a server that was interrupted in the middle: a write may have been done in part.
constexpr Meaning kMiddle = {Kind::kTransient, Kind::kUnknownOutcome,
                             "repeat when the server has recovered"};

bool LooksTooLarge(std::string_view reason) {
  return ContainsAny(
      reason, {"message larger than max", "larger than max", "maxOutputSize", "exceeds the maximum",
               "maximum output size", "trying to send message"});
}

// 2.3 counted a segment's chunks while an insert made another one (seen on 2.3.5, with a remainder
// in the expression): the next reading is fine.
bool LooksOvertaken(std::string_view reason) {
  return Contains(reason, "data_barrier") && Contains(reason, "num_chunk");
}

bool LooksMisnamed(std::string_view reason) {
  return ContainsAny(reason,
                     {"nvalid collection name", "nvalid database name", "nvalid partition name",
                      "nvalid alias name", "nvalid index name", "nvalid collection alias"});
}

Meaning MeaningOf(int number, const WireStatus& answer) {
  if (LooksMisnamed(answer.reason)) {
    return {Kind::kInvalid, Kind::kInvalid, "use letters, digits and underscores"};
  }
  switch (number) {
    case code::kNotReady:
      return {Kind::kTransient, Kind::kTransient, "wait until the server is ready"};
    case code::kUnavailable: return kMiddle;
    case code::kRequestLimit:
    case code::kRateLimit:
      return {Kind::kThrottled, Kind::kThrottled,
              "raise the server's rate limits or ask for less at once"};
    case code::kTimeTickDelay:
      return {Kind::kThrottled, Kind::kThrottled, "wait until the server has caught up"};
    case code::kMemoryLimit:
      return {Kind::kNoSpace, Kind::kNoSpace, "free memory on the server or release collections"};
    case code::kDiskLimit:
    case code::kQuotaExceeded:
      return {Kind::kNoSpace, Kind::kNoSpace, "raise the server's quota or delete data"};
    case 10: return {Kind::kUnsupported, Kind::kUnsupported, "the server's version cannot do this"};
    case code::kCollectionNotFound:
      return {Kind::kNotFound, Kind::kNotFound, "check the name and the database"};
    case code::kPartitionNotFound:
      return {Kind::kNotFound, Kind::kNotFound, "check the partition's name"};
    case code::kDatabaseNotFound:
      return {Kind::kNotFound, Kind::kNotFound, "check the database's name"};
    case code::kAliasNotFound:
    case 1603: return {Kind::kNotFound, Kind::kNotFound, "check the alias"};
    case code::kIndexNotFound:
      return {Kind::kNotFound, Kind::kNotFound, "create an index on the vector field first"};
    case code::kCollectionNotLoaded:
    case code::kPartitionNotLoaded: return {Kind::kFailed, Kind::kFailed, "load it first"};
    case 102:
    case code::kCollectionNotFullyLoaded:
    case 106:
    case code::kPartitionNotFullyLoaded:
      return {Kind::kTransient, Kind::kTransient, "wait until it is loaded"};
    case code::kAliasNameConflict:
    case code::kAliasExists:
      return {Kind::kExists, Kind::kExists, "choose another alias or move the one that is there"};
    case 801: return {Kind::kNoSpace, Kind::kNoSpace, "drop a database or raise the limit"};
    case 1400:
    case 1401:
      return {Kind::kDenied, Kind::kDenied, "check user, password and the role's privileges"};
    case code::kInvalidParameter:
    case 1101:
    case 802: return {Kind::kFailed, Kind::kFailed, "the server refuses the request as it is"};
    case 1102: return {Kind::kTooLarge, Kind::kTooLarge, "send less at once"};
    default: break;
  }
  if (ContainsAny(answer.reason, {"cannot parse expression"})) {
    return {Kind::kInvalid, Kind::kInvalid, "check the expression"};
  }
  if (LooksTooLarge(answer.reason)) {
    return {Kind::kTooLarge, Kind::kTooLarge, "ask for less at once"};
  }
  const bool interrupted = LooksOvertaken(answer.reason) ||
                           ContainsAny(answer.reason, {"context deadline exceeded",
                                                       "context canceled", "Unavailable", "EOF"});
  const bool middle =
      number == 5 || (number >= 400 && number < 700) || (number >= 900 && number < 1100);
  if (interrupted || answer.retriable) return kMiddle;
  if (middle) {
    return {Kind::kFailed, Kind::kUnknownOutcome, "look into the server's log"};
  }
  return {Kind::kFailed, Kind::kFailed, "look into the server's log if this is unexpected"};
}

// One line, without the stack traces that 2.3 appends and without trailing stops.
std::string OneLine(std::string_view reason) {
  std::string out;
  for (const char c : reason) {
    const bool blank = static_cast<unsigned char>(c) <= ' ';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out.push_back(blank ? ' ' : c);
    if (out.size() >= 600) break;
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  return out;
}

std::string Head(const CallNames& call) {
  std::string head = call.operation;
  if (!call.object.empty()) head += " " + call.object;
  if (!call.cluster.empty() && call.cluster != call.object) head += " on " + call.cluster;
  return head;
}

Status Make(const CallNames& call, Kind kind, std::string_view reason, std::string_view remedy) {
  std::string message = Head(call) + ": " + OneLine(reason);
  if (kind == Kind::kUnknownOutcome) {
    message += "; whether it was done is not known: compare before repeating";
  } else if (!remedy.empty()) {
    message += "; " + std::string(remedy);
  }
  return MakeStatus(kind, std::move(message));
}

// gRPC's own words when no connection came about, so that nothing can have been sent.
bool NeverConnected(std::string_view text) {
  return ContainsAny(
      text, {"failed to connect to all addresses", "DNS resolution failed",
             "Failed to connect to remote host", "Failed to pick subchannel", "failed to pick",
             "empty address list", "name resolver", "Ssl handshake failed", "SSL_ERROR_SSL",
             "Handshake read failed", "handshaker shutdown", "Peer name", "Cannot check peer"});
}

Status NotConnected(const CallNames& call, std::string_view text) {
  const CallNames connect{call.kind, "connect to", call.cluster, ""};
  if (ContainsAny(text, {"DNS resolution failed", "name resolver", "Domain name not found"})) {
    return Make(connect, Kind::kTransient, "no such host", "check the name in the address");
  }
  if (Contains(text, "Connection refused")) {
    return Make(connect, Kind::kTransient, "connection refused",
                "check the address and that the server is running");
  }
  if (ContainsAny(text, {"handshake failed", "SSL_ERROR", "Handshake read failed", "Peer name",
                         "Cannot check peer", "CERTIFICATE"})) {
    return Make(connect, Kind::kDenied, "the TLS handshake failed (" + OneLine(text) + ")",
                "check the certificates, the server's name, and that the server speaks TLS");
  }
  const bool tls = call.cluster.starts_with("https");
  return Make(connect, Kind::kTransient, OneLine(text),
              tls ? "check the address, that the server speaks TLS, and whether it wants a client "
                    "certificate"
                  : "check the address, and whether the server wants TLS");
}

}  // namespace

Status FromMilvusStatus(const CallNames& call, const WireStatus& answer) {
  if (answer.ok()) return Ok();
  const int number = ModernCode(answer);
  const Meaning meaning = MeaningOf(number, answer);
  std::string reason = answer.reason.empty() ? answer.detail : answer.reason;
  if (reason.empty()) reason = "the server gave no reason";
  reason = OneLine(reason) + " (code " + std::to_string(number) + ")";
  Status status = Make(call, call.kind == CallKind::kRead ? meaning.read : meaning.write, reason,
                       meaning.remedy);
  status.SetPayload(kCodeUrl, absl::Cord(std::to_string(number)));
  return status;
}

Status FromGrpcStatus(const CallNames& call, const grpc::Status& status) {
  if (status.ok()) return Ok();
  const bool write = call.kind == CallKind::kWrite;
  const std::string text = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      if (NeverConnected(text)) return NotConnected(call, text);
      return Make(call, write ? Kind::kUnknownOutcome : Kind::kTransient,
                  "the connection was lost (" + OneLine(text) + ")",
                  "check that the server is running");
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Make(call, write ? Kind::kUnknownOutcome : Kind::kTimeout,
                  "no answer within the time allowed",
                  "check the server's load or allow more time");
    case grpc::StatusCode::CANCELLED:
      return Make(call, write ? Kind::kUnknownOutcome : Kind::kTransient,
                  "the call was cancelled by the server", "repeat it");
    case grpc::StatusCode::UNAUTHENTICATED:
      return Make(call, Kind::kDenied, OneLine(text), "check user and password");
    case grpc::StatusCode::PERMISSION_DENIED:
      return Make(call, Kind::kDenied, OneLine(text), "grant the privilege to the user's role");
    case grpc::StatusCode::UNIMPLEMENTED:
      return Make(call, Kind::kUnsupported, "the server's version does not offer this call",
                  "use a newer server");
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      if (LooksTooLarge(text)) {
        return Make(call, Kind::kTooLarge, OneLine(text), "ask for or send less at once");
      }
      return Make(call, Kind::kThrottled, OneLine(text), "ask for less at once");
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::FAILED_PRECONDITION:
      return Make(call, Kind::kFailed, OneLine(text), "the server refuses the request as it is");
    default:
      return Make(call, write ? Kind::kUnknownOutcome : Kind::kFailed, OneLine(text),
                  "look into the server's log");
  }
}

std::optional<int> MilvusCode(const Status& status) {
  const auto payload = status.GetPayload(kCodeUrl);
  if (!payload) return std::nullopt;
  return std::atoi(std::string(*payload).c_str());
}

bool HasCode(const Status& status, int milvus_code) { return MilvusCode(status) == milvus_code; }

bool IsNotLoaded(const Status& status) {
  const auto number = MilvusCode(status);
  return number &&
         (*number == code::kCollectionNotLoaded || *number == 102 ||
          *number == code::kCollectionNotFullyLoaded || *number == code::kPartitionNotLoaded ||
          *number == code::kPartitionNotFullyLoaded);
}

}  // namespace aerie::milvus
