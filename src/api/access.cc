#include "api/access.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include <sodium.h>

#include "api/guards.h"
#include "api/peer_address.h"
#include "base/bytes.h"

namespace aerie::api {
namespace {

constexpr std::int64_t kNoteEvery = 60'000;  // ms: how exactly the last use is known
constexpr int kMostHashing = 2;              // each takes 64 MiB

Status NotLoggedIn(const std::string& why) { return MakeStatus(Kind::kDenied, why); }

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '@';
}

std::int64_t Millis(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// Checked in place of the password of a user that is not there: of no password.
const std::string& NobodysHash(const PasswordCost& cost) {
  static const std::string hash = HashPassword(RandomText(), cost).value_or("");
  return hash;
}

// The library must not be given a null pointer, which an empty one may have.
std::string_view TextOf(const Secret& password) {
  const std::string_view text = password.Reveal();
  return text.data() == nullptr ? std::string_view("") : text;
}

}  // namespace

Status CheckAccountName(const std::string& name) {
  if (!name.empty() && name.size() <= 128 &&
      std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return Ok();
  }
  return InvalidError("name '" + name + "': take 1 to 128 letters, digits, dots, dashes, " +
                      "underscores or at signs");
}

Status CheckPassword(const Secret& password) {
  const std::string_view text = password.Reveal();
  const auto characters =
      static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
      }));
  if (characters >= kLeastPassword && text.size() <= kMostPassword) return Ok();
  return InvalidError("the password must have " + std::to_string(kLeastPassword) +
                      " characters at least, and " + std::to_string(kMostPassword) +
                      " bytes at most");
}

Result<std::string> HashPassword(const Secret& password, const PasswordCost& cost) {
  if (sodium_init() < 0) return InternalError("hash a password: the library does not start");
  std::array<char, crypto_pwhash_STRBYTES> out{};
  const std::string_view text = TextOf(password);
  if (crypto_pwhash_str(out.data(), text.data(), text.size(), cost.passes, cost.memory) != 0) {
    return FailedError("hash a password: there is not enough memory for Argon2id");
  }
  return std::string(out.data());
}

bool FitsPassword(const Secret& password, const std::string& hash) {
  const std::string_view text = TextOf(password);
  return sodium_init() >= 0 && !hash.empty() && hash.size() < crypto_pwhash_STRBYTES &&
         crypto_pwhash_str_verify(hash.c_str(), text.data(), text.size()) == 0;
}

