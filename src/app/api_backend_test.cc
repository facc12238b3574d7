// What the API shows of repositories, over a real one in a folder.
#include "app/api_backend.h"

#include <thread>

#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"
#include "fake_milvus.h"
#include "milvus/collection_admin.h"
#include "milvus/uri.h"
#include "objects/open_store.h"
#include "transfer/backup.h"

namespace aerie::app {
namespace {

class ApiBackendTest : public testing::Test {
 protected:
  ApiBackendTest() {
    config_.repositories["main"].url = folder_ + "/main";
    config_.repositories["absent"].url = "file://" + folder_ + "/absent";
    config_.repositories["cloud"].url = "s3://user:pa55@bucket/x";
    config_.repositories["cloud"].password = "pa55";
    config_.repositories["cloud"].s3.secret_key = "pa55";
    config_.clusters["prod"].uri = "milvus://root:pa55@127.0.0.1:1";
    config_.clusters["prod"].password = "pa55";
    config_.clusters["prod"].token = "pa55";
    repo::CreateOptions plain;
    plain.encrypted = false;
    repository_ = *repo::CreateRepository(context_, *objects::OpenStore(folder_ + "/main"), plain);
    first_ = Store(1000);
    session_ = std::make_unique<Session>(config_);
  }
  repo::SnapshotId Store(std::int64_t created_ms) {
    repo::Snapshot info;
    info.created_ms = created_ms;
    info.cluster = "prod";
    auto writer = *repository_->BeginSnapshot(context_, info);
    return writer->Commit(context_, true)->id;
  }
  static const api::RepositoryView& Named(const std::vector<api::RepositoryView>& views,
                                          const std::string& name) {
    for (const auto& view : views) {
      if (view.name == name) return view;
    }
    static const api::RepositoryView none;
    ADD_FAILURE() << name;
    return none;
  }

