// Channels that are one POST each: Slack, webhook, PagerDuty events.
//
// The bodies are pure functions, for tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "alerts/channel.h"

namespace aerie::alerts {

std::unique_ptr<Channel> OpenSlack(const SlackOptions& options, const std::string& name);
std::unique_ptr<Channel> OpenWebhook(const WebhookOptions& options, const std::string& name);
std::unique_ptr<Channel> OpenPagerDuty(const PagerDutyOptions& options, const std::string& name);

std::string SlackBody(const Message& message, bool repeated);
std::string PagerDutyBody(const Message& message, std::string_view routing_key);
// "v1=" and the hexadecimal HMAC-SHA256 of the timestamp, "." and the body.
std::string WebhookSignature(std::string_view secret, const std::string& timestamp,
                             std::string_view body);

}  // namespace aerie::alerts
