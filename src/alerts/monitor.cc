#include "alerts/monitor.h"

#include <algorithm>
#include <map>
#include <utility>

#include "alerts/life.h"
#include "base/log.h"
#include "base/secret_source.h"
#include "base/task_group.h"
#include "objects/http_client.h"

namespace aerie::alerts {
namespace {

constexpr std::int64_t kSampleEveryMs = 3'600'000;
constexpr std::chrono::minutes kMute{15};  // every channel failing for so long is no health

catalog::AlertIncident RowOf(const Incident& incident) {
  return {.number = incident.number,
          .rule = NameOf(incident.rule),
          .about = incident.about,
          .severity = NameOf(incident.severity),
          .state = StateText(incident),
          .opened_ms = incident.opened_ms,
          .resolved_ms = incident.resolved_ms,
          .acknowledged_ms = incident.acknowledged_ms,
          .acknowledged_by = incident.acknowledged_by};
}

Policy WithAudiences(const MonitorOptions& options) {
  Policy policy = options.policy;
  policy.audiences.clear();
  for (const ChannelOptions& channel : options.channels) {
    policy.audiences.push_back(channel.audience);
    policy.audiences.back().wants_acknowledged =
        std::holds_alternative<PagerDutyOptions>(channel.how);
  }
  return policy;
}

void AddHistory(const catalog::AlertView& view, Facts& facts) {
  for (StorageFact& storage : facts.storages) {
    storage.history.clear();
    for (const catalog::AlertSample& sample : view.samples) {
      if (sample.storage != storage.name) continue;
      storage.history.push_back({.at_ms = sample.at_ms, .used_bytes = sample.used_bytes});
    }
  }
}

// Only of channels that are configured.
void AddChannels(const catalog::AlertView& view, const std::vector<ChannelOptions>& channels,
                 Facts& facts) {
  facts.channels.clear();
  for (const ChannelOptions& channel : channels) {
    ChannelFact fact{.name = channel.audience.channel};
    for (const catalog::AlertChannel& row : view.channels) {
      if (row.name != fact.name) continue;
      fact.waiting = row.waiting;
      fact.oldest_waiting_ms = row.oldest_waiting_ms;
      fact.given_up_ms = row.given_up_ms;
      fact.delivered_ms = row.delivered_ms;
      fact.error = row.error;
    }
    facts.channels.push_back(std::move(fact));
  }
}

std::vector<catalog::AlertSample> NewSamples(const Facts& facts, std::int64_t now_ms) {
  std::vector<catalog::AlertSample> samples;
  for (const StorageFact& storage : facts.storages) {
    const bool young = !storage.history.empty() &&
                       now_ms - storage.history.back().at_ms < kSampleEveryMs &&
                       now_ms >= storage.history.back().at_ms;
    if (!storage.trouble.empty() || young) continue;
    samples.push_back({.storage = storage.name,
                       .at_ms = now_ms,
                       .used_bytes = storage.used_bytes,
                       .limit_bytes = storage.limit_bytes});
  }
  return samples;
}

}  // namespace

Result<Incident> IncidentOf(const catalog::AlertIncident& row) {
  Incident incident{.number = row.number,
                    .about = row.about,
                    .opened_ms = row.opened_ms,
                    .resolved_ms = row.resolved_ms,
                    .acknowledged_ms = row.acknowledged_ms,
                    .acknowledged_by = row.acknowledged_by};
  const auto rule = RuleOf(row.rule);
  if (!rule) {
    return UnsupportedError("incident " + std::to_string(row.number) + " is of the rule '" +
                            row.rule + "', which this version of aerie does not know");
  }
  incident.rule = *rule;
  AERIE_TRY(ReadState(row.state, incident));
  return incident;
}

Result<Facts> ReadFacts(const Context& context, FactSource& source, catalog::AlertStore& store) {
  AERIE_ASSIGN(Facts facts, source.Read(context));
  const std::int64_t now_ms = ToUnixMillis(context.clock().Now());
  AERIE_ASSIGN(const catalog::AlertView view, store.View(now_ms));
  ObserveCollections(facts, view.seen, now_ms);
  AddHistory(view, facts);
  return facts;
}

Result<std::vector<Condition>> JudgeNow(const Context& context, FactSource& source,
                                        catalog::AlertStore& store, const Policy& policy) {
  AERIE_ASSIGN(const Facts facts, ReadFacts(context, source, store));
  return Judge(policy, facts, context.clock().Now());
}

Monitor::Monitor(catalog::Catalog& catalog, FactSource& source, MonitorOptions options)
    : store_(catalog), source_(source), options_(std::move(options)) {
  for (const ChannelOptions& channel : options_.channels) {
    channels_.push_back(OpenChannel(channel));
  }
}

Monitor::~Monitor() = default;

Watched Monitor::watched() const {
  std::lock_guard lock(mutex_);
  return watched_;
}

Status Monitor::Health(WallTime now) const {
  if (options_.healthy) AERIE_TRY(options_.healthy());
  std::lock_guard lock(mutex_);
  const auto since = [&](std::int64_t ms) {
    return std::chrono::milliseconds(ToUnixMillis(now) - ms);
  };
  if (watched_.evaluated_ms == 0) return FailedError("alerts: nothing was judged yet");
  if (since(watched_.evaluated_ms) >
      std::max(3 * options_.interval, options_.interval + 3 * reading_)) {
    return FailedError("alerts: nothing was judged since " +
                       FormatUtc(FromUnixMillis(watched_.evaluated_ms)));
  }
  if (mute_since_ms_ != 0 && since(mute_since_ms_) >= kMute) {
    return FailedError("alerts: no channel takes a message since " +
                       FormatUtc(FromUnixMillis(mute_since_ms_)));
  }
  return Ok();
}

Result<catalog::AlertDecision> Monitor::Decide(const catalog::AlertView& view, Facts& facts,
                                               WallTime now) const {
  const std::int64_t now_ms = ToUnixMillis(now);
  catalog::AlertDecision decision;
  decision.seen = ObserveCollections(facts, view.seen, now_ms);
  AddHistory(view, facts);
  AddChannels(view, options_.channels, facts);
  decision.samples = NewSamples(facts, now_ms);

  LifeInput input{
      .next_number = view.next_number, .installation = view.installation, .link = options_.link};
  for (const catalog::AlertIncident& row : view.incidents) {
    auto incident = IncidentOf(row);
    // Of a newer version's rule: it is left alone.
    if (KindOf(incident.status()) == Kind::kUnsupported) continue;
    AERIE_TRY(incident.status());
    input.incidents.push_back(*std::move(incident));
  }
  for (const catalog::AlertSilence& silence : view.silences) {
    input.silences.push_back(
        {.rule = silence.rule, .about = silence.about, .until_ms = silence.until_ms});
  }
  const Policy policy = WithAudiences(options_);
  const LifeAnswer answer = Advance(policy, Judge(policy, facts, now), input, now);
  for (const Incident& incident : answer.changed) decision.put.push_back(RowOf(incident));
  decision.drop = answer.dropped;
  for (const Message& message : answer.messages) {
    const std::string text = ToText(message);
    for (const std::string& channel : message.channels) {
      decision.deliver.push_back(
          {.channel = channel, .incident = message.incident, .key = message.key, .message = text});
    }
  }
  return decision;
}

Status Monitor::Evaluate(const Context& context, const catalog::AlertLease& lease) {
  const SteadyTime begun = context.clock().Steady();
  AERIE_ASSIGN(Facts facts, source_.Read(context));
  const Duration took = context.clock().Steady() - begun;
  const WallTime now = context.clock().Now();
  AERIE_TRY(store_.Step(lease, ToUnixMillis(now),
                        [&](const catalog::AlertView& view) { return Decide(view, facts, now); }));
  const std::int64_t keep_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.keep).count();
  AERIE_TRY(store_.Forget(ToUnixMillis(now) - keep_ms).status());

