// One call of the rehost command: options in, exit status out. The only place, beside the copier's
// threads, that catches.
#pragma once

#include <string>
#include <vector>

namespace rehost {

// `arguments` without the program's name. stdout carries what the command promises and nothing
// else; progress, warnings and logs go to stderr.
int run_rehost(const std::vector<std::string>& arguments);

}  // namespace rehost
