// What this build calls itself, in snapshots and in `aerie --version`.
#pragma once

namespace aerie::app {

inline constexpr char kVersion[] = "0.1.0";
inline constexpr char kProgram[] = "aerie 0.1.0";

}  // namespace aerie::app
