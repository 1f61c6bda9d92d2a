#include "tests/converter/fixture_kernels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "drivers/module_index.h"
#include "tests/drivers/samples.h"

namespace rehost {
namespace {

struct Module {
  std::string path;  // "kernel/drivers/nvme/host/nvme-core", without its ending
  std::vector<std::string> depends = {};
  std::vector<std::string> fields = {};  // of .modinfo, besides name and depends
};

std::string name_of(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

constexpr std::string_view kNvmeAlias = "alias=pci:v*d*sv*sd*bc01sc08i02*";

std::vector<Module> t10_pi_modules() {
  return {{"kernel/crypto/crct10dif_common"},
          {"kernel/crypto/crct10dif_generic", {"crct10dif_common"}, {"alias=crct10dif"}},
          {"kernel/lib/crc-t10dif", {}, {"softdep=pre: crct10dif"}},
          {"kernel/block/t10-pi", {"crc-t10dif"}}};
}

std::vector<Module> host_modules(std::vector<Module> needed, std::vector<std::string> depends,
                                 const std::string& timeout_type) {
  const std::string host = "kernel/drivers/nvme/host/";
  needed.push_back({host + "nvme-core", depends, {"parmtype=io_timeout:" + timeout_type}});
  depends.insert(depends.begin(), "nvme-core");
  needed.push_back({host + "nvme", depends, {std::string(kNvmeAlias)}});
  return needed;
}

std::vector<Module> nvme_modules(NvmeLayout layout) {
  std::vector<Module> needed = t10_pi_modules();
  switch (layout) {
    case NvmeLayout::none:
      return {};
    case NvmeLayout::kmod:
      return {{"extra/nvme/nvme", {}, {std::string(kNvmeAlias), "parmtype=io_timeout:byte"}}};
    case NvmeLayout::block:
      return {
          {"kernel/drivers/block/nvme", {}, {std::string(kNvmeAlias), "parmtype=io_timeout:byte"}}};
    case NvmeLayout::host_byte:
      return host_modules({}, {}, "byte");
    case NvmeLayout::host:
      return host_modules({}, {}, "uint");
    case NvmeLayout::host_t10_pi:
      return host_modules(needed, {"t10-pi"}, "uint");
    case NvmeLayout::host_common:
      needed.push_back({"kernel/drivers/nvme/common/nvme-common"});
      return host_modules(needed, {"nvme-common", "t10-pi"}, "uint");
    case NvmeLayout::host_auth:
      needed.push_back({"kernel/drivers/nvme/common/nvme-keyring"});
      needed.push_back({"kernel/drivers/nvme/common/nvme-auth"});
      return host_modules(needed, {"nvme-auth", "nvme-keyring", "t10-pi"}, "uint");
  }
  return {};
}

std::vector<Module> ena_modules(EnaLayout layout) {
  const std::vector<std::string> fields{"alias=pci:v00001D0Fd0000EC20sv*sd*bc*sc*i*"};
  switch (layout) {
    case EnaLayout::none:
      return {};
    case EnaLayout::upstream:
      return {{"kernel/drivers/net/ethernet/amazon/ena/ena", {}, fields}};
    case EnaLayout::amazon:
      return {{"kernel/drivers/amazon/net/ena/ena", {}, fields}};
  }
  return {};
}

std::vector<Module> file_system_modules(const std::string& type) {
  if (type == "ext4") {
    return {{"kernel/fs/mbcache"},
            {"kernel/fs/jbd2/jbd2"},
            {"kernel/fs/ext4/ext4", {"mbcache", "jbd2"}, {"alias=fs-ext4"}}};
  }
  if (type == "ext3") {
    return {{"kernel/fs/jbd/jbd"}, {"kernel/fs/ext3/ext3", {"jbd"}}};
  }
  if (type == "xfs") {
    return {{"kernel/lib/libcrc32c"}, {"kernel/fs/xfs/xfs", {"libcrc32c"}, {"alias=fs-xfs"}}};
  }
  if (type == "btrfs") {
    return {{"kernel/lib/raid6/raid6_pq"},
            {"kernel/crypto/xor"},
            {"kernel/fs/btrfs/btrfs", {"raid6_pq", "xor"}, {"alias=fs-btrfs"}}};
  }
  throw std::runtime_error("no modules for " + type);
}

// All modules of a kernel, by name.
class Modules {
 public:
  explicit Modules(const FixtureKernel& kernel) : kernel_(kernel) {
    for (const std::string& type : kernel.file_systems) {
      add(file_system_modules(type));
    }
    add(nvme_modules(kernel.nvme));
    add(ena_modules(kernel.ena));
    if (kernel.xen) {
      add({{"kernel/drivers/block/xen-blkfront", {}, {"alias=xen:vbd"}},
           {"kernel/drivers/net/xen-netfront", {}, {"alias=xen:vif"}}});
    }
  }

  struct Built {
    std::string file;  // below the modules directory
    std::string bytes;
    std::vector<std::string> needs;  // files, the nearest first
    Module module;
  };
  const std::map<std::string, Built>& built() const { return built_; }
  const std::vector<std::string>& order() const { return order_; }
  const std::string& list_of_builtin() const { return list_of_builtin_; }

  // With all that they need; names that are built in or not there are left out.
  std::vector<std::string> closure(const std::vector<std::string>& names) const {
    std::vector<std::string> found;
    for (const std::string& name : names) {
      const auto module = built_.find(name_of(name));
      if (module == built_.end()) {
        continue;
      }
      for (const std::string& needed : closure(module->second.module.depends)) {
        found.push_back(needed);
      }
      found.push_back(module->first);
    }
    std::vector<std::string> once;
    for (const std::string& name : found) {
      if (std::find(once.begin(), once.end(), name) == once.end()) {
        once.push_back(name);
      }
    }
    return once;
  }

 private:
  bool is_builtin(const std::string& name) const {
    return std::any_of(kernel_.builtin.begin(), kernel_.builtin.end(),
                       [&](const std::string& other) { return name_of(other) == name; });
  }

  // What a module needs comes before it.
  void add(const std::vector<Module>& modules) {
    for (const Module& module : modules) {
      const std::string name = name_of(module.path);
      if (built_.contains(name)) {
        continue;
      }
      if (is_builtin(name)) {
        list_of_builtin_ += module.path + ".ko\n";
        continue;
      }
      Built built{
          .file = module.path + kernel_.module_ending, .bytes = "", .needs = {}, .module = module};
      std::vector<std::string> depends;
      for (const std::string& needed : module.depends) {
        const auto other = built_.find(name_of(needed));
        if (other != built_.end()) {
          depends.push_back(needed);
          built.needs.push_back(other->second.file);
        }
      }
      built.module.depends = depends;
      std::vector<std::string> fields{"name=" + name,
                                      fmt::format("depends={}", fmt::join(depends, ","))};
      fields.insert(fields.end(), module.fields.begin(), module.fields.end());
      built.bytes = packed(make_module(fields));
      built_.emplace(name, std::move(built));
      order_.push_back(name);
    }
  }

  std::string packed(const std::string& bytes) const {
    const std::string& ending = kernel_.module_ending;
    return ending == ".ko.xz"    ? compress(Codec::xz, bytes)
           : ending == ".ko.zst" ? compress(Codec::zstd, bytes)
           : ending == ".ko.gz"  ? compress(Codec::gzip, bytes)
                                 : bytes;
  }

  const FixtureKernel& kernel_;
  std::map<std::string, Built> built_;
  std::vector<std::string> order_;
  std::string list_of_builtin_;
};

// Makes the directory, through links whose targets are not there yet.
GuestPath made_directory(MemoryGuest& guest, const GuestPath& path) {
  if (path == GuestPath("/")) {
    return path;
  }
  const GuestPath parent = made_directory(guest, path.parent());
  GuestPath here = parent / path.name();
  if (const std::optional<std::string> target = guest.read_link(here)) {
    return made_directory(guest, target->starts_with("/") ? GuestPath(*target) : parent / *target);
  }
  if (!guest.stat(here)) {
    guest.add_directory(here.str());
  }
  return here;
}

// The index as depmod(8) writes it, in text.
void add_index(MemoryGuest& guest, const std::string& directory, const Modules& modules,
               const FixtureKernel& kernel) {
  std::string dep;
  std::string alias = "# Aliases extracted from modules themselves.\n";
  std::string softdep = "# Soft dependencies extracted from modules themselves.\n";
  for (const std::string& name : modules.order()) {
    const Modules::Built& built = modules.built().at(name);
    dep += built.file + ":";
    for (const std::string& needed : built.needs) {
      dep += " " + needed;
    }
    dep += "\n";
    for (const std::string& field : built.module.fields) {
      if (field.starts_with("alias=")) {
        alias += fmt::format("alias {} {}\n", field.substr(6), name);
      } else if (field.starts_with("softdep=")) {
        softdep += fmt::format("softdep {} {}\n", name, field.substr(8));
      }
    }
  }
  add_fixture_file(guest, directory + "/modules.dep", dep);
  add_fixture_file(guest, directory + "/modules.alias", alias);
  if (kernel.list_of_builtin) {
    add_fixture_file(guest, directory + "/modules.softdep", softdep);
    add_fixture_file(guest, directory + "/modules.builtin",
                     "kernel/drivers/scsi/scsi_mod.ko\n" + modules.list_of_builtin());
  }
}

// Entries with the directories in front of each, as cpio wants them.
class Archive {
 public:
  void file(const std::string& path, std::string content) {
    directories_of(path);
    entries_.push_back(file_entry(path, std::move(content)));
  }
  void link(const std::string& path, const std::string& target) {
    directories_of(path);
    entries_.push_back(link_entry(path, target));
  }
  std::string bytes() const { return write_cpio(entries_); }

 private:
  void directories_of(const std::string& path) {
    for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
      if (made_.insert(path.substr(0, at)).second) {
        entries_.push_back(directory_entry(path.substr(0, at)));
      }
    }
  }

  std::vector<ArchiveEntry> entries_{directory_entry(".")};
  std::set<std::string> made_;
};

void add_modules_to(Archive& archive, const Modules& modules, const std::string& directory,
                    const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const Modules::Built& built = modules.built().at(name);
    archive.file(directory + "/" + built.file, built.bytes);
  }
}

void add_index_to(Archive& archive, const Modules& modules, const std::string& directory,
                  const std::vector<std::string>& names) {
  ModuleIndex index;
  for (const std::string& name : names) {
    const Modules::Built& built = modules.built().at(name);
    index.add(record_of(parse_kernel_module(built.bytes), built.file));
  }
  for (IndexFile& file : index_files(index)) {
    archive.file(directory + "/" + file.name, std::move(file.content));
  }
}

// What surrounds the modules in the images of each tool: as much as tells them apart.
void add_frame(Archive& archive, const FixtureKernel& kernel, const Modules& modules,
               const std::vector<std::string>& names) {
  switch (kernel.initramfs.kind) {
    case InitramfsKind::none:
      return;
    case InitramfsKind::initramfs_tools:
      archive.file("conf/modules", "");
      archive.file("conf/arch.conf", "DPKG_ARCH=amd64\n");
      archive.file("init", "#!/bin/sh\n");
      archive.link("lib", "usr/lib");
      archive.file("scripts/init-top/ORDER", "");
      return;
    case InitramfsKind::dracut:
      archive.link("bin", "usr/bin");
      archive.link("lib", "usr/lib");
      archive.link("init", "usr/lib/systemd/systemd");
      archive.file("etc/cmdline.d/00-placeholder.conf", "");
      archive.file("usr/lib/dracut/hooks/emergency/50-emergency.sh", "#!/bin/sh\n");
      archive.file("usr/lib/systemd/systemd",
                   "\x7f"
                   "ELF");
      return;
    case InitramfsKind::dracut_udev:
      archive.file("bin/sh",
                   "\x7f"
                   "ELF");
      archive.file("init", "#!/bin/sh\n#\n# Licensed under the GPLv2\n");
      archive.file("lib/udev/rules.d/80-drivers.rules", "");
      archive.file("sbin/udevd",
                   "\x7f"
                   "ELF");
      return;
    case InitramfsKind::nash: {
      std::string init = "#!/bin/nash\n\nmount -t proc /proc /proc\nsetquiet\n";
      for (const std::string& name : names) {
        const std::string file = modules.built().at(name).module.path;
        init += fmt::format("echo \"Loading {0}.ko module\"\ninsmod /lib/{0}.ko \n",
                            file.substr(file.rfind('/') + 1));
      }
      archive.file("init", init + "mkrootdev -t ext3 -o defaults,ro sda1\nswitchroot\n");
      archive.file("bin/nash",
                   "\x7f"
                   "ELF");
      archive.file("bin/insmod",
                   "\x7f"
                   "ELF");
      return;
    }
    case InitramfsKind::suse_mkinitrd:
      archive.file("run_all.sh", "# this file is generated by mkinitrd\n");
      archive.file("config/block.sh", fmt::format("block_modules=\"{}\"\n", fmt::join(names, " ")));
      archive.file("boot/11-block.sh", "#!/bin/bash\n");
      archive.file("init", "#!/bin/bash\n. run_all.sh\n");
      return;
  }
}

std::string modules_inside(const FixtureKernel& kernel) {
  const InitramfsKind kind = kernel.initramfs.kind;
  const bool merged = kind == InitramfsKind::initramfs_tools || kind == InitramfsKind::dracut;
  return (merged ? "usr/lib/modules/" : "lib/modules/") + kernel.release;
}

// EL 5 has its modules side by side in /lib, and no index of them.
void add_nash_modules(Archive& archive, const Modules& modules,
                      const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const Modules::Built& built = modules.built().at(name);
    archive.file("lib" + built.file.substr(built.file.rfind('/')), built.bytes);
  }
}

