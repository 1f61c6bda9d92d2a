#include "images/probe.h"

#include <gtest/gtest.h>

#include "images/formats.h"
#include "images/image_headers.h"
#include "images/raw.h"
#include "tests/support/expect_error.h"
#include "tests/support/memory_source.h"
#include "tests/support/temporary_directory.h"

namespace rehost {
namespace {

std::string le(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) {
    text.push_back(static_cast<char>(value >> (8 * i)));
  }
  return text;
}

std::string be(uint64_t value, size_t bytes) {
  const std::string text = le(value, bytes);
  return {text.rbegin(), text.rend()};
}

// A disk of 1 MiB with one MBR partition.
std::string mbr_disk(const TemporaryDirectory& directory, uint32_t start, uint32_t sectors) {
  std::string path = directory.sparse("disk.raw", 1 << 20);
  patch(path, 446,
        std::string(4, '\0') + '\x83' + std::string(3, '\0') + le(start, 4) + le(sectors, 4));
  patch(path, 510, "\x55\xaa");
  return path;
}

std::string gpt_disk(const TemporaryDirectory& directory, uint64_t last_sector) {
  std::string path = directory.sparse("disk.raw", 1 << 20);
  patch(path, 512, "EFI PART");
  patch(path, 512 + 72, le(2, 8) + le(128, 4) + le(128, 4));
  patch(path, 1024 + 128,
        std::string(16, 'G') + std::string(16, 'U') + le(34, 8) + le(last_sector, 8));
  return path;
}

TEST(Probe, ARawDiskIsTheBytesOfTheFile) {
  const TemporaryDirectory directory;
  const Volume volume = probe_volume("disk0", mbr_disk(directory, 64, 1984));
  EXPECT_EQ(volume.id, "disk0");
  EXPECT_EQ(volume.format, "raw");
  EXPECT_EQ(volume.size, 1U << 20);
  EXPECT_EQ(open_volume(volume)->size(), 1U << 20);
}

TEST(Probe, SaysWhatIsNoDisk) {
  const TemporaryDirectory directory;
  EXPECT_ERROR(ErrorKind::usage, "No such file", probe_volume("d", directory / "missing.raw"));
  EXPECT_ERROR(ErrorKind::usage, "a directory", probe_volume("d", directory.path().native()));
  EXPECT_ERROR(ErrorKind::usage, "character device", probe_volume("d", "/dev/null"));
  EXPECT_ERROR(ErrorKind::image_io, "is empty", probe_volume("d", directory.write("e.raw", "")));
  EXPECT_ERROR(ErrorKind::image_io, "multiple of 512",
               probe_volume("d", directory.write("odd.raw", std::string(1000, 'x'))));
  EXPECT_ERROR(
      ErrorKind::usage, "gzip",
      probe_volume("d", directory.write("disk.gz", "\x1f\x8b\x08" + std::string(509, 'x'))));
  EXPECT_ERROR(ErrorKind::usage, "unknown source format",
               probe_volume("d", directory.sparse("disk.raw", 512), {.format = "floppy"}));
  EXPECT_ERROR(ErrorKind::usage, "not a qcow2 image",
               probe_volume("d", directory.sparse("disk.raw", 512), {.format = "qcow2"}));
}

TEST(Probe, APartitionBeyondTheEndMeansACopyCutShort) {
  const TemporaryDirectory directory;
  EXPECT_ERROR(ErrorKind::image_io, "partition 1 ends at sector 2049",
               probe_volume("d", mbr_disk(directory, 64, 1985)));
  EXPECT_ERROR(ErrorKind::image_io, "partition 2 ends at sector 2049",
               probe_volume("d", gpt_disk(directory, 2048)));
  EXPECT_EQ(probe_volume("d", gpt_disk(directory, 2047)).size, 1U << 20);
}

TEST(Probe, AFileSystemWithoutPartitionsIsNotMistaken) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("fat.raw", std::string(1 << 20, '\x80'));
  patch(path, 54, "FAT16   ");
  patch(path, 510, "\x55\xaa");
  EXPECT_EQ(probe_volume("d", path).format, "raw");
}

TEST(Probe, NoBytesInTheFirstSectorsCanCrashTheCheck) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::vector<std::byte> noise = mixed_disk(65536, seed);
    const auto put = [&noise](size_t at, std::string_view text) {
      std::transform(text.begin(), text.end(), noise.begin() + static_cast<ptrdiff_t>(at),
                     [](char c) { return static_cast<std::byte>(c); });
    };
    put(510, "\x55\xaa");
    if (seed % 2 == 0) {
      put(512, "EFI PART");
    }
    try {
      check_partitions_inside(MemorySource(noise));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::image_io);
    }
  }
}

