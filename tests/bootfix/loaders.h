// Guests of the BLS kind for the tests of boot loaders: files as Anaconda, grubby and
// kernel-install write them on RHEL 8 and 9.
#pragma once

#include <string>
#include <string_view>

#include "tests/bootfix/guests.h"

namespace rehost::testing {

inline constexpr std::string_view kMachineId = "8215ac7e45d34823b4dce2e258c3cc47";

// An environment block of 1024 bytes with these lines in it.
inline std::string grubenv_block(const std::string& lines) {
  std::string block = "# GRUB Environment Block\n" + lines;
  block.resize(1024, '#');
  return block;
}

inline std::string bls_path(const std::string& release, const std::string& partition = "/boot") {
  return partition + "/loader/entries/" + std::string(kMachineId) + "-" + release + ".conf";
}

inline std::string bls_text(const std::string& release, const std::string& options) {
  return "title Red Hat Enterprise Linux (" + release + ") 8.10 (Ootpa)\nversion " + release +
         "\nlinux /vmlinuz-" + release + "\ninitrd /initramfs-" + release +
         ".img $tuned_initrd\noptions " + options +
         "\ngrub_users $grub_users\ngrub_arg --unrestricted\ngrub_class rhel\n";
}

// What 00_header, 08_fallback_counting, 10_linux and 10_reset_boot_success of RHEL 8 write.
inline const std::string kBlsGrubCfg = R"(### BEGIN /etc/grub.d/00_header ###
set pager=1

if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi

terminal_output console
### END /etc/grub.d/00_header ###

### BEGIN /etc/grub.d/08_fallback_counting ###
insmod increment
# Check if boot_counter exists and boot_success=0 to activate this behaviour.
if [ -n "${boot_counter}" -a "${boot_success}" = "0" ]; then
  # if countdown has ended, choose to boot rollback deployment,
  # i.e. default=1 on OSTree-based systems.
  if  [ "${boot_counter}" = "0" -o "${boot_counter}" = "-1" ]; then
    set default=1
    set boot_counter=-1
  # otherwise decrement boot_counter
  else
    decrement boot_counter
  fi
  save_env boot_counter
fi
### END /etc/grub.d/08_fallback_counting ###

### BEGIN /etc/grub.d/10_linux ###
insmod part_msdos
insmod xfs
set root='hd0,msdos1'
if [ x$feature_platform_search_hint = xy ]; then
  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,msdos1 1a03c597-e892-4ba0-a4fd-7897d99591c1
else
  search --no-floppy --fs-uuid --set=root 1a03c597-e892-4ba0-a4fd-7897d99591c1
fi
if [ -z "${kernelopts}" ]; then
  set kernelopts="root=/dev/sda1 ro crashkernel=auto "
fi

insmod blscfg
blscfg
### END /etc/grub.d/10_linux ###

### BEGIN /etc/grub.d/30_uefi-firmware ###
menuentry 'System setup' $menuentry_id_option 'uefi-firmware' {
	fwsetup
}
### END /etc/grub.d/30_uefi-firmware ###
)";

inline const std::string kOldRelease = "4.18.0-513.el8.x86_64";
inline const std::string kNewRelease = "4.18.0-553.16.1.el8_10.x86_64";

// RHEL 8, BIOS: two kernels and a rescue image, kernelopts and saved_entry in grubenv.
inline MemoryGuest rhel8(const std::string& saved_entry = "") {
  MemoryGuest guest;
  guest.add_file("/boot/grub2/grub.cfg", kBlsGrubCfg);
  guest.add_file("/boot/grub2/grubenv",
                 grubenv_block((saved_entry.empty() ? "" : "saved_entry=" + saved_entry + "\n") +
                               "menu_auto_hide=1\nboot_success=0\nkernelopts=root=/dev/sda1 ro "
                               "crashkernel=auto rhgb quiet \nboot_indeterminate=0\n"));
  for (const std::string& release : {kOldRelease, kNewRelease}) {
    guest.add_file("/boot/vmlinuz-" + release, "kernel " + release);
    guest.add_file("/boot/initramfs-" + release + ".img", "initramfs " + release);
    guest.add_file(bls_path(release), bls_text(release, "$kernelopts $tuned_params"));
  }
  const std::string rescue = "0-rescue-" + std::string(kMachineId);
  guest.add_file("/boot/vmlinuz-" + rescue, "kernel");
  guest.add_file("/boot/initramfs-" + rescue + ".img", "initramfs");
  guest.add_file(bls_path("0-rescue"),
                 "title Red Hat Enterprise Linux (0-rescue) 8.10 (Ootpa)\nversion 0-rescue\nlinux "
                 "/vmlinuz-" +
                     rescue + "\ninitrd /initramfs-" + rescue + ".img\noptions $kernelopts\n");
  return guest;
}

inline KernelImage el_kernel(const std::string& release, bool is_default = false) {
  KernelImage kernel = kernel_of(release);
  kernel.initramfs = GuestPath("/boot/initramfs-" + release + ".img");
  kernel.is_default = is_default;
  return kernel;
}

inline Inspection rhel8_inspection() {
  Inspection inspection = two_disks();
  inspection.os = {.id = "rhel", .id_like = "fedora", .version_id = "8.10", .pretty_name = ""};
  inspection.distro = find_distro("debian", "");
  inspection.kernels = {el_kernel(kNewRelease, true), el_kernel(kOldRelease)};
  return inspection;
}

}  // namespace rehost::testing
