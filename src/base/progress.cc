#include "base/progress.h"

namespace aerie {
namespace {

class DroppingSink : public ProgressSink {
 public:
  void OnProgress(const ProgressEvent&) override {}
};

}  // namespace

ProgressSink& NoProgress() {
  static DroppingSink sink;
  return sink;
}

}  // namespace aerie
