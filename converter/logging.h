// Logs: for people who look into something, never an interface. As text or as one JSON object a
// line, to stderr or a file, and never with a password in them.
#pragma once

#include <string>
#include <string_view>

#include "converter/core/event.h"
#include "converter/options.h"

namespace rehost {

// Throws Error(environment) when the log file cannot be written.
void set_up_logging(const Options& options);

// A log file tells the whole story: events go there, too. (On stderr the terminal's lines are.)
void log_event(const Event& event);

// Addresses may carry a password: nbd://user:secret@host becomes nbd://***@host.
std::string without_passwords(std::string_view text);

}  // namespace rehost
