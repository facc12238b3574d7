// Alerts in the catalog: incidents, what is to be delivered to which channel, silences, since when
// things are known, how full storages were, and who watches.
//
// What is wrong and what is told is not known here: Step calls a function with what is recorded,
// inside the transaction that stores its answer, so that an incident and its messages are one
// (docs/decisions/0029). Thread-safe; each call that writes is on the disk when it returns. Texts
// are JSON of those who store them. Times are milliseconds since the Unix epoch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/catalog.h"

namespace aerie::catalog {

struct AlertIncident {
  std::int64_t number = 0;
  std::string rule{};
  std::string about{};
  std::string severity{};
  std::string state{};
  std::int64_t opened_ms = 0;  // 0: pending, of which nobody knows yet
  std::int64_t resolved_ms = 0;
  std::int64_t acknowledged_ms = 0;
  std::string acknowledged_by{};
};

struct AlertSilence {
  std::int64_t number = 0;
  std::string rule{};
  std::string about{};
  std::string reason{};
  std::string made_by{};
  std::int64_t made_ms = 0;
  std::int64_t until_ms = 0;
};

enum class DeliveryState { kWaiting, kDelivered, kGivenUp };
// "waiting", "delivered", "given-up".
const char* NameOf(DeliveryState state);

struct AlertDelivery {
  std::int64_t number = 0;
  std::string channel{};
  std::int64_t incident = 0;
  std::string key{};  // one of each channel
  std::string message{};
  DeliveryState state = DeliveryState::kWaiting;
  std::int64_t created_ms = 0;
  std::int64_t attempts = 0;  // begun
  std::int64_t next_ms = 0;   // the next one; 0: at once
  std::int64_t ended_ms = 0;
  std::string error{};  // of the last attempt, or what else is to be said of it
};

// All that one channel ever did; kept when it is configured no more.
struct AlertChannel {
  std::string name{};
  std::int64_t delivered = 0;
  std::int64_t failed = 0;  // attempts
  std::int64_t given_up = 0;
  std::int64_t delivered_ms = 0;  // the last time
  std::int64_t given_up_ms = 0;
  std::string error{};  // of the last attempt, when it failed
  std::int64_t waiting = 0;
  std::int64_t oldest_waiting_ms = 0;
};

struct AlertSample {
  std::string storage{};
  std::int64_t at_ms = 0;
  std::int64_t used_bytes = 0;
  std::int64_t limit_bytes = 0;
};

struct AlertView {
  std::string installation{};  // made with the catalog
  std::int64_t next_number = 0;
  std::vector<AlertIncident> incidents{};  // that are not resolved
  std::vector<AlertSilence> silences{};    // that have not ended
  std::map<std::string, std::int64_t> seen{};
  std::vector<AlertSample> samples{};  // by storage and time
  std::vector<AlertChannel> channels{};
};

struct AlertDecision {
  std::vector<AlertIncident> put{};  // new, or in place of the one of that number
  std::vector<std::int64_t> drop{};
  std::vector<AlertDelivery> deliver{};
  std::optional<std::map<std::string, std::int64_t>> seen{};  // in place of all of it
  std::vector<AlertSample> samples{};
};
// An error ends the call, and nothing is changed.
using DecideAlerts = std::function<Result<AlertDecision>(const AlertView&)>;

// The right to watch and deliver. It holds until another process has taken over.
struct AlertLease {
  std::int64_t epoch = 0;
};

class AlertStore {
 public:
  // The catalog outlives it.
  explicit AlertStore(Catalog& catalog) : catalog_(catalog) {}

  // kLocked, naming the holder, when another process watches.
  Result<AlertLease> Take(const Holder& holder, const LeaseTimes& times = {});
  // --- Of the holder: kLocked when the lease was lost ---
  Status Renew(const AlertLease& lease, std::int64_t now_ms);
  Status GiveBack(const AlertLease& lease);
  Status Step(const AlertLease& lease, std::int64_t now_ms, const DecideAlerts& decide);
  // An attempt begins: it is counted before it is made.
  Status Begin(const AlertLease& lease, std::int64_t delivery);
  // The receiver has it. `note` is what else it said. What else waits in its channel is due at once
  // when the attempt before had failed.
  Status Delivered(const AlertLease& lease, std::int64_t delivery, const std::string& note,
                   std::int64_t now_ms);
  Status Failed(const AlertLease& lease, std::int64_t delivery, const std::string& error,
                std::int64_t next_ms);
  Status GiveUp(const AlertLease& lease, std::int64_t delivery, const std::string& error,
                std::int64_t now_ms);
  // Gives up what waits in channels other than these. How many.
  Result<std::int64_t> GiveUpOthers(const AlertLease& lease,
                                    const std::vector<std::string>& channels, std::int64_t now_ms);

  // --- Of anybody ---
  // What the channel is to send now: nothing of an incident before what was to be told earlier of
  // it; of several the one that was tried least, then the oldest. A time for the next attempt that
  // lies more than `kLongestWait` ahead is due: the clock was set back.
  Result<std::optional<AlertDelivery>> Due(const std::string& channel, std::int64_t now_ms);
  static constexpr std::int64_t kLongestWaitMs = 3'600'000;
  // What is recorded, as Step shows it. `now_ms`: which silences have not ended.
  Result<AlertView> View(std::int64_t now_ms);

  // Those that were opened, newest first. `before`: only smaller numbers; 0: from the newest.
  Result<std::vector<AlertIncident>> List(bool open_only, std::int64_t before, std::size_t limit);
  // kNotFound.
  Result<AlertIncident> Find(std::int64_t number);
  Result<std::int64_t> OpenCount();
  // Grows with each change of an incident, so that whoever shows them looks again.
  Result<std::int64_t> Version();
  // Of an incident, in their order.
  Result<std::vector<AlertDelivery>> Deliveries(std::int64_t incident);
  // Ok also when somebody did before. kNotFound; kRefused when it is over.
  Result<AlertIncident> Acknowledge(std::int64_t number, const std::string& by,
                                    std::int64_t now_ms);
  // Its number.
  Result<std::int64_t> AddSilence(const AlertSilence& silence, std::int64_t now_ms);
  // kNotFound.
  Status RemoveSilence(std::int64_t number);
  // Of a storage, by time, from then on.
  Result<std::vector<AlertSample>> Samples(const std::string& storage, std::int64_t from_ms);

  // Deletes incidents that were over before that, with their deliveries, and silences that ended.
  // What waits is kept. How many incidents.
  Result<std::int64_t> Forget(std::int64_t before_ms);

 private:
  Status Write(const AlertLease& lease, const std::function<Status(Database&)>& work);
  Result<std::int64_t> NumberOf(const char* query);

  Catalog& catalog_;
};

}  // namespace aerie::catalog
