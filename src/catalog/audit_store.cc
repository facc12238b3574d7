#include "catalog/audit_store.h"

#include <algorithm>
#include <utility>

namespace aerie::catalog {
namespace {

constexpr std::int64_t kKept = 200'000;
constexpr std::int64_t kTrimEvery = 1'000;
constexpr std::size_t kLongest = 1'024;  // bytes of what came from outside

std::string Cut(const std::string& text) {
  if (text.size() <= kLongest) return text;
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + " (cut)";
}

}  // namespace

Result<std::int64_t> AuditStore::Append(const AuditEntry& entry) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::int64_t> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_TRY(db.Run(
        "INSERT INTO audit (at_ms, actor, role, address, action, object, outcome, detail, trace) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {entry.at_ms, Cut(entry.actor), entry.role, entry.address, entry.action, Cut(entry.object),
         entry.outcome, Cut(entry.detail), entry.trace}));
    const std::int64_t seq = db.LastInsertId();
    if (seq % kTrimEvery == 0) {
      AERIE_TRY(db.Run("DELETE FROM audit WHERE seq <= ?", {seq - kKept}));
    }
    AERIE_TRY(transaction->Commit());
    return seq;
  });
}

Status AuditStore::End(std::int64_t seq, const std::string& outcome, const std::string& object,
                       const std::string& detail) {
  return catalog_.WithDatabase([&](Database& db) {
    return db.Run(
        "UPDATE audit SET outcome = ?, detail = ?, object = iif(? = '', object, ?) WHERE seq = ?",
        {outcome, Cut(detail), Cut(object), Cut(object), seq});
  });
}

Result<std::vector<AuditEntry>> AuditStore::List(const AuditFilter& filter) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<AuditEntry>> {
    std::string where = "WHERE at_ms >= ?";
    std::vector<Value> values = {filter.from_ms};
    const auto add = [&](const char* condition, Value value) {
      where += condition;
      values.push_back(std::move(value));
    };
    if (!filter.actor.empty()) add(" AND actor = ?", filter.actor);
    if (!filter.action.empty()) add(" AND action = ?", filter.action);
    if (!filter.object.empty()) add(" AND object = ?", filter.object);
    if (filter.to_ms > 0) add(" AND at_ms < ?", filter.to_ms);
    if (filter.before > 0) add(" AND seq < ?", filter.before);
    values.emplace_back(static_cast<std::int64_t>(filter.limit));
    std::vector<AuditEntry> entries;
    AERIE_TRY(db.Run(
        "SELECT seq, at_ms, actor, role, address, action, object, outcome, detail, trace FROM "
        "audit " +
            where + " ORDER BY seq DESC LIMIT ?",
        values, [&](const Row& row) {
          entries.push_back({.seq = row.Integer(0),
                             .at_ms = row.Integer(1),
                             .actor = row.Text(2),
                             .role = row.Text(3),
                             .address = row.Text(4),
                             .action = row.Text(5),
                             .object = row.Text(6),
                             .outcome = row.Text(7),
                             .detail = row.Text(8),
                             .trace = row.Text(9)});
        }));
    return entries;
  });
}

}  // namespace aerie::catalog
