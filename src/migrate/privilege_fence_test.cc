#include "migrate/privilege_fence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_milvus.h"
#include "milvus/uri.h"

namespace aerie::migrate {
namespace {

using fake::FakeMilvus;
using fake::Fault;
using ::testing::HasSubstr;
using Verdict = Finding::Verdict;

fake::Behaviour WithLogin() {
  fake::Behaviour behaviour = fake::Behaviour::Of(fake::Release::k2_3);
  behaviour.authentication = true;
  return behaviour;
}

// A cluster with users and roles, and a client that is root.
struct Site {
  explicit Site(const std::string& user = "root") { Login(user, "Milvus"); }

  void Login(const std::string& user, const std::string& password) {
    milvus::ClientOptions options;
    options.user = user;
    options.password = password;
    options.retry.first_delay = options.retry.max_delay = std::chrono::milliseconds(2);
    const auto opened = milvus::Client::Open(Context::Background(),
                                             *milvus::ParseClusterUri(server.uri()), options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    client = *opened;
  }
  template <class Request>
  void Do(const Request& request) {
    server.With([&](fake::FakeCluster& cluster) {
      cluster.caller = "root";
      fake::common::Status status;
      cluster.Do(request, &status);
      EXPECT_EQ(status.code(), 0) << status.reason();
    });
  }
  void AddRole(const std::string& name) {
    fake::pb::CreateRoleRequest request;
    request.mutable_entity()->set_name(name);
    Do(request);
  }
  void AddUser(const std::string& name, const std::string& role) {
    fake::pb::CreateCredentialRequest user;
    user.set_username(name);
    user.set_password("TWlsdnVz");  // "Milvus"
    Do(user);
    fake::pb::OperateUserRoleRequest has;
    has.set_username(name);
    has.set_role_name(role);
    Do(has);
  }
  void Give(const Grant& grant) {
    fake::pb::OperatePrivilegeRequest request;
    request.mutable_entity()->mutable_role()->set_name(grant.role);
    request.mutable_entity()->mutable_object()->set_name(grant.object);
    request.mutable_entity()->set_object_name(grant.name);
    request.mutable_entity()->set_db_name(grant.database);
    request.mutable_entity()->mutable_grantor()->mutable_privilege()->set_name(grant.privilege);
    Do(request);
  }
  // All of the role's, writing or not.
  std::set<Grant> Has(const std::string& role) {
    std::set<Grant> grants;
    fake::pb::SelectGrantRequest request;
    request.mutable_entity()->mutable_role()->set_name(role);
    for (const char* database : {"default", "*"}) {
      request.mutable_entity()->set_db_name(database);
      const auto answer = server.Apply<fake::pb::SelectGrantResponse>(request);
      for (const auto& e : answer.entities()) {
        grants.insert({e.role().name(), e.object().name(), e.object_name(), e.db_name(),
                       e.grantor().privilege().name()});
      }
    }
    return grants;
  }

  FakeMilvus server{WithLogin()};
  std::shared_ptr<milvus::Client> client;
};

const Grant kInsert{"writer", "Collection", "docs", "default", "Insert"};
const Grant kDelete{"writer", "Collection", "docs", "default", "Delete"};
const Grant kByAlias{"writer", "Collection", "newest", "default", "Upsert"};
const Grant kEverywhere{"loader", "Collection", "*", "default", "Insert"};
const Grant kQuery{"writer", "Collection", "docs", "default", "Query"};
const Grant kOther{"writer", "Collection", "other", "default", "Insert"};

class PrivilegeFenceTest : public ::testing::Test {
 protected:
  PrivilegeFenceTest() {
    for (Site* site : {&source_, &target_}) {
      for (const char* role : {"writer", "loader"}) site->AddRole(role);
      site->server.Create(fake::SimpleSchema("docs"));
      fake::pb::CreateAliasRequest alias;
      alias.set_collection_name("docs");
      alias.set_alias("newest");
      site->Do(alias);
    }
    source_.AddUser("app", "writer");
    for (const Grant& grant : {kInsert, kDelete, kByAlias, kQuery, kOther, kEverywhere}) {
      source_.Give(grant);
    }
    Begin("m");
  }
  // Another process, or another migration.
  void Begin(const std::string& id) {
    lease_.reset();
    if (!catalog_->Find(id).ok()) {
      EXPECT_TRUE(
          catalog_->Create({.id = id, .spec = "{}", .state = "{}", .phase = "fencing"}).ok());
    }
    lease_ = *catalog_->Take(id, {.process = ThisProcess(), .host = "here"});
  }
  void End() {
    ASSERT_TRUE(lease_->Store({.state = "{}", .phase = "done", .ended = true}, 5).ok());
  }
  PrivilegeFence Of(const std::vector<rows::CollectionName>& names = {{"default", "docs"}},
                    Duration settle = {}) {
    return {*lease_, source_.client, target_.client, names, {.settle = settle}};
  }
  std::set<Grant> All() {
    std::set<Grant> all = source_.Has("writer");
    all.merge(source_.Has("loader"));
    return all;
  }
  Finding Examined(Side side = Side::kSource) {
    return ExaminePrivileges(context_, side == Side::kSource ? *source_.client : *target_.client,
                             side, {{"default", "docs"}});
  }

