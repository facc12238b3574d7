#include "transfer/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aerie::transfer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<rows::CollectionName> kAll = {
    {"default", "docs"}, {"default", "docs_old"}, {"other", "docs"}};

Selection Chosen(std::vector<std::string> collections, std::string database = "") {
  Selection selection;
  selection.collections = std::move(collections);
  selection.database = std::move(database);
  return selection;
}

std::vector<std::string> Names(const Selection& selection) {
  std::vector<std::string> names;
  const auto chosen = Select(selection, kAll, "the cluster");
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  if (!chosen.ok()) return names;
  for (const auto& name : *chosen) names.push_back(name.ToString());
  return names;
}

TEST(Selection, GlobsTakeAndLeaveOut) {
  EXPECT_EQ(Names({}).size(), 3u);
  EXPECT_THAT(Names(Chosen({"docs"})), ElementsAre("default.docs", "other.docs"));
  EXPECT_THAT(Names(Chosen({"other.*"})), ElementsAre("other.docs"));
  EXPECT_THAT(Names(Chosen({"!*_old"})), ElementsAre("default.docs", "other.docs"));
  EXPECT_THAT(Names(Chosen({"default.*", "!docs_old"})), ElementsAre("default.docs"));
  EXPECT_THAT(Names(Chosen({}, "other")), ElementsAre("other.docs"));
}

TEST(Selection, WhatMatchesNothingIsAnErrorThatListsWhatIsThere) {
  for (const Selection& selection : {Chosen({"docs", "dogs"}), Chosen({"x*"}),
                                     Chosen({"docs_old"}, "other"), Chosen({}, "none")}) {
    const auto chosen = Select(selection, kAll, "the cluster");
    EXPECT_EQ(KindOf(chosen.status()), Kind::kNotFound);
    EXPECT_THAT(std::string(chosen.status().message()), HasSubstr("default.docs_old"));
  }
}

TEST(Selection, Partitions) {
  EXPECT_TRUE(SelectsPartition({}, "p1"));
  Selection some;
  some.partitions = {"a", "p*"};
  EXPECT_TRUE(SelectsPartition(some, "p1"));
  EXPECT_FALSE(SelectsPartition(some, "q"));
}

}  // namespace
}  // namespace aerie::transfer