TEST(Probe, TheSameDiskTwiceIsAMistake) {
  const TemporaryDirectory directory;
  const std::string disk = directory.sparse("disk.raw", 512);
  std::filesystem::create_symlink(disk, directory / "link.raw");
  EXPECT_ERROR(ErrorKind::usage, "the same disk", probe_volumes({disk, directory / "link.raw"}));
  EXPECT_EQ(probe_volumes({disk, directory.sparse("other.raw", 512)})[1].id, "disk1");
}

TEST(Probe, AQcow2WithABackingFilePosingAsRawIsRefused) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  directory.sparse("base.raw", 1 << 20);
  ASSERT_EQ(shell("cd " + directory.path().native() +
                  " && qemu-img create -f qcow2 -b base.raw -F raw layer.raw"),
            0);
  std::filesystem::resize_file(directory / "layer.raw", 512 * 1024);
  EXPECT_ERROR(ErrorKind::usage, "backing file \"base.raw\"",
               probe_volume("d", directory / "layer.raw"));
  EXPECT_ERROR(ErrorKind::usage, "backing file",
               probe_volume("d", directory / "layer.raw", {.format = "qcow2"}));
  EXPECT_EQ(probe_volume("d", directory / "layer.raw", {.format = "raw"}).format, "raw");
  EXPECT_EQ(probe_volume("d", directory / "layer.raw", {.allow_backing = true}).size, 1U << 20);
}

TEST(Probe, AQcow2WithAnExternalDataFileIsRefused) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  ASSERT_EQ(shell("cd " + directory.path().native() +
                  " && qemu-img create -f qcow2 -o data_file=/tmp/rehost-data a.qcow2 1M; rm -f "
                  "/tmp/rehost-data"),
            0);
  EXPECT_ERROR(ErrorKind::usage, "external data file", probe_volume("d", directory / "a.qcow2"));
}

class ForeignFormat : public testing::TestWithParam<const char*> {};

TEST_P(ForeignFormat, IsFoundByItsBytesAndReadThroughQemu) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  const std::vector<std::byte> disk = mixed_disk(4 << 20, 3);
  directory.write("disk.raw", {reinterpret_cast<const char*>(disk.data()), disk.size()});
  const std::string name = GetParam();
  const std::string image = directory / ("image." + name.substr(0, name.find('-')));
  std::string qemu =
      name.starts_with("vhd-") || name == "vhd" ? "vpc" : name.substr(0, name.find('-'));
  if (name == "vmdk-stream") {
    qemu += " -o subformat=streamOptimized";
  } else if (name == "vhd-fixed") {
    qemu += " -o subformat=fixed,force_size";
  } else if (name == "vhd") {
    qemu += " -o force_size";
  } else if (name == "qcow2-compressed") {
    qemu += " -c";
  }
  ASSERT_EQ(
      shell("qemu-img convert -f raw -O " + qemu + " " + (directory / "disk.raw") + " " + image),
      0);
  const Volume volume = probe_volume("disk0", image);
  EXPECT_EQ(volume.format, name.substr(0, name.find('-')));
  ASSERT_EQ(volume.size, disk.size());
  const auto source = open_volume(volume);
  std::vector<std::byte> read(disk.size());
  source->read(0, read);
  EXPECT_EQ(read, disk);
  uint64_t covered = 0;
  for (const Extent& extent : source->extents(0, source->size())) {
    EXPECT_EQ(extent.offset, covered);
    covered += extent.length;
    EXPECT_FALSE(extent.changed);
    if (extent.zero) {
      EXPECT_TRUE(is_zero(std::span(disk).subspan(extent.offset, extent.length)));
    }
  }
  EXPECT_EQ(covered, disk.size());

  // Cut anywhere, it is never taken for whole; most cuts qemu itself would not notice.
  const uint64_t whole = std::filesystem::file_size(image);
  for (const uint64_t cut : {whole / 2, whole / 4 * 3, whole / 8 * 7}) {
    std::filesystem::resize_file(image, cut / 512 * 512);
    EXPECT_ERROR(ErrorKind::image_io, "", probe_volume("disk0", image));
  }
}

