// aerie: parse, wire, run, print. Everything else is in the rooms below.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include <CLI/CLI.hpp>
#include <malloc.h>

#include "app/config.h"
#include "app/session.h"
#include "app/version.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace aerie::cli {

namespace {

constexpr char kFooter[] =
    "Exit codes: 0 done, 1 failed, 2 usage, 3 done in part, 4 difference found, 5 locked,\n"
    "6 wrong key, 7 not there, 8 refused for safety, 130 interrupted.\n\n"
    "Begin with:  aerie backup create --cluster http://127.0.0.1:19530 --repo ./backups\n";

// The first interrupt cancels and lets the command put things in order; the second ends it.
class Interrupts {
 public:
  explicit Interrupts(CancelScope& scope) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::thread([set, &scope] {
      int number = 0;
      sigwait(&set, &number);
      scope.Cancel();
      sigwait(&set, &number);
      _exit(130);
    }).detach();
  }
};

void AddGlobalOptions(CLI::App& root, GlobalArgs& globals) {
  root.add_option("--config", globals.config, "Configuration file (or set AERIE_CONFIG)")
      ->type_name("FILE");
  root.add_option("-o,--output", globals.output, "text, or json: one event a line, the result last")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  auto* quiet = root.add_flag("-q,--quiet", globals.quiet, "Print warnings and errors only");
  root.add_flag("-v,--verbose", globals.verbose, "Log what is done on standard error")
      ->excludes(quiet);
  root.add_flag("-y,--yes", globals.assume_yes, "Confirm what destroys something");
}

void ConfigureLog(const GlobalArgs& globals) {
  log::Configure(globals.verbose ? log::Level::kDebug
                                 : (globals.quiet ? log::Level::kError : log::Level::kWarn),
                 globals.output == "json" ? log::Format::kJson : log::Format::kText);
}

// Batches of some MiB come and go all the time. Kept in the heap instead of being mapped and
// unmapped each time, they cost no page faults: 13 % of the processor time of a backup.
void KeepLargeBlocks() {
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 128 << 20);
  // Blocks move between threads; with a heap for each thread, what one frees another cannot use,
  // and a restore of 1,000,000 rows held a quarter more than one of 200,000.
  mallopt(M_ARENA_MAX, 2);
}

int Main(int argc, char** argv) {
  KeepLargeBlocks();
  // A file that meets a size limit is an error like a full disk, not the end of the process.
  signal(SIGXFSZ, SIG_IGN);
  CLI::App root("Aerie keeps Milvus clusters safe and movable: it backs up, verifies and restores.",
                "aerie");
  root.set_version_flag("--version", app::kProgram);
  root.footer(kFooter);
  root.require_subcommand(1);
  root.fallthrough();
  GlobalArgs globals;
  Action action;
  AddGlobalOptions(root, globals);
  AddBackupCommands(root, action);
  AddRestoreCommand(root, action);
  AddCopyCommand(root, action);
  AddMigrateCommands(root, action);
  AddSyncCommand(root, action);
  AddDiffCommand(root, action);
  AddExportCommand(root, action);
  AddImportCommand(root, action);
  AddBundleCommands(root, action);
  AddClusterCommands(root, action);
  AddRepoCommands(root, action);
  AddServeCommand(root, action);
  AddJobCommands(root, action);
  AddScheduleCommands(root, action);
  AddAlertCommands(root, action);
  AddAccessCommands(root, action);
  AddConfigCommands(root, action);
  AddDocumentCommands(root, action);
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" of exit code 0; everything else is wrong usage.
    return root.exit(error) == 0 ? 0 : ExitCode(Kind::kInvalid);
  }
  ConfigureLog(globals);
  Output output({.format = globals.output == "json" ? OutputFormat::kJson : OutputFormat::kText,
                 .quiet = globals.quiet,
                 .verbose = globals.verbose});
  static CancelScope scope(Context::Background());
  const Interrupts interrupts(scope);
  auto config =
      app::LoadConfig(globals.config.empty() ? std::nullopt : std::optional(globals.config));
  if (!config.ok()) return output.Finish(Failure(config.status()));
  const app::Session session(*std::move(config), output);
  Environment env{scope.context(), session, output, globals};
  CommandResult result = action(env);
  // Whatever error an interrupt surfaced as, the user asked for it.
  if (!result.status.ok() && scope.context().cancelled()) {
    result.status =
        MakeStatus(Kind::kCancelled, "interrupted; run the same command again to go on");
  }
  return output.Finish(result);
}

}  // namespace
}  // namespace aerie::cli

int main(int argc, char** argv) {
  const int code = aerie::cli::Main(argc, argv);
  std::fflush(nullptr);
  // Threads of gRPC may still be at work; its objects are not taken down under them.
  _exit(code);
}
