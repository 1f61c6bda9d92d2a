"""One QEMU that boots throwaway overlays of disks: its command line, its serial line, QMP, and its end."""
import ctypes
import functools
import json
import os
import pathlib
import resource
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

BUSES = ("nvme", "scsi", "sata", "virtio", "ide")


@dataclass(frozen=True)
class Architecture:
    """What QEMU and its UEFI are called for one architecture, and the machine that is most like EC2's."""

    qemu: str
    uefi_code: pathlib.Path
    uefi_empty_variables: pathlib.Path
    machine: tuple[str, ...]
    emulated_processor: str
    shared_line: bool = False  # two UARTs speak on the one serial line


ARCHITECTURES = {
    "amd64": Architecture(
        "qemu-system-x86_64",
        pathlib.Path("/usr/share/OVMF/OVMF_CODE_4M.fd"),
        pathlib.Path("/usr/share/OVMF/OVMF_VARS_4M.fd"),
        # The older machine, because its slots number the network card as Nitro does: slot 5 is ens5.
        # Without a VGA card Debian's GRUB hangs in gfxterm.
        ("-machine", "pc", "-device", "VGA,addr=2", "-serial", "chardev:serial"),
        "max,la57=off",
    ),
    # Graviton's serial console is a 16550 on PCI, and so ttyS0; here the firmware speaks on the machine's own UART.
    # ACPI's SPCR table would make that a console of Linux too, with a login of its own among the other's words.
    "arm64": Architecture(
        "qemu-system-aarch64",
        pathlib.Path("/usr/share/AAVMF/AAVMF_CODE.fd"),
        pathlib.Path("/usr/share/AAVMF/AAVMF_VARS.fd"),
        ("-machine", "virt,acpi=off", "-device", "bochs-display,addr=2", "-serial", "chardev:serial",
         "-device", "pci-serial,chardev=serial,addr=1"),
        "neoverse-n1",
        shared_line=True,
    ),
}


class QemuFailed(Exception):
    """QEMU could not be started, or is gone when it should not be."""


@functools.cache
def kvm_works() -> bool:
    """Whether a virtual CPU really runs. /dev/kvm may exist and even open where it does not.

    The firmware's first words on its debug port are the proof.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    probe = subprocess.Popen(
        [ARCHITECTURES["amd64"].qemu, "-accel", "kvm", "-cpu", "host", "-nodefaults", "-display", "none",
         "-chardev", "stdio,id=words", "-device", "isa-debugcon,iobase=0x402,chardev=words"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent,
    )
    with probe:
        with selectors.DefaultSelector() as selector:
            selector.register(probe.stdout, selectors.EVENT_READ)
            words = os.read(probe.stdout.fileno(), 1) if selector.select(3) else b""
        probe.kill()
    return bool(words)


def die_with_parent() -> None:
    """For preexec_fn: a child must not outlive a script that was killed, nor leave a core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


@dataclass
class Hardware:
    """The machine to boot: what is asked on the command line of boot-guest."""

    disks: list[str]
    architecture: str = "amd64"
    bus: str = "nvme"
    reversed_order: bool = False
    uefi: bool = False
    memory: str = "1G"
    processors: int = 2
    mac: str = "0e:1d:2f:3a:4b:5c"
    accelerator: str = "auto"
    kernel: str | None = None
    initrd: str | None = None
    append: str = ""
    formats: list[str] = field(default_factory=list)  # found out when empty

    def command_line(self) -> list[str]:
        """The options of QEMU that make this machine, without serial line and QMP."""
        architecture = ARCHITECTURES[self.architecture]
        accelerator = self.accelerator
        if accelerator == "auto":
            accelerator = "kvm" if self.architecture == "amd64" and kvm_works() else "tcg"
        options = [
            "-nodefaults", "-display", "none", "-no-user-config", *architecture.machine,
            "-m", self.memory, "-smp", str(self.processors),
            "-netdev", "user,id=net", "-device", f"e1000e,netdev=net,addr=5,mac={self.mac},romfile=",
        ]
        options += ["-accel", "kvm", "-cpu", "host"] if accelerator == "kvm" else [
            "-accel", "tcg,thread=multi", "-cpu", architecture.emulated_processor]
        if self.uefi:
            options += [
                "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={_escaped(architecture.uefi_code)}",
                "-drive", f"if=pflash,unit=1,format=raw,snapshot=on,file={_escaped(architecture.uefi_empty_variables)}",
            ]
        if self.kernel:
            options += ["-kernel", self.kernel, "-append", self.append]
            options += ["-initrd", self.initrd] if self.initrd else []
        return options + self._disk_options()

    def _disk_options(self) -> list[str]:
        """Drives and their one bus. snapshot=on keeps every write in an overlay that has no name on the host."""
        adapter = {"scsi": "pvscsi", "sata": "ahci"}.get(self.bus)
        options = ["-device", f"{adapter},id=bus,addr=4"] if adapter else []
        formats = self.formats or [disk_format(disk) for disk in self.disks]
        devices = []
        for number, (disk, disk_is) in enumerate(zip(self.disks, formats)):
            drive = f"if=none,id=disk{number},format={disk_is},snapshot=on,cache=unsafe,file={_escaped(disk)}"
            options += ["-drive", drive]
            devices.append(f"drive=disk{number},bootindex={number + 1},serial=vol{number:017x}")
        if self.reversed_order:
            devices.reverse()
        for place, device in enumerate(devices):
            model = {
                "nvme": f"nvme,addr={16 + place:#x}",
                "virtio": f"virtio-blk-pci,addr={16 + place:#x}",
                "scsi": f"scsi-hd,bus=bus.0,scsi-id={place}",
                "sata": f"ide-hd,bus=bus.{place}",
                "ide": f"ide-hd,bus=ide.{place // 2},unit={place % 2}",
            }[self.bus]
            options += ["-device", f"{model},{device}"]
        return options


