"""Runs one server, and ends it when the process that asked for it is gone, so that no test run leaves one behind.

The asker holds the other end of this process's standard input and never writes to it. When the asker ends, even by
`kill -9`, the pipe closes; then the server, all that it started and its folder are removed. A process of its own can
wait for that on any system, while the kernel's parent-death signal is Linux's alone and follows threads.

    python guard.py FOLDER UID:GID|- COMMAND...

The first line on standard output is the server's process id; what the server prints goes to standard error.
"""

import os
import shutil
import subprocess
import sys
import threading

import psutil


def main(folder: str, account: str, *command: str) -> int:
    user, group = (int(number) for number in account.split(":")) if account != "-" else (None, None)
    server = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )
    print(server.pid, flush=True)
    asker_is_gone = threading.Event()
    watch = threading.Thread(target=_end_with_asker, args=(server, folder, asker_is_gone), daemon=True)
    watch.start()
    code = server.wait()
    if asker_is_gone.is_set():
        watch.join()
    return code


def _end_with_asker(server: subprocess.Popen[bytes], folder: str, asker_is_gone: threading.Event) -> None:
    os.read(sys.stdin.fileno(), 1)  # unbuffered: a buffer's lock, held here, would be fatal when the main thread ends
    asker_is_gone.set()
    for process in family(server.pid):
        _quietly_kill(process)
    shutil.rmtree(folder, ignore_errors=True)


def family(pid: int) -> list[psutil.Process]:
    """The process and all its descendants, eldest first. A process group is not enough: PostgreSQL leaves it."""
    try:
        eldest = psutil.Process(pid)
        return [eldest, *eldest.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _quietly_kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
