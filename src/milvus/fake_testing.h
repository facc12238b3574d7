// Shared by this room's tests on the fake server: a client to it, and rows read whole.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fake_milvus.h"
#include "milvus/collection_source.h"

namespace aerie::milvus {

inline std::shared_ptr<Client> OpenFake(const fake::FakeMilvus& server) {
  const auto uri = ParseClusterUri(server.uri());
  EXPECT_TRUE(uri.ok()) << uri.status();
  ClientOptions options;
  options.retry.first_delay = std::chrono::milliseconds(2);
  options.retry.throttled_delay = std::chrono::milliseconds(2);
  options.retry.max_delay = std::chrono::milliseconds(10);
  auto client = Client::Open(Context::Background(), *uri, options);
  EXPECT_TRUE(client.ok()) << client.status();
  return client.ok() ? *client : nullptr;
}

struct ReadResult {
  Status status;
  std::map<rows::Key, std::int64_t> values;  // of the column "value"
  std::vector<rows::RowBatch> batches;
  rows::ReadReport report;
  std::string Warnings() const {
    std::string text;
    for (const auto& line : report.warnings) text += line + "\n";
    return text;
  }
};

// Takes all batches; checks order and uniqueness across them.
inline ReadResult Drain(const Context& context, rows::RowReader& reader) {
  ReadResult out;
  std::optional<rows::Key> last;
  while (true) {
    auto batch = reader.Next(context);
    if (!batch.ok()) {
      out.status = batch.status();
      return out;
    }
    if (!*batch) break;
    EXPECT_GT((*batch)->rows(), 0u);
    EXPECT_TRUE((*batch)->Validate().ok());
    const rows::Column* value = (*batch)->Find("value");
    for (std::size_t row = 0; row < (*batch)->rows(); ++row) {
      const rows::Key key = (*batch)->KeyAt(row);
      EXPECT_TRUE(!last || *last < key) << rows::KeyToText(key);
      last = key;
      std::int64_t number = 0;
      if (value != nullptr) std::memcpy(&number, value->Cell(row).data(), 8);
      out.values[key] = number;
    }
    EXPECT_EQ(reader.position(), last);
    out.batches.push_back(std::move(**batch));
  }
  out.report = reader.report();
  return out;
}

inline ReadResult ReadPartition(rows::CollectionSource& source, const std::string& partition,
                                const rows::ReadOptions& options = {}) {
  auto reader = source.OpenReader(Context::Background(), partition, options);
  if (!reader.ok()) {
    ReadResult failed;
    failed.status = reader.status();
    return failed;
  }
  return Drain(Context::Background(), **reader);
}

// Small ranges, so that a few hundred rows make many.
inline rows::ReadOptions SmallRanges() {
  rows::ReadOptions options;
  options.batch_bytes = 4096;
  return options;
}

}  // namespace aerie::milvus
