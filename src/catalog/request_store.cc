#include "catalog/request_store.h"

namespace aerie::catalog {

Result<KeyedRequest> RequestStore::Take(const std::string& actor, const std::string& key,
                                        const std::string& request, std::int64_t now_ms,
                                        std::int64_t forget_before_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<KeyedRequest> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_TRY(db.Run("DELETE FROM request_keys WHERE at_ms < ?", {forget_before_ms}));
    KeyedRequest found;
    bool known = false;
    AERIE_TRY(db.Run(
        "SELECT request, status, location, answer FROM request_keys WHERE actor = ? AND key = ?",
        {actor, key}, [&](const Row& row) {
          known = true;
          found.answer = {.status = static_cast<int>(row.Integer(1)),
                          .location = row.Text(2),
                          .body = row.Text(3)};
          found.state = row.Text(0) != request     ? KeyedRequest::State::kOther
                        : found.answer.status == 0 ? KeyedRequest::State::kOpen
                                                   : KeyedRequest::State::kAnswered;
        }));
    if (!known) {
      AERIE_TRY(db.Run("INSERT INTO request_keys (actor, key, request, at_ms) VALUES (?, ?, ?, ?)",
                       {actor, key, request, now_ms}));
    }
    AERIE_TRY(transaction->Commit());
    return found;
  });
}

Status RequestStore::Answer(const std::string& actor, const std::string& key,
                            const KeyedAnswer& answer) {
  return catalog_.WithDatabase([&](Database& db) {
    return db.Run(
        "UPDATE request_keys SET status = ?, location = ?, answer = ? WHERE actor = ? AND key = ?",
        {std::int64_t{answer.status}, answer.location, answer.body, actor, key});
  });
}

Status RequestStore::Drop(const std::string& actor, const std::string& key) {
  return catalog_.WithDatabase([&](Database& db) {
    return db.Run("DELETE FROM request_keys WHERE actor = ? AND key = ?", {actor, key});
  });
}

}  // namespace aerie::catalog
