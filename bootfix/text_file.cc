#include "bootfix/text_file.h"

namespace rehost {

std::optional<TextFile> read_text_file(const GuestView& guest, const GuestPath& path) {
  const std::optional<GuestPath> real = resolve(guest, path);
  if (!real) {
    return std::nullopt;
  }
  std::optional<std::string> content = guest.read(*real);
  if (!content) {
    return std::nullopt;
  }
  return TextFile{.path = *real, .content = std::move(*content)};
}

void plan_rewrite(FixResult& result, std::string_view fix, const TextFile& file,
                  std::string_view new_content, std::string_view reason) {
  if (new_content == file.content) {
    return;
  }
  result.edits.push_back(Edit{.fix = std::string(fix),
                              .reason = std::string(reason),
                              .action = WriteFile{.path = file.path,
                                                  .content = std::string(new_content),
                                                  .expects = hash_content(file.content)}});
}

void plan_new_file(FixResult& result, std::string_view fix, const GuestPath& path,
                   std::string_view content, std::string_view reason) {
  result.edits.push_back(Edit{
      .fix = std::string(fix),
      .reason = std::string(reason),
      .action = WriteFile{.path = path, .content = std::string(content), .expects = std::nullopt}});
}

void plan_removal(FixResult& result, std::string_view fix, const TextFile& file,
                  std::string_view reason) {
  result.edits.push_back(
      Edit{.fix = std::string(fix),
           .reason = std::string(reason),
           .action = RemoveFile{.path = file.path, .expects = hash_content(file.content)}});
}

}  // namespace rehost
