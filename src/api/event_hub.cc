#include "api/event_hub.h"

#include <charconv>
#include <utility>

#include "api/access.h"

namespace aerie::api {

std::string EventText(const std::string& id, const std::string& event, const std::string& data) {
  return (id.empty() ? std::string() : "id: " + id + "\n") + "event: " + event + "\ndata: " + data +
         "\n\n";
}

EventHub::EventHub() : epoch_(HashRandom(RandomText().Reveal()).substr(0, 8)) {}

std::optional<std::uint64_t> EventHub::NumberOf(const std::string& id) const {
  if (!id.starts_with(epoch_ + "-")) return std::nullopt;
  std::uint64_t number = 0;
  const char* const begin = id.data() + epoch_.size() + 1;
  const char* const end = id.data() + id.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

void EventHub::DropEnded() {
  std::erase_if(listeners_, [](const auto& listener) { return listener->stream->ended(); });
}

bool EventHub::AddListener(Listener listener) {
  DropEnded();
  if (listeners_.size() >= kMostListeners) return false;
  if (closed_) listener.stream->End();
  listeners_.push_back(std::make_shared<Listener>(std::move(listener)));
  return true;
}

std::shared_ptr<ByteStream> EventHub::Listen(const std::string& last_id) {
  auto stream = std::make_shared<ByteStream>(kListenerBytes + kKeptBytes);
  std::lock_guard lock(mutex_);
  const auto last = NumberOf(last_id);
  const std::uint64_t first_kept = kept_.empty() ? published_ + 1 : kept_.front().number;
  if (last && *last <= published_ && *last + 1 >= first_kept) {
    for (const Kept& event : kept_) {
      if (event.number > *last) stream->Write(event.text);
    }
  } else {
    stream->Write(EventText(IdOf(published_), "reset", "{}"));
  }
  if (!AddListener({.stream = stream, .feed = nullptr})) return nullptr;
  return stream;
}

std::shared_ptr<ByteStream> EventHub::ListenTo(FeedOne feed) {
  auto stream = std::make_shared<ByteStream>(kListenerBytes);
  std::lock_guard lock(mutex_);
  if (!AddListener({.stream = stream, .feed = std::move(feed)})) return nullptr;
  return stream;
}

void EventHub::Publish(const std::string& event, const std::string& data) {
  std::lock_guard lock(mutex_);
  ++published_;
  std::string text = EventText(IdOf(published_), event, data);
  for (const auto& listener : listeners_) {
    if (!listener->feed) listener->stream->Write(text);
  }
  kept_bytes_ += text.size();
  kept_.push_back({.number = published_, .text = std::move(text)});
  while (kept_.size() > kKeptEvents || kept_bytes_ > kKeptBytes) {
    kept_bytes_ -= kept_.front().text.size();
    kept_.pop_front();
  }
}

void EventHub::Feed() {
  std::vector<std::shared_ptr<Listener>> fed;
  {
    std::lock_guard lock(mutex_);
    DropEnded();
    for (const auto& listener : listeners_) {
      if (listener->feed) fed.push_back(listener);
    }
  }
  for (const auto& listener : fed) {
    const Portion portion = listener->feed();
    if (!portion.text.empty()) listener->stream->Write(portion.text);
    if (portion.end) listener->stream->End();
  }
}

void EventHub::Beat() {
  std::lock_guard lock(mutex_);
  DropEnded();
  for (const auto& listener : listeners_) listener->stream->Write(": beat\n\n");
}

void EventHub::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  for (const auto& listener : listeners_) listener->stream->End();
}

std::size_t EventHub::listeners() const {
  std::lock_guard lock(mutex_);
  return listeners_.size();
}

}  // namespace aerie::api
