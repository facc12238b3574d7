#include "migrate/standing.h"

#include <algorithm>

#include "migrate/state_json.h"
#include "migrate/words.h"

namespace aerie::migrate {
namespace {

// Which side clients write to, or did before they were stopped: the other follows it.
Side FollowedSide(Phase phase) {
  switch (phase) {
    case Phase::kOpening:
    case Phase::kWatching:
    case Phase::kFencingTarget:
    case Phase::kLastReverse:
    case Phase::kProvingReverse:
    case Phase::kSwitchingBack:
    case Phase::kLiftingTarget: return Side::kTarget;
    default: return Side::kSource;
  }
}

Standing::Work WorkOf(const Pace& pace, const std::optional<catalog::Sample>& sample) {
  // As the monitor counted them: also of collections that this work has not come to.
  std::int64_t counted = -1;
  if (sample) {
    counted = pace.work.from == Side::kSource ? sample->source_rows : sample->target_rows;
  }
  return {.pace = pace.work,
          .rows_total = std::max(counted, pace.work.rows_total),
          .rows_per_second = static_cast<std::int64_t>(RowsASecond(pace.work)),
          .estimated_end_ms = EstimatedEndMs(pace, counted)};
}

}  // namespace

bool IsDriven(const catalog::Migration& m) { return m.holder && !HasEnded(m.holder->process); }

Result<Standing> StandingOf(catalog::Catalog& catalog, const catalog::Migration& m, WallTime now) {
  Standing standing;
  AERIE_ASSIGN(standing.spec, SpecFromText(m.spec));
  AERIE_ASSIGN(standing.state, StateFromText(m.state));
  standing.driven = IsDriven(m);
  AERIE_ASSIGN(standing.alerts, catalog.Alerts(m.id, true));
  AERIE_ASSIGN(standing.sample, catalog.LastSample(m.id));
  if (m.ended_ms != 0) return standing;
  AERIE_ASSIGN(standing.waiting, catalog.Waiting(m.id));
  AERIE_ASSIGN(const std::string pace_text, catalog.Kept(m.id, kPaceKey));
  const Pace pace = PaceFromText(pace_text);
  if (standing.driven && standing.state.running && !pace.work.kind.empty()) {
    standing.work = WorkOf(pace, standing.sample);
  }
  standing.lag_ms = LagMs(pace, FollowedSide(standing.state.phase), ToUnixMillis(now));
  return standing;
}

std::vector<std::string> AllowedWords(const catalog::Migration& m, const Standing& standing,
                                      WallTime now) {
  std::vector<std::string> words;
  if (m.ended_ms != 0) return words;
  State state = standing.state;
  // What was under way died with its driver.
  state.running = state.running && standing.driven;
  for (const std::string& verb : Words()) {
    const auto event = EventOf(verb);
    const bool allowed =
        event ? Step(standing.spec.rules, state, {.type = *event}, now).refused.empty()
              : standing.driven && m.request.number != 0;
    if (allowed) words.push_back(verb);
  }
  return words;
}

}  // namespace aerie::migrate
