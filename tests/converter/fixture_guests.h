// The table of fixture guests: one row for each text tree in tests/guests, with what the tree
// cannot say (disks, binaries) and with what the check must answer after a conversion. Every law of
// guest_laws_test.cc runs on every row, and each has a golden plan in tests/golden.
//
// One more: a directory tests/guests/NAME with the distribution's own files, a row in the table of
// its family, `scripts/update-golden`, and a critical look at tests/golden/NAME.diff.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/check.h"
#include "converter/core/inspection.h"
#include "tests/converter/fixture_kernels.h"
#include "tests/support/memory_guest.h"

namespace rehost {

// One row.
struct FixtureGuest {
  std::string name;                     // of the row, and of its golden plan
  std::string distro;                   // the row of distros() that the tree must be taken for
  std::string tree = "";                // below tests/guests; empty: the name of the row
  std::vector<Filesystem> filesystems;  // the root first; tests/bootfix/guests.h makes them
  Firmware firmware = Firmware::bios;
  std::string partition_table = "msdos";
  std::string architecture = "x86_64";
  std::vector<FixtureKernel> kernels = {};
  // Programs that something looks for, by their real paths: an ELF head, and a PE head for *.efi.
  std::vector<std::string> programs = {};
  // Answers after the conversion that are not `yes`: "ena" of a kernel that has no ENA driver.
  std::map<std::string, Verdict> answers = {};
};

const std::vector<FixtureGuest>& fixture_guests();

// The families' parts of the table.
std::vector<FixtureGuest> debian_fixtures();  // Debian, Ubuntu
std::vector<FixtureGuest> redhat_fixtures();  // Red Hat and its kin, Fedora, Amazon Linux
std::vector<FixtureGuest> suse_fixtures();    // SLES, openSUSE

struct LoadedFixture {
  MemoryGuest guest;
  Inspection inspection;  // by the code that inspects real guests, but for the disks
};

// Throws what identify_system() throws.
LoadedFixture load_fixture(const FixtureGuest& row);

}  // namespace rehost