  std::int64_t mute_since_ms = facts.channels.empty() ? 0 : ToUnixMillis(now);
  for (const ChannelFact& channel : facts.channels) {
    if (channel.waiting == 0 || channel.error.empty()) {
      mute_since_ms = 0;
      break;
    }
    mute_since_ms = std::min(mute_since_ms, channel.oldest_waiting_ms);
  }
  std::lock_guard lock(mutex_);
  watched_.facts = std::move(facts);
  watched_.evaluated_ms = ToUnixMillis(now);
  reading_ = took;
  mute_since_ms_ = mute_since_ms;
  return Ok();
}

Status Monitor::EvaluateAll(const Context& context, const catalog::AlertLease& lease) {
  while (!context.cancelled()) {
    const Status status = Evaluate(context, lease);
    if (KindOf(status) == Kind::kLocked) return status;
    if (!status.ok() && !context.cancelled()) {
      log::Error("alerts not judged", {{"why", std::string(status.message())}});
    }
    context.Sleep(options_.interval, "wait for the next look").IgnoreError();
  }
  return Ok();
}

Status Monitor::RenewAll(const Context& context, const catalog::AlertLease& lease) {
  while (context.Sleep(options_.renew, "renew the watch").ok()) {
    const Status status = store_.Renew(lease, ToUnixMillis(context.clock().Now()));
    if (KindOf(status) == Kind::kLocked) return status;
    if (!status.ok()) {
      log::Warn("alert watch not renewed", {{"why", std::string(status.message())}});
    }
  }
  return Ok();
}

