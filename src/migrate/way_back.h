// What a rollback will need, looked at before there is anything to roll back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "migrate/finding.h"
#include "milvus/client.h"
#include "rows/schema.h"

namespace aerie::migrate {

// Who fences, and who switches, in words: "./fence.sh", "by hand"; empty: it was not said yet.
struct WayBackWish {
  std::string fence;
  std::string switcher;
};

// Whether the source will take back the rows of these collections: it must know how to hold what
// clients write at the target, generated keys above all, and let this client upsert and delete.
// Changes nothing.
Finding CheckWayBack(const Context& context, std::shared_ptr<milvus::Client> source,
                     const std::vector<rows::CollectionSpec>& collections, const WayBackWish& wish);

}  // namespace aerie::migrate
