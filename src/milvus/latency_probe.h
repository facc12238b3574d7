// How long a cluster takes to answer the smallest question about a collection's rows.
#pragma once

#include "base/context.h"
#include "milvus/client.h"
#include "rows/schema.h"

namespace aerie::milvus {

// Asks for one key, whether it is there or not, at the consistency level that waits for no time
// tick: what is measured is the way through proxy and query node, and the queues on it. By the
// context's clock. The collection must be loaded. Any thread.
Result<Duration> ProbeLatency(const Context& context, Client& client,
                              const rows::CollectionSpec& spec);

}  // namespace aerie::milvus
