// The checks that ask clusters, on scripted ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_milvus.h"
#include "migrate/preflight.h"
#include "migrate/way_back.h"
#include "migrate/write_probe.h"
#include "milvus/fake_testing.h"
#include "repo/pins.h"
#include "repo/repository_testing.h"

namespace aerie::migrate {
namespace {

using fake::Behaviour;
using fake::FakeMilvus;
using fake::Fault;
using fake::Release;
using ::testing::HasSubstr;
using Verdict = Finding::Verdict;

constexpr auto kForbidden = grpc::StatusCode::PERMISSION_DENIED;

class PreflightClusterTest : public ::testing::Test {
 protected:
  PreflightClusterTest() {
    source_.Create(fake::SimpleSchema("docs"));
    EXPECT_EQ(source_.Apply<fake::pb::MutationResult>(fake::SimpleRows("docs", {1, 2, 3}))
                  .status()
                  .code(),
              0);
  }
  std::map<std::string, Finding> Examined(const PreflightOptions& options = {}) {
    const auto found =
        Examine(context_, milvus::OpenFake(source_), milvus::OpenFake(target_), options);
    EXPECT_TRUE(found.ok()) << found.status();
    std::map<std::string, Finding> findings;
    if (!found.ok()) return findings;
    for (const auto& finding : found->findings) findings[finding.check] = finding;
    return findings;
  }
  static std::size_t Collections(FakeMilvus& server) {
    return static_cast<std::size_t>(
        server.Apply<fake::pb::ShowCollectionsResponse>(fake::pb::ShowCollectionsRequest())
            .collection_names_size());
  }

