// What the fake Milvus plays: the habits of a release, and the misfortunes a test asks for.
//
// Plain values. `Behaviour::Of(release)` gives the habits of that release; change single members
// to play what a test is about. Sections (2.4 and so on) are those of the protocol notes.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include <grpcpp/support/status.h>

namespace aerie::fake {

enum class Release { k2_2, k2_3, k2_4, k2_5, k2_6, k3_0 };

struct Behaviour {
  static Behaviour Of(Release release);

  Release release = Release::k2_3;
  // 1.5: what GetVersion says, and Connect in build_tags.
  std::string version;
  // 1.1: calls this release does not have.
  std::set<std::string> unimplemented;

  // --- Answers ---
  // 1.4: code, retriable and detail are filled (2.3+); extra_info is (2.4+).
  bool status_code = true;
  bool status_extra_info = false;
  // 2.4: `*` names the vector fields too (2.3+).
  bool star_gives_vectors = true;
  // 2.4: columns come in another order each time.
  bool shuffle_columns = true;
  // 3.2: order of rows is promised to nobody.
  bool shuffle_rows = false;
  // 3.2: with reduce_stop_for_best a page ends where any of the server's streams is drained, so
  // that the last rows come a call later; it may also have more rows than its limit (2.3).
  bool hold_back_last_row = false;
  // 3.2: a page never has more rows than this, whatever its limit; 0 for no such bound.
  std::int64_t page_rows = 0;
  // 3.3: which copy of an equal key a query shows is not defined.
  enum class Copy { kFirst, kLast } shown_copy = Copy::kLast;
  // An answer without a limit has one row less, at its end, for every surplus copy before (tried on
  // 2.3.5, copies in one segment: keys 5 6 7, 5 6 8, 5 6 9 were counted as 9, answered as 5 and 6).
  bool copies_cut_answers = false;
  // Added to every count(*).
  std::int64_t count_error = 0;
  // 3.3: the key INT64_MAX is counted but in no answer (2.3).
  bool hides_int64_max = false;
  // 2.4: an empty array is answered with no member set.
  bool empty_arrays_untyped = true;
  // 3.5: sizes above which an answer or a request is refused with RESOURCE_EXHAUSTED.
  std::size_t answer_limit_bytes = 64U << 20U;
  std::size_t request_limit_bytes = 64U << 20U;

  // 3.1: the query parameter collection_id guards against another collection of that name (2.4+;
  // 2.3.5 takes no notice of it, tried).
  bool pins_collection_id = false;

  // --- Time ---
  // 3.4: the first iterator call answers session_ts, and reads with `iterator` happen exactly at
  // their guarantee timestamp (2.5+). Otherwise every read sees the newest state.
  bool read_timestamps = false;
  // 3.4, section 7: reads see no more than their guarantee timestamp promises: at the level
  // Bounded nothing of the last 5 s, at Eventually the same.
  bool stale_reads = false;

  // --- Schema and writes ---
  // 1.6, 2.3: nullable is kept (2.5+), or dropped without a word.
  bool keeps_nullable = false;
  // 1.6: more vector fields than this are refused.
  int max_vector_fields = 1;
  // 2.3: rows inserted without a column that has a default kill the server (2.3).
  bool crashes_on_missing_default = false;
  // 2.4: an inserted array without a typed member kills the server (2.3).
  bool crashes_on_untyped_array = false;
  // 2.3: an explicit null in a field that has a default becomes the default.
  bool null_becomes_default = true;
  // 2.5: Upsert into collections of automatic keys: refused (2.3), or the row gets a new key.
  bool upserts_auto_id = false;
  // 2.5: the property allow_insert_auto_id is obeyed (2.6.3+).
  bool allows_insert_auto_id = false;

  // --- Access and load ---
  // 1.5: every call needs the header `authorization`.
  bool authentication = false;
  // 1.6: how often GetLoadState and GetLoadingProgress answer "loading" after a load call.
  int loading_polls = 0;
};

// Something that goes wrong with calls of one name, from the `first`-th on (counted from when the
// fault is injected), `times` times.
struct Fault {
  enum class Kind {
    kLostBefore,   // the connection is lost, the call was not applied
    kLostAfter,    // the connection is lost, the call was applied
    kMilvusError,  // a refusal in the answer's status; not applied
    kGrpcError,    // a refusal by gRPC; not applied
    kCrashBefore,  // the server dies before the call is applied
    kCrashAfter,   // the server dies after the call was applied
  };
  Kind kind = Kind::kLostBefore;
  std::string rpc;
  int first = 1;
  int times = 1;
  // Of kMilvusError.
  int code = 0;
  bool retriable = false;
  std::string reason;
  // Of kGrpcError.
  grpc::StatusCode grpc_code = grpc::StatusCode::UNAVAILABLE;

  static Fault LostBefore(std::string rpc, int first = 1, int times = 1);
  static Fault LostAfter(std::string rpc, int first = 1, int times = 1);
  static Fault CrashBefore(std::string rpc, int first = 1);
  static Fault CrashAfter(std::string rpc, int first = 1);
  // 1.4: code 8, which servers before 2.3 and the old field call 49.
  static Fault RateLimit(std::string rpc, int times = 1);
  static Fault Milvus(std::string rpc, int code, bool retriable, std::string reason, int times = 1);
  static Fault Grpc(std::string rpc, grpc::StatusCode code, std::string reason, int times = 1);
};

}  // namespace aerie::fake
