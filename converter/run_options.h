// The options of the command run, and reading values that the command line has given.
#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <vector>

#include "converter/options.h"

namespace rehost {

boost::program_options::options_description run_options();

// Those of the common ones that go with it; the job says the rest.
boost::program_options::options_description with_run(
    const boost::program_options::options_description& common);

// Fills `options` for the command run; `words` are those behind the command. Throws Error(usage).
void take_run(Options& options, const boost::program_options::variables_map& values,
              const std::vector<std::string>& words);
// For the other commands.
void refuse_run_options(const boost::program_options::variables_map& values);

// Empty when the option is absent.
std::string text_of(const boost::program_options::variables_map& values, const char* name);
std::vector<std::string> texts_of(const boost::program_options::variables_map& values,
                                  const char* name);

}  // namespace rehost