def disk_format(path: str) -> str:
    """The format of a disk image. Raises QemuFailed for what is none."""
    if not os.path.exists(path):
        raise QemuFailed(f"cannot open {path}: no such file")
    try:
        asked = subprocess.run(
            ["qemu-img", "info", "--force-share", "--output=json", path], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise QemuFailed("qemu-img is not installed: run scripts/setup") from None
    if asked.returncode != 0:
        raise QemuFailed(asked.stderr.strip().removeprefix("qemu-img: "))
    return json.loads(asked.stdout)["format"]


def _escaped(path: os.PathLike | str) -> str:
    """A path as the value of an option."""
    return str(path).replace(",", ",,")


class Qemu:
    """A running QEMU. `serial` grows with what the guest says; `resets` counts its resets; leave with close()."""

    def __init__(self, hardware: Hardware):
        self.started = time.monotonic()
        self.serial = bytearray()
        self.resets = 0
        self.gone = False
        self._answers: list[dict] = []
        self._qmp_bytes = b""
        self._picture = os.memfd_create("screen")
        self._errors = tempfile.TemporaryFile()
        # QEMU unlinks an overlay as soon as it is open; so this is empty, unless QEMU dies in between.
        self._overlays = tempfile.TemporaryDirectory(prefix="boot-guest-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        self._serial, serial_end = socket.socketpair()
        self._qmp, qmp_end = socket.socketpair()
        passed = (serial_end.fileno(), qmp_end.fileno(), self._picture)
        architecture = ARCHITECTURES[hardware.architecture]
        self._program = architecture.qemu
        command = [
            self._program, *hardware.command_line(),
            "-chardev", f"socket,id=serial,fd={passed[0]}{',mux=on' if architecture.shared_line else ''}",
            "-chardev", f"socket,id=qmp,fd={passed[1]}", "-mon", "chardev=qmp,mode=control",
        ]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._errors, stderr=self._errors, pass_fds=passed,
                preexec_fn=die_with_parent, env={**os.environ, "TMPDIR": self._overlays.name},
            )
        except FileNotFoundError:
            self._overlays.cleanup()
            raise QemuFailed(f"{self._program} is not installed: run scripts/setup") from None
        finally:
            serial_end.close()
            qmp_end.close()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._serial, selectors.EVENT_READ, self._take_serial)
        self._selector.register(self._qmp, selectors.EVENT_READ, self._take_qmp)
        try:
            self._answer(30)  # its greeting
            self.execute("qmp_capabilities")
            self._overlays.cleanup()
        except BaseException:
            self.close()
            raise

    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    def listen(self, seconds: float) -> None:
        """Takes in what comes within `seconds`; returns at once when something came, or when QEMU is gone."""
        if self.gone:
            return
        for key, _ in self._selector.select(seconds):
            key.data()

    def type(self, text: str) -> None:
        """Types on the serial line."""
        try:
            self._serial.sendall(text.encode())
        except OSError:
            self.gone = True

    def execute(self, command: str, **arguments) -> dict:
        """A QMP command and its answer."""
        try:
            self._qmp.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        except OSError:
            self.gone = True
        return self._answer(60)

    def picture(self) -> bytes:
        """What the VGA card shows, as a PPM file."""
        self.execute("screendump", filename=f"/proc/self/fd/{self._picture}")
        return os.pread(self._picture, os.fstat(self._picture).st_size, 0)

    def ended_well(self) -> bool:
        """Whether QEMU, which is gone, went because the guest turned the machine off. Raises when it crashed."""
        if self._process.wait(10) != 0:
            raise QemuFailed(self._last_words())
        return True

    def close(self) -> None:
        """Ends QEMU, and with it the overlays."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._overlays.cleanup()
        for socket_end in (self._serial, self._qmp):
            socket_end.close()
        self._selector.close()
        os.close(self._picture)
        self._errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _answer(self, seconds: float) -> dict:
        deadline = time.monotonic() + seconds
        while not self._answers:
            if self.gone:
                raise QemuFailed(self._last_words())
            if time.monotonic() > deadline:
                raise QemuFailed(f"{self._program} does not answer on its QMP line")
            self.listen(1)
        answer = self._answers.pop(0)
        if "error" in answer:
            raise QemuFailed(f"{self._program}: {answer['error']['desc']}")
        return answer

    def _last_words(self) -> str:
        self._process.wait(10)
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip()
        return words or f"{self._program} ended with status {self._process.returncode}"

    def _take_serial(self) -> None:
        try:
            data = self._serial.recv(65536)
        except OSError:
            data = b""
        self.serial += data
        self.gone = self.gone or not data

    def _take_qmp(self) -> None:
        try:
            data = self._qmp.recv(65536)
        except OSError:
            data = b""
        self.gone = self.gone or not data
        *lines, self._qmp_bytes = (self._qmp_bytes + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message.get("event") == "RESET":
                self.resets += message["data"].get("guest", False)
            elif "event" not in message:
                self._answers.append(message)
