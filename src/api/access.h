// Who sent a request: passwords, tokens and sessions (docs/api.md, docs/decisions/0028).
//
// Secrets are kept as hashes only: Argon2id of what people choose, BLAKE2b of what is random.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "api/http_message.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/status.h"
#include "catalog/access_store.h"

namespace aerie::api {

inline constexpr char kSessionCookie[] = "aerie_session";
inline constexpr char kTokenPrefix[] = "aerie_";
inline constexpr std::size_t kLeastPassword = 12;   // characters
inline constexpr std::size_t kMostPassword = 1024;  // bytes

// kInvalid for a name, or a password, that cannot be one.
Status CheckAccountName(const std::string& name);
Status CheckPassword(const Secret& password);

struct PasswordCost {
  // libsodium's, for what people wait for: 2 passes over 64 MiB.
  unsigned long long passes = 2;
  std::size_t memory = std::size_t{64} << 20;
};
// The text that a password is checked against. kFailed when there is not the memory.
Result<std::string> HashPassword(const Secret& password, const PasswordCost& cost = {});
bool FitsPassword(const Secret& password, const std::string& hash);

// 32 random bytes as text that needs no escaping anywhere.
Secret RandomText();
// Of random texts.
std::string HashRandom(std::string_view text);

// A new token, stored; its text is nowhere else. `owner`: a user, or empty. `expires_ms`: 0, never.
// kInvalid for a name that cannot be one, and a time that is over; kExists.
struct MadeToken {
  catalog::AccessToken token;
  Secret text;
};
Result<MadeToken> MakeToken(catalog::AccessStore& store, const std::string& name, Role role,
                            const std::string& owner, std::int64_t now_ms, std::int64_t expires_ms);

// Slows down guessing: so many tries at once, then one each so often, for each of some names.
// Memory is bounded; when it is full, those are forgotten that have waited longest.
class TryLimiter {
 public:
  TryLimiter(int at_once, Duration each) : at_once_(at_once), each_(each) {}
  // Nothing: go on, it is counted. Else how long to wait.
  std::optional<Duration> Try(const std::string& name, SteadyTime now);
  // It was the right one: what was counted of it is forgotten.
  void Clear(const std::string& name);

 private:
  // Those that have waited longest.
  void ForgetHalf();

  static constexpr std::size_t kMostNames = 10'000;
  const int at_once_;
  const Duration each_;
  std::mutex mutex_;
  std::map<std::string, SteadyTime> full_at_;  // when all tries are there again
};

struct Who {
  Role role = Role::kNobody;
  std::string actor = "nobody";  // for the audit log
  std::string user{};            // of a session or an owner; empty: none
  std::string session{};         // hash; empty: no session
  std::string csrf{};
  std::int64_t expires_ms = 0;  // 0: does not
};

struct AccessOptions {
  Duration session_idle = std::chrono::hours(12);
  Duration session_life = std::chrono::hours(24 * 7);
  PasswordCost cost{};
  // Without users everybody is admin: only where nobody but this machine can connect.
  bool may_be_open = true;
};

class Access {
 public:
  Access(catalog::AccessStore& store, const AccessOptions& options)
      : store_(store), options_(options) {}

  // Whoever there is: with no users made, everybody is admin. kDenied for a token or session that
  // is none (any more), and for both at once.
  Result<Who> WhoIs(const HttpRequest& request, std::int64_t now_ms);
  // No users are made.
  Result<bool> IsOpen() { return Negate(store_.HasUsers()); }

  struct Login {
    Who who;
    Secret session;  // for the cookie
  };
  // kDenied for a wrong name or password, whichever it is; kThrottled with how long to wait in
  // `wait`. Tries are counted by `user`, and by the network of `address` (PeerNetwork).
  Result<Login> LogIn(const std::string& user, const Secret& password, const std::string& address,
                      WallTime now, SteadyTime steady, Duration& wait);
  // The same test for somebody who is logged in.
  Status CheckOwnPassword(const std::string& user, const Secret& password, SteadyTime steady,
                          Duration& wait);

  const AccessOptions& options() const { return options_; }

 private:
  static Result<bool> Negate(Result<bool> value) {
    if (value.ok()) *value = !*value;
    return value;
  }
  Result<Who> ByToken(std::string_view text, std::int64_t now_ms);
  Result<Who> BySession(const std::string& text, std::int64_t now_ms);
  // Whether it is the user's password; takes as long for users that are not there. kThrottled.
  Result<bool> IsPassword(const std::string& user, const Secret& password);

  catalog::AccessStore& store_;
  const AccessOptions options_;
  TryLimiter by_user_{10, std::chrono::seconds(6)};
  TryLimiter by_network_{10, std::chrono::seconds(6)};
  std::atomic<int> hashing_{0};
};

}  // namespace aerie::api
