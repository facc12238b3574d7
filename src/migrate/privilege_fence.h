// A fence made of Milvus's own means: the privileges to write are taken from every role, and given
// back (docs/migrating.md, decisions/0022).
//
// What is taken is kept in the catalog before it is taken, and forgotten only when it was given
// back: no crash loses it. Whoever is root or has the role admin is not kept out; Aerie must be one
// of them, and clients none. One call at a time; any thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "migrate/finding.h"
#include "migrate/ports.h"
#include "migrate/privileges.h"
#include "milvus/client.h"

namespace aerie::migrate {

struct PrivilegeFenceOptions {
  // Nodes that admit clients learn of a change a little later, and what they admitted before it is
  // still on its way then.
  Duration settle = std::chrono::milliseconds(500);
};

class PrivilegeFence : public Fence {
 public:
  PrivilegeFence(catalog::Lease& lease, std::shared_ptr<milvus::Client> source,
                 std::shared_ptr<milvus::Client> target,
                 std::vector<rows::CollectionName> collections,
                 const PrivilegeFenceOptions& options = {});

  // Errors: kRefused for a privilege that it does not know how to give back, nothing taken then.
  Result<std::int64_t> Apply(const Context& context, Side side) override;
  Status Lift(const Context& context, Side side) override;

 private:
  milvus::Client& ClientOf(Side side) const { return side == Side::kSource ? *source_ : *target_; }
  // Under which a cluster's taken privileges are kept, of any migration.
  std::string Prefix(Side side) const { return "taken " + ClientOf(side).cluster() + " "; }
  // By this migration, and by earlier ones that have ended and left the cluster fenced: by keys of
  // the catalog.
  Result<std::map<std::string, std::set<Grant>>> Taken(Side side);
  // Collections, and their aliases there.
  Result<std::set<rows::CollectionName>> Names(const Context& context, Side side) const;
  Status Log(const Context& context, const std::string& text);

  catalog::Lease& lease_;
  const std::shared_ptr<milvus::Client> source_;
  const std::shared_ptr<milvus::Client> target_;
  const std::vector<rows::CollectionName> collections_;
  const PrivilegeFenceOptions options_;
};

// Whether such a fence can keep the clients of a cluster out, and whom it would not.
Finding ExaminePrivileges(const Context& context, milvus::Client& client, Side side,
                          const std::vector<rows::CollectionName>& collections);

}  // namespace aerie::migrate
