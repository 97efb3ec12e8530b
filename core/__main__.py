"""``python -m core``: the command line."""

import gc
import sys

# Looked over less often, what imports make costs a worker 0.7 s less; a training then looks as often as usual.
gc.set_threshold(100_000, 20, 50)

from core.cli import main  # noqa: E402 - the sooner that is said, the more it saves

if __name__ == "__main__":
    status = main()
    gc.freeze()  # what is left goes with the process: to look it over once more would take a command 0.7 s
    sys.exit(status)
