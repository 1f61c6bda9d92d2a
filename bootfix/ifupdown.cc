#include "bootfix/ifupdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "bootfix/dhcp_client.h"
#include "bootfix/interfaces.h"
#include "bootfix/udev_rules.h"

namespace rehost {
namespace {

std::string_view text_of(std::string_view text, const Field& field) {
  return text.substr(field.begin, field.end - field.begin);
}

bool brings_up(std::string_view word) {
  return word == "auto" || word.starts_with("allow-");
}

bool is_self_configuring(const InterfaceStanza& stanza) {
  return stanza.method == "dhcp" || stanza.method == "auto";
}

bool is_hook(std::string_view option) {
  constexpr std::array<std::string_view, 6> kHooks = {"pre-up", "up",       "post-up",
                                                      "down",   "pre-down", "post-down"};
  return std::find(kHooks.begin(), kHooks.end(), option) != kHooks.end();
}

// A word of a command line: what it would be called as a program, without path and shell signs.
std::string_view program_of(std::string_view word) {
  constexpr std::string_view kSigns = "()`;&|$\"'";
  const size_t begin = word.find_first_not_of(kSigns);
  if (begin == std::string_view::npos) {
    return "";
  }
  word = word.substr(begin, word.find_last_not_of(kSigns) - begin + 1);
  const size_t slash = word.rfind('/');
  return slash == std::string_view::npos ? word : word.substr(slash + 1);
}

// Also inside of a word: /proc/sys/net/ipv4/conf/ens18/rp_filter.
bool mentions(std::string_view word, std::string_view name) {
  const auto is_part_of_name = [](char c) { return isalnum(static_cast<unsigned char>(c)) != 0; };
  for (size_t at = word.find(name); at != std::string_view::npos; at = word.find(name, at + 1)) {
    const size_t behind = at + name.size();
    if ((at == 0 || !is_part_of_name(word[at - 1])) &&
        (behind == word.size() || !is_part_of_name(word[behind]))) {
      return true;
    }
  }
  return false;
}

// Commands about addresses, routes and links of the old network. One that fails before the card is
// up keeps it down.
bool configures_network(const std::vector<std::string>& words) {
  constexpr std::array<std::string_view, 9> kPrograms = {
      "ip", "route", "ifconfig", "arp", "arping", "vconfig", "brctl", "bridge", "ifenslave"};
  return std::any_of(words.begin() + 1, words.end(), [&](const std::string& word) {
    return std::find(kPrograms.begin(), kPrograms.end(), program_of(word)) != kPrograms.end();
  });
}

// Options that hold on any machine: all of a DHCP stanza but those that name the card; of another
// stanza its hooks, as long as they have nothing to do with its addresses. A firewall is not lost
// with an address.
bool survives(std::string_view text, const InterfaceStanza& stanza, const InterfacesLine& option) {
  const std::vector<std::string> words = words_of(text, option);
  const bool pins_mac = words[0] == "hwaddress";
  const bool names_card = stanza.name != "eth0" &&
                          std::any_of(words.begin() + 1, words.end(), [&](const std::string& word) {
                            return mentions(word, stanza.name);
                          });
  const bool holds =
      is_self_configuring(stanza) || (is_hook(words[0]) && !configures_network(words));
  return holds && !pins_mac && !names_card;
}

// Which names are those of network cards.
class Cards {
 public:
  explicit Cards(std::set<std::string> renamed) : renamed_(std::move(renamed)) {}

  bool has(std::string_view name) const {
    return is_physical_interface(name) ||
           renamed_.contains(std::string(name.substr(0, name.find(':'))));
  }

  bool has(const InterfaceStanza& stanza) const {
    return has(stanza.name) && (stanza.family == "inet" || stanza.family == "inet6");
  }

  // A card, or something that is made of cards by its very name.
  bool carry(std::string_view name) const {
    return has(name.substr(0, name.find('.'))) || name.starts_with("bond");
  }

