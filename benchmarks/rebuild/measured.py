"""Runs one command and writes what it took: seconds, processor seconds, peak memory in bytes, exit status.

    python -I -S measured.py RESULT COMMAND [ARGUMENT …]

A process of its own, and a small one: what the kernel keeps as a process's peak begins with what its parent holds when
it starts it (Linux' exec_mmap: https://github.com/torvalds/linux/blob/v6.12/fs/exec.c), and would else be the
benchmark's own.
"""

import json
import os
import sys
import time


def main(result: str, *command: str) -> int:
    began = time.monotonic()
    process = os.posix_spawn(command[0], command, os.environ)
    _, status, used = os.wait4(process, 0)
    seconds = time.monotonic() - began
    code = os.waitstatus_to_exitcode(status)
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    with open(result, "w") as file:  # noqa: PTH123 - pathlib would be a third of this process
        json.dump({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak": peak, "code": code}, file)
    return int(code != 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
