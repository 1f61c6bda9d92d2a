#include "converter/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <optional>
#include <sstream>

#include "converter/choices.h"
#include "converter/core/error.h"
#include "converter/run_options.h"

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
     "rehost convert SOURCE... --output DIR [--format FORMAT]\n  rehost convert SOURCE... "
     "--output-disk DISK...\n  rehost convert SOURCE... --in-place",
     "Make the machine boot on EC2: converted copies DIR/<stem of the source>.raw with "
     "DIR/report.json, other disks, or the sources themselves.",
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
    {Command::manifest, "manifest", "rehost manifest SOURCE [--manifest FILE]",
     "Write a hash of every 512 KiB block of a disk, to stdout or FILE (docs/manifest-format.md).",
     "rehost manifest disk0.vmdk --manifest disk0.manifest"},
    {Command::verify, "verify", "rehost verify SOURCE --manifest FILE",
     "Name the blocks of a disk that differ from its manifest; exit status 0 or 8.",
     "rehost verify converted/disk0.raw --manifest converted/disk0.manifest"},
    {Command::apply_delta, "apply-delta", "rehost apply-delta DELTA SOURCE",
     "Put a delta, as convert --format delta writes it, onto an untouched copy of the disk it was "
     "made from.",
     "rehost apply-delta converted/disk0.delta copy-of-disk0.raw"},
    {Command::run, "run",
     "rehost run --job FILE|- [--job-root DIR]\n  rehost run --jobs DIR [--parallel N]",
     "The worker of an orchestrator: do what a job says (docs/job.md), or every job DIR/*.json, "
     "each "
     "in a process of its own.",
     "rehost run --job web01.json --events fd:3"},
    {Command::list, "list", "rehost list fixes|left-behind|distros|formats|errors",
     "Print one of the tables: what is fixed, what of the old home is disabled, where it was "
     "tested, what is read and written, what "
     "the exit codes mean.",
     "rehost list fixes"},
};

struct DriversRow {
  std::string_view name;
  DriversAction action;
};

constexpr DriversRow kDriversActions[] = {
    {"list", DriversAction::list}, {"verify", DriversAction::verify}, {"add", DriversAction::add}};
constexpr std::string_view kLogLevels[] = {"trace", "debug", "info", "warning", "error", "off"};
constexpr std::string_view kLogFormats[] = {"text", "json"};
constexpr std::string_view kLists[] = {"fixes", "left-behind", "distros", "formats", "errors"};

po::options_description common_options() {
  po::options_description common("Options");
  // clang-format off
  common.add_options()
      ("source-format", po::value<std::string>()->default_value("auto")->value_name("FORMAT"),
       "auto, raw, qcow2, vmdk, vhd, vhdx or vdi, for every SOURCE")
      ("allow-backing", "open images that name other files beneath them, which you vouch for")
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
      ("events", po::value<std::string>()->value_name("FILE|fd:N|-"),
       "write events as JSON lines to a file, an open descriptor or stdout")
      ("work-dir", po::value<std::string>()->value_name("DIR"),
       "where overlays and sockets live while rehost runs; $TMPDIR or /var/tmp")
      ("appliance", po::value<std::string>()->value_name("DIR|stock"),
       "what scripts/make-appliance has built, or libguestfs's own; $REHOST_APPLIANCE, or found by itself")
      ("log-level", po::value<std::string>()->default_value("warning")->value_name("LEVEL"),
       "trace, debug, info, warning, error or off; logs go to stderr")
      ("log-file", po::value<std::string>()->value_name("FILE"), "append logs to a file instead")
      ("log-format", po::value<std::string>()->default_value("text")->value_name("FORMAT"),
       "text, or json: one object a line")
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
      ("format", po::value<std::string>()->default_value("raw")->value_name("FORMAT"),
       "of the copies in DIR: raw, qcow2, qcow2-compressed, vmdk (streamOptimized), vhd, vhd-fixed, or delta: the "
       "changed blocks alone")
      ("output-disk", po::value<std::vector<std::string>>()->value_name("DISK"),
       "a block device or file that becomes the converted disk, every byte of it; one for each SOURCE, in their order")
      ("in-place", "convert the sources themselves: raw, qcow2, VDI, VMDK")
      ("overwrite", "replace files of an earlier run in DIR")
      ("source-manifest", po::value<std::vector<std::string>>()->value_name("FILE"),
       "what a SOURCE must hold, as rehost manifest writes it; one for each SOURCE, in their order")
      ("no-manifest", "write no manifest of the result, which in place and for a delta means reading all of it")
      ("verify", "read the result back and compare it with its manifest");
  // clang-format on
  return convert;
}

