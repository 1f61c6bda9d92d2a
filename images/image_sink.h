// The writing end of the data plane: takes a disk in pieces, and has nothing to show until
// finish().
//
// A new file is written as NAME.partial beside its final name. finish() syncs and renames it; a
// sink destroyed without finish() leaves nothing behind. A NAME.partial that a killed run left is
// taken over. Files that belong together share a FileGroup, and get their names together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "images/posix_file.h"

namespace rehost {

struct SinkTraits {
  // Pieces may come in any order and from many threads at once. Otherwise they come in ascending
  // order, one at a time.
  bool random_access = true;
  // What is not written reads as zeros. Only a file we have just made may say so; a disk that was
  // used before is not zero where the source is.
  bool starts_as_zeros = false;
  // Zeros are worth leaving out in pieces of this size.
  uint64_t grain = 4096;
};

// What a sink makes of a piece before it is written: compressed units and their sizes. Empty when
// it writes the bytes as they are.
struct EncodedPiece {
  std::vector<std::byte> bytes;
  std::vector<uint32_t> sizes;
};

class ImageSink {
 public:
  virtual ~ImageSink() = default;

  virtual SinkTraits traits() const = 0;
  // The expensive part of a write. Pure: many threads may encode at once, whatever the traits say.
  virtual EncodedPiece encode(uint64_t offset, std::span<const std::byte> data) const;
  // `encoded` is what encode() made of this data. Offsets are multiples of kBlockSize, and so are
  // lengths except for the last piece of the disk, unless the sink has random access: those take
  // any multiple of 512.
  virtual void write(uint64_t offset, std::span<const std::byte> data,
                     const EncodedPiece& encoded) = 0;
  // The range reads as zeros afterwards. The copier leaves these out when the sink starts as zeros.
  virtual void zero(uint64_t offset, uint64_t length) = 0;
  // Everything is on the disk under its final name afterwards, or an Error is thrown.
  virtual void finish() = 0;
};

enum class Existing { refuse, replace };

class FileGroup;

struct SinkRequest {
  std::filesystem::path path;  // final name, or a block device
  uint64_t size = 0;           // of the disk
  Existing existing = Existing::refuse;
  FileGroup* together = nullptr;  // see PartialFile
};

// What a file is called until it is finished.
std::filesystem::path partial_path_of(const std::filesystem::path& final_path);

// A file that gets its name last. Used by the sinks that write files.
class PartialFile {
 public:
  // With a group, finish() hands the file over to it, and FileGroup::publish() gives it its name.
  PartialFile(std::filesystem::path final_path, Existing existing, FileGroup* together = nullptr,
              unsigned mode = 0644);
  explicit PartialFile(const SinkRequest& request)
      : PartialFile(request.path, request.existing, request.together) {}
  ~PartialFile();
  PartialFile(PartialFile&& other) noexcept = default;
  PartialFile& operator=(PartialFile&&) = delete;
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  int fd() const { return file_.get(); }
  const std::string& name() const { return partial_path_.native(); }
  void finish();  // sync, rename, sync of the directory; the object is of no use afterwards

 private:
  friend class FileGroup;
  void rename_to_final();
  bool exchange();
  // False: the file that was there before could not be given its name back, and keeps the partial
  // one.
  bool take_back() noexcept;

  std::filesystem::path final_path_;
  std::filesystem::path partial_path_;
  Existing existing_;
  FileGroup* together_;
  FileDescriptor file_;
  FileDescriptor before_;  // the file that was there before, locked: for as long as it has the
                           // partial name another run must not take it for a leftover
  bool named_ = false;
  bool replaced_ = false;   // a file that was there before is gone
  bool exchanged_ = false;  // a file that was there before has the partial name
  bool stranded_ = false;   // and is all there is of it
};

// Files that get their final names together or not at all.
class FileGroup {
 public:
  // Renames all of them. When that fails for one, or the directories cannot be synced, every name
  // is again as it was: a new one is gone, a file that was replaced is back (not on file systems
  // without RENAME_EXCHANGE, such as NFS; one that cannot be brought back is left under its partial
  // name, and the Error says so). A kill in the middle leaves each name whole.
  void publish();

 private:
  friend class PartialFile;
  std::vector<PartialFile> files_;
};

}  // namespace rehost