std::string make_image(const FixtureKernel& kernel, const std::vector<std::string>& more_modules) {
  const Modules modules(kernel);
  std::vector<std::string> wanted = kernel.file_systems;
  wanted.insert(wanted.end(), kernel.initramfs.modules.begin(), kernel.initramfs.modules.end());
  wanted.insert(wanted.end(), more_modules.begin(), more_modules.end());
  const std::vector<std::string> names = modules.closure(wanted);
  const std::string directory = modules_inside(kernel);
  Archive early;
  Archive main;
  add_frame(main, kernel, modules, names);
  if (kernel.initramfs.microcode) {
    early.file("early_cpio", "1\n");
    early.file("kernel/x86/microcode/GenuineIntel.bin", std::string(64, '\1'));
  }
  if (kernel.initramfs.kind == InitramfsKind::nash) {
    add_nash_modules(main, modules, names);
  } else {
    add_modules_to(kernel.initramfs.early_modules ? early : main, modules, directory, names);
    add_index_to(main, modules, directory, names);
  }
  const bool in_front = kernel.initramfs.microcode || kernel.initramfs.early_modules;
  return (in_front ? early.bytes() : "") + compress(kernel.initramfs.codec, main.bytes());
}

}  // namespace

void add_fixture_file(MemoryGuest& guest, const std::string& path, std::string content,
                      uint32_t mode) {
  const GuestPath place(path);
  guest.add_file((made_directory(guest, place.parent()) / place.name()).str(), std::move(content),
                 mode);
}

