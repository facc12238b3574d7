#include "catalog/alert_store.h"

#include <array>
#include <utility>

namespace aerie::catalog {
namespace {

constexpr std::int64_t kKeptSamplesMs = std::int64_t{30} * 24 * 3'600'000;
constexpr std::int64_t kShownSamplesMs = std::int64_t{7} * 24 * 3'600'000;

constexpr std::array<const char*, 3> kStates = {"waiting", "delivered", "given-up"};

constexpr char kIncidentColumns[] =
    "SELECT number, rule, about, severity, state, opened_ms, resolved_ms, acknowledged_ms, "
    "acknowledged_by FROM alert_incidents ";
constexpr char kDeliveryColumns[] =
    "SELECT number, channel, incident, key, message, state, created_ms, attempts, next_ms, "
    "ended_ms, error FROM alert_deliveries ";
constexpr char kSampleColumns[] =
    "SELECT storage, at_ms, used_bytes, limit_bytes FROM alert_samples ";

AlertIncident ReadIncident(const Row& row) {
  return {.number = row.Integer(0),
          .rule = row.Text(1),
          .about = row.Text(2),
          .severity = row.Text(3),
          .state = row.Text(4),
          .opened_ms = row.Integer(5),
          .resolved_ms = row.Integer(6),
          .acknowledged_ms = row.Integer(7),
          .acknowledged_by = row.Text(8)};
}

AlertDelivery ReadDelivery(const Row& row) {
  AlertDelivery delivery{.number = row.Integer(0),
                         .channel = row.Text(1),
                         .incident = row.Integer(2),
                         .key = row.Text(3),
                         .message = row.Text(4),
                         .created_ms = row.Integer(6),
                         .attempts = row.Integer(7),
                         .next_ms = row.Integer(8),
                         .ended_ms = row.Integer(9),
                         .error = row.Text(10)};
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    if (row.Text(5) == kStates[i]) delivery.state = static_cast<DeliveryState>(i);
  }
  return delivery;
}

AlertSample ReadSample(const Row& row) {
  return {.storage = row.Text(0),
          .at_ms = row.Integer(1),
          .used_bytes = row.Integer(2),
          .limit_bytes = row.Integer(3)};
}

AlertSilence ReadSilence(const Row& row) {
  return {.number = row.Integer(0),
          .rule = row.Text(1),
          .about = row.Text(2),
          .reason = row.Text(3),
          .made_by = row.Text(4),
          .made_ms = row.Integer(5),
          .until_ms = row.Integer(6)};
}

AlertChannel ReadChannel(const Row& row) {
  return {.name = row.Text(0),
          .delivered = row.Integer(1),
          .failed = row.Integer(2),
          .given_up = row.Integer(3),
          .delivered_ms = row.Integer(4),
          .given_up_ms = row.Integer(5),
          .error = row.Text(6),
          .waiting = row.Integer(7),
          .oldest_waiting_ms = row.Integer(8)};
}

Result<AlertIncident> FindIn(Database& db, std::int64_t number) {
  std::optional<AlertIncident> found;
  AERIE_TRY(db.Run(std::string(kIncidentColumns) + "WHERE number = ? AND opened_ms > 0", {number},
                   [&](const Row& row) { found = ReadIncident(row); }));
  if (!found) {
    return NotFoundError("incident " + std::to_string(number) +
                         " is not in the catalog; aerie alert list --all lists those that are");
  }
  return *std::move(found);
}

Result<AlertView> ViewIn(Database& db, std::int64_t now_ms) {
  AlertView view;
  AERIE_TRY(db.Run("SELECT installation FROM alert_watch", {},
                   [&](const Row& row) { view.installation = row.Text(0); }));
  view.next_number = 1;
  AERIE_TRY(db.Run("SELECT seq + 1 FROM sqlite_sequence WHERE name = 'alert_incidents'", {},
                   [&](const Row& row) { view.next_number = row.Integer(0); }));
  AERIE_TRY(db.Run(std::string(kIncidentColumns) + "WHERE resolved_ms = 0 ORDER BY number", {},
                   [&](const Row& row) { view.incidents.push_back(ReadIncident(row)); }));
  AERIE_TRY(
      db.Run("SELECT number, rule, about, reason, made_by, made_ms, until_ms FROM alert_silences "
             "WHERE until_ms > ? ORDER BY number",
             {now_ms}, [&](const Row& row) { view.silences.push_back(ReadSilence(row)); }));
  AERIE_TRY(db.Run("SELECT thing, first_ms FROM alert_seen", {},
                   [&](const Row& row) { view.seen[row.Text(0)] = row.Integer(1); }));
  AERIE_TRY(db.Run(std::string(kSampleColumns) + "WHERE at_ms >= ? ORDER BY storage, at_ms",
                   {now_ms - kShownSamplesMs},
                   [&](const Row& row) { view.samples.push_back(ReadSample(row)); }));
  AERIE_TRY(db.Run(
      "SELECT c.name, c.delivered, c.failed, c.given_up, c.delivered_ms, c.given_up_ms, c.error, "
      "count(d.number), coalesce(min(d.created_ms), 0) FROM alert_channels c "
      "LEFT JOIN alert_deliveries d ON d.channel = c.name AND d.state = 'waiting' "
      "GROUP BY c.name ORDER BY c.name",
      {}, [&](const Row& row) { view.channels.push_back(ReadChannel(row)); }));
  return view;
}

Status PutIn(Database& db, const AlertIncident& i) {
  return db.Run(
      "INSERT INTO alert_incidents (number, rule, about, severity, state, opened_ms, resolved_ms, "
      "acknowledged_ms, acknowledged_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (number) DO UPDATE SET severity = excluded.severity, state = excluded.state, "
      "opened_ms = excluded.opened_ms, resolved_ms = excluded.resolved_ms",
      {i.number, i.rule, i.about, i.severity, i.state, i.opened_ms, i.resolved_ms,
       i.acknowledged_ms, i.acknowledged_by});
}

Status ChangedIn(Database& db) { return db.Run("UPDATE alert_watch SET changes = changes + 1"); }

Status DeliverIn(Database& db, const AlertDelivery& d, std::int64_t now_ms) {
  AERIE_TRY(db.Run("INSERT OR IGNORE INTO alert_channels (name) VALUES (?)", {d.channel}));
  return db.Run(
      "INSERT INTO alert_deliveries (channel, incident, key, message, created_ms) "
      "VALUES (?, ?, ?, ?, ?)",
      {d.channel, d.incident, d.key, d.message, now_ms});
}

Status SampleIn(Database& db, const AlertSample& s) {
  AERIE_TRY(db.Run("INSERT OR REPLACE INTO alert_samples VALUES (?, ?, ?, ?)",
                   {s.storage, s.at_ms, s.used_bytes, s.limit_bytes}));
  return db.Run("DELETE FROM alert_samples WHERE storage = ? AND (at_ms < ? OR at_ms > ?)",
                {s.storage, s.at_ms - kKeptSamplesMs, s.at_ms});
}

// Only what still waits ends; what has ended stays as it ended.
Status EndIn(Database& db, std::int64_t delivery, DeliveryState state, const std::string& error,
             std::int64_t now_ms) {
  return db.Run(
      "UPDATE alert_deliveries SET state = ?, error = ?, ended_ms = ? "
      "WHERE number = ? AND state = 'waiting'",
      {NameOf(state), error, now_ms, delivery});
}

constexpr char kOfItsChannel[] =
    "WHERE name = (SELECT channel FROM alert_deliveries WHERE number = ?)";

Status GiveUpIn(Database& db, std::int64_t delivery, const std::string& error,
                std::int64_t now_ms) {
  AERIE_TRY(EndIn(db, delivery, DeliveryState::kGivenUp, error, now_ms));
  return db.Run(std::string("UPDATE alert_channels SET given_up = given_up + 1, given_up_ms = ?, "
                            "error = ? ") +
                    kOfItsChannel,
                {now_ms, error, delivery});
}

}  // namespace

