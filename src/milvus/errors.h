// The one translation of what a Milvus server, or the connection to it, says into aerie::Status.
//
// Pure functions, callable from any thread. Kinds that callers react to:
//   read:   connection lost or refused, or a retriable code -> kTransient; deadline -> kTimeout;
//           an answer over a size limit -> kTooLarge
//   write:  surely not applied (not connected, server not ready) -> kTransient; connection lost or
//           deadline after sending, or an answer that leaves it open -> kUnknownOutcome
//   both:   rate limit -> kThrottled; quota -> kNoSpace; 100, 200, 700, 800, 1600 -> kNotFound;
//           authentication and permission -> kDenied; UNIMPLEMENTED -> kUnsupported
// The numeric code of the server travels in a payload of the status, for the few who branch on it.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"

namespace grpc {
class Status;
}

namespace aerie::milvus {

// Codes of common.Status.code (protocol.md 1.4). An answer of 2.2, which has only the older
// error_code, is given the code that later versions use for the same thing.
namespace code {
inline constexpr int kNotReady = 1;
inline constexpr int kUnavailable = 2;
inline constexpr int kMemoryLimit = 3;
inline constexpr int kRequestLimit = 4;
inline constexpr int kDiskLimit = 7;
inline constexpr int kRateLimit = 8;
inline constexpr int kQuotaExceeded = 9;
inline constexpr int kTimeTickDelay = 11;
inline constexpr int kCollectionNotFound = 100;
inline constexpr int kCollectionNotLoaded = 101;
inline constexpr int kCollectionNotFullyLoaded = 103;
inline constexpr int kPartitionNotFound = 200;
inline constexpr int kPartitionNotLoaded = 201;
inline constexpr int kPartitionNotFullyLoaded = 202;
inline constexpr int kIndexNotFound = 700;
inline constexpr int kDatabaseNotFound = 800;
inline constexpr int kInvalidParameter = 1100;
inline constexpr int kAliasNotFound = 1600;
inline constexpr int kAliasNameConflict = 1601;
inline constexpr int kAliasExists = 1602;
inline constexpr int kUnclassified = 65535;
}  // namespace code

enum class CallKind { kRead, kWrite };

// What a message must name. `object` is "db.collection", a database, or the cluster's address.
struct CallNames {
  CallKind kind = CallKind::kRead;
  std::string operation;  // "describe collection"
  std::string object;
  std::string cluster;  // the redacted URI
};

// common.Status as it came over the wire, of any version.
struct WireStatus {
  int error_code = 0;  // the older enum
  int code = 0;        // 2.3+
  bool retriable = false;
  std::string reason;
  std::string detail;
  bool ok() const { return error_code == 0 && code == 0; }
};

template <class Proto>
WireStatus ToWireStatus(const Proto& status) {
  return {static_cast<int>(status.error_code()), status.code(), status.retriable(), status.reason(),
          status.detail()};
}

// Ok when the answer says so.
Status FromMilvusStatus(const CallNames& call, const WireStatus& answer);

// A call that ended below the application. A write is taken as sent unless gRPC says that no
// connection came about.
Status FromGrpcStatus(const CallNames& call, const grpc::Status& status);

// The server's code, if the status came from an answer of one.
std::optional<int> MilvusCode(const Status& status);

// The collection or partition must be loaded (or loaded further) before it can be read.
bool IsNotLoaded(const Status& status);
// The status carries this code of the server.
bool HasCode(const Status& status, int milvus_code);

}  // namespace aerie::milvus
