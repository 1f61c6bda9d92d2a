#include "images/nbd.h"

#include <fmt/format.h>
#include <libnbd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>

#include "images/work_directory.h"

namespace rehost {
namespace {

// qemu-nbd takes at most 32 MiB in one request.
constexpr uint64_t kLargestRequest = 16 * kMebibyte;
// A block status request has a 32-bit length.
constexpr uint64_t kLargestMapRequest = uint64_t{1} << 31;
constexpr const char* kDepthContext = "qemu:allocation-depth";

[[noreturn]] void throw_nbd_error(const std::string& act, const std::string& name) {
  const char* text = nbd_get_error();
  const int error_number = nbd_get_errno();
  const bool full = error_number == ENOSPC;
  throw Error(full ? ErrorKind::environment : ErrorKind::image_io,
              fmt::format("cannot {} {}: {}", act, name,
                          error_number != 0 ? errno_text(error_number)
                                            : std::string(text != nullptr ? text : "no reason")));
}

constexpr int kPollMilliseconds = 100;

std::mutex stop_mutex;
std::stop_token stop_reading;  // NOLINT: see let_nbd_obey

bool told_to_stop() {
  const std::lock_guard lock(stop_mutex);
  return stop_reading.stop_requested();
}

FileDescriptor listen_at(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  assert(path.size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener ||
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener.get(), 16) != 0) {
    throw Error(ErrorKind::environment,
                fmt::format("cannot listen on the socket {}: {}", path, errno_text(errno)));
  }
  return listener;
}

// In qemu's option strings a comma ends a value unless doubled.
std::string double_commas(std::string_view text) {
  std::string doubled;
  for (const char c : text) {
    doubled.append(c == ',' ? 2 : 1, c);
  }
  return doubled;
}

std::vector<std::string> server_arguments(const std::string& path, std::string_view qemu_format,
                                          const NbdServerOptions& options) {
  std::vector<std::string> arguments = {"qemu-nbd", "--persistent",
                                        fmt::format("--shared={}", options.connections + 1)};
  if (!options.writable) {
    arguments.emplace_back("--read-only");
  }
  if (options.allocation_depth) {
    arguments.emplace_back("--allocation-depth");
  }
  const std::string absolute = std::filesystem::absolute(path).native();
  if (options.locking) {
    arguments.push_back(fmt::format("--format={}", qemu_format));
    arguments.push_back(absolute);
  } else {
    arguments.emplace_back("--image-opts");
    arguments.push_back(fmt::format("driver={},file.driver=file,file.filename={},file.locking=off",
                                    qemu_format, double_commas(absolute)));
  }
  return arguments;
}

// "qemu-nbd: Failed to blk_new_open '/x': Image is not in qcow2 format" -> the part after the path.
std::string reason_from(const std::string& messages) {
  std::string line = messages.substr(0, messages.find('\n'));
  for (const std::string_view prefix : {"qemu-nbd: ", "Failed to blk_new_open "}) {
    if (line.starts_with(prefix)) {
      line.erase(0, prefix.size());
    }
  }
  if (line.starts_with('\'')) {
    const size_t end = line.find("': ");
    line.erase(0, end == std::string::npos ? 0 : end + 3);
  }
  return line.empty() ? "qemu-nbd ended without a message" : line;
}

struct MapAnswer {
  const char* meta_context;
  std::vector<std::pair<uint64_t, uint32_t>> entries;  // length, flags
};

int collect_map(void* user_data, const char* meta_context, uint64_t /*offset*/, uint32_t* entries,
                size_t count, int* /*error*/) {
  auto* answer = static_cast<MapAnswer*>(user_data);
  if (std::strcmp(meta_context, answer->meta_context) == 0) {
    for (size_t i = 0; i + 1 < count; i += 2) {
      answer->entries.emplace_back(entries[i], entries[i + 1]);
    }
  }
  return 0;
}

}  // namespace

void let_nbd_obey(const std::stop_token& stop) {
  const std::lock_guard lock(stop_mutex);
  stop_reading = stop;
}

bool is_nbd_uri(std::string_view source) {
  return source.starts_with("nbd://") || source.starts_with("nbd+unix://");
}

std::string nbd_export_name(std::string_view uri) {
  std::string_view rest = uri.substr(uri.find("://") + 3);
  rest = rest.substr(0, rest.find('?'));
  const size_t slash = rest.find('/');
  return slash == std::string_view::npos ? "" : std::string(rest.substr(slash + 1));
}

