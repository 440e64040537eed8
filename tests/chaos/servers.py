"""A database and a broker of the campaign's own, which it may kill and start again."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from tests.services.processes import eventually

#: The name of the campaign's database.
DATABASE = "chaos"


def free_port() -> int:
    """Return a port on which no process listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def missing_programs() -> list[str]:
    """Return the programs that the campaign needs and that are not installed."""
    return [name for name in ("mariadbd", "mariadb-install-db", "redis-server") if _program(name) is None]


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _run(command: Sequence[str | None]) -> None:
    """Run a command to its end. If it fails, the error says what it printed."""
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {done.stdout}{done.stderr}")


class Server:
    """A server process. ``restart`` ends it, hard or softly, and starts it again after some seconds."""

    def __init__(self, folder: Path):
        self.port = free_port()
        self.log = folder / f"{type(self).__name__}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return the command that starts the server."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Tell whether the server answers."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdout=log, stderr=log, start_new_session=True)
        eventually(self.is_ready, f"the start of {self.command()[0]}")

    def end(self, *, hard: bool) -> None:
        """End the server: with SIGKILL, or with SIGTERM."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
            self._process.wait(60)

    def restart(self, *, hard: bool, seconds: float) -> None:
        """End the server and start it again after this time."""
        self.end(hard=hard)
        time.sleep(seconds)
        self.start()


class MariaDB(Server):
    """MariaDB with a data folder of its own. Its tables survive a kill."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self._data = folder / "mariadb"
        self._socket = folder / "mariadb.sock"
        user = [f"--user={getpass.getuser()}"]
        install = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={self._data}", *user]
        install += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        _run(install)
        self.start()
        with self.connect() as connection:
            connection.cursor().execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")

    def command(self) -> list[str]:
        return [
            str(_program("mariadbd")),
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self._data}",
            f"--socket={self._socket}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-lock-wait-timeout=10",
            "--skip-name-resolve",
        ]

    @property
    def url(self) -> str:
        """The URL of the database for the sandbox."""
        return f"mysql://root@127.0.0.1:{self.port}/{DATABASE}"

    def connect(self) -> Any:
        """Return a new connection. Raises MySQLdb.Error while the server is down."""
        import MySQLdb  # the tests that need no service are collected without it

        return MySQLdb.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True, connect_timeout=2)

    def is_ready(self) -> bool:
        from MySQLdb import Error

        try:
            self.connect().close()
        except Error:
            return False
        return True

    def writing_ports(self) -> list[int]:
        """Return the client ports of transactions that have written and are not committed yet."""
        from MySQLdb import Error

        query = (
            "SELECT p.host FROM information_schema.innodb_trx t JOIN information_schema.processlist p"
            " ON p.id = t.trx_mysql_thread_id WHERE t.trx_rows_modified > 0"
        )
        try:
            with self.connect() as connection:
                cursor = connection.cursor()
                cursor.execute(query)
                return [int(host.rpartition(":")[2]) for (host,) in cursor.fetchall() if ":" in (host or "")]
        except Error:  # the server is being restarted
            return []


class Redis(Server):
    """Redis without persistence: a restart loses every message."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.start()

    def command(self) -> list[str]:
        memory_only = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        return [str(_program("redis-server")), "--port", str(self.port), "--bind", "127.0.0.1", *memory_only]

    @property
    def url(self) -> str:
        """The URL of the broker."""
        return f"redis://127.0.0.1:{self.port}/0"

    def is_ready(self) -> bool:
        try:
            return bool(redis.Redis("127.0.0.1", self.port, socket_timeout=1).ping())
        except redis.RedisError:
            return False
