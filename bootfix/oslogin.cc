#include "bootfix/oslogin.h"

#include <algorithm>
#include <vector>

#include "bootfix/text_edits.h"

namespace rehost {
namespace {

constexpr std::string_view kMark = "# Added by Google Compute Engine OS Login.";
constexpr std::string_view kBegin = "#### Google OS Login control. Do not edit this section. ####";
constexpr std::string_view kEnd = "#### End Google OS Login control section. ####";

bool has(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

// What becomes of a line that follows kMark: taken away, taken away and the next one asked as well
// (one mark stands over several lines in PAM's files), left, or left without its '#'.
enum class Marked { remove, remove_and_next, keep, uncomment };

// Takes the sections away and hands each line behind a mark to `marked`. A section without an end
// is no section: somebody has edited it, and everything behind it is theirs.
std::string without_google(std::string_view text, Marked (*marked)(std::string_view line),
                           bool (*elsewhere)(std::string_view line)) {
  const std::vector<Line> lines = split_lines(text);
  TextEdits edits;
  bool after_mark = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = content_of(text, lines[i]);
    if (has(line, kBegin)) {
      const auto end = std::find_if(lines.begin() + static_cast<ptrdiff_t>(i), lines.end(),
                                    [&](const Line& l) { return has(content_of(text, l), kEnd); });
      if (end != lines.end()) {
        edits.remove(lines[i].begin, end->next);
        i = static_cast<size_t>(end - lines.begin());
        continue;
      }
    }
    if (has(line, kMark)) {
      edits.remove(lines[i].begin, lines[i].next);
      after_mark = true;
      continue;
    }
    const Marked fate = after_mark ? marked(line) : Marked::keep;
    after_mark = fate == Marked::remove_and_next;
    if (fate == Marked::remove || fate == Marked::remove_and_next || elsewhere(line)) {
      edits.remove(lines[i].begin, lines[i].next);
    } else if (fate == Marked::uncomment) {
      edits.remove(lines[i].begin, lines[i].begin + 1);
    }
  }
  return edits.apply(text);
}

bool nowhere_else(std::string_view) {
  return false;
}

}  // namespace

std::string nsswitch_without_oslogin(std::string_view text) {
  TextEdits edits;
  for (const Line& line : split_lines(text)) {
    const std::string_view content = content_of(text, line);
    const size_t comment = std::min(content.find('#'), content.size());
    const Line services{.begin = line.begin, .end = line.begin + comment, .next = line.next};
    for (const Field& field : split_fields(text, services)) {
      const std::string_view word = text.substr(field.begin, field.end - field.begin);
      if (word != "oslogin" && word != "cache_oslogin") {
        continue;
      }
      size_t begin = field.begin;
      while (begin > line.begin && is_blank(text[begin - 1])) {
        --begin;
      }
      edits.remove(begin, field.end);
    }
  }
  return edits.apply(text);
}

std::string sshd_config_without_oslogin(std::string_view text) {
  return without_google(
      text,
      [](std::string_view line) {
        return line.starts_with("#") ? Marked::uncomment : Marked::remove;
      },
      nowhere_else);
}

std::string pam_without_oslogin(std::string_view text) {
  return without_google(
      text,
      [](std::string_view line) {
        const bool added =
            has(line, "pam_oslogin") || has(line, "pam_mkhomedir.so") || has(line, "pam_group.so");
        return added ? Marked::remove_and_next : Marked::keep;
      },
      [](std::string_view line) {
        return has(line, "pam_oslogin") && !trim(line).starts_with("#");
      });
}

std::string group_conf_without_oslogin(std::string_view text) {
  return without_google(
      text,
      [](std::string_view line) {
        return line.starts_with("sshd;") ? Marked::remove : Marked::keep;
      },
      nowhere_else);
}

std::string hosts_without_google(std::string_view text) {
  TextEdits edits;
  for (const Line& line : split_lines(text)) {
    if (trim(content_of(text, line)).ends_with("# Added by Google")) {
      edits.remove(line.begin, line.next);
    }
  }
  return edits.apply(text);
}

}  // namespace rehost
