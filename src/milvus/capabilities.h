// What a server can do, found out by asking it rather than by its version.
//
// Thread-safe; each question is asked once and its answer kept as long as the object, which belongs
// to one Client. The version text only settles what cannot be asked without creating something.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "milvus/client.h"
#include "milvus/server_version.h"

namespace aerie::milvus {

enum class Answer { kNo, kYes, kUnknown };

// What a target keeps of a collection spec: the question of Precheck (collection_admin.h).
struct SpecFeatures {
  Answer databases = Answer::kUnknown;
  Answer aliases = Answer::kUnknown;
  Answer arrays = Answer::kUnknown;           // 2.3
  Answer several_vectors = Answer::kUnknown;  // 2.4, with the 16-bit and sparse vectors
  Answer clustering_key = Answer::kUnknown;   // 2.4
  Answer nullable = Answer::kUnknown;         // 2.5
  Answer functions = Answer::kUnknown;        // 2.5
  Answer types_of_2_6 = Answer::kUnknown;     // Int8Vector, Geometry, Timestamptz, structs
  Answer auto_id_insert = Answer::kUnknown;   // keys given to an auto-id collection: 2.6.3
};

class Capabilities {
 public:
  explicit Capabilities(std::shared_ptr<Client> client);

  ServerVersion version() const { return version_; }
  // Whether the server has the call. Errors: the connection's.
  Result<bool> Has(const Context& context, const std::string& rpc_name);
  Result<bool> Databases(const Context& context) { return Has(context, "ListDatabases"); }
  Result<bool> ListAliases(const Context& context) { return Has(context, "ListAliases"); }
  Result<bool> DescribeAlias(const Context& context) { return Has(context, "DescribeAlias"); }
  Result<bool> Upsert(const Context& context) { return Has(context, "Upsert"); }
  // Whether a query answers the time it was read at, so that others can be read at the same
  // (protocol.md 3.4). Only a loaded collection tells: whoever queried one says so here.
  void NoteReadTimestamp(bool answered);
  Answer read_timestamps() const;

  Result<SpecFeatures> Features(const Context& context);

 private:
  Result<ServerVersion> Generation(const Context& context);

  const std::shared_ptr<Client> client_;
  const ServerVersion version_;
  mutable std::mutex mutex_;
  std::map<std::string, bool> calls_;
  Answer read_timestamps_ = Answer::kUnknown;
};

}  // namespace aerie::milvus