Status Monitor::Beat(const Context& context) {
  objects::HttpClient client(
      {.ca_file = "", .ca_named_by = "SSL_CERT_FILE", .address_named_by = "heartbeat.url"});
  while (context.Sleep(options_.heartbeat.interval, "wait for the next heartbeat").ok()) {
    const Status health = Health(context.clock().Now());
    if (!health.ok()) {
      log::Error("heartbeat withheld", {{"why", std::string(health.message())}});
      continue;
    }
    const Context bounded = context.WithTimeout(options_.heartbeat.timeout);
    const auto url = ResolveSecret(bounded, options_.heartbeat.url);
    if (!url.ok()) {
      log::Error("heartbeat failed", {{"why", std::string(url.status().message())}});
      continue;
    }
    const auto answer = client.Send(bounded, {.method = "GET",
                                              .url = std::string(url->Reveal()),
                                              .headers = {{"User-Agent", "aerie"}},
                                              .body = {},
                                              .operation = "heartbeat"});
    if (answer.ok() && answer->status / 100 == 2) {
      std::lock_guard lock(mutex_);
      watched_.heartbeat_ms = ToUnixMillis(context.clock().Now());
    } else if (!context.cancelled()) {
      log::Error("heartbeat failed",
                 {{"why", answer.ok() ? "answered " + std::to_string(answer->status)
                                      : std::string(answer.status().message())}});
    }
  }
  return Ok();
}

Status Monitor::RunHeld(const Context& context, const catalog::AlertLease& lease) {
  std::vector<std::string> names;
  for (const ChannelOptions& channel : options_.channels) names.push_back(channel.audience.channel);
  AERIE_ASSIGN(const std::int64_t given_up,
               store_.GiveUpOthers(lease, names, ToUnixMillis(context.clock().Now())));
  if (given_up > 0) {
    log::Error("alerts given up: their channels are configured no more", {{"messages", given_up}});
  }
  std::vector<std::unique_ptr<Courier>> couriers;
  TaskGroup group(context);
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    couriers.push_back(std::make_unique<Courier>(store_, lease, names[i], *channels_[i],
                                                 options_.channels[i].timeout, options_.delivery));
    group.Spawn("alerts by " + names[i],
                [courier = couriers.back().get()](const Context& c) { return courier->Run(c); });
  }
  group.Spawn("alert lease", [&](const Context& c) { return RenewAll(c, lease); });
  if (!options_.heartbeat.url.empty()) {
    group.Spawn("heartbeat", [&](const Context& c) { return Beat(c); });
  }
  group.Spawn("alert rules", [&](const Context& c) { return EvaluateAll(c, lease); });
  return group.Join();
}

Status Monitor::Run(const Context& context) {
  bool said = false;
  while (!context.cancelled()) {
    const auto lease = store_.Take({.process = options_.process,
                                    .host = options_.host,
                                    .renewed_ms = ToUnixMillis(context.clock().Now())});
    if (lease.ok()) {
      said = false;
      const Status status = RunHeld(context, *lease);
      store_.GiveBack(*lease).IgnoreError();
      if (!status.ok() && !context.cancelled()) {
        log::Error("alerts are not watched for now", {{"why", std::string(status.message())}});
      }
    } else if (!said) {
      said = true;
      log::Warn("alerts wait", {{"why", std::string(lease.status().message())}});
    }
    if (!context.cancelled()) context.Sleep(options_.renew, "wait to watch").IgnoreError();
  }
  return Ok();
}

}  // namespace aerie::alerts
