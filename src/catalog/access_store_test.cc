// Users, tokens, sessions, the audit log, and requests with keys.
#include "catalog/access_store.h"

#include <gtest/gtest.h>

#include "catalog/audit_store.h"
#include "catalog/request_store.h"

namespace aerie::catalog {
namespace {

class AccessStoreTest : public ::testing::Test {
 protected:
  User Of(const std::string& name, const std::string& role) {
    return {.name = name, .role = role, .password = "hash", .created_ms = 1};
  }
  std::unique_ptr<Catalog> catalog = *Catalog::Open(kInMemory);
  AccessStore store{*catalog};
};

TEST_F(AccessStoreTest, AnAdminIsAlwaysLeft) {
  const Status first = store.CreateUser(Of("v", "viewer"));
  EXPECT_EQ(KindOf(first), Kind::kRefused);
  EXPECT_NE(first.message().find("the first user must be an admin"), std::string::npos) << first;
  EXPECT_FALSE(*store.HasUsers());
  ASSERT_TRUE(store.CreateUser(Of("root", "admin")).ok());
  EXPECT_EQ(KindOf(store.CreateUser(Of("root", "admin"))), Kind::kExists);
  ASSERT_TRUE(store.CreateUser(Of("v", "viewer")).ok());
  EXPECT_EQ(KindOf(store.ChangeUser("root", {.role = "viewer"})), Kind::kRefused);
  EXPECT_EQ(KindOf(store.RemoveUser("root")), Kind::kRefused);
  EXPECT_EQ((*store.FindUser("root"))->role, "admin");
  ASSERT_TRUE(store.RemoveUser("v").ok());
  EXPECT_EQ(KindOf(store.RemoveUser("v")), Kind::kNotFound);
  EXPECT_EQ(KindOf(store.ChangeUser("v", {.role = "admin"})), Kind::kNotFound);
  EXPECT_TRUE(store.RemoveUser("root").ok());  // the last of all
  EXPECT_FALSE(*store.HasUsers());
}

TEST_F(AccessStoreTest, WhatAUserHasGoesWithIt) {
  ASSERT_TRUE(store.CreateUser(Of("root", "admin")).ok());
  ASSERT_TRUE(store.CreateUser(Of("anna", "operator")).ok());
  ASSERT_TRUE(store
                  .OpenSession(
                      {.hash = "s1", .user = "anna", .csrf = "c", .created_ms = 1, .used_ms = 5}, 0)
                  .ok());
  ASSERT_TRUE(store
                  .OpenSession(
                      {.hash = "s2", .user = "anna", .csrf = "c", .created_ms = 1, .used_ms = 5}, 0)
                  .ok());
  ASSERT_TRUE(
      store.CreateToken({.id = "1", .name = "t", .role = "viewer", .hash = "h", .owner = "anna"})
          .ok());
  EXPECT_EQ(KindOf(store.CreateToken({.id = "2", .name = "t", .role = "viewer", .hash = "h2"})),
            Kind::kExists);
  EXPECT_EQ((*store.FindToken("h"))->owner_role, "operator");
  ASSERT_TRUE(store.ChangeUser("anna", {.password = "new", .but_session = "s2"}).ok());
  EXPECT_FALSE(*store.FindSession("s1"));
  EXPECT_EQ((*store.FindSession("s2"))->role, "operator");
  ASSERT_TRUE(store.RemoveUser("anna").ok());
  EXPECT_FALSE(*store.FindSession("s2"));
  EXPECT_FALSE(*store.FindToken("h"));
  EXPECT_EQ(KindOf(store.RevokeToken("1")), Kind::kNotFound);
}

TEST_F(AccessStoreTest, SessionsAreBounded) {
  ASSERT_TRUE(store.CreateUser(Of("root", "admin")).ok());
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(store
                    .OpenSession({.hash = std::to_string(i),
                                  .user = "root",
                                  .csrf = "c",
                                  .created_ms = i,
                                  .used_ms = 100 + i},
                                 0)
                    .ok());
  }
  EXPECT_FALSE(*store.FindSession("9"));
  EXPECT_TRUE(*store.FindSession("10"));
  ASSERT_TRUE(
      store
          .OpenSession(
              {.hash = "x", .user = "root", .csrf = "c", .created_ms = 1000, .used_ms = 1000}, 155)
          .ok());
  EXPECT_FALSE(*store.FindSession("54"));  // idle
  EXPECT_TRUE(*store.FindSession("55"));
}

TEST_F(AccessStoreTest, TheAuditLogIsFilteredPagedAndBounded) {
  AuditStore audit(*catalog);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(audit
                    .Append({.at_ms = 100 + i,
                             .actor = i % 2 == 0 ? "user:a" : "user:b",
                             .action = "x",
                             .object = "o",
                             .outcome = "begun"})
                    .ok());
  }
  ASSERT_TRUE(audit.End(1, "done", "", "fine").ok());
  ASSERT_TRUE(audit.End(2, "failed", "p", std::string(5000, 'x')).ok());
  const auto all = *audit.List({});
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[4].outcome, "done");
  EXPECT_EQ(all[4].object, "o");
  EXPECT_EQ(all[3].object, "p");
  EXPECT_LT(all[3].detail.size(), 1100u);
  EXPECT_EQ(audit.List({.actor = "user:b"})->size(), 2u);
  EXPECT_EQ(audit.List({.from_ms = 101, .to_ms = 103})->size(), 2u);
  EXPECT_EQ(audit.List({.before = 3, .limit = 1})->front().seq, 2);
}

TEST_F(AccessStoreTest, AKeyIsTakenOnce) {
  using State = KeyedRequest::State;
  RequestStore requests(*catalog);
  EXPECT_EQ(requests.Take("a", "k", "r", 10, 0)->state, State::kFresh);
  EXPECT_EQ(requests.Take("a", "k", "r", 10, 0)->state, State::kOpen);
  EXPECT_EQ(requests.Take("a", "k", "other", 10, 0)->state, State::kOther);
  EXPECT_EQ(requests.Take("b", "k", "r", 10, 0)->state, State::kFresh);
  ASSERT_TRUE(requests.Answer("a", "k", {.status = 202, .location = "/x", .body = "{}"}).ok());
  const auto known = *requests.Take("a", "k", "r", 11, 0);
  EXPECT_EQ(known.state, State::kAnswered);
  EXPECT_EQ(known.answer.location, "/x");
  ASSERT_TRUE(requests.Drop("a", "k").ok());
  EXPECT_EQ(requests.Take("a", "k", "r", 12, 0)->state, State::kFresh);
  EXPECT_EQ(requests.Take("a", "k", "other", 100, 50)->state, State::kFresh);  // forgotten
}

}  // namespace
}  // namespace aerie::catalog
