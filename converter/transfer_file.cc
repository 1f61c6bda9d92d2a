#include "converter/transfer_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "converter/core/error.h"

namespace rehost {

TransferFile::TransferFile(const std::string& work_directory, std::string_view content)
    : path_(work_directory + "/transfer") {
  std::ofstream out(path_, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.flush();
  if (!out) {
    const int error = errno;
    unlink(path_.c_str());
    throw Error(ErrorKind::environment,
                fmt::format("cannot write {}: {}; --work-dir names a folder with more room", path_,
                            errno_text(error)));
  }
}

TransferFile::~TransferFile() {
  unlink(path_.c_str());
}

}  // namespace rehost