void add_fixture_kernel(MemoryGuest& guest, const FixtureKernel& kernel) {
  const Modules modules(kernel);
  const std::string directory = "/lib/modules/" + kernel.release;
  for (const auto& [name, built] : modules.built()) {
    add_fixture_file(guest, directory + "/" + built.file, built.bytes);
  }
  add_index(guest, directory, modules, kernel);
  add_fixture_file(guest, path_for_release(kernel.vmlinuz, kernel.release),
                   "MZ, Linux " + kernel.release, 0755);
  if (kernel.initramfs.kind != InitramfsKind::none) {
    add_fixture_file(guest, path_for_release(kernel.initramfs_file, kernel.release),
                     make_image(kernel, {}), 0600);
  }
}

void rebuild_fixture_initramfs(MemoryGuest& guest, const FixtureKernel& kernel,
                               const std::vector<std::string>& more_modules) {
  guest.write(GuestPath(path_for_release(kernel.initramfs_file, kernel.release)),
              make_image(kernel, more_modules), 0600);
}

std::string path_for_release(std::string pattern, const std::string& release) {
  for (size_t at = pattern.find("{}"); at != std::string::npos; at = pattern.find("{}")) {
    pattern.replace(at, 2, release);
  }
  return pattern;
}

}  // namespace rehost
