// Diffs in report.html: coloured by line, and cut where nobody would read on.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rehost {

// What is left of a page's room for diffs. A guest with a hundred thousand changed lines must not
// make a page that no browser opens; the JSON report has everything.
struct DiffRoom {
  size_t bytes = size_t{1} << 20;
};

// A diff as describe_change() writes it, as a <pre>. Takes what it needs from `room`.
std::string html_diff(std::string_view diff, DiffRoom& room);

}  // namespace rehost