  Site source_, target_;
  std::unique_ptr<catalog::Catalog> catalog_ = *catalog::Catalog::Open(catalog::kInMemory);
  std::unique_ptr<catalog::Lease> lease_;
  const Context context_ = Context::Background();
};

TEST_F(PrivilegeFenceTest, WhatWritesIsTakenAndExactlyThatIsGivenBack) {
  const auto before = All();
  ASSERT_TRUE(Of().Apply(context_, Side::kSource).ok());
  EXPECT_EQ(All(), (std::set<Grant>{kQuery, kOther})) << "reading, and other collections, stay";
  ASSERT_TRUE(Of().Apply(context_, Side::kSource).ok()) << "again is the same as once";
  ASSERT_TRUE(Of().Lift(context_, Side::kSource).ok());
  EXPECT_EQ(All(), before);
  ASSERT_TRUE(Of().Lift(context_, Side::kSource).ok());
  ASSERT_TRUE(Of().Lift(context_, Side::kTarget).ok()) << "never fenced";
  EXPECT_EQ(All(), before);
}

TEST_F(PrivilegeFenceTest, ItIsKeptBeforeItIsTaken) {
  int seen = 0;
  source_.server.Before("OperatePrivilege", [&](const fake::Call& call) {
    const auto& request = dynamic_cast<const fake::pb::OperatePrivilegeRequest&>(call.request);
    const std::string kept = *catalog_->Kept("m", "taken " + source_.client->cluster() + " m");
    EXPECT_TRUE(GrantsFromText(kept)->contains(
        {request.entity().role().name(), request.entity().object().name(),
         request.entity().object_name(), request.entity().db_name(),
         request.entity().grantor().privilege().name()}));
    ++seen;
  });
  ASSERT_TRUE(Of().Apply(context_, Side::kSource).ok());
  EXPECT_EQ(seen, 4);
}

// The server dies, and the process with it, before or after any change of any privilege: on the
// way there, and on the way back.
TEST_F(PrivilegeFenceTest, NothingIsLostWhereverItDies) {
  const auto before = All();
  for (const bool applied : {false, true}) {
    for (int at = 1; at <= 8; ++at) {
      source_.server.Inject(applied ? Fault::CrashAfter("OperatePrivilege", at)
                                    : Fault::CrashBefore("OperatePrivilege", at));
      const bool fenced = Of().Apply(context_, Side::kSource).ok();
      EXPECT_EQ(fenced, at > 4) << at;
      EXPECT_FALSE(fenced && Of().Lift(context_, Side::kSource).ok()) << at;
      source_.server.Restart();
      source_.Login("root", "Milvus");
      Begin("m");
      ASSERT_TRUE(Of().Lift(context_, Side::kSource).ok());
      EXPECT_EQ(All(), before) << "at change " << at;
      EXPECT_TRUE(lease_->KeptUnder("taken ")->empty());
    }
  }
}

TEST_F(PrivilegeFenceTest, AGroupOfPrivilegesIsRefusedAndNothingTaken) {
  source_.Give({"writer", "Collection", "docs", "default", "CollectionReadWrite"});
  const auto before = All();
  const Status refused = Of().Apply(context_, Side::kSource).status();
  EXPECT_EQ(KindOf(refused), Kind::kRefused);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("CollectionReadWrite"));
  EXPECT_EQ(All(), before);
  const Finding found = Examined();
  EXPECT_EQ(found.verdict, Verdict::kFail);
  EXPECT_THAT(found.text, HasSubstr("CollectionReadWrite"));
}

TEST_F(PrivilegeFenceTest, SomebodyWhoGivesItAnewIsNoticed) {
  source_.server.After("OperatePrivilege", [&, given = false](const fake::Call&, auto&) mutable {
    if (!std::exchange(given, true)) {
      source_.Give({"writer", "Collection", "docs", "default", "Import"});
    }
  });
  const Status failed = Of().Apply(context_, Side::kSource).status();
  EXPECT_EQ(KindOf(failed), Kind::kFailed);
  EXPECT_THAT(std::string(failed.message()), HasSubstr("Import"));
}

TEST_F(PrivilegeFenceTest, ARoleThatIsGoneIsNoReasonToKeepTheOthersOut) {
  ASSERT_TRUE(Of().Apply(context_, Side::kSource).ok());
  fake::pb::DropRoleRequest drop;
  drop.set_role_name("loader");
  source_.Do(drop);
  ASSERT_TRUE(Of().Lift(context_, Side::kSource).ok());
  EXPECT_TRUE(All().contains(kInsert));
  std::string text;
  const auto log = *catalog_->Log("m", 0, 1000);
  for (const auto& entry : log) text += entry.text + "\n";
  EXPECT_THAT(text, HasSubstr("the role is gone: " + kEverywhere.ToString()));
}

// The old cluster stays fenced after `complete`. A later migration back to it must open it.
TEST_F(PrivilegeFenceTest, ALaterMigrationGivesBackWhatAnEndedOneHasTaken) {
  const auto before = All();
  ASSERT_TRUE(Of().Apply(context_, Side::kSource).ok());
  ASSERT_TRUE(Of({{"default", "other"}}).Apply(context_, Side::kSource).ok());
  EXPECT_EQ(All(), (std::set<Grant>{kQuery}));
  Begin("other-way");
  ASSERT_TRUE(Of().Lift(context_, Side::kSource).ok());
  EXPECT_EQ(All(), (std::set<Grant>{kQuery})) << "the other one is under way: it is its own affair";
  Begin("m");
  End();
  Begin("other-way");
  ASSERT_TRUE(Of().Lift(context_, Side::kSource).ok());
  std::set<Grant> without = before;
  without.erase(kOther);
  EXPECT_EQ(All(), without) << "what is of other collections stays taken";
  ASSERT_TRUE(Of({{"default", "other"}}).Lift(context_, Side::kSource).ok());
  EXPECT_EQ(All(), before);
}

TEST_F(PrivilegeFenceTest, NodesAreGivenTimeToKnow) {
  FakeClock clock;
  const SteadyTime begun = clock.Steady();
  ASSERT_TRUE(Of({{"default", "docs"}}, std::chrono::milliseconds(700))
                  .Apply(Context(clock), Side::kSource)
                  .ok());
  EXPECT_EQ(clock.Steady() - begun, std::chrono::milliseconds(700));
}

TEST_F(PrivilegeFenceTest, WhomItCannotKeepOut) {
  const Finding good = Examined();
  EXPECT_EQ(good.verdict, Verdict::kWarn) << good.text;
  EXPECT_THAT(good.text, HasSubstr("4 privileges"));
  EXPECT_THAT(good.text, HasSubstr("root is not kept out"));
  EXPECT_THAT(good.text, HasSubstr(kEverywhere.ToString())) << "it closes other collections too";
  EXPECT_EQ(Examined(Side::kTarget).verdict, Verdict::kWarn) << "clients could not write there";

  source_.AddUser("boss", "admin");
  const Finding boss = Examined();
  EXPECT_EQ(boss.verdict, Verdict::kFail);
  EXPECT_THAT(boss.text, HasSubstr("cannot be kept out: boss"));
  EXPECT_EQ(KindOf(Of().Apply(context_, Side::kSource).status()), Kind::kRefused);
  source_.Login("boss", "Milvus");
  EXPECT_EQ(Examined().verdict, Verdict::kWarn) << "that is us";

  source_.Login("app", "Milvus");
  EXPECT_THAT(Examined().text, HasSubstr("would be kept out itself"));
  EXPECT_EQ(Examined().verdict, Verdict::kFail);
}

TEST_F(PrivilegeFenceTest, WhereEverybodyIsLetInItIsNone) {
  source_.server.Change([](fake::Behaviour& b) { b.authentication = false; });
  const Finding open = Examined();
  EXPECT_EQ(open.verdict, Verdict::kFail);
  EXPECT_THAT(open.text, HasSubstr("without a login"));
  EXPECT_EQ(KindOf(Of().Apply(context_, Side::kSource).status()), Kind::kRefused);
}

TEST_F(PrivilegeFenceTest, ASourceToWhichNoRoleWritesIsWrittenByRoot) {
  for (const char* role : {"writer", "loader"}) {
    fake::pb::DropRoleRequest drop;
    drop.set_role_name(role);
    source_.Do(drop);
  }
  EXPECT_EQ(Examined().verdict, Verdict::kFail);
  EXPECT_THAT(Examined().text, HasSubstr("clients must be root"));
}

}  // namespace
}  // namespace aerie::migrate
