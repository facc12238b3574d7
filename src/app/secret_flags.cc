#include "app/secret_flags.h"

#include "base/secret_source.h"

namespace aerie::app {

std::vector<std::string> GivenFlags(const SecretFlags& flags, const std::string& stem) {
  std::vector<std::string> given;
  if (!flags.file.empty()) given.push_back(stem + "-file");
  if (!flags.command.empty()) given.push_back(stem + "-command");
  if (flags.fd) given.push_back(stem + "-fd");
  return given;
}

Result<std::optional<Secret>> SecretOf(const Context& context, const SecretFlags& flags,
                                       const std::string& stem) {
  const std::vector<std::string> given = GivenFlags(flags, stem);
  if (given.empty()) return std::optional<Secret>();
  if (given.size() > 1) {
    return InvalidError(given[0] + " and " + given[1] + " are both given; give one of them");
  }
  Result<Secret> secret = !flags.file.empty()      ? SecretFromFile(flags.file)
                          : !flags.command.empty() ? SecretFromCommand(context, flags.command)
                                                   : SecretFromDescriptor(context, *flags.fd);
  if (!secret.ok()) return Annotate(secret.status(), given[0]);
  return std::optional(*std::move(secret));
}

}  // namespace aerie::app