 private:
  std::set<std::string> renamed_;
};

// The words that end up in the warning: "address 10.0.0.5/24, gateway 10.0.0.1".
std::string joined_options(std::string_view text, const std::vector<InterfacesLine>& options) {
  std::string joined;
  for (const InterfacesLine& option : options) {
    joined +=
        fmt::format("{}{}", joined.empty() ? "" : ", ", fmt::join(words_of(text, option), " "));
  }
  return joined;
}

// Bridges, bonds and VLANs on top of the network cards of the old machine.
bool is_built_on_card(std::string_view text, const InterfaceStanza& stanza, const Cards& cards) {
  if (cards.has(stanza.name)) {
    return false;
  }
  if (cards.carry(stanza.name)) {
    return true;
  }
  constexpr std::array<std::string_view, 6> kCarriers = {"bridge_ports",    "bridge-ports",
                                                         "bond-slaves",     "slaves",
                                                         "vlan-raw-device", "vlan_raw_device"};
  return std::any_of(
      stanza.options.begin(), stanza.options.end(), [&](const InterfacesLine& option) {
        const std::vector<std::string> words = words_of(text, option);
        return std::find(kCarriers.begin(), kCarriers.end(), words[0]) != kCarriers.end() &&
               std::any_of(words.begin() + 1, words.end(), [&](const std::string& word) {
                 return cards.carry(word) || word == "all" || word == "regex";
               });
      });
}

// Rewrites the files of one guest; what has been found in one counts in the next.
class DhcpRewriter {
 public:
  explicit DhcpRewriter(Cards cards) : cards_(std::move(cards)) {}

  // To be called for all files before the first is rewritten.
  void look_at(const TextFile& file) {
    for (const InterfaceStanza& stanza : parse_interface_stanzas(file.content)) {
      if (is_built_on_card(file.content, stanza, cards_)) {
        built_on_card_.emplace(stanza.name, file.path);
      }
    }
  }

  void rewrite(const TextFile& file) {
    text_ = file.content;
    path_ = file.path;
    TextEdits edits;
    for (const InterfaceStanza& stanza : parse_interface_stanzas(text_)) {
      if (cards_.has(stanza)) {
        rewrite_card(stanza, edits);
      }
    }
    rewrite_bring_up(edits);
    result.texts.push_back(edits.apply(text_));
  }

  bool has_stanza() const { return first_stanza_file_ >= 0; }
  bool is_brought_up() const { return brought_up_; }
  // A bridge that was brought up on a card which had no stanza of its own.
  bool leaves_nothing() const { return !has_stanza() && stopped_upper_; }
  int file_of_stanza() const { return first_stanza_file_; }

  InterfacesRewrite result;

 private:
  void rewrite_card(const InterfaceStanza& stanza, TextEdits& edits) {
    const bool v6 = stanza.family == "inet6";
    bool& taken = v6 ? has_v6_ : has_v4_;
    if (taken || (v6 && !is_self_configuring(stanza))) {
      remove_stanza(stanza, edits);
      return;
    }
    taken = true;
    if (!v6) {
      first_stanza_file_ = static_cast<int>(result.texts.size());
    }
    const std::vector<Field>& words = stanza.header.words;
    if (stanza.name != "eth0") {
      edits.replace(words[1].begin, words[1].end, "eth0");
    }
    if (!v6 && stanza.method != "dhcp") {
      edits.replace(words[3].begin, words[3].end, "dhcp");
    }
    std::vector<InterfacesLine> dropped;
    for (const InterfacesLine& option : stanza.options) {
      if (!survives(text_, stanza, option)) {
        edits.remove(option.begin, option.next);
        dropped.push_back(option);
      }
    }
    warn_of_hooks(stanza, dropped);
    if (!dropped.empty()) {
      warn_set_aside(stanza, dropped, "eth0 asks DHCP instead");
    }
  }

  void remove_stanza(const InterfaceStanza& stanza, TextEdits& edits) {
    edits.remove(stanza.header.begin, stanza.header.next);
    for (const InterfacesLine& option : stanza.options) {
      edits.remove(option.begin, option.next);
    }
    std::vector<InterfacesLine> options = stanza.options;
    warn_of_hooks(stanza, options);
    warn_set_aside(stanza, options, "an EC2 instance starts with one card, eth0");
  }

