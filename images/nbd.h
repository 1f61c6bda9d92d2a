// Disks behind NBD: foreign formats and overlays, read and written through a qemu-nbd of our own
// (no format parsers here), and disks that somebody else serves.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "images/child_process.h"
#include "images/image_source.h"

struct nbd_handle;

namespace rehost {

struct NbdServerOptions {
  bool writable = false;
  bool allocation_depth = false;  // tell what lies in the top layer of a qcow2
  bool locking = true;            // false when our own SourceLock would turn qemu-nbd away
  unsigned connections = 4;
};

// Is it the address of an NBD server (nbd:// or nbd+unix://, the NBD URI specification) and no
// path?
bool is_nbd_uri(std::string_view source);
// The name of the export in such an address: "web01" of nbd+unix:///web01?socket=/run/nbd; may be
// empty.
std::string nbd_export_name(std::string_view uri);

// From now on nobody waits for a server that says nothing when this stop is requested: connecting
// and reading end with Error(cancelled). For the whole process, as are the signals that request it.
// A server that we write to is left to finish.
void let_nbd_obey(const std::stop_token& stop);

// A qemu-nbd that serves one image to us alone, or somebody else's NBD server, and our connections
// to it. Connects at once; ends with the object.
class NbdServer {
 public:
  NbdServer(const std::string& path, std::string_view qemu_format, const NbdServerOptions& options);
  // Reads from the server at this address. Throws Error(image_io) when it cannot be reached.
  explicit NbdServer(const std::string& uri);
  ~NbdServer();
  NbdServer(const NbdServer&) = delete;
  NbdServer& operator=(const NbdServer&) = delete;

  uint64_t size() const { return size_; }
  const std::string& name() const { return name_; }

  // All of these may be called by many threads at once.
  void read(uint64_t offset, std::span<std::byte> into);
  void write(uint64_t offset, std::span<const std::byte> from);
  void flush();
  // Zero or data, merged over all layers.
  std::vector<Extent> data_map(uint64_t offset, uint64_t length);
  // Changed (in the top layer) or not. Asks nothing of the layers beneath, and so is fast on any
  // disk.
  std::vector<Extent> change_map(uint64_t offset, uint64_t length);

 private:
  struct CloseHandle {
    void operator()(nbd_handle* handle) const;
  };
  using Handle = std::unique_ptr<nbd_handle, CloseHandle>;
  class Borrowed;

  Handle connect(const std::string& socket_path, const char* meta_context) const;
  Handle connect_uri() const;
  void finish_connecting(nbd_handle* handle, const std::string& act) const;
  // Until the command is done.
  void finish_command(nbd_handle* handle, int64_t cookie, const std::string& act) const;
  // Lets the connection work for a moment. Throws Error(cancelled) when we are to stop.
  void poll(nbd_handle* handle, const std::string& act) const;
  void use_connections();  // of handles_, of which there is at least one
  std::vector<Extent> map_of(nbd_handle* handle, const char* meta_context, uint64_t offset,
                             uint64_t length) const;

  std::string name_;
  bool writable_ = false;
  // Nobody may poll again: a command that was given up would write where its buffer was.
  mutable std::atomic<bool> given_up_ = false;
  std::unique_ptr<ChildProcess> process_;  // null: somebody else's server
  uint64_t size_ = 0;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<Handle> handles_;
  std::vector<nbd_handle*> idle_;
  std::mutex depth_mutex_;
  Handle depth_handle_;
};

class NbdSource : public ImageSource {
 public:
  NbdSource(const std::string& path, std::string_view qemu_format, const NbdServerOptions& options);
  explicit NbdSource(const std::string& uri);

  uint64_t size() const override { return server_->size(); }
  void read(uint64_t offset, std::span<std::byte> into) const override;
  std::vector<Extent> extents(uint64_t offset, uint64_t length) const override;
  const std::string& name() const override { return server_->name(); }
  NbdServer& server() const { return *server_; }

 private:
  std::unique_ptr<NbdServer> server_;
  bool allocation_depth_ = false;
};

// What two maps of the same range say together: zero from the first, changed from the second.
std::vector<Extent> join_maps(const std::vector<Extent>& data, const std::vector<Extent>& changes);

}  // namespace rehost
