#include "app/kinds/kinds.h"

#include <memory>
#include <utility>

#include "app/kinds/backup.h"
#include "app/kinds/copy.h"
#include "app/kinds/delete.h"
#include "app/kinds/health_check.h"
#include "app/kinds/mirror.h"
#include "app/kinds/prune.h"
#include "app/kinds/restore.h"
#include "app/kinds/restore_drill.h"
#include "app/kinds/sync.h"
#include "app/kinds/verify.h"

namespace aerie::app {

jobs::JobKinds MakeJobKinds(KindSetup setup) {
  const auto shared = std::make_shared<const KindSetup>(std::move(setup));
  return {{"backup", MakeBackupKind(shared)},   {"copy", MakeCopyKind(shared)},
          {"delete", MakeDeleteKind(shared)},   {"health-check", MakeHealthCheckKind(shared)},
          {"mirror", MakeMirrorKind(shared)},   {"prune", MakePruneKind(shared)},
          {"restore", MakeRestoreKind(shared)}, {"restore-test", MakeRestoreTestKind(shared)},
          {"sync", MakeSyncKind(shared)},       {"verify", MakeVerifyKind(shared)}};
}

}  // namespace aerie::app
