// What the API shows of repositories, over a real one in a folder.
#include "app/api_backend.h"

#include <thread>

#include <gtest/gtest.h>

#include "base/temp_folder_testing.h"
#include "objects/open_store.h"

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

TEST_F(ApiBackendTest, RepositoriesAreReadOnceKeptAndReadAnewWhenForgotten) {
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
  backend.Forget();
  while (Named(backend.Repositories(context_), "main").snapshots->size() < 2) {
    std::this_thread::yield();
  }
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

}  // namespace
}  // namespace aerie::app
