#include "drivers/kernel_module.h"

#include <gtest/gtest.h>

#include "converter/core/error.h"
#include "drivers/codec.h"
#include "tests/drivers/samples.h"

namespace rehost {
namespace {

const std::vector<std::string> kFields{"name=nvme_core",
                                       "version=1.0",
                                       "license=GPL",
                                       "vermagic=6.1.0-10-amd64 SMP mod_unload ",
                                       "depends=t10-pi,crc64",
                                       "softdep=pre: a post: b",
                                       "alias=x*",
                                       "alias=y",
                                       "parmtype=io_timeout:uint"};

TEST(KernelModule, SaysWhatItsModinfoSays) {
  for (const bool wide : {true, false}) {
    for (const bool big_endian : {true, false}) {
      const KernelModule module =
          parse_kernel_module(make_module(kFields, {"nvme_init", "nvme_stop"}, {wide, big_endian}));
      EXPECT_EQ(module.name, "nvme_core");
      EXPECT_EQ(module.version, "1.0");
      EXPECT_EQ(module.license, "GPL");
      EXPECT_EQ(module.vermagic, "6.1.0-10-amd64 SMP mod_unload ");
      EXPECT_EQ(module.depends, (std::vector<std::string>{"t10-pi", "crc64"}));
      EXPECT_EQ(module.softdeps, (std::vector<std::string>{"pre: a post: b"}));
      EXPECT_EQ(module.aliases, (std::vector<std::string>{"x*", "y"}));
      EXPECT_EQ(module.parameter_types.at("io_timeout"), "uint");
      EXPECT_EQ(module.exported_symbols, (std::vector<std::string>{"nvme_init", "nvme_stop"}));
    }
  }
}

TEST(KernelModule, SaysItsArchitectureAndWhetherItIsSigned) {
  std::string elf = make_module(kFields);
  EXPECT_EQ(parse_kernel_module(elf).architecture, "x86_64");
  EXPECT_FALSE(parse_kernel_module(elf).is_signed);
  elf[18] = static_cast<char>(183);
  elf += "...~Module signature appended~\n";
  EXPECT_EQ(parse_kernel_module(elf).architecture, "aarch64");
  EXPECT_TRUE(parse_kernel_module(compress(Codec::xz, elf)).is_signed);
  EXPECT_EQ(elf_architecture(3), "i386");
  EXPECT_EQ(elf_architecture(21), "elf-machine-21");
}

TEST(KernelModule, IsReadInEveryCompression) {
  const std::string elf = make_module(kFields);
  for (const Codec codec : {Codec::gzip, Codec::xz, Codec::zstd}) {
    EXPECT_EQ(parse_kernel_module(compress(codec, elf)).name, "nvme_core");
    EXPECT_EQ(unpack_module(compress(codec, elf)), elf);
  }
}

TEST(KernelModule, IsRefusedWhenCutOffAnywhere) {
  for (const bool wide : {true, false}) {
    const std::string elf = make_module(kFields, {"symbol"}, {wide, false});
    for (size_t length = 0; length < elf.size(); ++length) {
      EXPECT_THROW(parse_kernel_module(elf.substr(0, length)), Error) << length;
    }
  }
}

TEST(KernelModule, SurvivesAnyChangedByte) {
  const std::string elf = make_module(kFields, {"symbol"});
  for (size_t at = 0; at < elf.size(); ++at) {
    for (const char change : {'\0', '\x7f', '\xff'}) {
      std::string damaged = elf;
      damaged[at] = change;
      try {
        parse_kernel_module(damaged);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::guest_damaged);
      }
    }
  }
}

TEST(KernelModule, HasTheNameThatTheKernelUses) {
  EXPECT_EQ(module_name("kernel/drivers/nvme/host/nvme-core.ko.xz"), "nvme_core");
  EXPECT_EQ(module_name("nvme-core"), "nvme_core");
  EXPECT_EQ(module_name("a.ko.zst"), "a");
  EXPECT_TRUE(is_module_file("x/a.ko.gz"));
  EXPECT_FALSE(is_module_file("x/a.kobold"));
}

TEST(KernelModule, AgreesWithModinfo) {
  const std::string path =
      run_tool("find /lib/modules -name nvme-core.ko* | head -1 | tr -d '\\n'").output;
  if (!has_tool("modinfo") || path.empty()) {
    GTEST_SKIP() << "no modinfo or no nvme-core on this machine";
  }
  const KernelModule module = parse_kernel_module(read_host_file(path));
  const auto field = [&](const std::string& name) {
    return run_tool("modinfo -F " + name + " " + path).output;
  };
  EXPECT_EQ(module.name + "\n", field("name"));
  EXPECT_EQ(module.vermagic + "\n", field("vermagic"));
  EXPECT_EQ(module.license + "\n", field("license"));
  EXPECT_EQ(module.parameter_types.at("io_timeout"), "uint");
}

}  // namespace
}  // namespace rehost