po::options_description image_options() {
  po::options_description image("Options of manifest and verify");
  image.add_options()("manifest", po::value<std::string>()->value_name("FILE"),
                      "the manifest to write, or to compare with");
  return image;
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

po::variables_map parse(const std::vector<std::string>& arguments) {
  po::options_description hidden;
  hidden.add_options()("word", po::value<std::vector<std::string>>());
  po::options_description all;
  all.add(common_options())
      .add(convert_options())
      .add(run_options())
      .add(image_options())
      .add(hidden);
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
  std::vector<std::string> kept = texts_of(values, "keep");
  for (const std::string& name : kept) {
    require_kept_row("--keep", name);
  }
  return kept;
}

// The words behind `drivers`.
void take_drivers(Options& options, std::vector<std::string> words) {
  const std::string action = words.empty() ? "" : words.front();
  const auto* row = std::find_if(std::begin(kDriversActions), std::end(kDriversActions),
                                 [&](const DriversRow& known) { return known.name == action; });
  if (row == std::end(kDriversActions)) {
    throw Error(ErrorKind::usage,
                fmt::format("drivers does not know '{}': it is one of list, verify, add", action));
  }
  options.drivers_action = row->action;
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
  require_nitro_generation("--nitro-generation", generation);
  return generation;
}

void require_one_for_each_source(const std::vector<std::string>& files, std::string_view option,
                                 const Options& options) {
  if (!files.empty() && files.size() != options.sources.size()) {
    throw Error(ErrorKind::usage,
                fmt::format("--{} is given {} times for {} sources: give it once for each, in "
                            "their order",
                            option, files.size(), options.sources.size()));
  }
}

void check_destination(const Options& options) {
  const int destinations = static_cast<int>(!options.output.empty()) +
                           static_cast<int>(!options.output_disks.empty()) +
                           static_cast<int>(options.in_place);
  if (destinations != 1) {
    throw Error(ErrorKind::usage,
                "convert needs one of --output DIR, --output-disk DISK and --in-place");
  }
  require_one_for_each_source(options.output_disks, "output-disk", options);
  require_one_for_each_source(options.source_manifests, "source-manifest", options);
  if (options.format != "raw" && options.output.empty()) {
    throw Error(ErrorKind::usage, "--format belongs to --output DIR");
  }
  if (options.format != kDelta) {
    require_output_format("--format", options.format);
  }
  if (options.verify && !options.write_manifest) {
    throw Error(ErrorKind::usage, "--verify needs the manifest that --no-manifest forbids");
  }
}

void check_image_command(const Options& options) {
  const bool manifest = options.command == Command::manifest;
  const bool verify = options.command == Command::verify;
  if ((manifest || verify) && options.sources.size() != 1) {
    throw Error(ErrorKind::usage, "manifest and verify look at one SOURCE at a time");
  }
  if (verify && options.manifest.empty()) {
    throw Error(ErrorKind::usage, "verify needs --manifest FILE to compare with");
  }
  if (!manifest && !verify && !options.manifest.empty()) {
    throw Error(ErrorKind::usage, "--manifest belongs to manifest and verify");
  }
}

void check_combinations(const Options& options) {
  const bool convert = options.command == Command::convert;
  if (options.sources.empty()) {
    throw Error(ErrorKind::usage,
                "no SOURCE given: name the disk images or block devices of one "
                "machine, in the machine's own disk order");
  }
  if (convert) {
    check_destination(options);
  } else if (!options.output.empty() || !options.output_disks.empty() || options.in_place ||
             options.overwrite || options.verify || !options.write_manifest ||
             options.format != "raw" || !options.source_manifests.empty()) {
    throw Error(ErrorKind::usage,
                "--output, --output-disk, --in-place, --overwrite, --format, --source-manifest, "
                "--no-manifest and --verify belong to convert");
  }
  check_image_command(options);
  const bool writes = convert || options.command == Command::commit ||
                      options.command == Command::rollback ||
                      options.command == Command::apply_delta || !options.manifest.empty();
  if (options.events == "-" && (!writes || options.command == Command::verify)) {
    throw Error(ErrorKind::usage,
                "--events - goes to stdout, where this command prints its result: name a file or a "
                "descriptor");
  }
  const bool looks = options.command == Command::inspect || options.command == Command::check ||
                     options.command == Command::plan || options.command == Command::verify;
  if (options.json && !looks) {
    throw Error(ErrorKind::usage,
                "--json belongs to inspect, check, plan, verify and drivers; the others write a "
                "report, see "
                "--report");
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
  options.log_file = text_of(values, "log-file");
  options.log_format = text_of(values, "log-format");
  require_one_of(kLogFormats, "--log-format", options.log_format);
  if (options.command == Command::list) {
    options.list = words.size() == 1 ? words[0] : "";
    require_one_of(kLists, "the table to list", options.list);
    return options;
  }
  options.json = values.contains("json");
  options.driver_bundles = texts_of(values, "driver-bundle");
  if (options.command == Command::drivers) {
    take_drivers(options, std::move(words));
    return options;
  }
  if (options.command == Command::apply_delta) {
    if (words.size() != 2) {
      throw Error(ErrorKind::usage, "apply-delta needs a DELTA and the disk it is for");
    }
    options.delta = words.front();
    words.erase(words.begin());
  }
  if (options.command == Command::run) {
    take_run(options, values, words);
    return options;
  }
  refuse_run_options(values);
  options.sources = words;
  options.target.nitro_generation = nitro_generation(values);
  options.source_format = text_of(values, "source-format");
  require_source_format("--source-format", options.source_format);
  options.target.initramfs = initramfs_choice("--initramfs", text_of(values, "initramfs"));
  options.target.network = network_choice("--network", text_of(values, "network"));
  options.target.keep = kept_rows(values);
  options.target.default_kernel = text_of(values, "default-kernel");
  if (values.contains("default-kernel") && options.target.default_kernel.empty()) {
    throw Error(ErrorKind::usage, "--default-kernel wants a RELEASE or keep");
  }
  options.report = text_of(values, "report");
  options.events = text_of(values, "events");
  options.work_dir = text_of(values, "work-dir");
  options.appliance = text_of(values, "appliance");
  options.output = text_of(values, "output");
  options.output_disks = texts_of(values, "output-disk");
  options.source_manifests = texts_of(values, "source-manifest");
  options.format = text_of(values, "format");
  options.manifest = text_of(values, "manifest");
  options.allow_backing = values.contains("allow-backing");
  options.write_manifest = !values.contains("no-manifest");
  options.verify = values.contains("verify");
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
    if (row.command == Command::run) {
      out << run_options() << "\n" << with_run(common_options());
      return out.str();
    }
    if (row.command == Command::manifest || row.command == Command::verify) {
      out << image_options() << "\n";
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
    out << fmt::format("  {:<11} {}\n              e.g. {}\n", row.name, row.heading, row.example);
  }
  out << "\n"
      << convert_options() << "\n"
      << run_options() << "\n"
      << image_options() << "\n"
      << common_options() << "\nExit status: see rehost list errors\n";
  return out.str();
}

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  for (const po::options_description& group :
       {common_options(), convert_options(), run_options(), image_options()}) {
    for (const auto& option : group.options()) {
      names.push_back(option->long_name());
    }
  }
  return names;
}

}  // namespace rehost
