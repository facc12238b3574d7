// One collection of a cluster to read from: pinned by its id, looked at from one point in time.
//
// Lives for one backup, copy or comparison. Methods are called by one thread at a time; the readers
// it opens may be used by others, and must be gone before Close. Close has to be called, also after
// an error: it puts the load state back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "milvus/client.h"
#include "milvus/range_query.h"
#include "milvus/spec_reader.h"
#include "rows/stream.h"

namespace aerie::milvus {

// What to do with a collection, or partitions of it, that cannot be queried as they are.
enum class WhenNotLoaded {
  kLoad,    // index where there is none (scratch_index.h), load; all put back in Close
  kRefuse,  // kRefused, naming what is not loaded
};

struct SourceOptions {
  WhenNotLoaded when_not_loaded = WhenNotLoaded::kLoad;
  // All that was written before this timestamp of the cluster's is seen. 0: one is taken now, and
  // its time tick, up to 0.4 s away, waited for. Hides read timestamps, where servers have them.
  std::uint64_t since = 0;
};

class MilvusSource : public rows::CollectionSource {
 public:
  ~MilvusSource() override;

  const rows::CollectionSpec& spec() const override { return reading_.spec; }
  std::vector<std::string> ReadPartitions() const override;
  // Errors of the reader: kRefused when the collection was dropped, created anew or altered while
  // it was read; kTooLarge for a row that is larger than an answer may be.
  Result<std::unique_ptr<rows::RowReader>> OpenReader(const Context& context,
                                                      const std::string& partition,
                                                      const rows::ReadOptions& options) override;
  std::int64_t EstimatedRows() const override { return estimated_rows_; }
  Status Close(const Context& context) override;

  // Lines a user should see about how it was found: that its name was an alias, for one.
  const std::vector<std::string>& remarks() const { return reading_.remarks; }
  const ReadPoint& read_point() const { return point_; }

 private:
  friend Result<std::unique_ptr<MilvusSource>> OpenCollectionSource(const Context&,
                                                                    std::shared_ptr<Client>,
                                                                    const rows::CollectionName&,
                                                                    const SourceOptions&);
  MilvusSource(std::shared_ptr<Client> client, SpecReading reading);
  Status MakeReadable(const Context& context, const SourceOptions& options);
  Status ChoosePoint(const Context& context, std::uint64_t since);
  Status CheckLoadState(const Context& context) const;
  RowScope Scope(const std::string& partition, const std::string& filter) const;

  const std::shared_ptr<Client> client_;
  const SpecReading reading_;
  ReadPoint point_;
  std::int64_t estimated_rows_ = -1;
  bool load_changed_ = false;
  bool has_scratch_ = false;  // scratch indexes are there, to be dropped in Close
  bool closed_ = false;
};

// `name` may be an alias. After an error nothing is left changed.
Result<std::unique_ptr<MilvusSource>> OpenCollectionSource(const Context& context,
                                                           std::shared_ptr<Client> client,
                                                           const rows::CollectionName& name,
                                                           const SourceOptions& options);

// The cluster's hybrid timestamp of now; 0 where the server hands out none.
Result<std::uint64_t> TakeTimestamp(const Context& context, Client& client);

// kRefused unless the collection of that name is still `pinned`, with the same schema.
Status CheckUnchanged(const Context& context, Client& client, const rows::CollectionSpec& pinned);

}  // namespace aerie::milvus
