"""The program of each process, `python -m shared.harness.serve`: it does the tasks that it is given, one after the other.

It is sent a task a line through its standard input, and answers with messages through its standard output (messages.py). It
moves both pipes to other descriptors first: what a framework or a port prints goes to standard error, and what reads from
standard input finds it empty.
"""

import os
import sys
import traceback
from typing import Any

from shared.harness.messages import Done, Lost, decode_task, encode


def main() -> int:
    """Do tasks until none is left (0) or one fails (1): then the parent starts another process for the next task."""
    tasks, messages = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)

    own = os.getpid()

    def send(message: Any) -> None:
        if os.getpid() != own:
            os._exit(1)  # a port has forked, and its other half comes back: one is heard
        messages.write(encode(message))

    for line in tasks:
        try:
            decode_task(line).run(send)
            send(Done())
        except BrokenPipeError:
            return 1  # the parent is gone, and nobody waits for this
        except ModuleNotFoundError as error:
            reason = f"Python package {error.name} is not installed: pip install -r requirements.txt"
            send(Lost(reason, missing=True))
            return 1
        except Exception as error:
            traceback.print_exc()
            send(Lost(f"{type(error).__name__}: {error}"))
            return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads that a port has left running would keep the process
