// How fast a migration's rows move and how far behind the other cluster is: noted while the mover
// works, kept in the catalog, read by `migrate status` in another process.
//
// Pace and what follows from it are plain values and pure functions. PaceKeeper is thread-safe;
// PacedMover is as the mover that it wraps.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/progress.h"
#include "catalog/catalog.h"
#include "migrate/ports.h"

namespace aerie::migrate {

// Under which the catalog keeps it.
inline constexpr char kPaceKey[] = "pace";

struct Pace {
  // What is under way; "": nothing.
  struct Work {
    std::string kind;  // "copy", "round", "audit", "proof"
    Side from = Side::kSource;
    std::int64_t begun_ms = 0;
    std::int64_t seen_ms = 0;  // of the rows that are told here
    std::int64_t rows = 0;
    std::int64_t rows_total = -1;  // of the collections of which it is known; -1: none
    bool operator==(const Work&) const = default;
  };
  // The last that ended well: what was written before it began is on the other side.
  struct Done {
    Side from = Side::kSource;
    std::int64_t begun_ms = 0;  // 0: none did
    bool operator==(const Done&) const = default;
  };
  Work work;
  Done done;
  std::map<std::string, std::int64_t> took_ms;  // by kind, the last that ended well
  bool operator==(const Pace&) const = default;
};

// Age of the oldest write that may be missing on the other side, which follows `from`; nullopt:
// nothing was brought over from there yet.
std::optional<std::int64_t> LagMs(const Pace& pace, Side from, std::int64_t now_ms);
// Rows a second of the work under way; 0: not known.
double RowsASecond(const Pace::Work& work);
// When it will have ended: by its own speed and what is left of the rows (`rows_total`, of all
// collections; -1: not known), in its first half rather by how long the last of its kind took;
// nullopt: no way to tell.
std::optional<std::int64_t> EstimatedEndMs(const Pace& pace, std::int64_t rows_total);

std::string ToText(const Pace& pace);
// What is not understood is as if nothing were known: it is only shown.
Pace PaceFromText(const std::string& text);

// Hears what a mover tells, passes it on, and keeps the pace.
class PaceKeeper : public ProgressSink {
 public:
  // All must outlive it.
  PaceKeeper(Clock& clock, catalog::Lease& lease, ProgressSink& to);
  void OnProgress(const ProgressEvent& event) override;

  void Begin(const std::string& kind, Side from);
  void End(bool well);

 private:
  void Store();
  std::int64_t NowMs() const { return ToUnixMillis(clock_.Now()); }

  Clock& clock_;
  catalog::Lease& lease_;
  ProgressSink& to_;
  std::mutex mutex_;
  Pace pace_;
  std::map<std::string, ProgressEvent> collections_;  // the last event of each
};

class PacedMover : public Mover {
 public:
  PacedMover(Mover& mover, PaceKeeper& keeper) : mover_(mover), keeper_(keeper) {}
  Result<CopyReport> Copy(const Context& context, Haste haste) override;
  Result<RoundReport> Round(const Context& context, Side from, Haste haste) override;
  Result<RoundReport> Audit(const Context& context, Side from) override;
  Result<ProofReport> Prove(const Context& context, Side from) override;

 private:
  Mover& mover_;
  PaceKeeper& keeper_;
};

}  // namespace aerie::migrate
