// `aerie user` and `aerie token`: who may log in to the daemon. They change its catalog, whether it
// runs or not; what they change holds at once.
#include <unistd.h>

#include <memory>

#include "api/access.h"
#include "base/duration.h"
#include "catalog/access_store.h"
#include "catalog/audit_store.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/place_option.h"

namespace aerie::cli {
namespace {

struct UserArgs {
  std::string name;
  std::string role = "viewer";
  app::SecretFlags password;
  std::string expires;
  PlaceArg place;
};

// The catalog with what is done to it; each change has its line in the audit log first.
class Desk {
 public:
  static Result<std::unique_ptr<Desk>> Open(Environment& env, const UserArgs& args) {
    AERIE_ASSIGN(auto catalog, OpenCatalog(env, args.place));
    return std::unique_ptr<Desk>(
        new Desk(std::move(catalog), ToUnixMillis(env.context.clock().Now())));
  }

  catalog::AccessStore& store() { return store_; }
  std::int64_t now_ms() const { return now_ms_; }

  Status Change(const std::string& action, const std::string& object,
                const std::function<Status()>& change) {
    AERIE_ASSIGN(const std::int64_t seq, audit_.Append({.at_ms = now_ms_,
                                                        .actor = "cli:" + std::to_string(getuid()),
                                                        .role = "admin",
                                                        .action = action,
                                                        .object = object,
                                                        .outcome = "begun"}));
    const Status status = change();
    AERIE_TRY(audit_.End(seq, status.ok() ? "done" : "refused", "", std::string(status.message())));
    return status;
  }

