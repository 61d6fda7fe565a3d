"""What runs in a process: `python -m shared.harness.serve`, which does the tasks that it is given, one after the other.

A line of what was standard input is a task (see messages.py). Messages go to what was standard output; whatever a framework
or a port prints goes to standard error, and whoever reads from standard input finds nothing.
"""

import os
import sys
import traceback
from typing import Any

from shared.harness.messages import Done, Lost, decode_task, encode


def main() -> int:
    """Serve until there are no more tasks, or one cannot be done: the next is for another process, then."""
    tasks, messages = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)

    def send(message: Any) -> None:
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
