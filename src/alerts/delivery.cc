#include "alerts/delivery.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/log.h"

namespace aerie::alerts {
namespace {

std::int64_t Milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

Courier::Courier(catalog::AlertStore& store, catalog::AlertLease lease, std::string name,
                 Channel& channel, Duration timeout, const DeliveryOptions& options)
    : store_(store),
      lease_(lease),
      name_(std::move(name)),
      channel_(channel),
      timeout_(timeout),
      options_(options),
      random_(static_cast<unsigned>(std::hash<std::string>()(name_))) {}

Status Courier::Run(const Context& context) {
  while (!context.cancelled()) {
    const auto did = Once(context);
    if (KindOf(did.status()) == Kind::kLocked) return did.status();
    if (!did.ok() && !context.cancelled()) {
      log::Warn("alerts wait", {{"channel", name_}, {"why", std::string(did.status().message())}});
    }
    if (did.value_or(false)) continue;
    context.Sleep(options_.poll, "wait for alerts").IgnoreError();
  }
  return Ok();
}

Result<bool> Courier::Once(const Context& context) {
  const std::int64_t now_ms = ToUnixMillis(context.clock().Now());
  AERIE_ASSIGN(const auto due, store_.Due(name_, now_ms));
  if (!due) return false;
  const auto message = MessageFromText(due->message);
  if (!message.ok()) {
    return store_.GiveUp(lease_, due->number, std::string(message.status().message()), now_ms).ok();
  }
  AERIE_TRY(store_.Begin(lease_, due->number));
  const Attempt attempt = channel_.Send(context.WithTimeout(timeout_), *message, due->attempts > 0);
  AERIE_TRY(Finish(context, *due, attempt));
  return true;
}

Status Courier::Finish(const Context& context, const catalog::AlertDelivery& delivery,
                       const Attempt& attempt) {
  const std::int64_t now_ms = ToUnixMillis(context.clock().Now());
  if (attempt.status.ok()) {
    if (!attempt.note.empty()) {
      log::Warn("alert delivered in part",
                {{"channel", name_}, {"incident", delivery.incident}, {"why", attempt.note}});
    }
    return store_.Delivered(lease_, delivery.number, attempt.note, now_ms);
  }
  // Told to stop: it is not the channel that failed. The attempt stays counted.
  if (context.cancelled()) return Ok();
  const std::string why(attempt.status.message());
  const bool too_old = std::chrono::milliseconds(now_ms - delivery.created_ms) >= options_.give_up;
  if (KindOf(attempt.status) == Kind::kInvalid || too_old) {
    log::Error("alert given up",
               {{"channel", name_}, {"incident", delivery.incident}, {"why", why}});
    return store_.GiveUp(lease_, delivery.number, why, now_ms);
  }
  log::Warn("alert not delivered",
            {{"channel", name_}, {"incident", delivery.incident}, {"why", why}});
  return store_.Failed(lease_, delivery.number, why,
                       now_ms + Milliseconds(DelayAfter(delivery, attempt)));
}

Duration Courier::DelayAfter(const catalog::AlertDelivery& delivery, const Attempt& attempt) {
  Duration delay = options_.first_delay;
  for (std::int64_t i = 0; i < delivery.attempts && delay < options_.max_delay; ++i) delay *= 2;
  delay = std::min(delay, options_.max_delay);
  // Up to a fifth less, so that those who failed together do not come together.
  delay -= delay * static_cast<int>(random_() % 100) / 500;
  const Duration longest = std::chrono::milliseconds(catalog::AlertStore::kLongestWaitMs);
  return std::min(std::max(delay, attempt.retry_after), longest);
}

}  // namespace aerie::alerts
