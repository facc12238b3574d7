#include "catalog/access_store.h"

#include <utility>

namespace aerie::catalog {
namespace {

Result<std::int64_t> Count(Database& db, const std::string& sql,
                           const std::vector<Value>& values = {}) {
  std::int64_t count = 0;
  AERIE_TRY(db.Run(sql, values, [&](const Row& row) { count = row.Integer(0); }));
  return count;
}

// After a change: either nobody, or an admin among them.
Status CheckAdmins(Database& db, const std::string& what) {
  AERIE_ASSIGN(const std::int64_t users, Count(db, "SELECT count(*) FROM users"));
  AERIE_ASSIGN(const std::int64_t admins,
               Count(db, "SELECT count(*) FROM users WHERE role = ?", {kAdminRole}));
  if (users == 0 || admins > 0) return Ok();
  return RefusedError(what + ": no admin would be left, and nobody could make one; " +
                      "make another user an admin first");
}

Result<std::vector<User>> ReadUsers(Database& db, const std::string& where,
                                    const std::vector<Value>& values) {
  std::vector<User> users;
  AERIE_TRY(db.Run("SELECT name, role, password, created_ms, login_ms FROM users " + where, values,
                   [&](const Row& row) {
                     users.push_back({.name = row.Text(0),
                                      .role = row.Text(1),
                                      .password = row.Text(2),
                                      .created_ms = row.Integer(3),
                                      .login_ms = row.Integer(4)});
                   }));
  return users;
}

Result<std::vector<AccessToken>> ReadTokens(Database& db, const std::string& where,
                                            const std::vector<Value>& values) {
  std::vector<AccessToken> tokens;
  AERIE_TRY(db.Run(
      "SELECT id, tokens.name, tokens.role, hash, owner, tokens.created_ms, expires_ms, used_ms, "
      "users.role FROM tokens LEFT JOIN users ON users.name = owner AND owner <> '' " +
          where,
      values, [&](const Row& row) {
        tokens.push_back({.id = row.Text(0),
                          .name = row.Text(1),
                          .role = row.Text(2),
                          .hash = row.Text(3),
                          .owner = row.Text(4),
                          .created_ms = row.Integer(5),
                          .expires_ms = row.Integer(6),
                          .used_ms = row.Integer(7),
                          .owner_role = row.Text(8)});
      }));
  return tokens;
}

Status NoUser(const std::string& name) {
  return NotFoundError("user '" + name + "' is not there; `aerie user list` shows all");
}

}  // namespace

Status AccessStore::Write(const std::function<Status(Database&)>& work) {
  return catalog_.WithDatabase([&](Database& db) -> Status {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_TRY(work(db));
    return transaction->Commit();
  });
}

Result<bool> AccessStore::HasUsers() {
  return catalog_.WithDatabase([&](Database& db) -> Result<bool> {
    AERIE_ASSIGN(const std::int64_t any, Count(db, "SELECT EXISTS (SELECT 1 FROM users)"));
    return any != 0;
  });
}

Result<std::vector<User>> AccessStore::Users() {
  return catalog_.WithDatabase([&](Database& db) { return ReadUsers(db, "ORDER BY name", {}); });
}

Result<std::optional<User>> AccessStore::FindUser(const std::string& name) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::optional<User>> {
    AERIE_ASSIGN(auto found, ReadUsers(db, "WHERE name = ?", {name}));
    if (found.empty()) return std::optional<User>();
    return std::optional(std::move(found.front()));
  });
}

Status AccessStore::CreateUser(const User& user) {
  return Write([&](Database& db) -> Status {
    AERIE_ASSIGN(const std::int64_t known,
                 Count(db, "SELECT count(*) FROM users WHERE name = ?", {user.name}));
    if (known > 0) {
      return MakeStatus(Kind::kExists, "user '" + user.name + "' is there already; change it, or " +
                                           "choose another name");
    }
    AERIE_ASSIGN(const std::int64_t users, Count(db, "SELECT count(*) FROM users"));
    if (users == 0 && user.role != kAdminRole) {
      return RefusedError("make user '" + user.name + "': the first user must be an admin, who " +
                          "can make others; give it the role admin, or make an admin first");
    }
    return db.Run("INSERT INTO users (name, role, password, created_ms) VALUES (?, ?, ?, ?)",
                  {user.name, user.role, user.password, user.created_ms});
  });
}

Status AccessStore::ChangeUser(const std::string& name, const UserChange& change) {
  return Write([&](Database& db) -> Status {
    AERIE_ASSIGN(const std::int64_t known,
                 Count(db, "SELECT count(*) FROM users WHERE name = ?", {name}));
    if (known == 0) return NoUser(name);
    if (change.role) {
      AERIE_TRY(db.Run("UPDATE users SET role = ? WHERE name = ?", {*change.role, name}));
    }
    if (change.password) {
      AERIE_TRY(db.Run("UPDATE users SET password = ? WHERE name = ?", {*change.password, name}));
      AERIE_TRY(
          db.Run("DELETE FROM sessions WHERE user = ? AND hash <> ?", {name, change.but_session}));
    }
    return CheckAdmins(db, "change user '" + name + "'");
  });
}