const char* NameOf(DeliveryState state) { return kStates[static_cast<std::size_t>(state)]; }

Result<AlertLease> AlertStore::Take(const Holder& holder, const LeaseTimes& times) {
  return catalog_.WithDatabase([&](Database& db) -> Result<AlertLease> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    std::optional<Holder> found;
    AlertLease lease;
    AERIE_TRY(db.Run(
        "SELECT held, machine, pid, started, host, renewed_ms, epoch FROM alert_watch", {},
        [&](const Row& row) {
          lease.epoch = row.Integer(6) + 1;
          if (row.Integer(0) == 0) return;
          found = Holder{
              .process = {.machine = row.Text(1), .pid = row.Integer(2), .started = row.Integer(3)},
              .host = row.Text(4),
              .renewed_ms = row.Integer(5)};
        }));
    if (found && !MayTakeOver(*found, holder, times.lost_after_ms)) {
      return MakeStatus(Kind::kLocked, "alerts of this catalog are watched by process " +
                                           std::to_string(found->process.pid) + " on " +
                                           found->host + "; one of them is enough");
    }
    const ProcessIdentity& p = holder.process;
    AERIE_TRY(
        db.Run("UPDATE alert_watch SET held = 1, epoch = ?, machine = ?, pid = ?, started = ?, "
               "host = ?, renewed_ms = ?",
               {lease.epoch, p.machine, p.pid, p.started, holder.host, holder.renewed_ms}));
    AERIE_TRY(transaction->Commit());
    return lease;
  });
}

