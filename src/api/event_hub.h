// Server-sent events: who listens, what is sent to them, what they may have missed.
//
// Thread-safe; never waits for a listener. Memory: the last events, bounded by number and size, and
// for each listener a bounded buffer.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/http_message.h"

namespace aerie::api {

// "id: ...\nevent: ...\ndata: ...\n\n"; `data` is one line. An empty id is left out.
std::string EventText(const std::string& id, const std::string& event, const std::string& data);

class EventHub {
 public:
  static constexpr std::size_t kMostListeners = 64;
  static constexpr std::size_t kListenerBytes = 256 << 10;
  static constexpr std::size_t kKeptEvents = 1024;
  static constexpr std::size_t kKeptBytes = 512 << 10;

  // Ids of this process begin with it, so that those of another are known to be strange.
  EventHub();

  // A stream of everything from now on, or from after `last_id` where that is still known; else it
  // begins with "reset". Null: there are too many listeners.
  std::shared_ptr<ByteStream> Listen(const std::string& last_id);
  // A stream of which somebody else knows what comes: `feed` is asked at each beat of Feed what to
  // add, and says nullopt when the stream is to end after `last`.
  struct Portion {
    std::string text{};
    bool end = false;
  };
  using FeedOne = std::function<Portion()>;
  std::shared_ptr<ByteStream> ListenTo(FeedOne feed);

  // To all who listen to everything.
  void Publish(const std::string& event, const std::string& data);
  // Asks the feeds. Not from two threads at a time.
  void Feed();
  // A comment to everybody, so that dead peers are noticed.
  void Beat();
  // Ends all streams; later ones end at once.
  void Close();

  std::size_t listeners() const;

 private:
  struct Listener {
    std::shared_ptr<ByteStream> stream;
    FeedOne feed;  // none: everything
  };
  struct Kept {
    std::uint64_t number;
    std::string text;
  };
  bool AddListener(Listener listener);
  std::string IdOf(std::uint64_t number) const { return epoch_ + "-" + std::to_string(number); }
  std::optional<std::uint64_t> NumberOf(const std::string& id) const;
  void DropEnded();

  const std::string epoch_;
  mutable std::mutex mutex_;
  bool closed_ = false;
  std::uint64_t published_ = 0;
  std::size_t kept_bytes_ = 0;
  std::deque<Kept> kept_;
  std::vector<std::shared_ptr<Listener>> listeners_;
};

}  // namespace aerie::api