// One connection, taken from the idle ones and given back.
class NbdServer::Borrowed {
 public:
  explicit Borrowed(NbdServer& server) : server_(server) {
    std::unique_lock lock(server_.mutex_);
    server_.returned_.wait(lock, [this] { return !server_.idle_.empty(); });
    handle_ = server_.idle_.back();
    server_.idle_.pop_back();
  }
  ~Borrowed() {
    {
      const std::lock_guard lock(server_.mutex_);
      server_.idle_.push_back(handle_);
    }
    server_.returned_.notify_one();
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  nbd_handle* get() const { return handle_; }

 private:
  NbdServer& server_;
  nbd_handle* handle_;
};

void NbdServer::CloseHandle::operator()(nbd_handle* handle) const {
  nbd_close(handle);
}

NbdServer::NbdServer(const std::string& path, std::string_view qemu_format,
                     const NbdServerOptions& options)
    : name_(path), writable_(options.writable) {
  // The socket's name is needed only until we are connected; nobody else can reach into the
  // directory.
  const WorkDirectory directory("/tmp");
  const std::string socket_path = (directory.path() / "nbd").native();
  process_ = std::make_unique<ChildProcess>(server_arguments(path, qemu_format, options),
                                            listen_at(socket_path));
  try {
    handles_.push_back(connect(socket_path, LIBNBD_CONTEXT_BASE_ALLOCATION));
    // Without the server's promise, what one connection writes another may not see.
    const unsigned wanted =
        nbd_can_multi_conn(handles_[0].get()) == 1 ? std::max(options.connections, 1U) : 1;
    while (handles_.size() < wanted) {
      handles_.push_back(connect(socket_path, LIBNBD_CONTEXT_BASE_ALLOCATION));
    }
    if (options.allocation_depth) {
      depth_handle_ = connect(socket_path, kDepthContext);
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) {
      process_->stop(std::chrono::milliseconds(0));
      throw;
    }
    // Its last words come before its end, which is near: the socket was closed by it.
    process_->stop(std::chrono::milliseconds(200));
    throw Error(ErrorKind::image_io, fmt::format("cannot open {} as {}: {}", path, qemu_format,
                                                 reason_from(process_->standard_error())));
  }
  use_connections();
}

NbdServer::NbdServer(const std::string& uri) : name_(uri) {
  handles_.push_back(connect_uri());
  const unsigned wanted =
      nbd_can_multi_conn(handles_[0].get()) == 1 ? NbdServerOptions{}.connections : 1;
  while (handles_.size() < wanted) {
    handles_.push_back(connect_uri());
  }
  use_connections();
}

void NbdServer::use_connections() {
  for (const Handle& handle : handles_) {
    idle_.push_back(handle.get());
  }
  const int64_t bytes = nbd_get_size(handles_[0].get());
  if (bytes < 0) {
    throw_nbd_error("read the size of", name_);
  }
  size_ = static_cast<uint64_t>(bytes);
}

NbdServer::~NbdServer() {
  idle_.clear();
  depth_handle_.reset();
  handles_.clear();
  if (process_ == nullptr) {
    return;
  }
  // A writer closes its image in good order. A reader has nothing to lose, and a qemu-nbd that is
  // only just starting does not hear SIGTERM.
  process_->stop(writable_ ? std::chrono::milliseconds(10000) : std::chrono::milliseconds(0));
}

NbdServer::Handle NbdServer::connect(const std::string& socket_path,
                                     const char* meta_context) const {
  Handle handle(nbd_create());
  if (!handle || nbd_add_meta_context(handle.get(), meta_context) != 0 ||
      nbd_aio_connect_unix(handle.get(), socket_path.c_str()) != 0) {
    throw_nbd_error("connect to the qemu-nbd of", name_);
  }
  finish_connecting(handle.get(), "connect to the qemu-nbd of");
  return handle;
}

NbdServer::Handle NbdServer::connect_uri() const {
  Handle handle(nbd_create());
  // No TLS, and no file that the address could make us read.
  if (!handle || nbd_add_meta_context(handle.get(), LIBNBD_CONTEXT_BASE_ALLOCATION) != 0 ||
      nbd_set_uri_allow_tls(handle.get(), LIBNBD_TLS_DISABLE) != 0 ||
      nbd_set_uri_allow_local_file(handle.get(), false) != 0 ||
      nbd_aio_connect_uri(handle.get(), name_.c_str()) != 0) {
    throw_nbd_error("connect to", name_);
  }
  finish_connecting(handle.get(), "connect to");
  return handle;
}

void NbdServer::poll(nbd_handle* handle, const std::string& act) const {
  if (!writable_ && (given_up_ || told_to_stop())) {
    given_up_ = true;
    throw Error(ErrorKind::cancelled, fmt::format("stopped; it was to {} {}", act, name_));
  }
  if (nbd_poll(handle, kPollMilliseconds) < 0) {
    throw_nbd_error(act, name_);
  }
}

void NbdServer::finish_connecting(nbd_handle* handle, const std::string& act) const {
  while (nbd_aio_is_connecting(handle) == 1) {
    poll(handle, act);
  }
  if (nbd_aio_is_ready(handle) != 1) {
    throw_nbd_error(act, name_);
  }
}

void NbdServer::finish_command(nbd_handle* handle, int64_t cookie, const std::string& act) const {
  int done = 0;
  while (cookie >= 0 &&
         (done = nbd_aio_command_completed(handle, static_cast<uint64_t>(cookie))) == 0) {
    poll(handle, act);
  }
  if (cookie < 0 || done < 0) {
    throw_nbd_error(act, name_);
  }
}

void NbdServer::read(uint64_t offset, std::span<std::byte> into) {
  const Borrowed handle(*this);
  while (!into.empty()) {
    const size_t bytes = std::min<uint64_t>(into.size(), kLargestRequest);
    finish_command(handle.get(),
                   nbd_aio_pread(handle.get(), into.data(), bytes, offset, NBD_NULL_COMPLETION, 0),
                   fmt::format("read {} bytes at offset {} of", bytes, offset));
    into = into.subspan(bytes);
    offset += bytes;
  }
}

void NbdServer::write(uint64_t offset, std::span<const std::byte> from) {
  const Borrowed handle(*this);
  while (!from.empty()) {
    const size_t bytes = std::min<uint64_t>(from.size(), kLargestRequest);
    if (nbd_pwrite(handle.get(), from.data(), bytes, offset, 0) != 0) {
      throw_nbd_error(fmt::format("write {} bytes at offset {} of", bytes, offset), name_);
    }
    from = from.subspan(bytes);
    offset += bytes;
  }
}

void NbdServer::flush() {
  const Borrowed handle(*this);
  if (nbd_can_flush(handle.get()) == 1 && nbd_flush(handle.get(), 0) != 0) {
    throw_nbd_error("sync", name_);
  }
}

std::vector<Extent> NbdServer::data_map(uint64_t offset, uint64_t length) {
  const Borrowed handle(*this);
  return map_of(handle.get(), LIBNBD_CONTEXT_BASE_ALLOCATION, offset, length);
}

std::vector<Extent> NbdServer::change_map(uint64_t offset, uint64_t length) {
  const std::lock_guard lock(depth_mutex_);
  return map_of(depth_handle_.get(), kDepthContext, offset, length);
}

std::vector<Extent> NbdServer::map_of(nbd_handle* handle, const char* meta_context, uint64_t offset,
                                      uint64_t length) const {
  const uint64_t end = offset + length;
  const bool is_depth = std::strcmp(meta_context, kDepthContext) == 0;
  std::vector<Extent> extents;
  if (nbd_can_meta_context(handle, meta_context) != 1) {
    if (is_depth) {
      throw Error(ErrorKind::environment,
                  fmt::format("cannot tell what changed in {}: this qemu-nbd is too old for "
                              "{}; install qemu 5.2 or later",
                              name_, meta_context));
    }
    append_extent(extents, {offset, length, false, false});
    return extents;
  }
  while (offset < end) {
    MapAnswer answer = {meta_context, {}};
    const nbd_extent_callback callback = {
        .callback = collect_map, .user_data = &answer, .free = nullptr};
    const uint64_t bytes = std::min(end - offset, kLargestMapRequest);
    finish_command(handle,
                   nbd_aio_block_status(handle, bytes, offset, callback, NBD_NULL_COMPLETION, 0),
                   fmt::format("ask for the map at offset {} of", offset));
    const uint64_t before = offset;
    for (const auto& [entry_length, flags] : answer.entries) {
      // The last entry may reach beyond what was asked for.
      const uint64_t piece = std::min(entry_length, end - offset);
      append_extent(extents, {offset, piece, !is_depth && (flags & LIBNBD_STATE_ZERO) != 0,
                              is_depth && flags == 1});
      offset += piece;
    }
    if (offset == before) {
      throw Error(ErrorKind::image_io,
                  fmt::format("cannot ask for the map of {}: the server says nothing", name_));
    }
  }
  return extents;
}

NbdSource::NbdSource(const std::string& path, std::string_view qemu_format,
                     const NbdServerOptions& options)
    : server_(std::make_unique<NbdServer>(path, qemu_format, options)),
      allocation_depth_(options.allocation_depth) {}

NbdSource::NbdSource(const std::string& uri) : server_(std::make_unique<NbdServer>(uri)) {}

void NbdSource::read(uint64_t offset, std::span<std::byte> into) const {
  server_->read(offset, into);
}

std::vector<Extent> NbdSource::extents(uint64_t offset, uint64_t length) const {
  std::vector<Extent> data = server_->data_map(offset, length);
  return allocation_depth_ ? join_maps(data, server_->change_map(offset, length)) : data;
}

std::vector<Extent> join_maps(const std::vector<Extent>& data, const std::vector<Extent>& changes) {
  std::vector<Extent> joined;
  auto change = changes.begin();
  for (const Extent& piece : data) {
    uint64_t offset = piece.offset;
    const uint64_t end = piece.offset + piece.length;
    while (offset < end) {
      while (change != changes.end() && change->offset + change->length <= offset) {
        ++change;
      }
      const uint64_t stop =
          change == changes.end() ? end : std::min(end, change->offset + change->length);
      append_extent(
          joined, {offset, stop - offset, piece.zero, change != changes.end() && change->changed});
      offset = stop;
    }
  }
  return joined;
}

}  // namespace rehost
