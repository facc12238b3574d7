#include "objects/curl_call.h"

#include <pthread.h>

#include <algorithm>
#include <ctime>

namespace aerie::objects {
namespace {

constexpr std::chrono::milliseconds kPoll{1000};

}  // namespace

void StartCurl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)started;
}

NoSigpipe::NoSigpipe() {
  sigemptyset(&pipe_);
  sigaddset(&pipe_, SIGPIPE);
  sigset_t pending;
  sigpending(&pending);
  was_pending_ = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
}

NoSigpipe::~NoSigpipe() {
  const timespec now{};
  if (!was_pending_) sigtimedwait(&pipe_, nullptr, &now);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Status DriveCurl(const Context& context, CURLM* multi, const std::string& operation,
                 CURLcode& code) {
  const OnCancel wake(context, [multi] { curl_multi_wakeup(multi); });
  // What is left before the deadline is waited out in real time, whatever the context's clock.
  const auto left = context.Remaining();
  const SteadyTime end = SystemClock().Steady() + left.value_or(Duration::zero());
  for (int running = 1;;) {
    curl_multi_perform(multi, &running);
    int queued = 0;
    if (const CURLMsg* message = curl_multi_info_read(multi, &queued)) {
      code = message->data.result;
      return Ok();
    }
    AERIE_TRY(context.Check(operation));
    Duration wait = kPoll;
    if (left) {
      wait = std::min(wait, end - SystemClock().Steady());
      if (wait <= Duration::zero()) {
        return MakeStatus(Kind::kTimeout, operation + ": the deadline passed");
      }
    }
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
    curl_multi_poll(multi, nullptr, 0, static_cast<int>(ms) + 1, nullptr);
  }
}

}  // namespace aerie::objects
