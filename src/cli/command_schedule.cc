#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "jobs/schedule.h"

namespace aerie::cli {
namespace {

struct NextArgs {
  std::string when;
  std::string zone = "UTC";
  std::string window;
  std::vector<std::string> blackouts;
  std::string from;
  int count = 5;
};

Result<jobs::ScheduleSpec> SpecOf(const NextArgs& args) {
  jobs::ScheduleSpec spec;
  spec.id = "tried";
  AERIE_ASSIGN(spec.when, jobs::ParseWhen(args.when));
  AERIE_ASSIGN(spec.zone, jobs::Zone::Load(args.zone));
  if (!args.window.empty()) {
    AERIE_ASSIGN(spec.window, jobs::ParseStretch(args.window, "--window"));
  }
  for (const std::string& blackout : args.blackouts) {
    AERIE_ASSIGN(jobs::Stretch stretch, jobs::ParseStretch(blackout, "--blackout"));
    spec.blackouts.push_back(std::move(stretch));
  }
  AERIE_TRY(jobs::Check(spec));
  return spec;
}

// When a run that is due then may start, as text; empty: at once.
std::string WaitText(const jobs::ScheduleSpec& spec, WallTime due) {
  if (jobs::IsOpen(spec, due)) return "";
  const auto open = jobs::NextOpen(spec, due);
  return open ? "waits until " + jobs::LocalText(spec.zone, *open) : "never";
}

CommandResult Next(Environment& env, const NextArgs& args) {
  const auto spec = SpecOf(args);
  if (!spec.ok()) return Failure(spec.status());
  WallTime after = env.context.clock().Now();
  if (!args.from.empty()) {
    const auto day = jobs::ParseDate(args.from);
    if (!day) return Failure(InvalidError("--from " + args.from + ": write a day as 2026-10-25"));
    after = std::chrono::sys_days(std::chrono::days(*day)) - std::chrono::milliseconds(1);
  }
  CommandResult result;
  result.json["when"] = args.when;
  result.json["zone"] = args.zone;
  result.json["meaning"] = jobs::Describe(spec->when);
  result.json["next"] = Json::array();
  std::vector<std::vector<std::string>> table = {{"DUE", "UTC", "START"}};
  for (int i = 0; i < args.count; ++i) {
    const auto due = jobs::NextDue(*spec, after);
    if (!due) break;
    after = *due;
    const std::string utc = FormatUtc(*due), local = jobs::LocalText(spec->zone, *due);
    const std::string wait = WaitText(*spec, *due);
    result.json["next"].push_back({{"due", utc}, {"local", local}, {"open", wait.empty()}});
    table.push_back({local, utc, wait.empty() ? "at once" : wait});
  }
  result.text = jobs::Describe(spec->when) + " " + args.zone + "\n" + Table(table);
  return result;
}

}  // namespace

void AddScheduleCommands(CLI::App& root, Action& action) {
  CLI::App* group = root.add_subcommand("schedule", "Try out when schedules run");
  group->require_subcommand(1);
  CLI::App* next = group->add_subcommand("next", "The next times at which a schedule would run");
  auto args = std::make_shared<NextArgs>();
  next->add_option("WHEN", args->when,
                   "Such as 'daily at 02:00', 'every 15 minutes', or a cron expression")
      ->required();
  next->add_option("--zone", args->zone, "Time zone of the IANA list")
      ->type_name("ZONE")
      ->capture_default_str();
  next->add_option("--count", args->count, "How many")
      ->check(CLI::Range(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  next->add_option("--from", args->from, "Begin with this day (of UTC) instead of now")
      ->type_name("YYYY-MM-DD");
  next->add_option("--window", args->window, "Nothing starts outside, such as 22:00-06:00")
      ->type_name("HOURS");
  next->add_option("--blackout", args->blackouts,
                   "Nothing starts within, such as 'Mon-Fri 08:00-18:00' or "
                   "2026-12-24..2026-12-26; may be repeated")
      ->type_name("HOURS")
      ->allow_extra_args(false);
  next->callback(
      [&action, args] { action = [args](Environment& env) { return Next(env, *args); }; });
}

}  // namespace aerie::cli
