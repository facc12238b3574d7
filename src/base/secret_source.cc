#include "base/secret_source.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <string.h>

#include "base/child_process.h"

namespace aerie {
namespace {

// How soon a cancel is noticed while a descriptor is silent.
constexpr int kPollMs = 50;

// Takes the text, which is zeroed, without its last newline.
Result<Secret> TakeSecret(std::string& text, const std::string& operation,
                          const std::string& remedy) {
  std::size_t end = text.size();
  if (end > 0 && text[end - 1] == '\n') --end;
  if (end < text.size() && end > 0 && text[end - 1] == '\r') --end;
  Secret secret(std::string_view(text).substr(0, end));
  ::explicit_bzero(text.data(), text.size());
  if (secret.empty()) return InvalidError(operation + ": it is empty; " + remedy);
  return secret;
}

Status TooLong(const std::string& operation, const SecretLimits& limits) {
  return InvalidError(operation + ": longer than " + std::to_string(limits.bytes / 1024) +
                      " KiB; that cannot be meant");
}

Status FileError(const std::string& path, int error) {
  Kind kind = Kind::kFailed;
  std::string remedy = "check the file";
  if (error == ENOENT || error == ENOTDIR) {
    kind = Kind::kNotFound;
    remedy = "write the secret there or name another file";
  } else if (error == EACCES || error == EPERM) {
    kind = Kind::kDenied;
    remedy = "make the file readable for this user";
  }
  return MakeStatus(kind, "read secret file " + path + ": " + ::strerror(error) + "; " + remedy);
}

// Room for the longest secret and one byte more, made at once: a text that grows would leave copies
// of a secret behind.
std::string Room(const SecretLimits& limits) { return std::string(limits.bytes + 1, '\0'); }

// Fills `room` until the end of `fd`, and cuts it to what came. Calls `wait` before each read.
// 0 or an errno.
template <class Wait>
Result<int> ReadAll(int fd, std::string& room, const Wait& wait) {
  std::size_t size = 0;
  int error = 0;
  while (size < room.size()) {
    AERIE_TRY(wait());
    const ssize_t got = ::read(fd, room.data() + size, room.size() - size);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  room.resize(size);
  return error;
}

Status AwaitReadable(const Context& context, int fd, const std::string& operation) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  do {
    AERIE_TRY(context.Check(operation));
  } while (::poll(&wanted, 1, kPollMs) <= 0);
  return Ok();
}

std::string HowItEnded(const ChildOutcome& child) {
  return child.signal != 0 ? "it was killed by signal " + std::to_string(child.signal)
                           : "it ended with exit code " + std::to_string(child.exit_code);
}

// Printable, on one line.
std::string Quoted(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return text.empty() ? "it said nothing on its standard error" : "it said: " + text;
}

std::optional<int> DescriptorNumber(std::string_view text) {
  int fd = -1;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (error != std::errc() || at != text.data() + text.size() || fd < 0) return std::nullopt;
  return fd;
}

}  // namespace

Result<Secret> SecretFromVariable(const std::string& name) {
  const std::string operation = "read secret from the environment: " + name;
  const char* const value = std::getenv(name.c_str());
  if (value == nullptr) return InvalidError(operation + " is not set; export it first");
  std::string text = value;
  return TakeSecret(text, operation, "export it first");
}

Result<Secret> SecretFromFile(const std::string& path, const SecretLimits& limits) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError(path, errno);
  std::string text = Room(limits);
  const auto error = ReadAll(fd, text, [] { return Ok(); });
  ::close(fd);
  AERIE_TRY(error.status());
  if (*error != 0) return FileError(path, *error);
  const std::string operation = "read secret file " + path;
  if (text.size() > limits.bytes) return TooLong(operation, limits);
  return TakeSecret(text, operation, "write the secret there");
}

Result<Secret> SecretFromCommand(const Context& context, const std::string& command,
                                 const SecretLimits& limits) {
  const std::string operation = "run the command that prints a secret";
  const Context limited = context.WithTimeout(limits.time);
  AERIE_ASSIGN(ChildOutcome child,
               RunChild(limited, {"/bin/sh", "-c", command},
                        {.operation = operation, .output_bytes = limits.bytes}));
  const auto fail = [&](Status status) {
    Secret::TakeFrom(child.output);
    return status;
  };
  if (child.output_too_long) return fail(TooLong(operation, limits));
  if (child.exit_code != 0 || child.signal != 0) {
    return fail(FailedError(operation + ": " + HowItEnded(child) + ", " + Quoted(child.error_tail) +
                            "; run it by hand"));
  }
  return TakeSecret(child.output, operation, "what it prints must be the secret");
}

Result<Secret> SecretFromDescriptor(const Context& context, int fd, const SecretLimits& limits) {
  const std::string operation = "read secret from descriptor " + std::to_string(fd);
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_ACCMODE) == O_WRONLY) {
    return InvalidError(operation + ": it is open for writing only; check the redirection");
  }
  if (flags < 0) {
    return InvalidError(operation + ": it is not open; give it with a redirection such as " +
                        std::to_string(fd) + "<FILE");
  }
  const Context limited = context.WithTimeout(limits.time);
  std::string text = Room(limits);
  const auto error = ReadAll(fd, text, [&] { return AwaitReadable(limited, fd, operation); });
  if (!error.ok()) ::explicit_bzero(text.data(), text.size());
  AERIE_TRY(error.status());
  if (*error != 0) return InvalidError(operation + ": " + ::strerror(*error) + "; check it");
  if (text.size() > limits.bytes) return TooLong(operation, limits);
  return TakeSecret(text, operation, "a descriptor is read once; write the secret to it");
}

Result<Secret> ResolveSecret(const Context& context, const std::string& text) {
  if (!text.starts_with("${")) return Secret(text);
  const std::string_view inside =
      text.ends_with("}") ? std::string_view(text).substr(2, text.size() - 3) : "";
  const std::size_t colon = inside.find(':');
  if (colon != std::string_view::npos && colon + 1 < inside.size()) {
    const std::string_view kind = inside.substr(0, colon);
    const std::string rest(inside.substr(colon + 1));
    if (kind == "env") return SecretFromVariable(rest);
    if (kind == "file") return SecretFromFile(rest);
    if (kind == "command") return SecretFromCommand(context, rest);
    const auto fd = DescriptorNumber(rest);
    if (kind == "fd" && fd) return SecretFromDescriptor(context, *fd);
  }
  return InvalidError(
      "read secret: it opens with \"${\" but is none of ${env:NAME}, ${file:PATH}, "
      "${command:COMMAND} and ${fd:NUMBER}; put a secret that begins so into a file");
}

}  // namespace aerie