Status AlertStore::Write(const AlertLease& lease, const std::function<Status(Database&)>& work) {
  return catalog_.WithDatabase([&](Database& db) -> Status {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    bool mine = false;
    AERIE_TRY(db.Run("SELECT 1 FROM alert_watch WHERE epoch = ? AND held = 1", {lease.epoch},
                     [&](const Row&) { mine = true; }));
    if (!mine) {
      return MakeStatus(Kind::kLocked,
                        "another process watches the alerts of this catalog now; this one stops");
    }
    AERIE_TRY(work(db));
    return transaction->Commit();
  });
}

Status AlertStore::Renew(const AlertLease& lease, std::int64_t now_ms) {
  return Write(lease, [&](Database& db) {
    return db.Run("UPDATE alert_watch SET renewed_ms = ?", {now_ms});
  });
}

Status AlertStore::GiveBack(const AlertLease& lease) {
  return Write(lease, [&](Database& db) { return db.Run("UPDATE alert_watch SET held = 0"); });
}

Status AlertStore::Step(const AlertLease& lease, std::int64_t now_ms, const DecideAlerts& decide) {
  return Write(lease, [&](Database& db) -> Status {
    AERIE_ASSIGN(const AlertView view, ViewIn(db, now_ms));
    AERIE_ASSIGN(const AlertDecision decision, decide(view));
    for (const std::int64_t number : decision.drop) {
      AERIE_TRY(db.Run("DELETE FROM alert_incidents WHERE number = ?", {number}));
    }
    for (const AlertIncident& incident : decision.put) AERIE_TRY(PutIn(db, incident));
    if (!decision.put.empty()) AERIE_TRY(ChangedIn(db));
    for (const AlertDelivery& delivery : decision.deliver) {
      AERIE_TRY(DeliverIn(db, delivery, now_ms));
    }
    for (const AlertSample& sample : decision.samples) AERIE_TRY(SampleIn(db, sample));
    if (decision.seen && *decision.seen != view.seen) {
      AERIE_TRY(db.Run("DELETE FROM alert_seen"));
      for (const auto& [thing, first_ms] : *decision.seen) {
        AERIE_TRY(db.Run("INSERT INTO alert_seen VALUES (?, ?)", {thing, first_ms}));
      }
    }
    return db.Run("UPDATE alert_watch SET renewed_ms = ?", {now_ms});
  });
}

Status AlertStore::Begin(const AlertLease& lease, std::int64_t delivery) {
  return Write(lease, [&](Database& db) {
    return db.Run("UPDATE alert_deliveries SET attempts = attempts + 1 WHERE number = ?",
                  {delivery});
  });
}

Status AlertStore::Delivered(const AlertLease& lease, std::int64_t delivery,
                             const std::string& note, std::int64_t now_ms) {
  return Write(lease, [&](Database& db) -> Status {
    AERIE_TRY(EndIn(db, delivery, DeliveryState::kDelivered, note, now_ms));
    AERIE_TRY(
        db.Run("UPDATE alert_deliveries SET next_ms = 0 WHERE state = 'waiting' AND channel "
               "= (SELECT name FROM alert_channels " +
                   std::string(kOfItsChannel) + " AND error <> '')",
               {delivery}));
    return db.Run(std::string("UPDATE alert_channels SET delivered = delivered + 1, "
                              "delivered_ms = ?, error = '' ") +
                      kOfItsChannel,
                  {now_ms, delivery});
  });
}

