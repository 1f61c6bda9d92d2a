// A file that is too large for one message to the appliance waits in the work directory while it is
// uploaded, and is gone afterwards.
#pragma once

#include <string>
#include <string_view>

namespace rehost {

class TransferFile {
 public:
  // Throws Error(environment) when the work directory has no room for it.
  TransferFile(const std::string& work_directory, std::string_view content);
  ~TransferFile();
  TransferFile(const TransferFile&) = delete;
  TransferFile& operator=(const TransferFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace rehost