INSTANTIATE_TEST_SUITE_P(All, ForeignFormat,
                         testing::Values("qcow2", "qcow2-compressed", "vmdk", "vmdk-stream", "vhd",
                                         "vhd-fixed", "vhdx", "vdi"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Probe, DamagedHeadersAreErrorsAndNeverCrashes) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  directory.sparse("disk.raw", 4 << 20);
  for (const std::string format : {"qcow2", "vmdk", "vpc", "vhdx", "vdi"}) {
    const std::string image = directory / ("image." + format);
    std::string command = "qemu-img convert -f raw -O " + format;
    command += " " + (directory / "disk.raw");
    command += " " + image;
    ASSERT_EQ(shell(command), 0);
    const std::string good = content_of(image).substr(0, 300 * 1024);
    uint32_t state = 12345;
    for (int round = 0; round < 200; ++round) {
      std::string bad = good;
      for (int flips = 0; flips < 6; ++flips) {
        state = state * 1664525 + 1013904223;
        bad[8 + (state >> 8) % 500] = static_cast<char>(state >> 24);
      }
      std::vector<std::byte> bytes(bad.size());
      std::transform(bad.begin(), bad.end(), bytes.begin(),
                     [](char c) { return static_cast<std::byte>(c); });
      const MemorySource file(bytes);
      try {
        check_image_file(format == "vpc" ? "vhd" : format, file, false);
      } catch (const Error& error) {
        EXPECT_TRUE(error.kind() == ErrorKind::image_io || error.kind() == ErrorKind::usage);
      }
    }
  }
}

TEST(Probe, AnOldOrForeignQcowIsNamed) {
  const TemporaryDirectory directory;
  EXPECT_ERROR(
      ErrorKind::usage, "qcow version 1",
      probe_volume("d", directory.write("a", "QFI\xfb" + be(1, 4) + std::string(504, '\0'))));
  EXPECT_ERROR(
      ErrorKind::image_io, "cut short",
      probe_volume("d", directory.write("b", "QFI\xfb" + be(3, 4) + std::string(8, '\0'))));
}

TEST(Probe, AVmdkDescriptionAloneIsNoDisk) {
  const TemporaryDirectory directory;
  EXPECT_ERROR(ErrorKind::usage, "-flat.vmdk",
               probe_volume("d", directory.write("a.vmdk",
                                                 "# Disk DescriptorFile\nversion=1\n"
                                                 "RW 2048 FLAT \"a-flat.vmdk\" 0\n")));
}

TEST(Probe, AVmdkWithAParentIsRefused) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  ASSERT_EQ(
      shell("cd " + directory.path().native() +
            " && qemu-img create -f vmdk base.vmdk 1M && qemu-img create -f vmdk -b base.vmdk -F "
            "vmdk child.vmdk"),
      0);
  EXPECT_ERROR(ErrorKind::usage, "parent disk \"base.vmdk\"",
               probe_volume("d", directory / "child.vmdk"));
}

// A sparse VMDK of 1 MiB by qemu-img, with another text in the place of its descriptor.
std::string vmdk_with_descriptor(const TemporaryDirectory& directory, std::string descriptor) {
  constexpr size_t kDescriptorBytes = 20 * 512;
  std::string path = directory / "disk.vmdk";
  EXPECT_EQ(shell("qemu-img create -q -f vmdk " + path + " 1M"), 0);
  EXPECT_LE(descriptor.size(), kDescriptorBytes);
  descriptor.resize(kDescriptorBytes, '\0');
  patch(path, 512, descriptor);
  return path;
}

std::string vmdk_descriptor(const std::string& first_line, const std::string& parent_cid,
                            const std::string& hint) {
  return first_line + "\nversion=1\nCID=a6dc3028\nparentCID=" + parent_cid +
         "\ncreateType=\"monolithicSparse\"\n" + hint +
         "\n# Extent description\nRW 2048 SPARSE \"disk.vmdk\"\n";
}

constexpr const char* kVmdkFirstLine = "# Disk DescriptorFile";