Secret RandomText() {
  std::array<unsigned char, 32> bytes{};
  // Starts itself; ends the program rather than give what can be guessed.
  randombytes_buf(bytes.data(), bytes.size());
  std::string text(
      sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  text.pop_back();  // its final zero
  sodium_memzero(bytes.data(), bytes.size());
  return Secret::TakeFrom(text);
}

std::string HashRandom(std::string_view text) {
  std::array<std::uint8_t, 32> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return ToHex(hash);
}

Result<MadeToken> MakeToken(catalog::AccessStore& store, const std::string& name, Role role,
                            const std::string& owner, std::int64_t now_ms,
                            std::int64_t expires_ms) {
  AERIE_TRY(CheckAccountName(name));
  if (expires_ms != 0 && expires_ms <= now_ms) {
    return InvalidError("token '" + name + "' would have expired already; give it a longer time");
  }
  const Secret random = RandomText();
  std::string text = kTokenPrefix + std::string(random.Reveal());
  MadeToken made{.token = {.id = HashRandom(RandomText().Reveal()).substr(0, 12),
                           .name = name,
                           .role = NameOf(role),
                           .hash = HashRandom(text),
                           .owner = owner,
                           .created_ms = now_ms,
                           .expires_ms = expires_ms},
                 .text = Secret::TakeFrom(text)};
  AERIE_TRY(store.CreateToken(made.token));
  return made;
}

std::optional<Duration> TryLimiter::Try(const std::string& name, SteadyTime now) {
  std::lock_guard lock(mutex_);
  if (full_at_.size() >= kMostNames) ForgetHalf();
  const auto [at, fresh] = full_at_.emplace(name, now);
  SteadyTime& full = at->second;
  full = std::max(full, now) + each_;
  const Duration over = full - now - each_ * at_once_;
  if (over <= Duration::zero()) return std::nullopt;
  full -= each_;
  return over;
}

void TryLimiter::ForgetHalf() {
  std::vector<SteadyTime> times;
  for (const auto& [name, full] : full_at_) times.push_back(full);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  std::erase_if(full_at_, [&](const auto& entry) { return entry.second <= *middle; });
}

void TryLimiter::Clear(const std::string& name) {
  std::lock_guard lock(mutex_);
  full_at_.erase(name);
}

Result<Who> Access::ByToken(std::string_view text, std::int64_t now_ms) {
  AERIE_ASSIGN(const auto token, store_.FindToken(HashRandom(text)));
  if (!token) return NotLoggedIn("the token is not known; it may have been revoked");
  if (token->expires_ms > 0 && token->expires_ms <= now_ms) {
    return NotLoggedIn("the token has expired; make another one");
  }
  Who who{.role = RoleOf(token->role).value_or(Role::kNobody),
          .actor = "token:" + token->name,
          .user = token->owner,
          .expires_ms = token->expires_ms};
  if (!token->owner.empty()) {
    // A token is never worth more than whoever made it is now.
    who.role = std::min(who.role, RoleOf(token->owner_role).value_or(Role::kNobody));
  }
  if (now_ms - token->used_ms > kNoteEvery) AERIE_TRY(store_.NoteTokenUse(token->id, now_ms));
  return who;
}

Result<Who> Access::BySession(const std::string& text, std::int64_t now_ms) {
  AERIE_ASSIGN(const auto session, store_.FindSession(HashRandom(text)));
  if (!session) return NotLoggedIn("the session has ended; log in again");
  const std::int64_t ends = std::min(session->used_ms + Millis(options_.session_idle),
                                     session->created_ms + Millis(options_.session_life));
  if (ends <= now_ms) {
    AERIE_TRY(store_.EndSession(session->hash));
    return NotLoggedIn("the session has ended; log in again");
  }
  if (now_ms - session->used_ms > kNoteEvery) {
    AERIE_TRY(store_.NoteSessionUse(session->hash, now_ms));
  }
  return Who{.role = RoleOf(session->role).value_or(Role::kNobody),
             .actor = "user:" + session->user,
             .user = session->user,
             .session = session->hash,
             .csrf = session->csrf,
             .expires_ms = ends};
}

Result<Who> Access::WhoIs(const HttpRequest& request, std::int64_t now_ms) {
  const std::string& authorization = request.Header("authorization");
  const auto cookie = CookieOf(request.Header("cookie"), kSessionCookie);
  if (!authorization.empty()) {
    constexpr std::string_view kBearer = "Bearer ";
    const bool bearer = authorization.size() > kBearer.size() &&
                        authorization.compare(0, kBearer.size(), kBearer) == 0;
    if (!bearer) return NotLoggedIn("Authorization must be Bearer and a token");
    return ByToken(std::string_view(authorization).substr(kBearer.size()), now_ms);
  }
  AERIE_ASSIGN(const bool open, IsOpen());
  if (open && options_.may_be_open) return Who{.role = Role::kAdmin, .actor = "local"};
  if (cookie && !cookie->empty()) return BySession(*cookie, now_ms);
  return Who{};
}

Result<bool> Access::IsPassword(const std::string& user, const Secret& password) {
  // Each takes much memory and time on purpose.
  struct Place {
    explicit Place(std::atomic<int>& count) : count_(count), number_(++count) {}
    ~Place() { --count_; }
    std::atomic<int>& count_;
    const int number_;
  } place(hashing_);
  if (place.number_ > kMostHashing) {
    return MakeStatus(Kind::kThrottled, "log in: others are logging in; try again in a moment");
  }
  AERIE_ASSIGN(const auto known, store_.FindUser(user));
  const bool fits = FitsPassword(password, known ? known->password : NobodysHash(options_.cost));
  return fits && known.has_value();
}

Status Access::CheckOwnPassword(const std::string& user, const Secret& password, SteadyTime steady,
                                Duration& wait) {
  wait = std::chrono::seconds(1);
  if (const auto over = by_user_.Try(user, steady)) {
    wait = *over;
    return MakeStatus(Kind::kThrottled, "log in: too many tries; wait, then try again");
  }
  AERIE_ASSIGN(const bool fits, IsPassword(user, password));
  if (!fits) return NotLoggedIn("log in: the name or the password is wrong");
  by_user_.Clear(user);
  return Ok();
}

Result<Access::Login> Access::LogIn(const std::string& user, const Secret& password,
                                    const std::string& address, WallTime now, SteadyTime steady,
                                    Duration& wait) {
  wait = std::chrono::seconds(1);
  const std::string network = PeerNetwork(address);
  if (const auto over = by_network_.Try(network, steady)) {
    wait = *over;
    return MakeStatus(Kind::kThrottled, "log in: too many tries; wait, then try again");
  }
  AERIE_TRY(CheckOwnPassword(user, password, steady, wait));
  by_network_.Clear(network);
  AERIE_ASSIGN(const auto known, store_.FindUser(user));
  if (!known) return NotLoggedIn("log in: the name or the password is wrong");
  const std::int64_t now_ms = ToUnixMillis(now);
  Login login{.who = {}, .session = RandomText()};
  const catalog::WebSession session{.hash = HashRandom(login.session.Reveal()),
                                    .user = user,
                                    .csrf = std::string(RandomText().Reveal()),
                                    .created_ms = now_ms,
                                    .used_ms = now_ms};
  AERIE_TRY(store_.OpenSession(session, now_ms - Millis(options_.session_idle)));
  AERIE_TRY(store_.NoteLogin(user, now_ms));
  AERIE_ASSIGN(login.who, BySession(std::string(login.session.Reveal()), now_ms));
  return login;
}

}  // namespace aerie::api
