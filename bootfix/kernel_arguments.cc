#include "bootfix/kernel_arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "bootfix/interfaces.h"

namespace rehost {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Where the word that begins at `at` ends. A quote that is never closed reaches to the end, and is
// left in `quote`.
size_t end_of_word(std::string_view text, size_t at, char& quote) {
  quote = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '\\' && quote != '\'' && at + 1 < text.size()) {
      at += 2;
      continue;
    }
    if (quote != 0) {
      quote = c == quote ? '\0' : quote;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (is_space(c)) {
      break;
    }
    ++at;
  }
  return std::min(at, text.size());
}

bool is_closed(std::string_view word) {
  char quote = 0;
  end_of_word(word, 0, quote);
  return quote == 0 && !word.ends_with('\\');
}

std::string without_quotes(std::string_view word) {
  std::string plain;
  for (const char c : word) {
    if (c != '"' && c != '\'' && c != '\\') {
      plain += c;
    }
  }
  return plain;
}

bool is_foreign_console(std::string_view value) {
  return value.starts_with("hvc") || value.starts_with("xvc");
}

bool is_foreign_clocksource(std::string_view value) {
  for (const std::string_view foreign : {"hyperv", "acpi_pm", "vmi-timer", "xen", "pit"}) {
    if (value.starts_with(foreign)) {
      return true;
    }
  }
  return false;
}

void clean_root(KernelArguments& arguments, size_t i, const ArgumentRules& rules,
                std::string_view subject, std::vector<Warning>& warnings) {
  const std::string value = arguments.value(i);
  if (!is_unstable_name(value)) {
    return;
  }
  if (rules.own_root) {
    arguments.replace(i, "root=" + *rules.own_root);
    return;
  }
  const NameMeaning meaning = rules.names->meaning(value);
  if (const auto* found = std::get_if<FoundName>(&meaning)) {
    arguments.replace(i, "root=" + found->stable);
    return;
  }
  warnings.push_back({.code = "root-not-found",
                      .subject = std::string(subject),
                      .sentence = fmt::format("root={} in {} names a device that cannot be found",
                                              value, subject)});
}

// dracut-fips mounts boot= to compare the kernel with its checksum, and stops when it cannot;
// mount.usr= is where /usr lies.
bool names_another_filesystem(std::string_view name) {
  return name == "boot" || name == "mount.usr";
}

void clean_filesystem(KernelArguments& arguments, size_t i, const ArgumentRules& rules,
                      std::string_view subject, std::vector<Warning>& warnings) {
  const std::string value = arguments.value(i);
  if (!is_unstable_name(value)) {
    return;
  }
  const NameMeaning meaning = rules.names->meaning(value);
  if (const auto* found = std::get_if<FoundName>(&meaning)) {
    arguments.replace(i, fmt::format("{}={}", arguments.name(i), found->stable));
    return;
  }
  warnings.push_back({.code = "boot-argument-not-found",
                      .subject = std::string(subject),
                      .sentence = fmt::format("{} in {} names a device that cannot be found",
                                              arguments.word(i), subject)});
}

// true: the word has been removed.
bool clean_resume(KernelArguments& arguments, size_t i, const ArgumentRules& rules,
                  std::string_view subject, std::vector<Warning>& warnings) {
  const std::string value = arguments.value(i);
  const NameMeaning meaning = rules.names->meaning(value, "swap");
  if (const auto* found = std::get_if<FoundName>(&meaning)) {
    arguments.replace(i, "resume=" + found->stable);
    return false;
  }
  if (std::holds_alternative<StableName>(meaning)) {
    return false;
  }
  arguments.remove(i);
  warnings.push_back({.code = "resume-dropped",
                      .subject = std::string(subject),
                      .sentence = fmt::format(
                          "resume={} in {} names a swap space that is not on the disks given; it "
                          "was dropped, or every start would wait for it",
                          value, subject)});
  return true;
}

// dracut.cmdline(7): ip=10.0.0.5::10.0.0.1:255.255.255.0:host:ens192:none, ip=ens192:dhcp,
// ifname=lan0:00:50:.., BOOTIF=01-00-50-... The initramfs would wait for that card, and
// NetworkManager take the address over into the running system.
bool is_of_old_network(const std::string& name, const std::string& value) {
  if (name == "ifname" || name == "BOOTIF") {
    return true;
  }
  if (name == "bootdev") {
    return is_physical_interface(value);
  }
  const std::string first = value.substr(0, value.find(':'));
  const bool address = first.find('.') != std::string::npos || first.starts_with('[');
  return name == "ip" && value.find(':') != std::string::npos &&
         (address || is_physical_interface(first) || value.starts_with("::"));
}

// true: the word has been removed.
bool clean_network(KernelArguments& arguments, size_t i, std::string_view subject,
                   std::vector<Warning>& warnings) {
  const std::string word = arguments.word(i);
  warnings.push_back(
      {.code = "network-argument-set-aside",
       .subject = std::string(subject),
       .sentence = fmt::format("{} in {} is of the old network: set aside, the initramfs asks DHCP "
                               "where it needs a network at all",
                               word, subject)});
  if (arguments.name(i) == "ip" && arguments.last_value("ip") == arguments.value(i)) {
    arguments.replace(i, "ip=dhcp");
    return false;
  }
  arguments.remove(i);
  return true;
}

}  // namespace

