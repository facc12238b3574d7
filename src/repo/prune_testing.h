// Test support: clocks that stand until told, stores with a clock of their own or with a hook, and
// snapshots with leaves of some rows only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/log.h"
#include "repo/pins.h"
#include "repo/prune.h"
#include "repo/repository_core.h"
#include "repo/repository_testing.h"
#include "repo/snapshot_delete.h"

namespace aerie::repo {

// Stands still until Advance; a sleeper sleeps until then. Thread-safe.
class SteppedClock : public Clock {
 public:
  WallTime Now() const override {
    std::lock_guard lock(mutex_);
    return WallTime(std::chrono::seconds(1'700'000'000)) +
           std::chrono::duration_cast<WallTime::duration>(elapsed_);
  }
  SteadyTime Steady() const override {
    std::lock_guard lock(mutex_);
    return SteadyTime(elapsed_);
  }
  bool SleepFor(Duration duration, std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    const Duration until = elapsed_ + duration;
    ++sleeps_;
    changed_.notify_all();
    return changed_.wait(lock, stop, [&] { return elapsed_ >= until; });
  }
  void Advance(Duration duration) {
    {
      std::lock_guard lock(mutex_);
      elapsed_ += duration;
    }
    changed_.notify_all();
  }
  // Until SleepFor was called so many times in all.
  void AwaitSleeps(std::uint64_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return sleeps_ >= count; });
  }
  std::uint64_t sleeps() const {
    std::lock_guard lock(mutex_);
    return sleeps_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Duration elapsed_{};
  std::uint64_t sleeps_ = 0;
};

// Forwards everything; derived ones change what they need.
class ForwardingStore : public objects::ObjectStore {
 public:
  explicit ForwardingStore(std::shared_ptr<ObjectStore> inner) : inner_(std::move(inner)) {}
  std::string Describe() const override { return inner_->Describe(); }
  objects::Capabilities capabilities() const override { return inner_->capabilities(); }
  Status Put(const Context& c, const objects::ObjectKey& key, ByteSpan bytes) override {
    return inner_->Put(c, key, bytes);
  }
  Status PutIfAbsent(const Context& c, const objects::ObjectKey& key, ByteSpan bytes) override {
    return inner_->PutIfAbsent(c, key, bytes);
  }
  Result<Bytes> Get(const Context& c, const objects::ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override {
    return inner_->Get(c, key, offset, length);
  }
  Result<objects::ObjectInfo> Stat(const Context& c, const objects::ObjectKey& key) override {
    return inner_->Stat(c, key);
  }
  Status List(const Context& c, const std::string& prefix,
              const std::function<Status(const objects::ObjectInfo&)>& visit) override {
    return inner_->List(c, prefix, visit);
  }
  std::vector<objects::RemoveResult> Remove(const Context& c,
                                            const std::vector<objects::ObjectKey>& keys) override {
    return inner_->Remove(c, keys);
  }
  Status CheckRetention(const Context& c) override { return inner_->CheckRetention(c); }
  Status Retain(const Context& c, const objects::ObjectKey& key, std::int64_t until_ms) override {
    return inner_->Retain(c, key, until_ms);
  }
  Result<std::int64_t> RetainedUntil(const Context& c, const objects::ObjectKey& key) override {
    return inner_->RetainedUntil(c, key);
  }
  Status Copy(const Context& c, const objects::ObjectKey& from,
              const objects::ObjectKey& to) override {
    return inner_->Copy(c, from, to);
  }

 protected:
  const std::shared_ptr<ObjectStore> inner_;
};

// A store whose times are `off` from everybody else's.
class SkewedStore : public ForwardingStore {
 public:
  SkewedStore(std::shared_ptr<ObjectStore> inner, Duration off)
      : ForwardingStore(std::move(inner)),
        off_ms_(std::chrono::duration_cast<std::chrono::milliseconds>(off).count()) {}
  Result<objects::ObjectInfo> Stat(const Context& c, const objects::ObjectKey& key) override {
    auto info = inner_->Stat(c, key);
    if (info.ok()) info->modified_ms += off_ms_;
    return info;
  }
  Status List(const Context& c, const std::string& prefix,
              const std::function<Status(const objects::ObjectInfo&)>& visit) override {
    return inner_->List(c, prefix, [&](objects::ObjectInfo info) {
      info.modified_ms += off_ms_;
      return visit(info);
    });
  }

 private:
  const std::int64_t off_ms_;
};

// Lists only what `shows` lets through, and says that it is all.
class ShortStore : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  std::function<bool(const objects::ObjectInfo&)> shows;
  Status List(const Context& c, const std::string& prefix,
              const std::function<Status(const objects::ObjectInfo&)>& visit) override {
    return inner_->List(c, prefix, [&](const objects::ObjectInfo& info) {
      return !shows || shows(info) ? visit(info) : Ok();
    });
  }
};

// Runs `hook` once, with the key or prefix, before the n-th call, of whatever verb but Copy, is
// passed on.
class HookStore : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void Before(std::uint64_t nth, std::function<void(const std::string&)> hook) {
    calls_ = 0;
    nth_ = nth;
    hook_ = std::move(hook);
  }
  std::uint64_t calls() const { return calls_; }

