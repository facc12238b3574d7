#include "objects/object_store_conformance.h"

#include "base/temp_folder_testing.h"
#include "objects/faulty_store.h"
#include "objects/filesystem_store.h"
#include "objects/limited_store.h"
#include "objects/memory_store.h"
#include "objects/retrying_store.h"
#include "objects/sftp_store.h"

namespace aerie::objects {
namespace {

std::shared_ptr<ObjectStore> InNewFolder() {
  const auto folder = std::make_shared<const TempFolder>();
  return {new FilesystemStore((folder->path() / "made/lazily").string()),
          [folder](ObjectStore* store) { delete store; }};
}

// A real server of SFTP, without the ssh that would lead to one elsewhere.
std::shared_ptr<ObjectStore> OverSftp() {
  const auto folder = std::make_shared<const TempFolder>();
  SftpUri uri;
  uri.host = "here";
  uri.path = (folder->path() / "made/lazily").string();
  return {new SftpStore(uri, {.command = {"/usr/lib/openssh/sftp-server"}}),
          [folder](ObjectStore* store) { delete store; }};
}

RetryPolicy Quick() {
  RetryPolicy policy;
  policy.first_delay = policy.throttled_delay = policy.max_delay = std::chrono::microseconds(10);
  return policy;
}

// A store of which every few calls fail, report failure though they succeeded, or stop half way,
// behind the retries: nobody above may notice.
std::shared_ptr<ObjectStore> Troubled() {
  auto faulty = std::make_shared<FaultyStore>(std::make_shared<MemoryStore>("troubled"));
  for (std::uint64_t i = 0; i < 60; ++i) {
    faulty->Add({.effect = Effect::kFail, .skip = 7 * i});
    for (const Verb verb : {Verb::kPut, Verb::kPutIfAbsent, Verb::kCopy}) {
      faulty->Add({.effect = Effect::kFailAfter,
                   .kind = Kind::kUnknownOutcome,
                   .verb = verb,
                   .skip = 5 * i});
    }
    for (const Verb verb : {Verb::kList, Verb::kRemove}) {
      faulty->Add({.effect = Effect::kTorn, .verb = verb, .skip = 3 * i, .at = 1});
    }
  }
  // With several threads one call may meet any number of the faults, but not more than there are.
  RetryPolicy patient = Quick();
  patient.max_attempts = 60 * (1 + 3 + 2) + 1;
  return std::make_shared<RetryingStore>(faulty, patient);
}

std::shared_ptr<ObjectStore> Transparent() {
  return std::make_shared<RetryingStore>(
      std::make_shared<FaultyStore>(std::make_shared<MemoryStore>("plain")), Quick());
}

// Limits that no test reaches but the number of places, under the retries.
std::shared_ptr<ObjectStore> Limited() {
  const StoreLimits limits{.upload = 1e12, .download = 1e12, .requests = 1e6, .connections = 1};
  return std::make_shared<RetryingStore>(
      std::make_shared<LimitedStore>(std::make_shared<MemoryStore>("limited"), limits), Quick());
}

std::shared_ptr<ObjectStore> InMemory() { return std::make_shared<MemoryStore>("conformance"); }

INSTANTIATE_TEST_SUITE_P(
    Drivers, ObjectStoreConformance,
    testing::Values(StoreMaker{"Filesystem", InNewFolder}, StoreMaker{"Sftp", OverSftp},
                    StoreMaker{"Memory", InMemory}, StoreMaker{"Decorated", Transparent},
                    StoreMaker{"Limited", Limited}, StoreMaker{"Troubled", Troubled}),
    StoreMakerName);

}  // namespace
}  // namespace aerie::objects
