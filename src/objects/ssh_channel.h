// A running ssh (or any program) as a stream of bytes to the other side.
//
// Writing collects what comes in meanwhile, so neither side can block the other for good. Belongs
// to one thread at a time. Destroying it kills the program: finish what must be finished before.
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/spawn.h"
#include "base/status.h"

namespace aerie::objects {

// What a call works under, and what its messages begin with. Lives as long as the call.
struct SshCall {
  const Context& context;
  const std::string& operation;
};

class SshChannel {
 public:
  // kNotFound when there is no such program.
  static Result<std::unique_ptr<SshChannel>> Start(const std::string& operation,
                                                   const std::vector<std::string>& command);
  ~SshChannel();
  SshChannel(const SshChannel&) = delete;
  SshChannel& operator=(const SshChannel&) = delete;

  // All of it. kTransient when the program has ended; kCancelled, kTimeout.
  Status Write(const SshCall& call, ByteSpan bytes);
  // Exactly out.size() bytes. The same errors.
  Status Read(const SshCall& call, std::span<std::uint8_t> out);

  // After an error of the two: what the program said on standard error, without ssh's debug lines,
  // and the host's key out of these. Waits up to two seconds for the program to end.
  struct Said {
    std::string text;
    std::string host_key;
  };
  Said LastWords();

 private:
  SshChannel(pid_t pid, Fd stream, Fd error)
      : pid_(pid), stream_(std::move(stream)), error_(std::move(error)) {}

  // Until one of the wanted events, an end, or a twentieth of a second later.
  void Wait(short events);
  // False at the end of the stream.
  bool Collect();
  void CollectSaid();
  void TakeLine(std::string line);

  const pid_t pid_;
  Fd stream_;  // its standard input and output
  Fd error_;
  Bytes in_;
  std::size_t taken_ = 0;  // of in_
  std::string said_part_;  // an unfinished line
  Said said_;
};

}  // namespace aerie::objects
