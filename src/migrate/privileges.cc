#include "migrate/privileges.h"

#include <nlohmann/json.hpp>

namespace aerie::migrate {
namespace {

using Json = nlohmann::ordered_json;

// Names of single privileges, Milvus 2.3 to 2.6. Whatever is in neither set is not known.
const std::set<std::string>& Harmless() {
  static const std::set<std::string> names = {
      "Query", "Search", "Load", "Release", "GetLoadState", "GetLoadingProgress", "GetStatistics",
      "Flush", "FlushAll", "GetFlushState", "Compaction", "CreateIndex", "DropIndex", "IndexDetail",
      "HasPartition", "ShowPartitions", "DescribeCollection", "ShowCollections", "ListAliases",
      "DescribeAlias", "CreateCollection", "CreateDatabase", "DropDatabase", "ListDatabases",
      "DescribeDatabase", "AlterDatabase", "SelectOwnership", "SelectUser", "ListPrivilegeGroups",
      "CreateResourceGroup", "DropResourceGroup", "UpdateResourceGroups", "DescribeResourceGroup",
      "ListResourceGroups", "TransferNode", "TransferReplica", "LoadBalance",
      // Groups that are part of every server that has groups.
      "CollectionReadOnly", "DatabaseReadOnly", "ClusterReadOnly"};
  return names;
}

const std::set<std::string>& Writing() {
  static const std::set<std::string> names = {
      "*", "All", "Insert", "Upsert", "Delete", "Import", "DropCollection", "RenameCollection",
      "CreatePartition", "DropPartition", "CreateAlias", "DropAlias",
      // Who has these can give himself the others.
      "CreateOwnership", "DropOwnership", "ManageOwnership", "BackupRBAC", "RestoreRBAC",
      "CreatePrivilegeGroup", "DropPrivilegeGroup", "OperatePrivilegeGroup"};
  return names;
}

Grant GrantOf(const milvus::pb::GrantEntity& entity) {
  return {.role = entity.role().name(),
          .object = entity.object().name(),
          .name = entity.object_name(),
          .database = entity.db_name(),
          .privilege = entity.grantor().privilege().name()};
}

}  // namespace

std::string Grant::ToString() const {
  return "role " + role + ": " + privilege + " on " + object + " " + database + "." + name;
}

Effect EffectOf(const std::string& privilege) {
  if (Harmless().contains(privilege)) return Effect::kNone;
  return Writing().contains(privilege) ? Effect::kWrites : Effect::kUnknown;
}

bool Concerns(const Grant& grant, const std::set<rows::CollectionName>& names) {
  if (grant.object == "User") return false;
  for (const auto& name : names) {
    if (grant.database != kAnyName && grant.database != name.database) continue;
    // What is global reaches every collection, whatever it names.
    if (grant.object != "Collection") return true;
    if (grant.name == kAnyName || grant.name == name.collection) return true;
  }
  return false;
}

Result<std::set<rows::CollectionName>> WithAliases(
    const Context& context, milvus::Client& client,
    const std::vector<rows::CollectionName>& collections) {
  std::set<rows::CollectionName> names;
  for (const auto& name : collections) {
    milvus::pb::DescribeCollectionRequest request;
    request.set_db_name(name.database);
    request.set_collection_name(name.collection);
    const auto described = client.DescribeCollection(context, std::move(request));
    if (KindOf(described.status()) == Kind::kNotFound) continue;
    AERIE_TRY(described.status());
    names.insert(name);
    for (const auto& alias : described->aliases()) names.insert({name.database, alias});
  }
  return names;
}

Result<std::vector<std::string>> ListRoles(const Context& context, milvus::Client& client) {
  AERIE_ASSIGN(const auto answer, client.SelectRole(context, {}));
  std::vector<std::string> roles;
  for (const auto& result : answer.results()) {
    if (result.role().name() != kAdminRole) roles.push_back(result.role().name());
  }
  return roles;
}

Result<std::vector<std::string>> UsersOf(const Context& context, milvus::Client& client,
                                         const std::string& role) {
  milvus::pb::SelectRoleRequest request;
  request.mutable_role()->set_name(role);
  request.set_include_user_info(true);
  AERIE_ASSIGN(const auto answer, client.SelectRole(context, std::move(request)));
  std::vector<std::string> users;
  for (const auto& result : answer.results()) {
    for (const auto& user : result.users()) users.push_back(user.name());
  }
  return users;
}

Result<std::set<Grant>> WritingGrants(const Context& context, milvus::Client& client,
                                      const std::vector<std::string>& roles,
                                      const std::set<rows::CollectionName>& names) {
  // A server lists the grants of one database, by its name, and those of all databases as "*".
  std::set<std::string> databases = {kAnyName};
  for (const auto& name : names) databases.insert(name.database);
  std::set<Grant> found;
  for (const std::string& role : roles) {
    for (const std::string& database : databases) {
      milvus::pb::SelectGrantRequest request;
      request.mutable_entity()->mutable_role()->set_name(role);
      request.mutable_entity()->set_db_name(database);
      AERIE_ASSIGN(const auto answer, client.SelectGrant(context, std::move(request)));
      for (const auto& entity : answer.entities()) {
        const Grant grant = GrantOf(entity);
        if (EffectOf(grant.privilege) == Effect::kNone || !Concerns(grant, names)) continue;
        found.insert(grant);
      }
    }
  }
  return found;
}

Status ChangeGrant(const Context& context, milvus::Client& client, const Grant& grant,
                   Change change) {
  milvus::pb::OperatePrivilegeRequest request;
  request.set_type(change == Change::kGive ? milvus::pb::Grant : milvus::pb::Revoke);
  auto* entity = request.mutable_entity();
  entity->mutable_role()->set_name(grant.role);
  entity->mutable_object()->set_name(grant.object);
  entity->set_object_name(grant.name);
  entity->set_db_name(grant.database);
  entity->mutable_grantor()->mutable_privilege()->set_name(grant.privilege);
  return Annotate(client.OperatePrivilege(context, std::move(request)),
                  (change == Change::kGive ? "give " : "take ") + grant.ToString());
}

std::string ToText(const std::set<Grant>& grants) {
  Json json = Json::array();
  for (const Grant& g : grants) json.push_back({g.role, g.object, g.name, g.database, g.privilege});
  return json.dump();
}

Result<std::set<Grant>> GrantsFromText(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  std::set<Grant> grants;
  try {
    for (const Json& g : json) {
      grants.insert({g.at(0).get<std::string>(), g.at(1).get<std::string>(),
                     g.at(2).get<std::string>(), g.at(3).get<std::string>(),
                     g.at(4).get<std::string>()});
    }
  } catch (const Json::exception&) {
    return CorruptError(
        "privileges that were taken, in the catalog: they are not as this program "
        "writes them; aerie migrate status --log names each");
  }
  if (!json.is_array()) return CorruptError("privileges that were taken, in the catalog: no list");
  return grants;
}

}  // namespace aerie::migrate