KernelArguments KernelArguments::parse(std::string_view text) {
  KernelArguments arguments;
  size_t at = 0;
  while (at < text.size()) {
    size_t begin = at;
    while (begin < text.size() && is_space(text[begin])) {
      ++begin;
    }
    if (begin == text.size()) {
      break;
    }
    char quote = 0;
    const size_t end = end_of_word(text, begin, quote);
    arguments.words_.push_back(
        {std::string(text.substr(at, begin - at)), std::string(text.substr(begin, end - begin))});
    at = end;
  }
  arguments.tail_ = text.substr(at);
  return arguments;
}

std::string KernelArguments::text() const {
  std::string text;
  for (const Word& word : words_) {
    text += word.space;
    text += word.text;
  }
  return text + tail_;
}

std::string KernelArguments::name(size_t i) const {
  std::string name = without_quotes(words_[i].text);
  name.resize(std::min(name.find('='), name.size()));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string KernelArguments::value(size_t i) const {
  const std::string plain = without_quotes(words_[i].text);
  const size_t equals = plain.find('=');
  return equals == std::string::npos ? "" : plain.substr(equals + 1);
}

std::optional<std::string> KernelArguments::last_value(std::string_view name_wanted) const {
  for (size_t i = size(); i-- > 0;) {
    if (name(i) == name_wanted) {
      return value(i);
    }
  }
  return std::nullopt;
}

void KernelArguments::remove(size_t i) {
  const std::string space = words_[i].space;
  words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(i));
  if (i == 0 && !words_.empty()) {
    words_.front().space = space;
  }
}

void KernelArguments::add(std::string_view word) {
  auto before = words_.begin();
  while (before != words_.end() && before->text != "--" && before->text != "---" &&
         is_closed(before->text)) {
    ++before;
  }
  if (words_.empty()) {
    words_.push_back({tail_, std::string(word)});
    tail_.clear();
    return;
  }
  if (before == words_.begin()) {
    words_.insert(before, {before->space, std::string(word)});
    words_[1].space = " ";
    return;
  }
  words_.insert(before, {" ", std::string(word)});
}

void clean_arguments(KernelArguments& arguments, const ArgumentRules& rules,
                     std::string_view subject, std::vector<Warning>& warnings) {
  const size_t timeout_equals = std::min(rules.io_timeout.find('='), rules.io_timeout.size());
  const std::string timeout_name = rules.io_timeout.substr(0, timeout_equals);
  bool resume_gone = false;
  size_t i = 0;
  while (i < arguments.size()) {
    const std::string name = arguments.name(i);
    const std::string value = arguments.value(i);
    bool removed = false;
    if (name == "root") {
      clean_root(arguments, i, rules, subject, warnings);
    } else if (names_another_filesystem(name)) {
      clean_filesystem(arguments, i, rules, subject, warnings);
    } else if (name == "resume") {
      removed = clean_resume(arguments, i, rules, subject, warnings);
      resume_gone = resume_gone || removed;
    } else if ((name == "console" && is_foreign_console(value)) ||
               (name == "clocksource" && is_foreign_clocksource(value))) {
      arguments.remove(i);
      removed = true;
    } else if (rules.network_by_dhcp && is_of_old_network(name, value)) {
      removed = clean_network(arguments, i, subject, warnings);
    } else if (!timeout_name.empty() && name == timeout_name) {
      // More than the module accepts would stop it from loading, and with it the machine.
      if (arguments.word(i) != rules.io_timeout) {
        arguments.replace(i, rules.io_timeout);
      }
    } else if (rules.classic_interface_names && (name == "net.ifnames" || name == "biosdevname") &&
               value != "0") {
      arguments.replace(i, name + "=0");
    }
    i += removed ? 0 : 1;
  }
  for (i = 0; resume_gone && i < arguments.size();) {
    if (arguments.name(i) == "resume_offset") {
      arguments.remove(i);
    } else {
      ++i;
    }
  }
}

std::vector<std::string> missing_arguments(const std::vector<KernelArguments>& parts,
                                           const ArgumentRules& rules) {
  bool any_console = false;
  bool serial_console = false;
  const auto look_at_console = [&](const std::string& value) {
    any_console = true;
    serial_console = serial_console || value == "ttyS0" || value.starts_with("ttyS0,");
  };
  for (const KernelArguments& part : parts) {
    for (size_t i = 0; i < part.size(); ++i) {
      if (part.name(i) == "console") {
        look_at_console(part.value(i));
      }
    }
  }
  const auto has = [&](std::string_view name) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](const KernelArguments& part) { return part.has(name); });
  };

  std::vector<std::string> missing;
  if (!any_console) {
    missing.emplace_back(
        "console=tty0");  // without it the first console= would take the screen away
  }
  if (!serial_console) {
    missing.emplace_back("console=ttyS0,115200n8");
  }
  if (rules.classic_interface_names) {
    for (const std::string_view name : {"net.ifnames", "biosdevname"}) {
      if (!has(name)) {
        missing.push_back(fmt::format("{}=0", name));
      }
    }
  }
  if (!rules.io_timeout.empty() && !has(rules.io_timeout.substr(0, rules.io_timeout.find('=')))) {
    missing.push_back(rules.io_timeout);
  }
  return missing;
}

void adapt_arguments(KernelArguments& arguments, const ArgumentRules& rules,
                     std::string_view subject, std::vector<Warning>& warnings) {
  clean_arguments(arguments, rules, subject, warnings);
  for (const std::string& word : missing_arguments({arguments}, rules)) {
    arguments.add(word);
  }
}

}  // namespace rehost
