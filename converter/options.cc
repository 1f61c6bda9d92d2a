#include "converter/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <optional>
#include <span>
#include <sstream>

#include "bootfix/left_behind.h"
#include "converter/core/error.h"
#include "drivers/nitro_reach.h"

namespace rehost {
namespace {

namespace po = boost::program_options;

struct CommandRow {
  Command command;
  std::string_view name;
  std::string_view usage;
  std::string_view heading;
  std::string_view example;
};

constexpr CommandRow kCommands[] = {
    {Command::inspect, "inspect", "rehost inspect SOURCE... [--json]",
     "Say what is on the disks. Writes nothing.", "rehost inspect web01.vmdk web01-data.vmdk"},
    {Command::check, "check", "rehost check SOURCE... [--json]",
     "Would this boot on Nitro as it is? One line per question; exit status 0 or 8. Writes "
     "nothing.",
     "rehost check disk0.raw disk1.raw"},
    {Command::plan, "plan", "rehost plan SOURCE... [--json]",
     "Print every edit a conversion would make, with its reason and a unified diff. Writes "
     "nothing.",
     "rehost plan --initramfs append disk0.raw"},
    {Command::convert, "convert",
     "rehost convert SOURCE... --output DIR\n  rehost convert SOURCE... --in-place",
     "Make the machine boot on EC2: converted copies DIR/<stem of the source>.raw with "
     "DIR/report.json, or the sources themselves.",
     "rehost convert disk0.raw disk1.raw --output converted/"},
    {Command::commit, "commit", "rehost commit SOURCE...",
     "Finish an in-place conversion that was killed while it wrote, from its journal.",
     "rehost commit disk0.raw disk1.raw"},
    {Command::rollback, "rollback", "rehost rollback SOURCE...",
     "Undo an in-place conversion that was killed while it wrote, from its journal.",
     "rehost rollback disk0.raw disk1.raw"},
    {Command::drivers, "drivers",
     "rehost drivers list|verify DIR... [--json]\n  rehost drivers add DIR MODULE.ko...",
     "Driver bundles: list what is in one, compare every module with its manifest (exit status 0 "
     "or "
     "8), or add module files.",
     "rehost drivers add bundle/ ena.ko nvme.ko"},
    {Command::list, "list", "rehost list fixes|left-behind|distros|formats|errors",
     "Print one of the tables: what is fixed, what of the old home is disabled, where it was "
     "tested, what is read and written, what "
     "the exit codes mean.",
     "rehost list fixes"},
};

template <typename T>
struct Choice {
  std::string_view name;
  T value;
};

constexpr Choice<std::optional<InitramfsStrategy>> kStrategies[] = {
    {"auto", std::nullopt},
    {"repack", InitramfsStrategy::repack},
    {"append", InitramfsStrategy::append},
    {"rebuild", InitramfsStrategy::rebuild},
};
constexpr Choice<NetworkMode> kNetworkModes[] = {{"dhcp", NetworkMode::dhcp},
                                                 {"keep", NetworkMode::keep}};
constexpr Choice<DriversAction> kDriversActions[] = {
    {"list", DriversAction::list}, {"verify", DriversAction::verify}, {"add", DriversAction::add}};
constexpr int kNewestNitroGeneration = 99;  // of those that AWS has not built yet, too
constexpr std::string_view kLogLevels[] = {"trace", "debug", "info", "warning", "error", "off"};
constexpr std::string_view kSourceFormats[] = {"auto", "raw",  "qcow2", "vmdk",
                                               "vhd",  "vhdx", "vdi"};
constexpr std::string_view kLists[] = {"fixes", "left-behind", "distros", "formats", "errors"};

template <typename T, size_t n>
T choose(const Choice<T> (&choices)[n], std::string_view option, const std::string& text) {
  std::string names;
  for (const Choice<T>& choice : choices) {
    if (choice.name == text) {
      return choice.value;
    }
    names += (names.empty() ? "" : ", ") + std::string(choice.name);
  }
  throw Error(ErrorKind::usage,
              fmt::format("--{} cannot be '{}': it is one of {}", option, text, names));
}

void require_one_of(std::span<const std::string_view> names, std::string_view what,
                    const std::string& text) {
  if (std::find(names.begin(), names.end(), text) == names.end()) {
    throw Error(ErrorKind::usage, fmt::format("{} cannot be '{}': it is one of {}", what, text,
                                              fmt::join(names, ", ")));
  }
}

po::options_description common_options() {
  po::options_description common("Options");
  // clang-format off
  common.add_options()
      ("source-format", po::value<std::string>()->default_value("auto")->value_name("FORMAT"),
       "auto, raw, qcow2, vmdk, vhd, vhdx or vdi, for every SOURCE")
      ("initramfs", po::value<std::string>()->default_value("auto")->value_name("STRATEGY"),
       "how drivers get into an initramfs: auto, repack, append or rebuild")
      ("network", po::value<std::string>()->default_value("dhcp")->value_name("MODE"),
       "dhcp: every NIC comes up by DHCP; keep: leave the network configuration alone")
      ("keep", po::value<std::vector<std::string>>()->value_name("NAME"),
       "leave one row of 'rehost list left-behind' as it is; all: every row; may be repeated")
      ("driver-bundle", po::value<std::vector<std::string>>()->value_name("DIR"),
       "drivers for kernels that lack one; may be given several times")
      ("nitro-generation", po::value<int>()->value_name("N"),
       "5 for Nitro v5: the generation of the instance to come, which may want a newer ENA")
      ("default-kernel", po::value<std::string>()->value_name("RELEASE|keep"),
       "the kernel to start by default; without it, another one only when that of the guest cannot "
       "have NVMe or ENA")
      ("report", po::value<std::string>()->value_name("FILE"), "write the report there")
      ("events", po::value<std::string>()->value_name("FILE|fd:N"),
       "write events as JSON lines to a file or an open descriptor")
      ("work-dir", po::value<std::string>()->value_name("DIR"),
       "where overlays and sockets live while rehost runs; $TMPDIR or /var/tmp")
      ("log-level", po::value<std::string>()->default_value("warning")->value_name("LEVEL"),
       "trace, debug, info, warning, error or off; logs go to stderr")
      ("quiet", "no progress on stderr")
      ("strict", "a run with warnings fails with exit status 8")
      ("json", "print JSON on stdout")
      ("help", "this text")
      ("version", "print the version");
  // clang-format on
  return common;
}

po::options_description convert_options() {
  po::options_description convert("Options of convert");
  // clang-format off
  convert.add_options()
      ("output", po::value<std::string>()->value_name("DIR"),
       "an existing directory for the converted copies and report.json")
      ("in-place", "convert the sources themselves")
      ("overwrite", "replace files of an earlier run in DIR");
  // clang-format on
  return convert;
}

const CommandRow* find_command(std::string_view name) {
  for (const CommandRow& row : kCommands) {
    if (row.name == name) {
      return &row;
    }
  }
  return nullptr;
}

const CommandRow& require_command(const std::string& name) {
  const CommandRow* row = find_command(name);
  if (row == nullptr) {
    throw Error(ErrorKind::usage, fmt::format("there is no command '{}': see rehost --help", name));
  }
  return *row;
}

std::string text_of(const po::variables_map& values, const char* name) {
  return values.contains(name) ? values[name].as<std::string>() : std::string();
}

po::variables_map parse(const std::vector<std::string>& arguments) {
  po::options_description hidden;
  hidden.add_options()("word", po::value<std::vector<std::string>>());
  po::options_description all;
  all.add(common_options()).add(convert_options()).add(hidden);
  po::positional_options_description positional;
  positional.add("word", -1);
  po::variables_map values;
  try {
    const int style =
        po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    po::store(
        po::command_line_parser(arguments).options(all).positional(positional).style(style).run(),
        values);
  } catch (const po::error& error) {
    throw Error(ErrorKind::usage, fmt::format("{}: see rehost --help", error.what()));
  }
  return values;
}

// The rows of bootfix/left_behind.h that stay, by name.
std::vector<std::string> kept_rows(const po::variables_map& values) {
  std::vector<std::string_view> names = {"all"};
  for (const LeftBehind& row : left_behind()) {
    names.push_back(row.name);
  }
  std::vector<std::string> kept;
  if (values.contains("keep")) {
    kept = values["keep"].as<std::vector<std::string>>();
  }
  for (const std::string& name : kept) {
    require_one_of(names, "--keep", name);
  }
  return kept;
}

// The words behind `drivers`.
void take_drivers(Options& options, std::vector<std::string> words) {
  const std::string action = words.empty() ? "" : words.front();
  const auto* row =
      std::find_if(std::begin(kDriversActions), std::end(kDriversActions),
                   [&](const Choice<DriversAction>& choice) { return choice.name == action; });
  if (row == std::end(kDriversActions)) {
    throw Error(ErrorKind::usage,
                fmt::format("drivers does not know '{}': it is one of list, verify, add", action));
  }
  options.drivers_action = row->value;
  words.erase(words.begin());
  if (options.drivers_action == DriversAction::add) {
    if (words.size() < 2 || !options.driver_bundles.empty()) {
      throw Error(ErrorKind::usage, "drivers add wants DIR and the module files to add to it");
    }
    options.driver_bundles.assign(1, words.front());
    options.modules.assign(words.begin() + 1, words.end());
    return;
  }
  options.driver_bundles.insert(options.driver_bundles.end(), words.begin(), words.end());
  if (options.driver_bundles.empty()) {
    throw Error(ErrorKind::usage, fmt::format("drivers {} wants the DIR of a bundle", action));
  }
}

std::optional<int> nitro_generation(const po::variables_map& values) {
  if (!values.contains("nitro-generation")) {
    return std::nullopt;
  }
  const int generation = values["nitro-generation"].as<int>();
  if (generation < kOldestNitroGeneration || generation > kNewestNitroGeneration) {
    throw Error(ErrorKind::usage,
                fmt::format("--nitro-generation cannot be {}: it is a number from {} on, 5 for "
                            "Nitro v5",
                            generation, kOldestNitroGeneration));
  }
  return generation;
}

void check_combinations(const Options& options) {
  const bool convert = options.command == Command::convert;
  if (options.sources.empty()) {
    throw Error(ErrorKind::usage,
                "no SOURCE given: name the disk images or block devices of one "
                "machine, in the machine's own disk order");
  }
  if (convert && options.output.empty() == !options.in_place) {
    throw Error(ErrorKind::usage, "convert needs either --output DIR or --in-place");
  }
  if (!convert && (!options.output.empty() || options.in_place || options.overwrite)) {
    throw Error(ErrorKind::usage, "--output, --in-place and --overwrite belong to convert");
  }
  const bool looks = options.command == Command::inspect || options.command == Command::check ||
                     options.command == Command::plan;
  if (options.json && !looks) {
    throw Error(
        ErrorKind::usage,
        "--json belongs to inspect, check and plan; the others write a report, see --report");
  }
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  const po::variables_map values = parse(arguments);
  std::vector<std::string> words;
  if (values.contains("word")) {
    words = values["word"].as<std::vector<std::string>>();
  }
  Options options;
  if (values.contains("version")) {
    options.command = Command::version;
    return options;
  }
  if (words.empty() || values.contains("help")) {
    if (words.empty() && !values.contains("help")) {
      throw Error(ErrorKind::usage, "no command given: see rehost --help");
    }
    options.help_for = words.empty() ? "" : words[0];
    return options;
  }
  options.command = require_command(words[0]).command;
  words.erase(words.begin());
  options.log_level = text_of(values, "log-level");
  require_one_of(kLogLevels, "--log-level", options.log_level);
  if (options.command == Command::list) {
    options.list = words.size() == 1 ? words[0] : "";
    require_one_of(kLists, "the table to list", options.list);
    return options;
  }
  options.json = values.contains("json");
  if (values.contains("driver-bundle")) {
    options.driver_bundles = values["driver-bundle"].as<std::vector<std::string>>();
  }
  if (options.command == Command::drivers) {
    take_drivers(options, std::move(words));
    return options;
  }
  options.sources = words;
  options.target.nitro_generation = nitro_generation(values);
  options.source_format = text_of(values, "source-format");
  require_one_of(kSourceFormats, "--source-format", options.source_format);
  options.target.initramfs = choose(kStrategies, "initramfs", text_of(values, "initramfs"));
  options.target.network = choose(kNetworkModes, "network", text_of(values, "network"));
  options.target.keep = kept_rows(values);
  options.target.default_kernel = text_of(values, "default-kernel");
  if (values.contains("default-kernel") && options.target.default_kernel.empty()) {
    throw Error(ErrorKind::usage, "--default-kernel wants a RELEASE or keep");
  }
  options.report = text_of(values, "report");
  options.events = text_of(values, "events");
  options.work_dir = text_of(values, "work-dir");
  options.output = text_of(values, "output");
  options.quiet = values.contains("quiet");
  options.strict = values.contains("strict");
  options.in_place = values.contains("in-place");
  options.overwrite = values.contains("overwrite");
  check_combinations(options);
  return options;
}

std::string help_text(const std::string& command) {
  std::ostringstream out;
  if (!command.empty()) {
    const CommandRow& row = require_command(command);
    out << "Usage:\n  " << row.usage << "\n\n"
        << row.heading << "\n\nExample:\n  " << row.example << "\n\n";
    if (row.command == Command::list || row.command == Command::drivers) {
      return out.str();
    }
    if (row.command == Command::convert) {
      out << convert_options() << "\n";
    }
    out << common_options();
    return out.str();
  }
  out << "rehost makes the disks of a Linux machine boot on AWS EC2 Nitro.\n\nUsage:\n";
  for (const CommandRow& row : kCommands) {
    out << "  " << row.usage << "\n";
  }
  out << "\nSOURCE is a disk image or a block device; several for one machine, in the machine's "
         "own "
         "disk order.\nA source is never written unless --in-place says so.\n\nCommands:\n";
  for (const CommandRow& row : kCommands) {
    out << fmt::format("  {:<8} {}\n           e.g. {}\n", row.name, row.heading, row.example);
  }
  out << "\n"
      << convert_options() << "\n"
      << common_options() << "\nExit status: see rehost list errors\n";
  return out.str();
}

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  for (const po::options_description& group : {common_options(), convert_options()}) {
    for (const auto& option : group.options()) {
      names.push_back(option->long_name());
    }
  }
  return names;
}

}  // namespace rehost
