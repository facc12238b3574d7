// All kinds of job, by name (docs/jobs.md).
#pragma once

#include "app/kinds/request_kind.h"
#include "jobs/kind.h"

namespace aerie::app {

jobs::JobKinds MakeJobKinds(KindSetup setup);

}  // namespace aerie::app
