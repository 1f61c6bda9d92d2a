"""Tells from what a machine says how its boot ended. The signs are in the order in which they are looked for."""
import re
from dataclasses import dataclass

VERDICTS = (
    "login", "initramfs-shell", "dracut-shell", "emergency", "root-missing", "grub-rescue", "grub-shell", "no-boot",
    "panic", "reboot-loop", "powered-off", "timeout",
)  # fmt: skip

SIGNS = [
    ("panic", r"Kernel panic - not syncing"),
    ("initramfs-shell", r"^\(initramfs\)|ALERT! .* does not exist\. +Dropping to a shell!"),
    ("dracut-shell", r"^dracut:/#|/run/initramfs/rdsosreport\.txt|dracut.*Warning: Could not boot"),
    ("emergency", r"You are in (?:emergency|rescue) mode|^Give root password for maintenance"
                  r"|^Cannot open access to console, the root account is locked"),
    ("grub-rescue", r"^grub rescue>"),
    ("grub-shell", r"^grub>"),
    # SeaBIOS, the UEFI boot manager and its shell, and the boot sectors of GRUB, syslinux and DOS.
    ("no-boot", r"^No bootable device|^BdsDxe: No bootable option|^UEFI Interactive Shell|^Shell>"
                r"|^GRUB (?:Geom|Hard Disk|Read|Floppy) ?Error|[Oo]perating system not found|^Missing operating system"
                r"|^Non-[Ss]ystem disk"),
    ("login", r"^(?!Last )[\w.-]+ login:"),
]  # fmt: skip
SIGNS = [(verdict, re.compile(pattern, re.MULTILINE)) for verdict, pattern in SIGNS]

# systemd in a dracut initramfs waits for the root device without end, and counts: "A start job is running for
# /dev/sda2 (1min 40s / no limit)", in Debian 13 "Job dev-sda2.device/start running (1min / no limit)".
WAITING = re.compile(
    r"(?:job is running for (?:/dev/|dev-)|Job dev-).*\((?:(\d+)h )?(?:(\d+)min ?)?(?:(\d+)s)? / no limit\)"
)
WAITED_ENOUGH = 60

KERNEL_SPEAKS = re.compile(
    r"^\[ *\d+\.\d{6}\] |Linux version \d|^Loading, please wait|^Begin: |\[  OK  \]|: clean, \d+/\d+ files"
    r"|^Welcome to \S+ .*!$|systemd\[1\]: ", re.MULTILINE)
ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9AB]|\x1b[=>78cDEHMNOZ]|[\x00\x07\x0e\x0f]"
)


@dataclass
class Sign:
    """A verdict and the line it was read from."""

    verdict: str
    line: str


def find_sign(text: str) -> Sign | None:
    """The first sign in `text`, if there is one."""
    for verdict, pattern in SIGNS:
        if found := pattern.search(text):
            return Sign(verdict, _line_at(text, found))
    for found in WAITING.finditer(text):
        hours, minutes, seconds = (int(number or 0) for number in found.groups())
        if hours * 3600 + minutes * 60 + seconds >= WAITED_ENOUGH:
            return Sign("root-missing", _line_at(text, found))
    return None


def kernel_speaks(text: str) -> bool:
    """Whether a Linux has this line as its console, not only the firmware and GRUB."""
    return bool(KERNEL_SPEAKS.search(text))


def plain(data: bytes) -> str:
    """Terminal output without what is for the terminal."""
    return ESCAPES.sub("", data.decode(errors="replace")).replace("\r\n", "\n").replace("\r", "\n")


def _line_at(text: str, found: re.Match) -> str:
    """The line in which a match starts."""
    start = text.rfind("\n", 0, found.start() + 1) + 1
    end = text.find("\n", found.end())
    return text[start : end if end >= 0 else None].strip()
