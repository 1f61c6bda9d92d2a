#include "tests/converter/fixture_guests.h"

#include <algorithm>

#include "converter/inspect.h"
#include "tests/bootfix/guests.h"
#include "tests/support/source_dir.h"

namespace rehost {
namespace {

// e_ident and e_machine of elf(5), little endian.
std::string elf_head(const std::string& architecture) {
  const char machine = architecture == "aarch64" ? '\xb7'
                       : architecture == "i386"  ? '\x03'
                                                 : '\x3e';
  std::string head =
      "\x7f"
      "ELF";
  head += architecture == "i386" ? '\1' : '\2';
  head += "\1\1";
  head.resize(18, '\0');
  head += machine;
  head.resize(64, '\0');
  return head;
}

// A PE/COFF head: the program is told by its machine.
std::string pe_head(const std::string& path, const std::string& architecture) {
  std::string head = "MZ";
  head.resize(0x3c, '\0');
  head += std::string("\x80\0\0\0", 4);
  head.resize(0x80, '\0');
  head += std::string("PE\0\0", 4) + (architecture == "aarch64" ? "\x64\xaa" : "\x64\x86");
  head.resize(0xa0, '\0');
  return head + path;
}

void add_program(MemoryGuest& guest, const std::string& path, const std::string& architecture) {
  const bool efi = path.ends_with(".efi") || path.ends_with(".EFI");
  add_fixture_file(guest, path, efi ? pe_head(path, architecture) : elf_head(architecture), 0755);
}

void add_disks(const FixtureGuest& row, Inspection& inspection) {
  for (size_t i = 0; i < inspection.volumes.size(); ++i) {
    inspection.disks.push_back(
        {.volume = i,
         .device = DeviceName(std::string("/dev/sd") + static_cast<char>('a' + i)),
         .partition_table = row.partition_table,
         .grub_in_boot_sector = i == 0 && row.firmware == Firmware::bios});
  }
}

// Builds the image anew with nvme, and with the modules that the command names (--with=ena of EL 5,
// -m "nvme ena" of SLES 11), for every kernel that it names by release or by image.
CommandResult run_initramfs_tool(MemoryGuest& guest, const std::vector<FixtureKernel>& kernels,
                                 const std::vector<std::string>& argv) {
  int built = 0;
  for (const FixtureKernel& kernel : kernels) {
    const bool named = std::any_of(argv.begin(), argv.end(), [&](const std::string& word) {
      return word == kernel.release ||
             GuestPath("/boot") / word ==
                 GuestPath(path_for_release(kernel.vmlinuz, kernel.release));
    });
    if (named) {
      rebuild_fixture_initramfs(guest, kernel, {"nvme"});
      ++built;
    }
  }
  return {.exit_status = built > 0 ? 0 : 1, .output = built > 0 ? "" : "no such kernel"};
}

}  // namespace

const std::vector<FixtureGuest>& fixture_guests() {
  static const std::vector<FixtureGuest> kRows = [] {
    std::vector<FixtureGuest> rows;
    for (std::vector<FixtureGuest> family :
         {debian_fixtures(), redhat_fixtures(), suse_fixtures()}) {
      std::move(family.begin(), family.end(), std::back_inserter(rows));
    }
    return rows;
  }();
  return kRows;
}

LoadedFixture load_fixture(const FixtureGuest& row) {
  LoadedFixture loaded{.guest = load_guest_tree(in_source_dir(
                           "tests/guests/" + (row.tree.empty() ? row.name : row.tree))),
                       .inspection = testing::machine_with(row.filesystems)};
  for (const std::string& program : row.programs) {
    add_program(loaded.guest, program, row.architecture);
  }
  if (!is_file(loaded.guest, GuestPath("/bin/sh"))) {
    add_program(loaded.guest, "/bin/sh", row.architecture);
  }
  for (const FixtureKernel& kernel : row.kernels) {
    add_fixture_kernel(loaded.guest, kernel);
  }
  loaded.guest.on_run = [kernels = row.kernels](MemoryGuest& guest,
                                                const std::vector<std::string>& argv) {
    return run_initramfs_tool(guest, kernels, argv);
  };
  Inspection& inspection = loaded.inspection;
  inspection.firmware = row.firmware;
  add_disks(row, inspection);
  identify_system(loaded.guest, inspection);
  for (MountedFilesystem& mount : system_mounts(loaded.guest, inspection)) {
    inspection.mounts.push_back(std::move(mount));
  }
  inspection = inspect_again(loaded.guest, inspection);
  return loaded;
}

}  // namespace rehost