Status AlertStore::Failed(const AlertLease& lease, std::int64_t delivery, const std::string& error,
                          std::int64_t next_ms) {
  return Write(lease, [&](Database& db) -> Status {
    AERIE_TRY(db.Run("UPDATE alert_deliveries SET error = ?, next_ms = ? WHERE number = ?",
                     {error, next_ms, delivery}));
    return db.Run(
        std::string("UPDATE alert_channels SET failed = failed + 1, error = ? ") + kOfItsChannel,
        {error, delivery});
  });
}

Status AlertStore::GiveUp(const AlertLease& lease, std::int64_t delivery, const std::string& error,
                          std::int64_t now_ms) {
  return Write(lease, [&](Database& db) { return GiveUpIn(db, delivery, error, now_ms); });
}

Result<std::int64_t> AlertStore::GiveUpOthers(const AlertLease& lease,
                                              const std::vector<std::string>& channels,
                                              std::int64_t now_ms) {
  std::string marks = "''";
  std::vector<Value> values;
  for (const std::string& channel : channels) {
    marks += ", ?";
    values.emplace_back(channel);
  }
  std::int64_t count = 0;
  const Status written = Write(lease, [&](Database& db) -> Status {
    std::vector<std::int64_t> numbers;
    AERIE_TRY(
        db.Run("SELECT number FROM alert_deliveries WHERE state = 'waiting' AND channel NOT "
               "IN (" +
                   marks + ") ORDER BY number",
               values, [&](const Row& row) { numbers.push_back(row.Integer(0)); }));
    for (const std::int64_t number : numbers) {
      AERIE_TRY(GiveUpIn(db, number, "its channel is configured no more", now_ms));
    }
    count = static_cast<std::int64_t>(numbers.size());
    return Ok();
  });
  AERIE_TRY(written);
  return count;
}

Result<std::optional<AlertDelivery>> AlertStore::Due(const std::string& channel,
                                                     std::int64_t now_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::optional<AlertDelivery>> {
    std::optional<AlertDelivery> due;
    AERIE_TRY(db.Run(
        std::string(kDeliveryColumns) +
            "AS d WHERE state = 'waiting' AND channel = ?1 AND (next_ms <= ?2 OR next_ms > "
            "?2 + ?3) AND NOT EXISTS (SELECT 1 FROM alert_deliveries e WHERE e.state = "
            "'waiting' AND e.channel = ?1 AND e.incident = d.incident AND e.number < "
            "d.number) ORDER BY attempts, number LIMIT 1",
        {channel, now_ms, kLongestWaitMs}, [&](const Row& row) { due = ReadDelivery(row); }));
    return due;
  });
}

Result<AlertView> AlertStore::View(std::int64_t now_ms) {
  return catalog_.WithDatabase([&](Database& db) { return ViewIn(db, now_ms); });
}

Result<std::vector<AlertIncident>> AlertStore::List(bool open_only, std::int64_t before,
                                                    std::size_t limit) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<AlertIncident>> {
    std::vector<AlertIncident> all;
    AERIE_TRY(db.Run(std::string(kIncidentColumns) +
                         "WHERE opened_ms > 0 AND (?1 = 0 OR resolved_ms = 0) AND (?2 = 0 OR "
                         "number < ?2) ORDER BY number DESC LIMIT ?3",
                     {std::int64_t{open_only ? 1 : 0}, before, static_cast<std::int64_t>(limit)},
                     [&](const Row& row) { all.push_back(ReadIncident(row)); }));
    return all;
  });
}

Result<AlertIncident> AlertStore::Find(std::int64_t number) {
  return catalog_.WithDatabase([&](Database& db) { return FindIn(db, number); });
}

Result<std::int64_t> AlertStore::OpenCount() {
  return NumberOf("SELECT count(*) FROM alert_incidents WHERE resolved_ms = 0 AND opened_ms > 0");
}

