#include "converter/run.h"

int main(int argc, char** argv) {
  return rehost::run_rehost(std::vector<std::string>(argv + 1, argv + argc));
}
