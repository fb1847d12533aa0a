"""Whether a process, named so that another one can ask later, is still there."""

from __future__ import annotations

import os
import socket


def process() -> str:
    """Host, id and time of start of this process: what tells later whether it is still there."""
    import psutil

    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.0f}"


def is_gone(told: str) -> bool:
    """Whether a process of this host has ended; False for one of another host, of which nothing is known.

    Args:
        told: what ``process`` gave there.
    """
    import psutil

    host, number, started = told.split(" ")
    if host != socket.gethostname():
        return False
    try:
        there = psutil.Process(int(number))
        another = abs(there.create_time() - int(started)) > 1  # the number was given again
        return bool(another or there.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