Result<std::int64_t> AlertStore::Version() { return NumberOf("SELECT changes FROM alert_watch"); }

Result<std::int64_t> AlertStore::NumberOf(const char* query) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::int64_t> {
    std::int64_t number = 0;
    AERIE_TRY(db.Run(query, {}, [&](const Row& row) { number = row.Integer(0); }));
    return number;
  });
}

Result<std::vector<AlertDelivery>> AlertStore::Deliveries(std::int64_t incident) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<AlertDelivery>> {
    std::vector<AlertDelivery> all;
    AERIE_TRY(db.Run(std::string(kDeliveryColumns) + "WHERE incident = ? ORDER BY number",
                     {incident}, [&](const Row& row) { all.push_back(ReadDelivery(row)); }));
    return all;
  });
}

Result<AlertIncident> AlertStore::Acknowledge(std::int64_t number, const std::string& by,
                                              std::int64_t now_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<AlertIncident> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    AERIE_ASSIGN(AlertIncident incident, FindIn(db, number));
    if (incident.resolved_ms != 0) {
      return RefusedError("incident " + std::to_string(number) +
                          " is over; there is nothing to acknowledge");
    }
    if (incident.acknowledged_ms != 0) return incident;
    incident.acknowledged_ms = now_ms;
    incident.acknowledged_by = by;
    AERIE_TRY(db.Run(
        "UPDATE alert_incidents SET acknowledged_ms = ?, acknowledged_by = ? WHERE number = ?",
        {now_ms, by, number}));
    AERIE_TRY(ChangedIn(db));
    AERIE_TRY(transaction->Commit());
    return incident;
  });
}

Result<std::int64_t> AlertStore::AddSilence(const AlertSilence& silence, std::int64_t now_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::int64_t> {
    AERIE_TRY(db.Run(
        "INSERT INTO alert_silences (rule, about, reason, made_by, made_ms, until_ms) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        {silence.rule, silence.about, silence.reason, silence.made_by, now_ms, silence.until_ms}));
    return db.LastInsertId();
  });
}

Status AlertStore::RemoveSilence(std::int64_t number) {
  return catalog_.WithDatabase([&](Database& db) -> Status {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    bool exists = false;
    AERIE_TRY(db.Run("SELECT 1 FROM alert_silences WHERE number = ?", {number},
                     [&](const Row&) { exists = true; }));
    if (!exists) {
      return NotFoundError("there is no silence " + std::to_string(number) +
                           "; aerie alert list shows those that there are");
    }
    AERIE_TRY(db.Run("DELETE FROM alert_silences WHERE number = ?", {number}));
    return transaction->Commit();
  });
}

Result<std::vector<AlertSample>> AlertStore::Samples(const std::string& storage,
                                                     std::int64_t from_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::vector<AlertSample>> {
    std::vector<AlertSample> all;
    AERIE_TRY(
        db.Run(std::string(kSampleColumns) + "WHERE storage = ? AND at_ms >= ? ORDER BY at_ms",
               {storage, from_ms}, [&](const Row& row) { all.push_back(ReadSample(row)); }));
    return all;
  });
}

Result<std::int64_t> AlertStore::Forget(std::int64_t before_ms) {
  return catalog_.WithDatabase([&](Database& db) -> Result<std::int64_t> {
    AERIE_ASSIGN(const auto transaction, Transaction::Begin(db));
    constexpr char kOld[] =
        "FROM alert_incidents WHERE resolved_ms > 0 AND resolved_ms < ?1 AND NOT EXISTS (SELECT 1 "
        "FROM alert_deliveries d WHERE d.incident = alert_incidents.number AND d.state = "
        "'waiting')";
    std::int64_t count = 0;
    AERIE_TRY(db.Run(std::string("SELECT count(*) ") + kOld, {before_ms},
                     [&](const Row& row) { count = row.Integer(0); }));
    AERIE_TRY(db.Run(std::string("DELETE ") + kOld, {before_ms}));
    AERIE_TRY(db.Run("DELETE FROM alert_silences WHERE until_ms < ?", {before_ms}));
    AERIE_TRY(transaction->Commit());
    return count;
  });
}

}  // namespace aerie::catalog
