"""Logs in on the serial line and runs commands there.

A serial line is shared: the terminal echoes what is typed, the kernel and systemd write in between, long lines wrap.
So echo is turned off, every command keeps its output in a file, and the file is then printed as base64 between
marks, with a checksum, and printed again when the checksum is wrong.
"""
import base64
import hashlib
import re
import time
from dataclasses import dataclass

from guests.qemu import Qemu
from guests.verdict import plain

MARK = "rehost"
PROMPT = re.compile(r"[#$%>] ?$")
ASK_LENGTH = 2000  # a terminal takes 4095 bytes a line
LARGEST_OUTPUT = 4 << 20


class ShellFailed(Exception):
    """No login, no answer, or garbage."""


class NoAnswer(ShellFailed):
    """What was waited for did not come in time."""


@dataclass
class Run:
    """A command that was run; output is what it wrote to both of its outputs."""

    command: str
    status: int
    output: str


class SerialShell:
    """A shell on the serial line of a machine that shows its login there."""

    def __init__(self, machine: Qemu):
        self._machine = machine
        self._runs = 0
        self._read = len(machine.serial)

    def log_in(self, user: str, password: str, seconds: float = 120) -> None:
        """Logs in and makes the terminal quiet."""
        deadline = time.monotonic() + seconds
        self._say(user)
        said = self._wait_for(re.compile(r"[Pp]assword: ?$|" + PROMPT.pattern), deadline)
        if re.search(r"[Pp]assword: ?$", said):
            self._say(password)
        said = self._wait_for(re.compile(r"[Ll]ogin incorrect|" + PROMPT.pattern), deadline, nudge_after=15)
        if re.search(r"[Ll]ogin incorrect", said):
            raise ShellFailed(f"cannot log in as {user}: login incorrect")
        # A dumb terminal and no prompt: neither readline's escape codes nor colours come back.
        # The mark comes from the new shell: what is typed before that, the old one has read ahead.
        ready = f"printf '@@%s-ready@@\\n' {MARK}; exec sh"
        self._say(f'stty -echo cols 500; dmesg -n 1; exec env TERM=dumb PS1= PS2= PROMPT_COMMAND= ENV= sh -c "{ready}"')
        self._wait_for(re.compile(f"@@{MARK}-ready@@"), deadline)

    def run(self, command: str, seconds: float = 120) -> Run:
        """Runs a command with sh and returns what became of it."""
        encoded = base64.b64encode(command.encode()).decode()
        self._say("c=")
        for start in range(0, len(encoded), ASK_LENGTH):
            self._say(f'c="$c"{encoded[start : start + ASK_LENGTH]}')
        self._say('f=$(mktemp); echo "$c" | base64 -d >$f.sh; sh $f.sh >$f 2>&1 </dev/null; s=$?; rm $f.sh')
        # Its mark may be torn by a kernel message, so it is asked for again and again; hence the number.
        self._runs += 1
        mark = f"{MARK}-{self._runs}"
        ask = f"printf '\\n@@%s-status %s@@\\n' {mark} $s"
        self._say(ask)
        try:
            status = re.compile(f"@@{mark}-status (\\d+)@@")
            said = self._wait_for(status, time.monotonic() + seconds, nudge=ask, nudge_after=20)
        except NoAnswer:
            raise ShellFailed(f"no end within {seconds:.0f} s of: {command}") from None
        return Run(command, int(status.search(said)[1]), self._fetch().decode(errors="replace"))

    def _fetch(self) -> bytes:
        """The content of the file $f."""
        for _ in range(5):
            self._say(
                f"printf '\\n@@%s-begin@@\\n' {MARK}; head -c {LARGEST_OUTPUT} $f | base64 -w 120; "
                f"printf '\\n@@%s-end %s@@\\n' {MARK} $(head -c {LARGEST_OUTPUT} $f | sha256sum | cut -c1-64)"
            )
            deadline = time.monotonic() + 60
            try:
                said = self._wait_for(re.compile(rf"@@{MARK}-end [0-9a-f]{{64}}@@"), deadline)
            except NoAnswer:
                continue
            body, end = said.rpartition(f"@@{MARK}-begin@@")[2].rsplit(f"@@{MARK}-end ", 1)
            lines = [line for line in body.split("\n") if re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", line)]
            try:
                content = base64.b64decode("".join(lines), validate=True)
            except ValueError:
                continue
            if hashlib.sha256(content).hexdigest() == end[:64]:
                self._say("rm $f")
                return content
        raise ShellFailed("the serial line garbles what comes over it")

    def _say(self, line: str) -> None:
        self._machine.type(line + "\r")

    def _wait_for(self, pattern: re.Pattern, deadline: float, nudge: str = "", nudge_after: float = 0) -> str:
        """Everything said since the last call, up to now, as soon as it holds `pattern`.

        What is waited for may have been torn by a kernel message: `nudge` is typed to get it again, after
        `nudge_after` seconds and then more and more seldom.
        """
        started = time.monotonic()
        while True:
            said = plain(bytes(self._machine.serial[self._read :]))
            if pattern.search(said):
                self._read = len(self._machine.serial)
                return said
            now = time.monotonic()
            if self._machine.gone:
                raise ShellFailed("the machine is gone")
            if now > deadline:
                last = said.strip().rpartition("\n")[2]
                raise NoAnswer(f"no answer on the serial line; it last said: {last[-200:]!r}")
            if nudge_after and now - started > nudge_after:
                nudge_after *= 2
                self._say(nudge)
            self._machine.listen(1)