// block/vmdk.c of qemu looks for the bare word in the 20 sectors after the header, whatever else is
// there, and takes what follows the two bytes after it, up to a quotation mark, for the parent.
TEST(Probe, AVmdkNamesAParentWhereverQemuFindsOne) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  const auto refused = [&directory](const std::string& what, const std::string& descriptor) {
    SCOPED_TRACE(descriptor);
    EXPECT_ERROR(ErrorKind::usage, what,
                 probe_volume("d", vmdk_with_descriptor(directory, descriptor)));
  };
  refused("parent disk \"/etc/p.vmdk\"", vmdk_descriptor("#  isk DescriptorFile", "77610e92",
                                                         "parentFileNameHint=\"/etc/p.vmdk\""));
  refused("parent disk \"nbd://127.0.0.1:9/x\"",
          vmdk_descriptor("#  isk DescriptorFile", "77610e92",
                          "parentFileNameHint=\"nbd://127.0.0.1:9/x\""));
  refused("parent disk \"/etc/p.vmdk\"",
          vmdk_descriptor(kVmdkFirstLine, "ffffffff", "x_parentFileNameHint=\"/etc/p.vmdk\""));
  refused("parent disk \"/etc/p.vmdk\"",
          vmdk_descriptor(kVmdkFirstLine, "ffffffff", "#parentFileNameHint::/etc/p.vmdk\""));
  refused("parent disk \"/etc/p.vmdk\"",
          vmdk_descriptor(kVmdkFirstLine, "ffffffff", "PARENTFILENAMEHINT=\"/etc/p.vmdk\""));
  refused("parent disk \"/etc/p.vmdk\"",
          vmdk_descriptor(kVmdkFirstLine, "ffffffff",
                          "parentFileNameHint=\"\"\nparentFileNameHint=\"/etc/p.vmdk\""));
  refused("parent disk", vmdk_descriptor(kVmdkFirstLine, "ffffffff", "parentFileNameHint = \"\""));
  refused("parent disk", std::string(20 * 512 - 18, '#') + "parentFileNameHint");
  refused("parent disk \"CID 77610e92\"", vmdk_descriptor("#  isk", "77610e92", ""));
}

TEST(Probe, AVmdkNamesAParentInTheDescriptorOfItsHeader) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  const std::string image =
      vmdk_with_descriptor(directory, vmdk_descriptor(kVmdkFirstLine, "ffffffff", ""));
  const uint64_t sector = std::filesystem::file_size(image) / 512;
  patch(image, sector * 512, std::string(40 * 512, '\0'));
  patch(image, (sector + 30) * 512, "parentFileNameHint=\"/etc/p.vmdk\"");
  EXPECT_EQ(probe_volume("d", image).size, 1U << 20);
  patch(image, 28, le(sector, 8) + le(40, 8));
  EXPECT_ERROR(ErrorKind::usage, "parent disk \"/etc/p.vmdk\"", probe_volume("d", image));
}

// Its extents are other files, which qemu opens.
TEST(Probe, AVmdkHeaderInFrontOfADescriptionIsNoDisk) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  const std::string image =
      vmdk_with_descriptor(directory, std::string(kVmdkFirstLine) +
                                          "\nversion=1\nCID=1\nparentCID=ffffffff\n"
                                          "createType=\"monolithicFlat\"\n"
                                          "RW 8 FLAT \"/etc/passwd\" 0\n");
  EXPECT_EQ(probe_volume("d", image).size,
            1U << 20);  // it has grains of its own, and these are read
  patch(image, 12, le(0, 8));
  EXPECT_ERROR(ErrorKind::usage, "it names the extents", probe_volume("d", image));
  EXPECT_ERROR(ErrorKind::usage, "it names the extents",
               probe_volume("d", image, {.allow_backing = true}));
}

TEST(Probe, AVmdkWithoutAParentIsReadWhoeverWroteIt) {
  REHOST_NEEDS_QEMU();
  const TemporaryDirectory directory;
  const auto size_of = [&directory](const std::string& descriptor) {
    return probe_volume("d", vmdk_with_descriptor(directory, descriptor)).size;
  };
  // As VMware writes it.
  EXPECT_EQ(size_of("# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=fffffffe\n"
                    "parentCID=ffffffff\nisNativeSnapshot=\"no\"\n"
                    "createType=\"monolithicSparse\"\n\n# Extent description\n"
                    "RW 2048 SPARSE \"disk.vmdk\"\n\n# The Disk Data Base \n#DDB\n\n"
                    "ddb.adapterType = \"lsilogic\"\nddb.virtualHWVersion = \"14\"\n"),
            1U << 20);
  EXPECT_EQ(size_of(vmdk_descriptor(kVmdkFirstLine, "ffffffff", "parentFileNameHint=\"\"")),
            1U << 20);
  EXPECT_EQ(size_of(vmdk_descriptor(kVmdkFirstLine, "FFFFFFFF", "")), 1U << 20);
}

TEST(Formats, NamesAreUniqueAndQemuNamesAreFound) {
  for (const ImageFormat& row : image_formats()) {
    EXPECT_EQ(find_image_format(row.name), &row);
    if (row.open_source != nullptr && row.name != "nbd") {
      EXPECT_EQ(find_image_format(row.qemu_name), &row);
    }
    EXPECT_TRUE(row.extension.starts_with('.') || row.open_sink == nullptr);
  }
  EXPECT_EQ(find_image_format("floppy"), nullptr);
  EXPECT_ERROR(ErrorKind::usage, "known are raw", open_sink("floppy", {}));
}

}  // namespace
}  // namespace rehost