  Status Put(const Context& c, const objects::ObjectKey& key, ByteSpan bytes) override {
    Arrive(key.text);
    return inner_->Put(c, key, bytes);
  }
  Status PutIfAbsent(const Context& c, const objects::ObjectKey& key, ByteSpan bytes) override {
    Arrive(key.text);
    return inner_->PutIfAbsent(c, key, bytes);
  }
  Result<Bytes> Get(const Context& c, const objects::ObjectKey& key, std::uint64_t offset,
                    std::uint64_t length) override {
    Arrive(key.text);
    return inner_->Get(c, key, offset, length);
  }
  Result<objects::ObjectInfo> Stat(const Context& c, const objects::ObjectKey& key) override {
    Arrive(key.text);
    return inner_->Stat(c, key);
  }
  Status List(const Context& c, const std::string& prefix,
              const std::function<Status(const objects::ObjectInfo&)>& visit) override {
    Arrive(prefix);
    return inner_->List(c, prefix, visit);
  }
  std::vector<objects::RemoveResult> Remove(const Context& c,
                                            const std::vector<objects::ObjectKey>& keys) override {
    Arrive(keys.at(0).text);
    return inner_->Remove(c, keys);
  }

 private:
  void Arrive(const std::string& key) {
    if (++calls_ == nth_) hook_(key);
  }
  std::atomic<std::uint64_t> calls_{0};
  std::uint64_t nth_ = 0;
  std::function<void(const std::string&)> hook_;
};

// Repositories on a stepped clock.
class PruneTest : public ::testing::Test {
 protected:
  static constexpr Duration kMargin = std::chrono::hours(24);

  PruneTest() { log::Configure(log::Level::kError, log::Format::kText); }
  ~PruneTest() override { log::Configure(log::Level::kWarn, log::Format::kText); }

  std::unique_ptr<Repository> Make(const std::shared_ptr<objects::ObjectStore>& store) {
    auto created = CreateRepository(context_, store, CheapOptions());
    EXPECT_TRUE(created.ok()) << created.status();
    return Hasty(*std::move(created));
  }
  // What a new process would open.
  std::unique_ptr<Repository> Open(const std::shared_ptr<objects::ObjectStore>& store) {
    auto opened = OpenRepository(context_, store, TestPassphrase());
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? Hasty(*std::move(opened)) : nullptr;
  }
  // Does not wait for locks.
  static std::unique_ptr<Repository> Hasty(std::unique_ptr<Repository> repository) {
    LockTimes times;
    times.patience = {};
    repository->core().locks.set_times(times);
    return repository;
  }

  Snapshot Info() {
    Snapshot info;
    info.created_ms = ToUnixMillis(clock_.Now());
    info.program = "aerie test";
    info.cluster = "here";
    return info;
  }

  // Leaves of about 16 rows.
  Result<Snapshot> Store(Repository& repository, const rows::RowBatch& rows, bool complete = true) {
    AERIE_ASSIGN(auto writer, repository.BeginSnapshot(context_, Info(), snapshot_options_));
    PartitionRoot before;
    before.leaf_bits = 4;
    if (over_latest_) {
      const auto latest = repository.FindSnapshot(context_, "latest");
      if (latest.ok()) {
        AERIE_ASSIGN(const auto manifest,
                     repository.LoadManifest(context_, latest->collections.at(0)));
        before = manifest.partitions.at(0);
      }
    }
    AERIE_ASSIGN(auto partition, writer->OpenPartition(context_, spec_, rows.partition(), before));
    if (rows.rows() > 0) AERIE_TRY(partition->Write(context_, rows.Slice(0, rows.rows())));
    AERIE_TRY(partition->Commit(context_).status());
    AERIE_TRY(writer->AddCollection(context_, ManifestOf(spec_, partition->root()), {}));
    return writer->Commit(context_, complete);
  }
  Snapshot MustStore(Repository& repository, const rows::RowBatch& rows) {
    auto stored = Store(repository, rows);
    EXPECT_TRUE(stored.ok()) << stored.status();
    clock_.Advance(std::chrono::minutes(1));
    return stored.ok() ? *stored : Snapshot{};
  }
  rows::RowBatch Rows(std::int64_t first, std::size_t count, std::uint64_t seed = 1) const {
    return NumberedRows(spec_, first, count, 1, seed);
  }
  Result<rows::RowBatch> Read(Repository& repository, const Snapshot& snapshot) {
    return RowsOf(repository, snapshot);
  }

  static PruneOptions Options(Duration margin = kMargin) {
    PruneOptions options;
    options.margin = margin;
    options.program = "aerie test";
    return options;
  }
  PruneReport MustPrune(Repository& repository, const PruneOptions& options = Options()) {
    auto report = RunPrune(context_, repository, options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : PruneReport{};
  }

  // Every remaining snapshot, every row, and not one finding.
  void ExpectWhole(const std::shared_ptr<objects::ObjectStore>& store, const std::string& what) {
    const auto repository = Open(store);
    const auto findings =
        repository->Check(context_, {.read_data = true, .only = {}, .progress = {}});
    ASSERT_TRUE(findings.ok()) << what << findings.status();
    for (const Finding& finding : *findings) {
      ADD_FAILURE() << what << finding.object << " " << finding.where << ": " << finding.message;
    }
  }
  static std::size_t Count(objects::ObjectStore& store, const std::string& prefix) {
    return KeysUnder(AllObjects(store), prefix).size();
  }
  // As a person with aerie repo unlock would.
  void BreakLocks(objects::ObjectStore& store) {
    for (const auto& [key, bytes] : AllObjects(store)) {
      if (key.starts_with("locks/")) store.Remove(context_, {{key}});
    }
  }

  SnapshotOptions snapshot_options_;  // of what Store makes
  bool over_latest_ = false;          // Store patches the leaves of the latest snapshot
  SteppedClock clock_;
  const Context context_{clock_};
  const rows::CollectionSpec spec_ = SmallSpec(rows::DataType::kInt64, 2);
};

}  // namespace aerie::repo
