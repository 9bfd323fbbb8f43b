"""The web process: Granian, WSGI, one blocking thread in each worker process.

One thread per process, because threads would only take turns at the interpreter's lock: measured, it is what
lets the prebuilt public bytes out at nine tenths of nginx's speed.
"""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from notifier.supervisor import die_with_parent

TARGET = "notifier.app:wsgi"  # a function that makes the WSGI application, called once in each worker process
FINISH_WITHIN = 15  # seconds a worker process may take for the requests it holds when it is asked to stop


class CannotListen(Exception):
    """The address cannot be listened on; the text says why and what to do."""


def run(host: str, port: int, workers: int, *, target: str = TARGET) -> None:
    """Serves until SIGTERM or SIGINT. Raises CannotListen when the port is taken or not allowed."""
    _check(host, port)
    server = Server(
        target, address=host, port=port, interface=Interfaces.WSGI, workers=workers, blocking_threads=1,
        websockets=False, log_access=False, log_level=LogLevels.warning,
        respawn_failed_workers=True, workers_kill_timeout=FINISH_WITHIN,
    )
    server.serve(target_loader=partial(_application, target, os.getpid()), wrap_loader=False)


def _application(target: str, parent: int) -> Callable[..., Any]:
    """Runs in each worker process. Granian's would outlive a killed main process and keep the port."""
    die_with_parent(parent=parent)
    module, _, factory = target.partition(":")
    application: Callable[..., Any] = getattr(importlib.import_module(module), factory)()
    return application


def _check(host: str, port: int) -> None:
    """Granian's own words on a taken port are a traceback."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as why:
            raise CannotListen(
                f"Cannot listen on {host} port {port}: {why.strerror}. Choose another port (PORT=…)."
            ) from why
