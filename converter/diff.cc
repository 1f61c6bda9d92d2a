#include "converter/diff.h"

#include <fmt/format.h>
#include <git2.h>

#include <memory>
#include <span>

#include "converter/core/error.h"
#include "images/sha256.h"

namespace rehost {
namespace {

struct FreePatch {
  void operator()(git_patch* patch) const { git_patch_free(patch); }
};

// libgit2 counts its initialisations; this one lasts as long as the diff.
struct GitLibrary {
  GitLibrary() { git_libgit2_init(); }
  ~GitLibrary() { git_libgit2_shutdown(); }
  GitLibrary(const GitLibrary&) = delete;
  GitLibrary& operator=(const GitLibrary&) = delete;
};

std::string hunks_of(git_patch* patch) {
  std::string out;
  for (size_t h = 0; h < git_patch_num_hunks(patch); ++h) {
    const git_diff_hunk* hunk = nullptr;
    size_t lines = 0;
    git_patch_get_hunk(&hunk, &lines, patch, h);
    out.append(hunk->header, hunk->header_len);
    for (size_t l = 0; l < lines; ++l) {
      const git_diff_line* line = nullptr;
      git_patch_get_line_in_hunk(&line, patch, h, l);
      if (line->origin == ' ' || line->origin == '+' || line->origin == '-') {
        out += line->origin;
      }
      out.append(line->content, line->content_len);
    }
  }
  return out;
}

// What a person can compare with the sums of others.
std::string binary_line(std::optional<std::string_view> before,
                        std::optional<std::string_view> after) {
  std::string line = "binary: ";
  line += before ? fmt::format("{} bytes", before->size()) : "";
  line += before && after ? " become " : "";
  if (after) {
    line += fmt::format("{}{}, sha256 {}", after->size(), before ? "" : " bytes",
                        to_hex(sha256(std::as_bytes(std::span(after->data(), after->size())))));
  }
  return line + "\n";
}

}  // namespace

std::string unified_diff(const GuestPath& path, std::optional<std::string_view> before,
                         std::optional<std::string_view> after) {
  const GitLibrary library;
  git_diff_options options;
  git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
  options.context_lines = 3;
  git_patch* raw = nullptr;
  const std::string_view old_text = before.value_or("");
  const std::string_view new_text = after.value_or("");
  if (git_patch_from_buffers(&raw, old_text.data(), old_text.size(), path.str().c_str(),
                             new_text.data(), new_text.size(), path.str().c_str(), &options) != 0) {
    throw Error(ErrorKind::internal, "cannot compare two versions of " + path.str());
  }
  const std::unique_ptr<git_patch, FreePatch> patch(raw);
  std::string out = fmt::format("--- {}\n+++ {}\n", before ? "a" + path.str() : "/dev/null",
                                after ? "b" + path.str() : "/dev/null");
  if ((git_patch_get_delta(raw)->flags & GIT_DIFF_FLAG_BINARY) != 0) {
    return out + binary_line(before, after);
  }
  return out + hunks_of(raw);
}

namespace {

struct DescribeChange {
  const GuestView& before;

  std::string operator()(const WriteFile& edit) const {
    return unified_diff(edit.path, before.read(edit.path, kMaxInitramfsBytes), edit.content);
  }
  std::string operator()(const AppendFile& edit) const {
    const std::string old = before.read(edit.path, kMaxInitramfsBytes).value_or("");
    return unified_diff(edit.path, old, old + edit.content);
  }
  std::string operator()(const RemoveFile& edit) const {
    if (const std::optional<std::string> target = before.read_link(edit.path)) {
      return fmt::format("unlink {} -> {}\n", edit.path.str(), *target);
    }
    const std::optional<FileStat> stat = stat_target(before, edit.path);
    if (stat && stat->size > kMaxTextBytes) {
      return fmt::format("remove {}: {} bytes\n", edit.path.str(), stat->size);
    }
    return unified_diff(edit.path, before.read(edit.path), std::nullopt);
  }
  std::string operator()(const RemoveTree& edit) const {
    return fmt::format("remove {}/ and the {} entries below it\n", edit.path.str(), edit.entries);
  }
  std::string operator()(const MakeSymlink& edit) const {
    return fmt::format("symlink {} -> {}\n", edit.path.str(), edit.target);
  }
  std::string operator()(const AddToInitramfs& edit) const {
    std::string out = fmt::format("{} {}: add {}\n", to_string(edit.strategy), edit.path.str(),
                                  fmt::join(edit.modules, ", "));
    for (const ArchiveEntry& entry : edit.entries) {
      out += fmt::format("+ {} ({} bytes)\n", entry.path, entry.content.size());
    }
    return out;
  }
  std::string operator()(const RunInGuest& edit) const {
    return fmt::format("run in the guest: {}\n", fmt::join(edit.argv, " "));
  }
};

}  // namespace

std::string describe_change(const GuestView& before, const Edit& edit) {
  std::string text = std::visit(DescribeChange{before}, edit.action);
  for (const FileLabel& label : edit.labels) {
    text += fmt::format("label {} {}\n", label.path.str(), label.context);
  }
  return text;
}

}  // namespace rehost