  // Takes the hooks out of `options`, with a warning that has each of them.
  void warn_of_hooks(const InterfaceStanza& stanza, std::vector<InterfacesLine>& options) {
    const auto first_hook = std::stable_partition(
        options.begin(), options.end(),
        [&](const InterfacesLine& option) { return !is_hook(words_of(text_, option)[0]); });
    const std::string hooks = joined_options(text_, {first_hook, options.end()});
    options.erase(first_hook, options.end());
    if (!hooks.empty()) {
      result.warnings.push_back(
          {.code = "network-hook-dropped",
           .subject = stanza.name,
           .sentence = fmt::format("{} ran commands for {} that eth0 does not run: {}", path_.str(),
                                   stanza.name, hooks)});
    }
  }

  void warn_set_aside(const InterfaceStanza& stanza, const std::vector<InterfacesLine>& options,
                      std::string_view instead) {
    const std::string what = joined_options(text_, options);
    result.warnings.push_back(
        {.code = "network-set-aside",
         .subject = stanza.name,
         .sentence = fmt::format("{} configured {} ({} {}){}{}: set aside, {}", path_.str(),
                                 stanza.name, stanza.family, stanza.method,
                                 what.empty() ? "" : " with ", what, instead)});
  }

  void warn_not_started(const std::string& name, const GuestPath& file) {
    result.warnings.push_back(
        {.code = "network-not-started",
         .subject = name,
         .sentence = fmt::format(
             "{} builds {} on a network card of the old machine: it was left there, and is not "
             "brought up by itself any more, because its routes would cut the instance off",
             file.str(), name)});
  }

  // auto lo ens18 -> auto lo eth0
  void rewrite_bring_up(TextEdits& edits) {
    for (const InterfacesLine& line : parse_interfaces_lines(text_)) {
      if (line.words.empty() || !brings_up(text_of(text_, line.words[0]))) {
        continue;
      }
      size_t kept = 0;
      std::vector<Field> gone;
      for (size_t i = 1; i < line.words.size(); ++i) {
        const std::string_view name = text_of(text_, line.words[i]);
        const bool card = cards_.has(name);
        const auto upper = built_on_card_.find(std::string(name));
        if (upper != built_on_card_.end() || (card && brought_up_)) {
          gone.push_back(line.words[i]);
          if (upper != built_on_card_.end()) {
            warn_not_started(upper->first, upper->second);
            stopped_upper_ = true;
          }
          continue;
        }
        ++kept;
        brought_up_ = brought_up_ || card;
        if (card && name != "eth0") {
          edits.replace(line.words[i].begin, line.words[i].end, "eth0");
        }
      }
      if (kept == 0 && !gone.empty()) {
        edits.remove(line.begin, line.next);
        continue;
      }
      for (const Field& word : gone) {
        size_t begin = word.begin;
        while (is_blank(text_[begin - 1])) {
          --begin;
        }
        edits.remove(begin, word.end);
      }
    }
  }

