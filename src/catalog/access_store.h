// Who may log in: users, tokens, sessions. What a role means, and how secrets are hashed, is not
// known here: this stores hashes only.
//
// Thread-safe; each call that writes is on the disk when it returns. Times are milliseconds since
// the Unix epoch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/catalog.h"

namespace aerie::catalog {

// The role without which nobody could make users: the last one that has it stays.
inline constexpr char kAdminRole[] = "admin";

struct User {
  std::string name{};
  std::string role{};
  std::string password{};  // a hash
  std::int64_t created_ms = 0;
  std::int64_t login_ms = 0;  // the last; 0: never
};

struct AccessToken {
  std::string id{};
  std::string name{};
  std::string role{};
  std::string hash{};
  std::string owner{};  // a user; empty: made on the command line
  std::int64_t created_ms = 0;
  std::int64_t expires_ms = 0;  // 0: never
  std::int64_t used_ms = 0;     // about; 0: never
  std::string owner_role{};     // of FindToken: as it is now; empty: no owner
};

struct WebSession {
  std::string hash{};
  std::string user{};
  std::string csrf{};
  std::int64_t created_ms = 0;
  std::int64_t used_ms = 0;  // about
  std::string role{};        // of FindSession: as it is now
};

class AccessStore {
 public:
  // The catalog outlives it.
  explicit AccessStore(Catalog& catalog) : catalog_(catalog) {}

  Result<bool> HasUsers();
  // By name.
  Result<std::vector<User>> Users();
  Result<std::optional<User>> FindUser(const std::string& name);
  // kExists; kRefused when it is the first one and no admin.
  Status CreateUser(const User& user);
  struct UserChange {
    std::optional<std::string> role{};
    std::optional<std::string> password{};  // a hash; ends the sessions of the user
    std::string but_session{};              // except the one of this hash
  };
  // kNotFound; kRefused when no admin would be left.
  Status ChangeUser(const std::string& name, const UserChange& change);
  // With sessions and tokens. kNotFound; kRefused when no admin would be left beside others.
  Status RemoveUser(const std::string& name);
  Status NoteLogin(const std::string& name, std::int64_t now_ms);

  // kExists when there is one of that name.
  Status CreateToken(const AccessToken& token);
  // Newest first.
  Result<std::vector<AccessToken>> Tokens();
  Result<std::optional<AccessToken>> FindToken(const std::string& hash);
  // By id or name. kNotFound.
  Status RevokeToken(const std::string& id);
  Status NoteTokenUse(const std::string& id, std::int64_t now_ms);

  // Of a user the newest kMostSessions are kept, and none that was not used since `idle_before_ms`.
  static constexpr std::int64_t kMostSessions = 50;
  Status OpenSession(const WebSession& session, std::int64_t idle_before_ms);
  Result<std::optional<WebSession>> FindSession(const std::string& hash);
  Status NoteSessionUse(const std::string& hash, std::int64_t now_ms);
  Status EndSession(const std::string& hash);

 private:
  Status Write(const std::function<Status(Database&)>& work);

  Catalog& catalog_;
};

}  // namespace aerie::catalog