Status AccessStore::RemoveUser(const std::string& name) {
  return Write([&](Database& db) -> Status {
    AERIE_ASSIGN(const std::int64_t known,
                 Count(db, "SELECT count(*) FROM users WHERE name = ?", {name}));
    if (known == 0) return NoUser(name);
    AERIE_TRY(db.Run("DELETE FROM sessions WHERE user = ?", {name}));
    AERIE_TRY(db.Run("DELETE FROM tokens WHERE owner = ?", {name}));
    AERIE_TRY(db.Run("DELETE FROM users WHERE name = ?", {name}));
    return CheckAdmins(db, "remove user '" + name + "'");
  });
}

Status AccessStore::NoteLogin(const std::string& name, std::int64_t now_ms) {
  return Write([&](Database& db) {
    return db.Run("UPDATE users SET login_ms = ? WHERE name = ?", {now_ms, name});
  });
}

Status AccessStore::CreateToken(const AccessToken& token) {
  return Write([&](Database& db) -> Status {
    AERIE_ASSIGN(const std::int64_t known,
                 Count(db, "SELECT count(*) FROM tokens WHERE name = ?", {token.name}));
    if (known > 0) {
      return MakeStatus(Kind::kExists, "token '" + token.name + "' is there already; revoke it, " +
                                           "or choose another name");
    }
    return db.Run(
        "INSERT INTO tokens (id, name, role, hash, owner, created_ms, expires_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        {token.id, token.name, token.role, token.hash, token.owner, token.created_ms,
         token.expires_ms});
  });
}

Result<std::vector<AccessToken>> AccessStore::Tokens() {
  return catalog_.WithDatabase(
      [&](Database& db) { return ReadTokens(db, "ORDER BY tokens.created_ms DESC, id", {}); });
}

Result<std::optional<AccessToken>> AccessStore::FindToken(const std::string& hash) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::optional<AccessToken>> {
    AERIE_ASSIGN(auto found, ReadTokens(db, "WHERE hash = ?", {hash}));
    if (found.empty()) return std::optional<AccessToken>();
    return std::optional(std::move(found.front()));
  });
}

Status AccessStore::RevokeToken(const std::string& id) {
  return Write([&](Database& db) -> Status {
    AERIE_ASSIGN(const std::int64_t known,
                 Count(db, "SELECT count(*) FROM tokens WHERE id = ? OR name = ?", {id, id}));
    if (known == 0) {
      return NotFoundError("token '" + id + "' is not there; `aerie token list` shows all");
    }
    return db.Run("DELETE FROM tokens WHERE id = ? OR name = ?", {id, id});
  });
}

Status AccessStore::NoteTokenUse(const std::string& id, std::int64_t now_ms) {
  return Write([&](Database& db) {
    return db.Run("UPDATE tokens SET used_ms = ? WHERE id = ?", {now_ms, id});
  });
}

Status AccessStore::OpenSession(const WebSession& session, std::int64_t idle_before_ms) {
  return Write([&](Database& db) -> Status {
    AERIE_TRY(db.Run("DELETE FROM sessions WHERE used_ms < ?", {idle_before_ms}));
    AERIE_TRY(db.Run(
        "INSERT INTO sessions (hash, user, csrf, created_ms, used_ms) VALUES (?, ?, ?, ?, ?)",
        {session.hash, session.user, session.csrf, session.created_ms, session.used_ms}));
    return db.Run(
        "DELETE FROM sessions WHERE user = ? AND hash NOT IN (SELECT hash FROM sessions WHERE "
        "user = ? ORDER BY used_ms DESC, created_ms DESC LIMIT ?)",
        {session.user, session.user, kMostSessions});
  });
}

Result<std::optional<WebSession>> AccessStore::FindSession(const std::string& hash) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::optional<WebSession>> {
    std::optional<WebSession> found;
    AERIE_TRY(db.Run(
        "SELECT hash, user, csrf, sessions.created_ms, used_ms, users.role FROM sessions JOIN "
        "users ON users.name = user WHERE hash = ?",
        {hash}, [&](const Row& row) {
          found = WebSession{.hash = row.Text(0),
                             .user = row.Text(1),
                             .csrf = row.Text(2),
                             .created_ms = row.Integer(3),
                             .used_ms = row.Integer(4),
                             .role = row.Text(5)};
        }));
    return found;
  });
}

Status AccessStore::NoteSessionUse(const std::string& hash, std::int64_t now_ms) {
  return Write([&](Database& db) {
    return db.Run("UPDATE sessions SET used_ms = ? WHERE hash = ?", {now_ms, hash});
  });
}

Status AccessStore::EndSession(const std::string& hash) {
  return Write([&](Database& db) { return db.Run("DELETE FROM sessions WHERE hash = ?", {hash}); });
}

}  // namespace aerie::catalog
