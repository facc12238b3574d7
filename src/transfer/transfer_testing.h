// Test support: a repository in memory and fake clusters, joined by backup and restore with one
// call.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_milvus.h"
#include "milvus/collection_admin.h"
#include "milvus/collection_writer.h"
#include "milvus/fake_testing.h"
#include "repo/repository_testing.h"
#include "rows/row_generator.h"
#include "transfer/backup.h"
#include "transfer/diff.h"
#include "transfer/endpoint.h"
#include "transfer/restore.h"

namespace aerie::transfer {

using fake::Behaviour;
using fake::FakeMilvus;
using fake::Fault;
using fake::Release;

// Many rows of 32 kB make several leaves and several calls out of a few megabytes.
constexpr int kWideDim = 8192;

inline fake::schema::CollectionSchema WideSchema(const std::string& collection) {
  fake::schema::CollectionSchema schema = fake::SimpleSchema(collection);
  schema.mutable_fields(2)->mutable_type_params(0)->set_value(std::to_string(kWideDim));
  return schema;
}

inline fake::pb::InsertRequest WideRows(const std::string& collection, std::int64_t first,
                                        std::int64_t count, std::int64_t value = 0) {
  std::vector<std::int64_t> keys;
  for (std::int64_t i = 0; i < count; ++i) keys.push_back(first + i);
  fake::pb::InsertRequest request = fake::SimpleRows(collection, keys, value);
  auto* vectors = request.mutable_fields_data(2)->mutable_vectors();
  vectors->set_dim(kWideDim);
  auto* data = vectors->mutable_float_vector()->mutable_data();
  data->Clear();
  for (std::int64_t i = 0; i < count * kWideDim; ++i) {
    data->Add(static_cast<float>((i * 7919 + first + value) % 65'521));
  }
  return request;
}

inline std::vector<std::int64_t> Keys(std::int64_t first, std::int64_t count,
                                      std::int64_t step = 1) {
  std::vector<std::int64_t> keys;
  for (std::int64_t i = 0; i < count; ++i) keys.push_back(first + i * step);
  return keys;
}

class TransferTest : public testing::Test {
 protected:
  // A cluster and a client to it.
  struct Site {
    explicit Site(Behaviour behaviour = Behaviour::Of(Release::k2_3))
        : server(std::move(behaviour)), client(milvus::OpenFake(server)) {}
    FakeMilvus server;
    std::shared_ptr<milvus::Client> client;

    // The same command again is another process: it connects anew.
    void Restart() {
      server.Restart();
      client.reset();
      client = milvus::OpenFake(server);
    }
    void Insert(const fake::pb::InsertRequest& rows) {
      const auto answer = server.Apply<fake::pb::MutationResult>(rows);
      EXPECT_EQ(answer.status().code(), 0) << answer.status().reason();
    }
    void Create(const std::string& name, std::int64_t rows) {
      server.Create(fake::SimpleSchema(name));
      if (rows > 0) Insert(fake::SimpleRows(name, Keys(0, rows)));
    }
    void CreateWide(const std::string& name, std::int64_t rows) {
      server.Create(WideSchema(name));
      if (rows > 0) Insert(WideRows(name, 0, rows));
    }
    bool Has(const std::string& name, const std::string& database = "default") {
      bool has = false;
      server.With(
          [&](fake::FakeCluster& cluster) { has = cluster.Collection(database, name) != nullptr; });
      return has;
    }
    // Rows that were not deleted, equal keys each counted.
    std::size_t RowsOf(const std::string& name, const std::string& database = "default") {
      std::size_t rows = 0;
      server.With([&](fake::FakeCluster& cluster) {
        const auto* collection = cluster.Collection(database, name);
        if (collection == nullptr) return;
        for (const auto& [key, versions] : collection->rows) {
          for (const auto& row : versions) rows += row.deleted == 0 ? 1 : 0;
        }
      });
      return rows;
    }
    std::unique_ptr<Endpoint> endpoint() { return MakeClusterEndpoint(client, {}); }
  };

  void SetUp() override {
    store_ = std::make_shared<objects::MemoryStore>();
    // Locks are renewed by the clock of this context; one whose sleeps pass at once would not do.
    auto made = repo::CreateRepository(Context::Background(), store_, repo::CheapOptions());
    ASSERT_TRUE(made.ok()) << made.status();
    repository_ = *std::move(made);
  }

  Result<BackupResult> Backup(Site& site, BackupOptions options = {}) {
    return BackupTo(*repository_, site, std::move(options));
  }
  Result<BackupResult> BackupTo(repo::Repository& repository, Site& site,
                                BackupOptions options = {}) {
    options.cluster_label = "site";
    const auto from = site.endpoint();
    return RunBackup(context_, *from, repository, options, NoProgress());
  }
  // A backup that must succeed whole.
  repo::Snapshot Take(Site& site, BackupOptions options = {}) {
    const auto run = Backup(site, std::move(options));
    EXPECT_TRUE(run.ok()) << run.status();
    if (!run.ok()) return {};
    EXPECT_TRUE(run->status.ok()) << run->status;
    EXPECT_TRUE(run->snapshot.has_value());
    return run->snapshot.value_or(repo::Snapshot{});
  }
  Result<RestoreResult> Restore(const repo::Snapshot& snapshot, Site& site,
                                const RestoreOptions& options = {}) {
    const auto from = MakeSnapshotEndpoint(*repository_, snapshot);
    return RunRestore(context_, *from, site.client, options, NoProgress());
  }
  // A restore that must succeed whole.
  RestoreResult MustRestore(const repo::Snapshot& snapshot, Site& site,
                            const RestoreOptions& options = {}) {
    const auto run = Restore(snapshot, site, options);
    EXPECT_TRUE(run.ok()) << run.status();
    if (!run.ok()) return {};
    EXPECT_TRUE(run->status.ok()) << run->status;
    return *run;
  }
  // What differs between a snapshot and a cluster.
  DiffResult Compare(const repo::Snapshot& snapshot, Site& site, DiffOptions options = {}) {
    const auto left = MakeSnapshotEndpoint(*repository_, snapshot);
    const auto right = site.endpoint();
    const auto diff = RunDiff(context_, *left, *right, options, NoProgress());
    EXPECT_TRUE(diff.ok()) << diff.status();
    return diff.ok() ? *diff : DiffResult{};
  }
  void ExpectSame(const repo::Snapshot& snapshot, Site& site) {
    for (const auto& one : Compare(snapshot, site).collections) {
      EXPECT_TRUE(one.same()) << one.left.ToString() << ": " << one.status << " missing "
                              << one.missing << " extra " << one.extra << " changed " << one.changed
                              << " " << testing::PrintToString(one.spec);
    }
  }
  void ExpectRows(const repo::Snapshot& snapshot, Site& site, const std::string& left,
                  const std::string& right) {
    DiffOptions options;
    options.left_name.collection = left;
    options.right_name.collection = right;
    options.compare_specs = false;
    for (const auto& one : Compare(snapshot, site, options).collections) {
      EXPECT_TRUE(one.same()) << one.status << " missing " << one.missing << " extra " << one.extra
                              << " changed " << one.changed;
    }
  }
  void ExpectWhole(repo::Repository& repository) {
    repo::Repository::CheckOptions options;
    options.read_data = true;
    const auto findings = repository.Check(context_, options);
    ASSERT_TRUE(findings.ok()) << findings.status();
    for (const auto& finding : *findings) ADD_FAILURE() << finding.object << finding.message;
  }
  // key -> "value" of the snapshot's collection.
  std::map<rows::Key, std::int64_t> ValuesOf(const repo::Snapshot& snapshot,
                                             std::size_t collection = 0) {
    std::map<rows::Key, std::int64_t> values;
    auto source = repository_->OpenCollection(context_, snapshot.collections.at(collection));
    EXPECT_TRUE(source.ok()) << source.status();
    for (const auto& partition : (*source)->ReadPartitions()) {
      const auto read = milvus::ReadPartition(**source, partition);
      EXPECT_TRUE(read.status.ok()) << read.status;
      values.insert(read.values.begin(), read.values.end());
    }
    EXPECT_TRUE((*source)->Close(context_).ok());
    return values;
  }

  // Every collection and row of both, compared anew.
  void ExpectEqual(Site& left, Site& right) {
    const auto diff =
        RunDiff(context_, *left.endpoint(), *right.endpoint(), DiffOptions(), NoProgress());
    ASSERT_TRUE(diff.ok()) << diff.status();
    for (const auto& one : diff->collections) {
      EXPECT_TRUE(one.same()) << one.left.ToString() << ": " << one.status << " missing "
                              << one.missing << " extra " << one.extra << " changed " << one.changed
                              << " " << testing::PrintToString(one.spec);
    }
  }
  // key -> "value" of a collection; each key once.
  static std::map<rows::Key, std::int64_t> ValuesIn(Site& site, const std::string& name) {
    const auto source =
        milvus::OpenCollectionSource(Context::Background(), site.client, {"default", name}, {});
    EXPECT_TRUE(source.ok()) << source.status();
    std::map<rows::Key, std::int64_t> values;
    for (const auto& partition : (*source)->ReadPartitions()) {
      const auto read = milvus::ReadPartition(**source, partition);
      EXPECT_TRUE(read.status.ok()) << read.status;
      EXPECT_EQ(read.report.duplicate_keys, 0u);
      values.insert(read.values.begin(), read.values.end());
    }
    EXPECT_TRUE((*source)->Close(Context::Background()).ok());
    return values;
  }
  static void Upsert(Site& site, const fake::pb::InsertRequest& rows) {
    fake::pb::UpsertRequest request;
    request.set_collection_name(rows.collection_name());
    *request.mutable_fields_data() = rows.fields_data();
    request.set_num_rows(rows.num_rows());
    const auto answer = site.server.Apply<fake::pb::MutationResult>(request);
    EXPECT_EQ(answer.status().code(), 0) << answer.status().reason();
  }
  static void Delete(Site& site, const std::string& name, const std::string& expression) {
    fake::pb::DeleteRequest erase;
    erase.set_collection_name(name);
    erase.set_expr(expression);
    (void)site.server.Apply<fake::pb::MutationResult>(erase);
  }

  // Waits of retries pass at once.
  FakeClock clock_;
  const Context context_{clock_};
  std::shared_ptr<objects::MemoryStore> store_;
  std::unique_ptr<repo::Repository> repository_;
};

}  // namespace aerie::transfer
