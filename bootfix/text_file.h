// A text file of the guest as a planner reads it, and the edits it answers with.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "converter/core/fix.h"

namespace rehost {

// `path` is where the file really lies: /etc/sysconfig/grub and /etc/default/grub are one file on
// CentOS 7, and the edit must name it once.
struct TextFile {
  GuestPath path;
  std::string content;
};

// nullopt: absent, or not a regular file.
std::optional<TextFile> read_text_file(const GuestView& guest, const GuestPath& path);

// The edit that gives `file` its new content; nothing when it has that content already.
void plan_rewrite(FixResult& result, std::string_view fix, const TextFile& file,
                  std::string_view new_content, std::string_view reason);
void plan_new_file(FixResult& result, std::string_view fix, const GuestPath& path,
                   std::string_view content, std::string_view reason);
void plan_removal(FixResult& result, std::string_view fix, const TextFile& file,
                  std::string_view reason);

}  // namespace rehost
