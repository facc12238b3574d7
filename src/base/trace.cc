#include "base/trace.h"

#include <algorithm>
#include <utility>

namespace aerie {
namespace {

constexpr std::size_t kMostState = 512;

thread_local std::shared_ptr<const Trace> current;

bool IsHex(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsState(const std::string& text) {
  return text.size() <= kMostState &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

std::optional<Trace> ParseTrace(const std::string& traceparent, const std::string& tracestate) {
  if (traceparent.size() < 55 || traceparent[2] != '-' || traceparent[35] != '-' ||
      traceparent[52] != '-') {
    return std::nullopt;
  }
  const std::string version = traceparent.substr(0, 2);
  const std::string id = traceparent.substr(3, 32);
  const std::string parent = traceparent.substr(36, 16);
  const std::string flags = traceparent.substr(53, 2);
  const bool longer = traceparent.size() > 55;
  const bool good = IsHex(version) && version != "ff" && IsHex(id) && IsHex(parent) &&
                    IsHex(flags) && (!longer || (version != "00" && traceparent[55] == '-')) &&
                    id != std::string(32, '0') && parent != std::string(16, '0');
  if (!good) return std::nullopt;
  // What a later version says beyond this one is not ours to repeat.
  return Trace{.id = id,
               .parent = "00-" + id + "-" + parent + "-" + flags,
               .state = IsState(tracestate) ? tracestate : ""};
}

const Trace& CurrentTrace() {
  static const Trace none;
  return current ? *current : none;
}

TraceScope::TraceScope(Trace trace) : TraceScope(std::make_shared<const Trace>(std::move(trace))) {}

TraceScope::TraceScope(std::shared_ptr<const Trace> trace)
    : before_(std::exchange(current, std::move(trace))) {}

TraceScope::~TraceScope() { current = std::move(before_); }

std::shared_ptr<const Trace> TraceScope::Share() { return current; }

}  // namespace aerie