 private:
  Desk(std::unique_ptr<catalog::Catalog> catalog, std::int64_t now_ms)
      : catalog_(std::move(catalog)), now_ms_(now_ms) {}
  const std::unique_ptr<catalog::Catalog> catalog_;
  const std::int64_t now_ms_;
  catalog::AccessStore store_{*catalog_};
  catalog::AuditStore audit_{*catalog_};
};

constexpr char kOpen[] = "no users are there: whoever is on this machine is admin";

Json TimeJson(std::int64_t ms) {
  return ms == 0 ? Json(nullptr) : Json(FormatUtc(FromUnixMillis(ms)));
}
std::string TimeText(std::int64_t ms, const char* none) {
  return ms == 0 ? none : FormatUtc(FromUnixMillis(ms)).substr(0, 16) + "Z";
}

Result<std::string> NewHash(Environment& env, const UserArgs& args) {
  AERIE_ASSIGN(const Secret password, app::NewPassphrase(env.context, args.password));
  AERIE_TRY(api::CheckPassword(password));
  return api::HashPassword(password);
}

Result<CommandResult> Add(Environment& env, const UserArgs& args) {
  AERIE_TRY(api::CheckAccountName(args.name));
  AERIE_ASSIGN(const auto desk, Desk::Open(env, args));
  AERIE_ASSIGN(std::string hash, NewHash(env, args));
  AERIE_ASSIGN(const bool others, desk->store().HasUsers());
  AERIE_TRY(desk->Change("user add", args.name, [&] {
    return desk->store().CreateUser(
        {.name = args.name, .role = args.role, .password = hash, .created_ms = desk->now_ms()});
  }));
  CommandResult result;
  result.json = {{"user", args.name}, {"role", args.role}};
  result.text = "user " + args.name + " may log in as " + args.role + "\n";
  if (!others) result.text += "from now on the page and the API ask who it is\n";
  return result;
}

Result<CommandResult> ListUsers(Environment& env, const UserArgs& args) {
  AERIE_ASSIGN(const auto desk, Desk::Open(env, args));
  AERIE_ASSIGN(const auto users, desk->store().Users());
  CommandResult result;
  result.json["users"] = Json::array();
  std::vector<std::vector<std::string>> rows = {{"NAME", "ROLE", "MADE", "LAST LOGIN"}};
  for (const auto& user : users) {
    result.json["users"].push_back({{"user", user.name},
                                    {"role", user.role},
                                    {"created", TimeJson(user.created_ms)},
                                    {"last_login", TimeJson(user.login_ms)}});
    rows.push_back(
        {user.name, user.role, TimeText(user.created_ms, ""), TimeText(user.login_ms, "never")});
  }
  result.text = users.empty() ? std::string(kOpen) +
                                    "; aerie user add NAME --role admin makes the first one\n"
                              : Table(rows);
  return result;
}

Result<CommandResult> Remove(Environment& env, const UserArgs& args) {
  AERIE_TRY(Confirm(env, "remove user " + args.name + ", with sessions and tokens"));
  AERIE_ASSIGN(const auto desk, Desk::Open(env, args));
  AERIE_TRY(
      desk->Change("user remove", args.name, [&] { return desk->store().RemoveUser(args.name); }));
  CommandResult result;
  result.json = {{"user", args.name}};
  result.text = "user " + args.name + " is removed\n";
  AERIE_ASSIGN(const bool others, desk->store().HasUsers());
  if (!others) result.warnings.push_back(kOpen);
  return result;
}

Result<CommandResult> ChangeRole(Environment& env, const UserArgs& args) {
  AERIE_ASSIGN(const auto desk, Desk::Open(env, args));
  AERIE_TRY(desk->Change("user role", args.name,
                         [&] { return desk->store().ChangeUser(args.name, {.role = args.role}); }));
  CommandResult result;
  result.json = {{"user", args.name}, {"role", args.role}};
  result.text = "user " + args.name + " has the role " + args.role + " from now on\n";
  return result;
}

Result<CommandResult> ChangePassword(Environment& env, const UserArgs& args) {
  AERIE_ASSIGN(const auto desk, Desk::Open(env, args));
  AERIE_ASSIGN(const auto known, desk->store().FindUser(args.name));
  if (!known) return NotFoundError("user '" + args.name + "' is not there; see aerie user list");
  AERIE_ASSIGN(std::string hash, NewHash(env, args));
  AERIE_TRY(desk->Change("user password", args.name,
                         [&] { return desk->store().ChangeUser(args.name, {.password = hash}); }));
  CommandResult result;
  result.json = {{"user", args.name}};
  result.text = "user " + args.name + " has a new password; all sessions have ended\n";
  return result;
}

Result<CommandResult> CreateToken(Environment& env, const UserArgs& args) {
  if (env.globals.quiet && env.globals.output != "json") {
    return InvalidError(
        "token create: --quiet would not show the token, which is shown only once; " +
        std::string("leave it out, or take -o json"));
  }
  std::int64_t expires_ms = 0;
  AERIE_ASSIGN(const auto desk, Desk::Open(env, args));
  if (!args.expires.empty()) {
    AERIE_ASSIGN(const Duration life, ParseDuration(args.expires, "--expires"));
    expires_ms =
        desk->now_ms() + std::chrono::duration_cast<std::chrono::milliseconds>(life).count();
  }
  const api::Role role = api::RoleOf(args.role).value_or(api::Role::kViewer);
  CommandResult result;
  AERIE_TRY(desk->Change("token create", args.name, [&]() -> Status {
    AERIE_ASSIGN(const api::MadeToken made,
                 api::MakeToken(desk->store(), args.name, role, "", desk->now_ms(), expires_ms));
    const std::string text(made.text.Reveal());
    result.json = {{"id", made.token.id},
                   {"name", args.name},
                   {"role", args.role},
                   {"expires", TimeJson(expires_ms)},
                   {"token", text}};
    result.text = text + "\n";
    return Ok();
  }));
  return result;
}

Result<CommandResult> ListTokens(Environment& env, const UserArgs& args) {
  AERIE_ASSIGN(const auto desk, Desk::Open(env, args));
  AERIE_ASSIGN(const auto tokens, desk->store().Tokens());
  CommandResult result;
  result.json["tokens"] = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"ID", "NAME", "ROLE", "OWNER", "EXPIRES", "LAST USED"}};
  for (const auto& token : tokens) {
    result.json["tokens"].push_back(
        {{"id", token.id},
         {"name", token.name},
         {"role", token.role},
         {"owner", token.owner.empty() ? Json(nullptr) : Json(token.owner)},
         {"created", TimeJson(token.created_ms)},
         {"expires", TimeJson(token.expires_ms)},
         {"last_used", TimeJson(token.used_ms)}});
    rows.push_back({token.id, token.name, token.role,
                    token.owner.empty() ? "(command line)" : token.owner,
                    TimeText(token.expires_ms, "never"), TimeText(token.used_ms, "never")});
  }
  result.text = tokens.empty() ? "no tokens\n" : Table(rows);
  return result;
}

