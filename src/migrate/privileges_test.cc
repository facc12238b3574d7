#include "migrate/privileges.h"

#include <gtest/gtest.h>

namespace aerie::migrate {
namespace {

TEST(PrivilegesTest, WhatIsNotKnownIsNeverTakenForHarmless) {
  for (const char* name : {"Insert", "Upsert", "Delete", "Import", "*", "DropCollection",
                           "DropPartition", "ManageOwnership"}) {
    EXPECT_EQ(EffectOf(name), Effect::kWrites) << name;
  }
  for (const char* name : {"Query", "Search", "Load", "IndexDetail", "CollectionReadOnly"}) {
    EXPECT_EQ(EffectOf(name), Effect::kNone) << name;
  }
  for (const char* name : {"CollectionReadWrite", "CollectionAdmin", "ClusterAdmin", "my_group",
                           "TruncateCollection", ""}) {
    EXPECT_EQ(EffectOf(name), Effect::kUnknown) << name;
  }
}

TEST(PrivilegesTest, WhichGrantsReachACollection) {
  const std::set<rows::CollectionName> names = {{"default", "docs"}, {"sales", "orders"}};
  struct Case {
    const char *object, *name, *database;
    bool reaches;
  };
  for (const Case& c : {
           Case{"Collection", "docs", "default", true},
           Case{"Collection", "*", "default", true},
           Case{"Collection", "docs", "*", true},
           Case{"Collection", "users", "default", false},
           Case{"Collection", "docs", "sales", false},
           Case{"Collection", "*", "other", false},
           Case{"Collection", "orders", "sales", true},
           Case{"Global", "*", "sales", true},
           Case{"Global", "*", "other", false},
           Case{"Global", "whatever", "*", true},
           Case{"User", "*", "default", false},
       }) {
    const Grant grant{"r", c.object, c.name, c.database, "Insert"};
    EXPECT_EQ(Concerns(grant, names), c.reaches) << grant.ToString();
  }
}

TEST(PrivilegesTest, TheListComesBack) {
  const std::set<Grant> grants = {{"r", "Collection", "do\"cs", "default", "Insert"},
                                  {"s", "Global", "*", "*", "*"}};
  EXPECT_EQ(*GrantsFromText(ToText(grants)), grants);
  EXPECT_TRUE(GrantsFromText(ToText({}))->empty());
  for (const char* text : {"", "{}", "[[1]]", "[[\"r\",\"C\",\"n\",\"d\"]]"}) {
    EXPECT_EQ(KindOf(GrantsFromText(text).status()), Kind::kCorrupt) << text;
  }
}

}  // namespace
}  // namespace aerie::migrate
