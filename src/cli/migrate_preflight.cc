#include "cli/migrate_preflight.h"

#include "base/duration.h"
#include "base/rate.h"

namespace aerie::cli {

void AddPreflightOptions(CLI::App& command, PreflightArgs& args) {
  AddRepoOption(command, args.repo, false);
  command
      .add_option("--max-backup-age", args.max_backup_age,
                  "How old the verified backup in --repo may be")
      ->capture_default_str()
      ->group("Preflight");
  command
      .add_option("--target-free", args.target_free,
                  "How much is free where the target stores its data, such as 200GB; Milvus does "
                  "not tell")
      ->type_name("SIZE")
      ->group("Preflight");
}

Result<PreparedPreflight> PreparePreflight(Environment& env, const PreflightArgs& args,
                                           const FromTo& pair,
                                           const transfer::Selection& selection) {
  PreparedPreflight prepared;
  migrate::PreflightOptions& options = prepared.options;
  options.selection = selection;
  AERIE_ASSIGN(options.backup.max_age, ParseDuration(args.max_backup_age, "--max-backup-age"));
  if (!args.target_free.empty()) {
    AERIE_ASSIGN(options.target_free_bytes, ParseByteSize(args.target_free, "--target-free"));
  }
  if (args.repo.text.empty()) return prepared;
  AERIE_ASSIGN(prepared.repository, env.session.Repository(env.context, args.repo.text,
                                                           args.repo.flags, app::IfAbsent::kFail));
  options.backup.repository = prepared.repository.repository.get();
  options.backup.clusters = {pair.from.label, pair.from.client->cluster()};
  return prepared;
}

Json ToJson(const std::vector<migrate::Finding>& findings) {
  Json json = Json::array();
  for (const auto& f : findings) {
    json.push_back({{"check", f.check}, {"verdict", NameOf(f.verdict)}, {"text", f.text}});
  }
  return json;
}

}  // namespace aerie::cli