  FakeMilvus source_, target_;
  const Context context_ = Context::Background();
};

TEST_F(PreflightClusterTest, AllIsWellAndNothingIsLeft) {
  const auto found = Examined();
  for (const char* check : {"source-health", "target-health", "versions", "collections", "rights",
                            "network", "rollback-plan"}) {
    ASSERT_TRUE(found.contains(check)) << check;
    EXPECT_EQ(found.at(check).verdict, Verdict::kPass) << found.at(check).text;
  }
  for (const char* check : {"space", "backup"}) {
    EXPECT_EQ(found.at(check).verdict, Verdict::kWarn) << "nobody said anything about it";
  }
  EXPECT_THAT(found.at("network").text, HasSubstr("the target is written at"));
  EXPECT_THAT(found.at("versions").text, HasSubstr("FloatVector, Int64"));
  EXPECT_EQ(Collections(target_), 0U);
  source_.With([](fake::FakeCluster& cluster) {
    EXPECT_EQ(cluster.Collection("default", "docs")->rows.size(), 3U) << "no row was written";
  });
  for (const auto& [check, finding] : found) {
    EXPECT_THAT(CheckNames(), ::testing::Contains(check)) << "--accept knows it";
  }
}

TEST_F(PreflightClusterTest, TheScratchCollectionGoesWhateverFails) {
  for (const char* rpc : {"Insert", "Upsert", "Delete"}) {
    target_.Inject(Fault::Grpc(rpc, kForbidden, "permission deny"));
    const TargetProbe probe = ProbeTarget(context_, *milvus::OpenFake(target_));
    EXPECT_EQ(probe.rights.verdict, Verdict::kFail) << rpc;
    EXPECT_THAT(probe.rights.text, HasSubstr("--to-user")) << rpc;
    EXPECT_EQ(Collections(target_), 0U) << rpc;
  }
  target_.Inject(Fault::LostAfter("CreateCollection", 1, 100));
  ProbeTarget(context_, *milvus::OpenFake(target_));
  EXPECT_EQ(Collections(target_), 0U) << "no answer said that it was made";
}

TEST_F(PreflightClusterTest, TheScratchCollectionGoesWhenNobodyWaitsAnyMore) {
  CancelScope scope(context_);
  target_.Before("Insert", [&](const fake::Call&) { scope.Cancel(); });
  const auto client = milvus::OpenFake(target_);
  EXPECT_EQ(ProbeTarget(scope.context(), *client).rights.verdict, Verdict::kFail);
  EXPECT_EQ(Collections(target_), 0U);
}

TEST_F(PreflightClusterTest, TheProbeIsBounded) {
  const TargetProbe probe = ProbeTarget(context_, *milvus::OpenFake(target_), {.bytes = 3 << 20});
  EXPECT_EQ(probe.rights.verdict, Verdict::kPass) << probe.rights.text;
  EXPECT_LE(probe.bytes, 3U << 20);
  EXPECT_GT(probe.bytes, 1U << 20);
  EXPECT_LE(target_.Calls("Insert"), 3);
}

TEST_F(PreflightClusterTest, OneThatCannotBeDroppedIsNamed) {
  target_.Inject(Fault::Grpc("DropCollection", kForbidden, "permission deny"));
  const TargetProbe probe = ProbeTarget(context_, *milvus::OpenFake(target_));
  EXPECT_EQ(probe.rights.verdict, Verdict::kFail);
  EXPECT_THAT(probe.rights.text, HasSubstr("drop default.aerie_preflight_"));
}

TEST_F(PreflightClusterTest, SpaceIsComparedWithWhatIsNeeded) {
  const auto enough = Examined({.target_free_bytes = 1'000'000}).at("space");
  EXPECT_EQ(enough.verdict, Verdict::kPass) << enough.text;
  const auto little = Examined({.target_free_bytes = 5}).at("space");
  EXPECT_EQ(little.verdict, Verdict::kFail) << little.text;
  EXPECT_THAT(little.text, HasSubstr("make room"));
}

TEST_F(PreflightClusterTest, WhatIsNotLoadedIsNotTakenForNothing) {
  fake::pb::ReleaseCollectionRequest release;
  release.set_collection_name("docs");
  source_.Apply<fake::common::Status>(release);
  const auto unknown = Examined({.target_free_bytes = 1'000'000}).at("space");
  EXPECT_EQ(unknown.verdict, Verdict::kWarn) << unknown.text;
  EXPECT_THAT(unknown.text, HasSubstr("could not be counted"));
}

TEST_F(PreflightClusterTest, AnOlderTargetIsAWarning) {
  source_.Change([](Behaviour& b) { b = Behaviour::Of(Release::k2_5); });
  const auto older = Examined().at("versions");
  EXPECT_EQ(older.verdict, Verdict::kWarn);
  EXPECT_THAT(older.text, HasSubstr("the target is older"));
}

TEST_F(PreflightClusterTest, AVerifiedBackupOfARealRepository) {
  auto store = std::make_shared<objects::MemoryStore>();
  const auto repository = *repo::CreateRepository(context_, store, repo::CheapOptions());
  PreflightOptions options;
  options.backup = {.repository = repository.get(), .clusters = {"http://127.0.0.1:19530"}};
  rows::CollectionSpec spec = repo::SmallSpec();
  spec.name = {"default", "docs"};
  const auto snapshot =
      repo::StoreSnapshot(*repository, spec, repo::NumberedRows(spec, 0, 10),
                          repo::InfoAt(ToUnixMillis(context_.clock().Now()) - 1000));
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  const Finding unverified = Examined(options).at("backup");
  EXPECT_EQ(unverified.verdict, Verdict::kFail);
  EXPECT_THAT(unverified.text, HasSubstr("which was not verified"));
  ASSERT_TRUE(repo::RecordVerified(context_, *repository, snapshot->id).ok());
  EXPECT_EQ(Examined(options).at("backup").verdict, Verdict::kPass);
}

// --- The way back ---

class WayBackTest : public PreflightClusterTest {
 protected:
  Finding Check(const rows::CollectionSpec& spec, const WayBackWish& wish = {}) {
    return CheckWayBack(context_, milvus::OpenFake(source_), {spec}, wish);
  }
  static rows::CollectionSpec Docs() {
    rows::CollectionSpec spec;
    spec.name = {"default", "docs"};
    spec.schema.fields.resize(1);
    spec.schema.fields[0].name = "id";
    spec.schema.fields[0].type = rows::DataType::kInt64;
    spec.schema.fields[0].primary_key = true;
    return spec;
  }
};

TEST_F(WayBackTest, SaysHowAndByWhom) {
  const Finding found = Check(Docs(), {.fence = "./fence.sh", .switcher = "by hand"});
  EXPECT_EQ(found.verdict, Verdict::kPass) << found.text;
  EXPECT_THAT(found.text, HasSubstr("fences the target (./fence.sh)"));
  EXPECT_THAT(found.text, HasSubstr("switches back (by hand)"));
  EXPECT_EQ(Check(Docs()).verdict, Verdict::kPass);
}

TEST_F(WayBackTest, WhoMayNotWriteAtTheSourceCannotBringRowsBack) {
  for (const char* rpc : {"Upsert", "Delete"}) {
    source_.Inject(Fault::Grpc(rpc, kForbidden, "permission deny"));
    const Finding found = Check(Docs());
    EXPECT_EQ(found.verdict, Verdict::kFail);
    EXPECT_THAT(found.text, HasSubstr(std::string(rpc) + " on default.docs"));
    EXPECT_THAT(found.text, HasSubstr("grant it"));
  }
}

TEST_F(WayBackTest, WhatCouldNotBeAskedIsSaid) {
  source_.Inject(Fault::LostBefore("Upsert", 1, 100));
  EXPECT_EQ(Check(Docs()).verdict, Verdict::kWarn);
}

TEST_F(WayBackTest, GeneratedKeysThatTheSourceDoesNotTake) {
  rows::CollectionSpec spec = Docs();
  spec.schema.auto_id = true;
  spec.schema.fields[0].auto_id = true;
  const Finding found = Check(spec);
  EXPECT_EQ(found.verdict, Verdict::kFail) << found.text;
  EXPECT_THAT(found.text, HasSubstr("--accept rollback-plan"));
}

}  // namespace
}  // namespace aerie::migrate
