#include "converter/core/pe_image.h"

#include <gtest/gtest.h>

#include "tests/support/memory_guest.h"
#include "tests/support/pe_program.h"

namespace rehost {
namespace {

const GuestPath kPath("/boot/efi/EFI/Linux/a.efi");

MemoryGuest guest_with(const std::string& program) {
  MemoryGuest guest;
  guest.add_file(kPath.str(), program);
  return guest;
}

TEST(PeImage, ReadsItsSections) {
  const MemoryGuest guest =
      guest_with(testing::make_unified_kernel("initrd bytes", "6.1.0", "root=x", "ID=debian\n"));
  EXPECT_EQ(read_pe_section(guest, kPath, ".initrd", 100), "initrd bytes");
  EXPECT_EQ(read_pe_section(guest, kPath, ".cmdline", 100), "root=x");
  EXPECT_EQ(read_pe_section(guest, kPath, ".splash", 100), std::nullopt);
  EXPECT_EQ(read_pe_section(guest, kPath, ".initrd", 3), std::nullopt) << "larger than asked for";
}

TEST(PeImage, TellsUnifiedKernels) {
  EXPECT_TRUE(
      is_unified_kernel(guest_with(testing::make_unified_kernel("i", "6", "c", "o")), kPath));
  EXPECT_FALSE(is_unified_kernel(guest_with(testing::make_systemd_boot()), kPath));
  EXPECT_FALSE(is_unified_kernel(guest_with("MZ"), kPath));
  EXPECT_FALSE(is_unified_kernel(MemoryGuest(), kPath));
}

TEST(PeImage, NothingBreaksOnATruncatedProgram) {
  const std::string program = testing::make_unified_kernel("initrd", "6.1.0", "root=x", "ID=a\n");
  for (size_t length = 0; length <= program.size(); ++length) {
    const MemoryGuest guest = guest_with(program.substr(0, length));
    const auto content = read_pe_section(guest, kPath, ".initrd", 1000);
    EXPECT_TRUE(!content || content->size() <= 6) << length;
  }
}

TEST(PeImage, NothingBreaksOnWildNumbers) {
  std::string program = testing::make_unified_kernel("initrd", "6.1.0", "root=x", "ID=a\n");
  for (size_t at = 0x3c; at < 0x140; ++at) {
    std::string wild = program;
    wild[at] = '\xff';
    const MemoryGuest guest = guest_with(wild);
    EXPECT_LE(read_pe_sections(guest, kPath).size(), 96u);
    read_pe_section(guest, kPath, ".linux", 1000);
  }
}

}  // namespace
}  // namespace rehost
