// Who may write what in a Milvus cluster, as grants to roles, and giving and taking them one by
// one.
//
// Grant, EffectOf and Concerns are pure. The rest are free functions on a client that may manage
// roles; any thread.
#pragma once

#include <compare>
#include <set>
#include <string>
#include <vector>

#include "base/context.h"
#include "milvus/client.h"
#include "rows/schema.h"

namespace aerie::migrate {

inline constexpr char kAdminRole[] = "admin";
inline constexpr char kRootUser[] = "root";
inline constexpr char kAnyName[] = "*";

// One privilege of one role, as the server lists it.
struct Grant {
  std::string role;
  std::string object;  // "Collection", "Global", "User"
  std::string name;    // of the object: a collection or alias, or "*"
  std::string database;
  std::string privilege;  // "Insert"; "*" is all of them
  auto operator<=>(const Grant&) const = default;
  std::string ToString() const;  // "role writer: Insert on Collection default.docs"
};

enum class Effect {
  kNone,     // changes neither rows nor what a collection is
  kWrites,   // may
  kUnknown,  // a group of privileges, or one newer than this program
};
Effect EffectOf(const std::string& privilege);

// Whether the grant reaches one of these collections (names and aliases).
bool Concerns(const Grant& grant, const std::set<rows::CollectionName>& names);

// The names of these collections and of their aliases; those that are not there are left out.
Result<std::set<rows::CollectionName>> WithAliases(
    const Context& context, milvus::Client& client,
    const std::vector<rows::CollectionName>& collections);

// Every role but admin, whose privileges are no grants.
Result<std::vector<std::string>> ListRoles(const Context& context, milvus::Client& client);
// Users that have the role.
Result<std::vector<std::string>> UsersOf(const Context& context, milvus::Client& client,
                                         const std::string& role);

// Grants of these roles in the databases of `names` and in all databases that let change what
// `names` are or hold, or of which that is not known.
Result<std::set<Grant>> WritingGrants(const Context& context, milvus::Client& client,
                                      const std::vector<std::string>& roles,
                                      const std::set<rows::CollectionName>& names);

enum class Change { kGive, kTake };
// Also when it is so already.
Status ChangeGrant(const Context& context, milvus::Client& client, const Grant& grant,
                   Change change);

// JSON, and back; kCorrupt.
std::string ToText(const std::set<Grant>& grants);
Result<std::set<Grant>> GrantsFromText(const std::string& text);

}  // namespace aerie::migrate