  const Context context_ = Context::Background();
  const TempFolder temp_;
  const std::string folder_ = temp_.path().string();
  Config config_;
  std::unique_ptr<repo::Repository> repository_;
  repo::SnapshotId first_;
  std::unique_ptr<Session> session_;
};

TEST_F(ApiBackendTest, RepositoriesAreReadOnceKeptAndReadAnewWhenJobsHaveEnded) {
  config_.clusters.clear();
  config_.repositories.erase("cloud");
  const Session session(config_);
  ApiBackend backend(session);
  CancelScope scope(context_);
  std::thread run([&] { EXPECT_TRUE(backend.Run(scope.context()).ok()); });
  auto views = backend.Repositories(context_);
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(KindOf(*Named(views, "absent").health), Kind::kNotFound);
  EXPECT_TRUE(Named(views, "main").health->ok()) << *Named(views, "main").health;
  ASSERT_EQ(Named(views, "main").snapshots->size(), 1u);
  EXPECT_EQ(Named(views, "main").encrypted, false);
  EXPECT_GT(*Named(views, "main").total_bytes, 0);

  EXPECT_TRUE(backend.Pin(context_, "main", first_, true).ok());
  EXPECT_TRUE(Named(backend.Repositories(context_), "main").snapshots->front().pinned);
  EXPECT_EQ(KindOf(backend.Pin(context_, "other", first_, true)), Kind::kNotFound);

  const repo::SnapshotId second = Store(2000);
  EXPECT_EQ(Named(backend.Repositories(context_), "main").snapshots->size(), 1u);  // kept
  backend.Changed(1);
  EXPECT_EQ(Named(backend.Repositories(context_), "main").snapshots->size(), 2u);  // waited for
  (void)Store(3000);
  backend.Changed(1);
  EXPECT_EQ(Named(backend.Repositories(context_), "main").snapshots->size(), 2u);
  const auto diff = backend.Diff(context_, "main", first_, second);
  ASSERT_TRUE(diff.ok()) << diff.status();
  EXPECT_TRUE(diff->same());
  scope.Cancel();
  run.join();
}

TEST_F(ApiBackendTest, TheConfigurationIsShownWithoutSecrets) {
  ApiBackend backend(*session_);
  const std::string text = backend.Configuration().dump();
  EXPECT_EQ(text.find("pa55"), std::string::npos) << text;
  EXPECT_NE(text.find("(set)"), std::string::npos);
  // The page reads the goal for backups there.
  EXPECT_EQ(backend.Configuration()["alerts"]["rules"]["verified-backup-old"]["limit"], "1d");
  for (const auto& cluster : backend.Clusters()) {
    EXPECT_EQ(cluster.uri.find("pa55"), std::string::npos);
    EXPECT_FALSE(cluster.health);  // nothing was looked at yet
  }
}

TEST_F(ApiBackendTest, CollectionsHaveTheirSizesAndTheirClusterTheSum) {
  fake::FakeMilvus fake;
  const auto client = *milvus::Client::Open(context_, *milvus::ParseClusterUri(fake.uri()), {});
  const auto fill = [&](const std::string& name, int rows) {
    std::vector<std::string> keys;
    for (int i = 0; i < rows; ++i) keys.push_back("key" + std::to_string(10'000 + i));
    fake.Create(fake::SimpleTextSchema(name));
    fake.Apply<fake::pb::MutationResult>(fake::SimpleTextRows(name, keys));
  };
  fake.Create(fake::SimpleSchema("fixed"));
  fake.Apply<fake::pb::MutationResult>(fake::SimpleRows("fixed", {1, 2, 3}));
  fill("stored", 20);
  const auto cluster = transfer::MakeClusterEndpoint(client, {});
  transfer::BackupOptions backup;
  backup.cluster_label = "live";
  backup.selection.collections = {"stored"};
  const auto taken = transfer::RunBackup(context_, *cluster, *repository_, backup, NoProgress());
  ASSERT_TRUE(taken.ok() && taken->status.ok()) << taken.status();
  ASSERT_TRUE(taken->snapshot);
  const std::uint64_t bytes = taken->snapshot->collections.at(0).bytes;
  fill("sampled", 10);
  fill("unloaded", 10);
  fake::pb::FlushRequest flush;
  flush.add_collection_names("unloaded");
  (void)fake.Apply<fake::pb::FlushResponse>(flush);
  ASSERT_TRUE(milvus::Release(context_, *client, {"default", "unloaded"}).ok());

  config_.clusters.clear();
  config_.clusters["live"].uri = fake.uri();
  config_.repositories.erase("cloud");
  const Session session(config_);
  ApiBackend backend(session);
  EXPECT_FALSE(backend.Clusters().at(0).size_bytes);
  CancelScope scope(context_);
  std::thread run([&] { EXPECT_TRUE(backend.Run(scope.context()).ok()); });
  const auto list = backend.Collections(context_, "live");
  const auto views = backend.Clusters();
  scope.Cancel();
  run.join();

  ASSERT_TRUE(list.ok()) << list.status();
  std::map<std::string, std::optional<transfer::SizeAbout>> sizes;
  for (const auto& view : list->collections) sizes[view.name.collection] = view.size;
  using From = transfer::SizeAbout::From;
  ASSERT_TRUE(sizes["fixed"] && sizes["stored"] && sizes["sampled"]);
  EXPECT_EQ(sizes["fixed"]->from, From::kSchema);
  EXPECT_EQ(sizes["fixed"]->bytes, 3 * (8 + 8 + 16));
  EXPECT_EQ(sizes["stored"]->from, From::kSnapshot);
  EXPECT_EQ(sizes["stored"]->bytes, static_cast<std::int64_t>(bytes));
  EXPECT_EQ(sizes["sampled"]->from, From::kSample);
  EXPECT_FALSE(sizes["unloaded"]);
  EXPECT_EQ(views.at(0).size_bytes,
            sizes["fixed"]->bytes + sizes["stored"]->bytes + sizes["sampled"]->bytes);
  EXPECT_EQ(views.at(0).unsized, 1);
}

}  // namespace
}  // namespace aerie::app
