#include "migrate/privilege_fence.h"

#include <algorithm>
#include <utility>

namespace aerie::migrate {
namespace {

using Verdict = Finding::Verdict;

// Of a list, what a line has room for.
constexpr std::size_t kNamed = 3;

template <class List, class ToText>
std::string Few(const List& list, const ToText& text) {
  std::string out;
  std::size_t count = 0;
  for (const auto& one : list) {
    if (++count <= kNamed) out += (out.empty() ? "" : "; ") + text(one);
  }
  return count > kNamed ? out + "; and " + std::to_string(count - kNamed) + " more" : out;
}

std::string FewGrants(const std::set<Grant>& grants) {
  return Few(grants, [](const Grant& g) { return g.ToString(); });
}

std::set<Grant> Unknown(const std::set<Grant>& grants) {
  std::set<Grant> unknown;
  for (const Grant& g : grants) {
    if (EffectOf(g.privilege) == Effect::kUnknown) unknown.insert(g);
  }
  return unknown;
}

std::string UnknownText(const std::set<Grant>& unknown) {
  return "a group of privileges, or one that this version does not know: " + FewGrants(unknown) +
         "; grant what the role needs one by one (Insert, Upsert, Delete, Query, Search, ...), or "
         "fence by --fence-command";
}

// Who has the role admin, besides root and this client's user.
Result<std::vector<std::string>> OtherAdmins(const Context& context, milvus::Client& client) {
  AERIE_ASSIGN(std::vector<std::string> users, UsersOf(context, client, kAdminRole));
  std::erase_if(users, [&](const auto& u) { return u == kRootUser || u == client.user(); });
  return users;
}

Result<bool> IsAdmin(const Context& context, milvus::Client& client) {
  if (client.user() == kRootUser) return true;
  AERIE_ASSIGN(const auto users, UsersOf(context, client, kAdminRole));
  return std::find(users.begin(), users.end(), client.user()) != users.end();
}

// What more than these collections, and more than writing, is closed with them.
std::set<Grant> Wide(const std::set<Grant>& grants) {
  std::set<Grant> wide;
  for (const Grant& g : grants) {
    const bool other_collections = g.object == "Collection" && g.name == kAnyName;
    const bool all_privileges = g.privilege == kAnyName || g.privilege == "All";
    if (other_collections || all_privileges) wide.insert(g);
  }
  return wide;
}

// Text of a failure; empty: none.
Result<std::string> WhyNot(const Context& context, milvus::Client& client) {
  if (client.user().empty()) {
    return std::string(
        "Aerie is not logged in there as a user: give root, or a user of role admin");
  }
  AERIE_ASSIGN(const bool wants_login, client.WantsLogin(context));
  if (!wants_login) {
    return std::string(
        "it lets everybody in without a login (common.security.authorizationEnabled is off): fence "
        "by --fence-command");
  }
  AERIE_ASSIGN(const bool admin, IsAdmin(context, client));
  if (!admin) {
    return "user " + client.user() +
           " would be kept out itself: give root, or a user of role admin";
  }
  AERIE_ASSIGN(const auto others, OtherAdmins(context, client));
  if (others.empty()) return std::string();
  return "users of role admin cannot be kept out: " +
         Few(others, [](const std::string& u) { return u; }) +
         "; give them a role of their own, or fence by --fence-command";
}

}  // namespace

PrivilegeFence::PrivilegeFence(catalog::Lease& lease, std::shared_ptr<milvus::Client> source,
                               std::shared_ptr<milvus::Client> target,
                               std::vector<rows::CollectionName> collections,
                               const PrivilegeFenceOptions& options)
    : lease_(lease),
      source_(std::move(source)),
      target_(std::move(target)),
      collections_(std::move(collections)),
      options_(options) {}

Status PrivilegeFence::Log(const Context& context, const std::string& text) {
  return lease_.Append({.kind = "fence", .text = text}, ToUnixMillis(context.clock().Now()));
}

Result<std::map<std::string, std::set<Grant>>> PrivilegeFence::Taken(Side side) {
  AERIE_TRY(lease_.Inherit(Prefix(side)));
  AERIE_ASSIGN(const auto texts, lease_.KeptUnder(Prefix(side)));
  std::map<std::string, std::set<Grant>> taken;
  for (const auto& [key, text] : texts) {
    AERIE_ASSIGN(taken[key], GrantsFromText(text));
  }
  return taken;
}

Result<std::set<rows::CollectionName>> PrivilegeFence::Names(const Context& context,
                                                             Side side) const {
  AERIE_ASSIGN(auto names, WithAliases(context, ClientOf(side), collections_));
  names.insert(collections_.begin(), collections_.end());
  return names;
}

Result<std::int64_t> PrivilegeFence::Apply(const Context& context, Side side) {
  milvus::Client& client = ClientOf(side);
  const std::string where = std::string("fence of the ") + NameOf(side) + " by privileges: ";
  AERIE_ASSIGN(const std::string why_not, WhyNot(context, client));
  if (!why_not.empty()) return RefusedError(where + why_not);
  AERIE_ASSIGN(const auto names, Names(context, side));
  AERIE_ASSIGN(const auto roles, ListRoles(context, client));
  AERIE_ASSIGN(const std::set<Grant> found, WritingGrants(context, client, roles, names));
  if (const auto unknown = Unknown(found); !unknown.empty()) {
    return RefusedError(where + UnknownText(unknown));
  }
  // First kept, then taken.
  const std::string key = Prefix(side) + lease_.id();
  AERIE_ASSIGN(auto taken, Taken(side));
  taken[key].insert(found.begin(), found.end());
  if (!taken[key].empty()) AERIE_TRY(lease_.Keep(key, ToText(taken[key])));
  for (const Grant& grant : found) {
    AERIE_TRY(Log(context, "taken: " + grant.ToString()));
    AERIE_TRY(ChangeGrant(context, client, grant, Change::kTake));
  }
  AERIE_ASSIGN(const auto left, WritingGrants(context, client, roles, names));
  if (!left.empty()) {
    return FailedError(where + "there again, or given anew meanwhile: " + FewGrants(left));
  }
  AERIE_TRY(context.Sleep(options_.settle, where + "wait until every node knows"));
  return 0;
}

Status PrivilegeFence::Lift(const Context& context, Side side) {
  milvus::Client& client = ClientOf(side);
  AERIE_ASSIGN(auto taken, Taken(side));
  if (taken.empty()) return Ok();
  AERIE_ASSIGN(const auto names, Names(context, side));
  AERIE_ASSIGN(const auto roles, ListRoles(context, client));
  for (auto& [key, grants] : taken) {
    for (const Grant& grant : std::set<Grant>(grants)) {
      // An earlier migration of other collections: they stay closed.
      if (!Concerns(grant, names)) continue;
      grants.erase(grant);
      if (std::find(roles.begin(), roles.end(), grant.role) == roles.end()) {
        AERIE_TRY(Log(context, "not given back, the role is gone: " + grant.ToString()));
        continue;
      }
      AERIE_TRY(ChangeGrant(context, client, grant, Change::kGive));
      AERIE_TRY(Log(context, "given back: " + grant.ToString()));
    }
  }
  AERIE_TRY(context.Sleep(options_.settle, "wait until every node lets clients write"));
  // Forgotten last: until here all of it would be given again.
  for (const auto& [key, grants] : taken) {
    AERIE_TRY(lease_.Keep(key, grants.empty() ? "" : ToText(grants)));
  }
  return Ok();
}

Finding ExaminePrivileges(const Context& context, milvus::Client& client, Side side,
                          const std::vector<rows::CollectionName>& collections) {
  const std::string where = std::string("the ") + NameOf(side) + ": ";
  const auto fail = [&](const std::string& text) {
    return Finding{kFenceCheck, Verdict::kFail, where + text};
  };
  const auto why_not = WhyNot(context, client);
  if (!why_not.ok()) return fail(std::string(why_not.status().message()));
  if (!why_not->empty()) return fail(*why_not);
  // The collections are not at the target yet, but what will concern them is known by their names.
  auto names = WithAliases(context, client, collections);
  if (!names.ok()) return fail(std::string(names.status().message()));
  names->insert(collections.begin(), collections.end());
  const auto roles = ListRoles(context, client);
  if (!roles.ok()) return fail(std::string(roles.status().message()));
  const auto grants = WritingGrants(context, client, *roles, *names);
  if (!grants.ok()) return fail(std::string(grants.status().message()));
  if (const auto unknown = Unknown(*grants); !unknown.empty()) return fail(UnknownText(unknown));
  if (grants->empty() && side == Side::kSource) {
    return fail(
        "no role may write to these collections, so that clients must be root, who cannot be kept "
        "out; give them a user with a role of their own");
  }
  if (grants->empty()) {
    return {kFenceCheck, Verdict::kWarn,
            where +
                "no role may write to these collections there: grant it before the cutover, "
                "else clients cannot write after it (unless an earlier migration of this catalog "
                "took it: then it is given back)"};
  }
  std::string text =
      where + std::to_string(grants->size()) +
      " privileges will be taken and given back; root is not kept out: no client may "
      "be root";
  if (const auto wide = Wide(*grants); !wide.empty()) {
    text += "; these close more than writing to these collections: " + FewGrants(wide);
  }
  return {kFenceCheck, Verdict::kWarn, text};
}

}  // namespace aerie::migrate
