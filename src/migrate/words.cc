#include "migrate/words.h"

#include "migrate/approval.h"
#include "migrate/driver.h"
#include "migrate/spec.h"
#include "migrate/standing.h"
#include "migrate/state_json.h"

namespace aerie::migrate {
namespace {

Status MayBeSaid(const catalog::Migration& m, const std::string& verb, std::int64_t request) {
  if (m.ended_ms != 0) return RefusedError("migration " + m.id + " has ended: " + m.phase);
  if (verb != "approve") return Ok();
  if (m.request.number == 0) {
    return RefusedError("migration " + m.id + ": " + kNothingToApprove);
  }
  if (m.request.number != request) {
    return RefusedError("migration " + m.id + ": " + kOtherRequest);
  }
  return Ok();
}

// No process drives it: what needs no action is done here.
Status SayToNobody(catalog::Catalog& catalog, const std::string& id, Event::Type event,
                   const catalog::Holder& me, WallTime now, Said& said) {
  auto lease = catalog.Take(id, me);
  if (KindOf(lease.status()) == Kind::kLocked) {
    // Somebody has begun to drive it this moment, and finds the word.
    said.driven = true;
    return Ok();
  }
  AERIE_TRY(lease.status());
  AERIE_ASSIGN(const auto m, catalog.Find(id));
  AERIE_ASSIGN(const auto state, StateFromText(m.state));
  AERIE_ASSIGN(const auto spec, SpecFromText(m.spec));
  AERIE_ASSIGN(const auto refusal,
               ObeyWithoutDriver(**lease, spec.rules, state, event, said.number, now));
  said.answered = refusal.has_value();
  said.refusal = refusal.value_or("");
  return Ok();
}

}  // namespace

const std::vector<std::string>& Words() {
  static const std::vector<std::string> words = {"approve",  "pause",    "resume", "cutover",
                                                 "rollback", "complete", "abort"};
  return words;
}

std::optional<Event::Type> EventOf(const std::string& verb) {
  for (const Event::Type type :
       {Event::Type::kCutover, Event::Type::kPause, Event::Type::kResume, Event::Type::kRollback,
        Event::Type::kComplete, Event::Type::kAbort}) {
    if (verb == NameOf(type)) return type;
  }
  return std::nullopt;
}

Result<Said> Say(catalog::Catalog& catalog, const std::string& id, const std::string& verb,
                 std::int64_t request, const catalog::Holder& me, WallTime now) {
  AERIE_ASSIGN(const auto m, catalog.Find(id));
  AERIE_TRY(MayBeSaid(m, verb, request));
  Said said{.driven = IsDriven(m)};
  AERIE_ASSIGN(said.number, catalog.Say(id, verb, request, ToUnixMillis(now)));
  const auto event = EventOf(verb);
  if (!said.driven && event) AERIE_TRY(SayToNobody(catalog, id, *event, me, now, said));
  return said;
}

}  // namespace aerie::migrate
