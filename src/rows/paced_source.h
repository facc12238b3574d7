// A source whose readers ask before each batch goes on: for limits on how fast a cluster is read.
//
// A reader reads ahead by a few batches and then waits, so what is asked for batches holds for the
// calls behind them as well, a few batches later.
#pragma once

#include <cstdint>
#include <memory>

#include "rows/stream.h"

namespace aerie::rows {

class Pacer {
 public:
  virtual ~Pacer() = default;
  // Blocks as long as so many more rows, of so many plain bytes, have to wait. Called by several
  // readers at once.
  virtual Status Pass(const Context& context, std::uint64_t rows, std::uint64_t bytes) = 0;
};

std::unique_ptr<CollectionSource> MakePacedSource(std::unique_ptr<CollectionSource> inner,
                                                  std::shared_ptr<Pacer> pacer);

}  // namespace aerie::rows
