// The audit log: who did what to which object, and how it ended.
//
// Thread-safe; each call that writes is on the disk when it returns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/catalog.h"

namespace aerie::catalog {

struct AuditEntry {
  std::int64_t seq = 0;  // given by the call
  std::int64_t at_ms = 0;
  std::string actor{};  // "user:anna", "token:prometheus", "local", "cli:root", "nobody"
  std::string role{};
  std::string address{};  // empty: no network
  std::string action{};
  std::string object{};
  std::string outcome{};  // "begun", "done", "refused", "failed"
  std::string detail{};
  std::string trace{};
};

struct AuditFilter {
  std::string actor{};   // empty: any
  std::string action{};  // likewise
  std::string object{};  // likewise
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;   // 0: no end
  std::int64_t before = 0;  // only smaller numbers; 0: from the newest
  std::size_t limit = 50;
};

class AuditStore {
 public:
  // The catalog outlives it.
  explicit AuditStore(Catalog& catalog) : catalog_(catalog) {}

  // Its number. The newest 200,000 are kept, or a few more.
  Result<std::int64_t> Append(const AuditEntry& entry);
  // How one that had begun has ended. An empty object leaves the one that was said.
  Status End(std::int64_t seq, const std::string& outcome, const std::string& object,
             const std::string& detail);
  // Newest first.
  Result<std::vector<AuditEntry>> List(const AuditFilter& filter);

 private:
  Catalog& catalog_;
};

}  // namespace aerie::catalog
