// Text for a reader who may have stopped reading: that must not stop the conversion, nor keep a
// signal from ending it.
#pragma once

#include <string_view>

namespace rehost {

enum class Written { whole, nothing, broken };

// Waits so many milliseconds for room; `broken` is also a text of which only a part was written.
Written write_patiently(int fd, std::string_view text, int patience);

// Waits a second for room; after that nothing is waited for until there is room again, and what
// has none is lost. Any thread may call it.
void write_to_stderr(std::string_view text);

}  // namespace rehost
