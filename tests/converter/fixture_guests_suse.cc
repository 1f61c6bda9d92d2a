#include "tests/bootfix/guests.h"
#include "tests/converter/fixture_guests.h"

namespace rehost {

std::vector<FixtureGuest> suse_fixtures() {
  return {};
}

}  // namespace rehost
