// Options that restore, copy, sync, import and migrate share: app/kinds/target.h on the command
// line.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "app/kinds/target.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace aerie::cli {

using app::FromTo;
using app::FromToArgs;
using app::HowChecked;
using app::OpenFromTo;
using app::OutcomeText;
using app::PlanResult;
using app::ReadingOf;
using app::ResultOfRun;
using app::RunResult;
using app::TargetArgs;
using app::TargetLogin;
using app::ToJson;
using app::ToOptions;

// `--rename`, `--suffix` and `--database`.
void AddNameOptions(CLI::App& command, TargetArgs& args);
// How much at once; `parallel` names the option for the collections.
void AddLayoutOptions(CLI::App& command, transfer::Layout& layout);
void AddParallelOptions(CLI::App& command, TargetArgs& args, const std::string& parallel);
// These, and what is selected, refused, left out.
void AddTargetOptions(CLI::App& command, TargetArgs& args, const std::string& parallel);
// FROM and TO; then, when a command has added its own options, how they are read and logged in to.
void AddFromTo(CLI::App& command, FromToArgs& args);
void AddFromToOptions(CLI::App& command, FromToArgs& args);

}  // namespace aerie::cli