  Cards cards_;
  std::string text_;
  GuestPath path_;
  bool stopped_upper_ = false;
  bool has_v4_ = false;
  bool has_v6_ = false;
  bool brought_up_ = false;
  int first_stanza_file_ = -1;
  std::map<std::string, GuestPath> built_on_card_;  // and the file of its stanza
};

// `auto eth0` in front of the stanza that nothing brings up.
std::string with_auto(std::string_view text) {
  for (const InterfaceStanza& stanza : parse_interface_stanzas(text)) {
    if (stanza.name == "eth0" && stanza.family == "inet") {
      TextEdits edits;
      edits.insert(stanza.header.begin, "auto eth0" + line_ending(text));
      return edits.apply(text);
    }
  }
  return std::string(text);
}

InterfacesRewrite left_alone(const std::vector<TextFile>& files, const GuestPath& damaged) {
  InterfacesRewrite rewrite;
  for (const TextFile& file : files) {
    rewrite.texts.push_back(file.content);
  }
  rewrite.warnings.push_back(
      {.code = "network-not-understood",
       .subject = damaged.str(),
       .sentence = fmt::format(
           "{} has options outside of an `iface NAME FAMILY METHOD`: the network was left as it "
           "is, let eth0 ask DHCP by hand",
           damaged.str())});
  return rewrite;
}

FixResult plan_ifupdown(const GuestView& guest, const Inspection&, const Target& target) {
  FixResult result;
  if (target.network == NetworkMode::keep || !ifupdown_in_use(guest)) {
    return result;
  }
  const std::vector<TextFile> files = read_interfaces(guest);
  InterfacesRewrite rewrite = use_dhcp(files, names_given_to_cards(guest));
  for (size_t i = 0; i < files.size(); ++i) {
    plan_rewrite(result, kIfupdownFix.name, files[i], rewrite.texts[i],
                 "the network card of EC2 has another MAC address, and its address comes by DHCP");
  }
  result.warnings = std::move(rewrite.warnings);
  if (!has_dhcp_client(guest)) {
    result.warnings.push_back(
        {.code = "dhcp-client-missing",
         .subject = "/etc/network/interfaces",
         .sentence =
             "the guest has neither dhclient nor dhcpcd nor udhcpc, so ifupdown cannot ask for an "
             "address: install isc-dhcp-client before the machine is replicated"});
  }
  return result;
}

}  // namespace

constinit const Fix kIfupdownFix = {
    .name = "network-ifupdown",
    .heading = "Let eth0 ask DHCP in /etc/network/interfaces",
    .description =
        "The first network card becomes eth0 with DHCP; static addresses, MAC addresses and "
        "further cards "
        "are set aside with a warning that says what they were. Hooks that have nothing to do with "
        "addresses run for eth0. Bridges, bonds and VLANs stay.",
    .plan = plan_ifupdown,
};

InterfacesRewrite use_dhcp(const std::vector<TextFile>& files,
                           const std::set<std::string>& renamed) {
  for (const TextFile& file : files) {
    if (!is_well_formed(file.content)) {
      return left_alone(files, file.path);
    }
  }
  DhcpRewriter rewriter{Cards(renamed)};
  for (const TextFile& file : files) {
    rewriter.look_at(file);
  }
  for (const TextFile& file : files) {
    rewriter.rewrite(file);
  }
  if (rewriter.leaves_nothing()) {
    std::string& text = rewriter.result.texts.front();
    if (!rewriter.is_brought_up()) {
      text = with_line_appended(text, "auto eth0");
    }
    text = with_line_appended(text, "iface eth0 inet dhcp");
    return std::move(rewriter.result);
  }
  if (!rewriter.has_stanza()) {
    // Nothing here configures a card: the files stay as they are.
    for (size_t i = 0; i < files.size(); ++i) {
      rewriter.result.texts[i] = files[i].content;
    }
    rewriter.result.warnings.clear();
    return std::move(rewriter.result);
  }
  if (!rewriter.is_brought_up()) {
    std::string& text = rewriter.result.texts[static_cast<size_t>(rewriter.file_of_stanza())];
    text = with_auto(text);
  }
  return std::move(rewriter.result);
}

bool ifupdown_in_use(const GuestView& guest) {
  if (!is_file(guest, GuestPath("/sbin/ifup")) && !is_file(guest, GuestPath("/usr/sbin/ifup"))) {
    return false;
  }
  const Cards cards(names_given_to_cards(guest));
  std::set<std::string> uppers;
  std::set<std::string> brought_up;
  for (const TextFile& file : read_interfaces(guest)) {
    for (const InterfaceStanza& stanza : parse_interface_stanzas(file.content)) {
      if (cards.has(stanza.name) && stanza.family == "inet") {
        return true;
      }
      if (is_built_on_card(file.content, stanza, cards)) {
        uppers.insert(stanza.name);
      }
    }
    for (const InterfacesLine& line : parse_interfaces_lines(file.content)) {
      const std::vector<std::string> words = words_of(file.content, line);
      if (!words.empty() && brings_up(words[0])) {
        brought_up.insert(words.begin() + 1, words.end());
      }
    }
  }
  return std::any_of(uppers.begin(), uppers.end(),
                     [&](const std::string& upper) { return brought_up.contains(upper); });
}

}  // namespace rehost
