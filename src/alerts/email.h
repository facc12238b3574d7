// A message as a mail, and its way to a mail server.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "alerts/channel.h"

namespace aerie::alerts {

std::unique_ptr<Channel> OpenEmail(const EmailOptions& options, const std::string& name);

// The mail, whole, with CRLF: headers that are ASCII whatever the message says (RFC 2047), a body
// in quoted-printable UTF-8. Pure: the same message is the same mail to the byte, Message-ID and
// Date included, so that a mail store knows one that comes twice.
std::string ComposeMail(const Message& message, const EmailOptions& options);

// "a@b" of "Name <a@b>"; kInvalid for what is no address.
Result<std::string> MailAddress(const std::string& text);

}  // namespace aerie::alerts
