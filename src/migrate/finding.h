// What one check before a migration found. Plain value.
#pragma once

#include <string>

namespace aerie::migrate {

struct Finding {
  enum class Verdict { kPass, kWarn, kFail };
  std::string check;  // "source-health", what --accept names
  Verdict verdict = Verdict::kPass;
  std::string text;  // what is so; of a failure also the remedy
};
const char* NameOf(Finding::Verdict verdict);

// Names of the checks that stand in files of their own.
inline constexpr char kRightsCheck[] = "rights";
inline constexpr char kBackupCheck[] = "backup";
inline constexpr char kFenceCheck[] = "fence";
inline constexpr char kRollbackCheck[] = "rollback-plan";

}  // namespace aerie::migrate
