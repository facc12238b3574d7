// What every exchange by libcurl needs, whatever its protocol: the context's cancel and deadline,
// and no SIGPIPE.
//
// For the files that include curl themselves. Free functions, safe from any thread.
#pragma once

#include <signal.h>

#include <string>

#include <curl/curl.h>

#include "base/context.h"
#include "base/status.h"

namespace aerie::objects {

// Before the first use of curl; again at no cost.
void StartCurl();

// OpenSSL writes to sockets without MSG_NOSIGNAL: a peer that hangs up would end the process.
// Of the thread that makes it, while it lives.
class NoSigpipe {
 public:
  NoSigpipe();
  ~NoSigpipe();
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

// Runs the only transfer of `multi` to its end: Ok when curl has finished, with its code; else
// kCancelled or kTimeout, and the caller takes the handle out, which ends the transfer.
Status DriveCurl(const Context& context, CURLM* multi, const std::string& operation,
                 CURLcode& code);

}  // namespace aerie::objects
