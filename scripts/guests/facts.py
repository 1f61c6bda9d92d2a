"""What boot-guest --facts asks a machine: one shell command, one JSON object."""
import json
import re

from guests.shell import SerialShell

# name: command, and how to read its output
QUESTIONS = {
    # First, because what follows is about a machine that has finished starting.
    "system_state": ("timeout 150 systemctl is-system-running --wait || systemctl is-system-running", "last line"),
    "failed_units": ("systemctl list-units --failed --plain --no-legend --no-pager | cut -d' ' -f1", "lines"),
    "jobs": ("systemctl list-jobs --plain --no-legend --no-pager", "lines"),
    "hostname": ("uname -n", "line"),
    "kernel": ("uname -r", "line"),
    "cmdline": ("cat /proc/cmdline", "line"),
    "root": ("findmnt -J -o SOURCE,FSTYPE,UUID,OPTIONS /", "json"),
    "mounts": ("findmnt -J --real --list -o TARGET,SOURCE,FSTYPE,OPTIONS", "json"),
    "swaps": ("sed 1d /proc/swaps | cut -d' ' -f1", "lines"),
    "block_devices": ("lsblk -J -o NAME,TYPE,SIZE,FSTYPE,UUID,MOUNTPOINT", "json"),
    "addresses": ("ip -j address", "json"),
    "default_route": ("ip -j route show default", "json"),
    "resolv_conf": ("grep -v '^#' /etc/resolv.conf", "lines"),
    "modules": ("sed 's/ .*//' /proc/modules | sort", "lines"),
    "nvme_driver": ("ls /sys/bus/pci/drivers/nvme/ | grep :", "lines"),
    "ena_loadable": ("modprobe -n ena", "success"),
    "ena_version": ("modinfo -F version ena; modinfo -F vermagic ena", "lines"),
    "boot_time": ("systemd-analyze time", "lines"),
    "uptime": ("cut -d' ' -f1 /proc/uptime", "line"),
}


def ask_facts(shell: SerialShell) -> dict:
    """Asks all questions with one command. An answer that cannot be had is null."""
    script = "".join(
        f"printf '\\n@ask {name}\\n'; {{ {command}; }} 2>/dev/null; printf '\\n@status %s\\n' $?\n"
        for name, (command, _) in QUESTIONS.items()
    )
    said = shell.run(script, seconds=300).output
    answers = {}
    for name, output, status in re.findall(r"\n@ask (\w+)\n(.*?)\n@status (\d+)\n", said, re.DOTALL):
        answers[name] = _read(output.strip(), int(status), QUESTIONS[name][1])
    return {name: answers.get(name) for name in QUESTIONS}


def _read(output: str, status: int, kind: str):
    """An answer in the form that its question has."""
    if kind == "success":
        return status == 0
    if kind == "lines":
        return output.splitlines()
    if kind == "last line":
        return output.rpartition("\n")[2] or None
    if kind == "line":
        return output or None
    try:
        content = json.loads(output)
    except ValueError:
        return None
    # findmnt and lsblk wrap their list in an object with one member.
    if isinstance(content, dict) and len(content) == 1:
        (content,) = content.values()
    return content
