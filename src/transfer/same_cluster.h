// Whether two addresses lead to one cluster, asked where it matters: is the collection that would
// be written one of those that are read?
//
// Addresses do not tell: a cluster has many names. A collection's id and its time of creation come
// from the cluster's own clock, so two clusters have none in common, unless one was cloned from the
// disks of the other: then their nodes were started at different times, which both are asked
// (GetMetrics). Where they do not tell, it is taken for one cluster. For one plan; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "milvus/client.h"
#include "milvus/spec_reader.h"
#include "transfer/endpoint.h"

namespace aerie::transfer {

class SameCluster {
 public:
  // `to` must outlive this. A snapshot is never the same.
  SameCluster(const Endpoint& from, milvus::Client& to) : from_(from.cluster()), to_(to) {}

  // A collection that is read.
  void AddSource(const rows::CollectionName& name, const Endpoint::Seen& seen);
  // The source that `there`, a collection of the target's cluster, is; none: it is none of them.
  Result<std::optional<rows::CollectionName>> SourceBehind(const Context& context,
                                                           const milvus::SpecReading& there);

 private:
  Result<bool> IsOneCluster(const Context& context);

  const std::shared_ptr<milvus::Client> from_;
  milvus::Client& to_;
  std::map<std::pair<std::int64_t, std::uint64_t>, rows::CollectionName> sources_;
  std::optional<bool> is_one_;
};

}  // namespace aerie::transfer