Result<CommandResult> RevokeToken(Environment& env, const UserArgs& args) {
  AERIE_ASSIGN(const auto desk, Desk::Open(env, args));
  AERIE_TRY(desk->Change("token revoke", args.name,
                         [&] { return desk->store().RevokeToken(args.name); }));
  CommandResult result;
  result.json = {{"token", args.name}};
  result.text = "token " + args.name + " is revoked\n";
  return result;
}

using Work = Result<CommandResult> (*)(Environment&, const UserArgs&);

CLI::App* AddWork(CLI::App& group, Action& action, const char* name, const char* about, Work work,
                  const std::shared_ptr<UserArgs>& args, const char* named) {
  CLI::App* const command = group.add_subcommand(name, about);
  if (named != nullptr) command->add_option(named, args->name, "Its name")->required();
  AddPlaceOptions(*command, args->place);
  command->callback([&action, args, work] {
    action = [args, work](Environment& env) {
      auto result = work(env, *args);
      return result.ok() ? *std::move(result) : Failure(result.status());
    };
  });
  return command;
}

CLI::Option* AddRole(CLI::App& command, const char* name, const std::shared_ptr<UserArgs>& args) {
  return command.add_option(name, args->role, "What it may: viewer, operator or admin")
      ->check(CLI::IsMember({"viewer", "operator", "admin"}))
      ->type_name("ROLE");
}

void AddPassword(CLI::App& command, const std::shared_ptr<UserArgs>& args) {
  AddSecretOptions(command, args->password, "--new-password", "the password",
                   " (or set AERIE_NEW_PASSWORD; asked for on a terminal)", "Password");
}

}  // namespace

void AddAccessCommands(CLI::App& root, Action& action) {
  CLI::App& user = *root.add_subcommand("user", "Who may log in to the daemon and its page");
  user.require_subcommand(1);
  const auto make = [] { return std::make_shared<UserArgs>(); };
  auto args = make();
  CLI::App* command = AddWork(user, action, "add", "Make a user; the first one must be an admin",
                              Add, args, "NAME");
  AddRole(*command, "--role", args)->capture_default_str();
  AddPassword(*command, args);
  AddWork(user, action, "list", "Show all users", ListUsers, make(), nullptr);
  AddWork(user, action, "remove", "Remove a user, with sessions and tokens (asks, or --yes)",
          Remove, make(), "NAME");
  args = make();
  command = AddWork(user, action, "role", "Give a user another role; holds at once", ChangeRole,
                    args, "NAME");
  AddRole(*command, "ROLE", args)->required();
  args = make();
  command = AddWork(user, action, "password", "Give a user a new password; ends all sessions",
                    ChangePassword, args, "NAME");
  AddPassword(*command, args);

  CLI::App& token = *root.add_subcommand("token", "Tokens for programs that talk to the daemon");
  token.require_subcommand(1);
  args = make();
  command = AddWork(token, action, "create", "Make a token, and print it: it is shown this once",
                    CreateToken, args, "NAME");
  AddRole(*command, "--role", args)->capture_default_str();
  command->add_option("--expires", args->expires, "It ends after this long, such as 90d")
      ->type_name("TIME");
  AddWork(token, action, "list", "Show all tokens, without their texts", ListTokens, make(),
          nullptr);
  command = AddWork(token, action, "revoke", "Revoke a token; it is refused at once", RevokeToken,
                    make(), "TOKEN");
  command->get_option("TOKEN")->description("Its name or id");
}

}  // namespace aerie::cli
