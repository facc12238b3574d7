// Rows into one collection by Insert, several calls in flight.
//
// A call whose outcome is unknown is settled by its keys: the rows are looked up at strong
// consistency, compared by digest, and what is missing or different is sent by Upsert, which
// leaves one row a key however often it is applied. So a row is never stored twice, and never
// taken for stored when it is not. The batches of a resumed run go by Upsert from the start.
//
// Between two calls of Delete or Commit a key may be written once: calls in flight overtake each
// other. The writer's threads end with it; its context is that of OpenCollectionWriter.
#pragma once

#include <functional>
#include <memory>

#include "milvus/client.h"
#include "milvus/key_expr.h"
#include "rows/stream.h"

namespace aerie::milvus {

// Keys of a collection whose keys the server generates.
enum class GeneratedKeys {
  // Sent along: the property allow_insert_auto_id is set while writing (servers from 2.6.3 obey
  // it) and taken away again. On a server that takes no keys it is kRefused, when the writer is
  // opened if the server's version tells, else from Write or Commit with nothing stored.
  kKeep,
  // The server makes new ones. An unknown outcome is then final, since nothing can be looked up.
  kNew,
};

// What was written before this run.
enum class WriteStart {
  kEmpty,    // none of the keys is there
  kResumed,  // any of the rows may be there already
};

// Rows that were stored by one call. Calls come in key order but are stored in any.
struct StoredRows {
  std::string partition;
  KeyRange range;  // from the end of the call before in the same partition to the last key of this
  rows::RangeDigest digest;
  std::uint64_t ts = 0;  // the server's time of the write, after which it can be read; 0: not told
};

struct WriterOptions {
  int writers = 2;                   // calls in flight
  std::size_t call_bytes = 4 << 20;  // aim of one call's rows; sent from three quarters of it on
  GeneratedKeys generated_keys = GeneratedKeys::kKeep;
  WriteStart start = WriteStart::kEmpty;
  // Told of every call that was stored, from the writer's threads; an error ends the writer.
  std::function<Status(const Context&, const StoredRows&)> on_stored = nullptr;
};

// `target` is the collection as it was described on this cluster. Errors of the writer's methods:
// kRefused when rows and target do not fit, kNoSpace, kThrottled after long back-off,
// kUnknownOutcome when the server cannot be asked what it stored; each names the key range it is
// about.
Result<std::unique_ptr<rows::RowWriter>> OpenCollectionWriter(const Context& context,
                                                              std::shared_ptr<Client> client,
                                                              const rows::CollectionSpec& target,
                                                              const WriterOptions& options);

}  // namespace aerie::milvus
