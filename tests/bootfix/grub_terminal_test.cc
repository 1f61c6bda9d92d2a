#include "bootfix/grub_terminal.h"

#include <gtest/gtest.h>

namespace rehost {
namespace {

std::string settings(const std::string& text) {
  GrubDefaults defaults({TextFile{.path = GuestPath("/etc/default/grub"), .content = text}});
  use_serial_terminal(defaults);
  return defaults.files()[0].content;
}

std::string menu(const std::string& text) {
  std::string once = with_serial_terminal(text);
  EXPECT_EQ(with_serial_terminal(once), once);
  return once;
}

TEST(GrubTerminal, IsAddedToTheSettings) {
  EXPECT_EQ(settings("GRUB_TIMEOUT=1\n"),
            "GRUB_TIMEOUT=1\nGRUB_TERMINAL=\"console serial\"\n"
            "GRUB_SERIAL_COMMAND=\"serial --speed=115200\"\n");
}

TEST(GrubTerminal, ReplacesAScreenOnlyTerminal) {
  EXPECT_EQ(settings("GRUB_TERMINAL=gfxterm\nGRUB_SERIAL_COMMAND=\"serial\"\n"),
            "GRUB_TERMINAL=\"console serial\"\nGRUB_SERIAL_COMMAND=\"serial\"\n");
}

TEST(GrubTerminal, LeavesASerialTerminalAlone) {
  const std::string text =
      "GRUB_TERMINAL='serial console'\nGRUB_SERIAL_COMMAND=\"serial --speed=9600\"\n";
  EXPECT_EQ(settings(text), text);
  const std::string apart =
      "GRUB_TERMINAL_INPUT=\"serial console\"\nGRUB_TERMINAL_OUTPUT=\"gfxterm serial\"\n"
      "GRUB_SERIAL_COMMAND=\"serial --unit=0\"\n";
  EXPECT_EQ(settings(apart), apart);
}

TEST(GrubTerminal, TheTerminalOfAmazonLinuxIsASerialOne) {
  const std::string text = "GRUB_TERMINAL=\"ec2-console\"\nGRUB_X86_USE_32BIT=\"true\"\n";
  EXPECT_EQ(settings(text), text);
}

TEST(GrubTerminal, Ec2HasOneSerialPort) {
  EXPECT_EQ(settings("GRUB_TERMINAL=serial\nGRUB_SERIAL_COMMAND=\"serial --unit=1\"\n"),
            "GRUB_TERMINAL=serial\nGRUB_SERIAL_COMMAND=\"serial --speed=115200\"\n");
}

TEST(GrubTerminal, ReplacesTheGraphicalTerminalOfAMenu) {
  EXPECT_EQ(menu("if loadfont $font ; then\n  insmod gfxterm\nfi\nterminal_output gfxterm\nset "
                 "timeout=5\n"),
            "if loadfont $font ; then\n  insmod gfxterm\nfi\nserial --speed=115200\n"
            "terminal_input console serial\nterminal_output console serial\nset timeout=5\n");
}

TEST(GrubTerminal, ExtendsTheTextTerminalOfAMenu) {
  EXPECT_EQ(
      menu("terminal_input console\nterminal_output console\n"),
      "serial --speed=115200\nterminal_input console serial\nterminal_output console serial\n");
}

TEST(GrubTerminal, KeepsIndentationAndCarriageReturns) {
  EXPECT_EQ(menu("\tterminal_output gfxterm\r\n"),
            "\tserial --speed=115200\r\n\tterminal_input console serial\r\n"
            "\tterminal_output console serial\r\n");
}

TEST(GrubTerminal, StaysOnOneLineWhereTheMenuDoes) {
  EXPECT_EQ(menu("if true; then terminal_output gfxterm; fi\n"),
            "if true; then serial --speed=115200; terminal_input console serial; "
            "terminal_output console serial; fi\n");
}

TEST(GrubTerminal, LeavesASerialMenuAlone) {
  const std::string text =
      "serial --unit=0 --speed=9600\nterminal_input serial console\nterminal_output serial "
      "console\n";
  EXPECT_EQ(menu(text), text);
}

TEST(GrubTerminal, LeavesAMenuThatChoosesNoTerminal) {
  EXPECT_EQ(menu("set timeout=5\n# terminal_output gfxterm\n"),
            "set timeout=5\n# terminal_output gfxterm\n");
}

}  // namespace
}  // namespace rehost
