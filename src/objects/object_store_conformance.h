// The conformance suite: what every driver and every decorator must do.
//
// A test program lists this suite's source among its own and instantiates it:
//   INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreConformance, testing::Values(StoreMaker{...}),
//                            StoreMakerName);
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "objects/object_store.h"

namespace aerie::objects {

struct StoreMaker {
  std::string name;  // letters and digits
  // Makes an empty store of its own for each test; the deleter cleans up after it.
  std::function<std::shared_ptr<ObjectStore>()> make;
};

inline std::string StoreMakerName(const testing::TestParamInfo<StoreMaker>& info) {
  return info.param.name;
}
inline void PrintTo(const StoreMaker& maker, std::ostream* out) { *out << maker.name; }

class ObjectStoreConformance : public testing::TestWithParam<StoreMaker> {
 protected:
  void SetUp() override { store_ = GetParam().make(); }

  std::string GetText(const std::string& key);
  std::vector<std::string> Keys(const std::string& prefix);

  Context context_ = Context::Background();
  std::shared_ptr<ObjectStore> store_;
};

}  // namespace aerie::objects
