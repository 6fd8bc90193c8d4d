"""What the machine under the program can do to it: end it, fill its disk, turn its clock."""

import asyncio
import contextlib
import os
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Self

import httpx

from tests.bot.program import environment, waited

_CLOCK = Path(__file__).parent / "clock.c"
_BLOCK = bytes(64 * 1024)


@dataclass(slots=True)
class Worker:
    """One `paymo-xero serve`; what it logs is kept beside its clock."""

    number: int
    port: int
    folder: Path
    settings: dict[str, str]
    process: asyncio.subprocess.Process | None = None
    kept_before: float = 0  # seconds for which the machine ran others, when it was last asked

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.returncode is None

    @property
    def pid(self) -> int:
        """Its process."""
        return 0 if self.process is None else self.process.pid

    @property
    def log(self) -> Path:
        """What it has logged so far."""
        return self.folder / f"worker-{self.number}.log"

    async def start(self) -> None:
        """Start it, unless it runs."""
        if self.runs:
            return
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.cli", "serve",
                cwd=self.folder, env=environment(**self.settings), stdout=log, stderr=log,
            )  # fmt: skip
        self.kept_before = 0

    async def ready(self) -> None:
        """Wait until it can work; one that ended by itself is started again, as a host would."""
        url = f"http://127.0.0.1:{self.port}/readyz"
        async with asyncio.timeout(600), httpx.AsyncClient(trust_env=False) as http:
            while True:
                await self.start()
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(url, timeout=5)).status_code == HTTPStatus.OK:
                        return
                await asyncio.sleep(0.2)

    async def end(self, *, kindly: bool = False) -> None:
        """Kill it, or ask it to stop, and wait until it has ended."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM if kindly else signal.SIGKILL)
            await self.process.wait()

    def kept_waiting(self) -> float:
        """Return for how many seconds the machine has run others since this was last asked."""
        total = waited(self.pid) if self.runs else self.kept_before
        kept, self.kept_before = max(0.0, total - self.kept_before), total
        return kept

    def has_connection(self, port: int) -> bool:
        """Say whether the connection from this port is its own."""
        socket = _socket_at(port)
        fds = Path(f"/proc/{self.pid}/fd")
        with contextlib.suppress(OSError):
            return any(_target(each) == socket for each in fds.iterdir())
        return False


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _socket_at(port: int) -> str:
    """Return the socket at a local port, as the links in /proc name it."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].partition(":")[2], 16) == port:
            return f"socket:[{fields[9]}]"
    return "none"


@dataclass(slots=True)
class Disk:
    """A small disk that can be filled, where we may mount one; otherwise a folder."""

    folder: Path
    is_own: bool = False

    @classmethod
    def mount(cls, folder: Path, megabytes: int) -> Self:
        """Make it."""
        folder.mkdir(mode=0o755)
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "none", str(folder)]
        may = os.geteuid() == 0 and shutil.which("mount") is not None
        done = may and not subprocess.run(command, check=False, capture_output=True).returncode  # noqa: S603 - the command is ours
        return cls(folder, bool(done))

    def fill(self) -> None:
        """Leave no room."""
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb", 0) as file:
            while file.write(_BLOCK):
                pass

    def free(self) -> None:
        """Make room again."""
        (self.folder / "filler").unlink(missing_ok=True)

    def unmount(self) -> None:
        """Take it away with all that is on it."""
        if self.is_own:
            subprocess.run(["umount", "-l", str(self.folder)], check=False)  # noqa: S603, S607 - ours


@dataclass(slots=True)
class HostClock:
    """The calendar clock of all workers, where a C compiler can make one that turns."""

    file: Path
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def build(cls, folder: Path) -> Self:
        """Make it, beside the file that says how far it is off."""
        made = cls(folder / "shift")
        made.turn(0)
        library, compiler = folder / "clock.so", shutil.which("cc")
        if compiler is not None:
            command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_CLOCK), "-ldl"]
            if not subprocess.run(command, check=False, capture_output=True).returncode:  # noqa: S603 - the command is ours
                made.settings = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(made.file)}
        return made

    def turn(self, seconds: int) -> None:
        """Have it so many seconds off from now on."""
        with self.file.open("r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("l", seconds))


@dataclass(slots=True)
class Balancer:
    """The one address of all workers, as a load balancer has it: the next one that answers."""

    workers: list[Worker]
    turn: int = 0
    server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Listen."""
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    def stop(self) -> None:
        """Listen no more."""
        if self.server is not None:
            self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self.workers:
            self.turn += 1
            worker = self.workers[self.turn % len(self.workers)]
            with contextlib.suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", worker.port)
                await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
                return
        writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
