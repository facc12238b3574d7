// How much is written to collections: each is looked at twice, and what differs between the two
// looks counts.
//
// The numbers of rows tell what was added less what was deleted, and nothing of updates. So a
// sample of the rows is read as well, all over the key space where keys are Int64 (a remainder of
// the key, which the server computes), else from among the first keys; and the rows with these keys
// once more. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "milvus/client.h"
#include "milvus/range_query.h"
#include "rows/digest.h"
#include "rows/schema.h"

namespace aerie::migrate {

// Rows that were added, updated or deleted between the two looks: estimates, from a sample.
struct Changes {
  double added = 0;
  double updated = 0;
  double deleted = 0;
  double seconds = 0;  // from the middle of the first look to that of the second

  double All() const { return added + updated + deleted; }
};

// What a sample of `before` rows, of `rows` in all, tells of them all. `grown`: by how many the
// number of rows grew meanwhile. A pure function.
struct SampleChange {
  std::size_t before = 0;
  std::size_t updated = 0;
  std::size_t gone = 0;
};
Changes Extrapolate(const SampleChange& sample, std::int64_t rows, std::int64_t grown);

class WriteWatch {
 public:
  // The first look. The collections must be loaded. Changes nothing. Errors of counting and
  // reading.
  static Result<WriteWatch> Begin(const Context& context, std::shared_ptr<milvus::Client> client,
                                  const std::vector<rows::CollectionSpec>& specs);
  // The second look: what changed since the first one. Errors as Begin.
  Result<Changes> End(const Context& context) const;

 private:
  using Sample = std::map<rows::Key, rows::Digest128>;
  struct Watched {
    rows::CollectionSpec spec;
    std::int64_t rows = 0;
    Sample sample;
    SteadyTime at;  // the middle of the look, which takes seconds where the server is busy
  };

  explicit WriteWatch(std::shared_ptr<milvus::Client> client) : client_(std::move(client)) {}
  Result<Watched> Look(const Context& context, const rows::CollectionSpec& spec) const;
  Result<Changes> LookAgain(const Context& context, const Watched& before) const;
  Status TakeSample(const Context& context, Watched& watched) const;
  Status Spread(const Context& context, Watched& watched) const;
  milvus::RangeQuery Query(const rows::CollectionSpec& spec, const std::string& filter) const;

  std::shared_ptr<milvus::Client> client_;
  std::vector<Watched> watched_;
};

}  // namespace aerie::migrate
