"""Five hundred damaged pictures of ten formats through the reader and through every widget's own function.

    python benchmarks/damaged_pictures.py [--count 500] [--seed 0] [--reader-only]

Each file is answered or refused in one sentence; a traceback, a hang or much memory ends it with the file's name. The
work is done in a process of its own, so that a crash in a decoder would be seen, and a file that hangs is named.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from core.errors import UserError
from tests.data.image_io.damaged_images import damaged_pictures, judge

SECONDS, HANG, MOST_GROWTH = 20.0, 60.0, 1024
"""Seconds allowed to a file, seconds after which it counts as hung, and MiB by which the process may grow."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader-only", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"FOVEA_HOME": f"{folder}/home", "GRADIO_TEMP_DIR": f"{folder}/tried"}
        ours, theirs = multiprocessing.Pipe()
        given = (theirs, options.count, options.seed, options.reader_only, Path(folder))
        child = multiprocessing.get_context("spawn").Process(target=work, args=given)
        child.start()
        theirs.close()
        return watch(ours, child)


def watch(told: Connection, child: "multiprocessing.process.BaseProcess") -> int:
    """Print what the child tells; end it where it hangs."""
    counts: dict[str, Counter[str]] = {}
    slowest, last = 0.0, "the start"
    try:
        while True:
            if not told.poll(HANG if counts else 600):
                child.kill()
                print(f"HUNG after {last}")
                return 1
            kind, *rest = told.recv()
            if kind == "end":
                break
            if kind == "failed":
                print(f"FAILED: {rest[0]}")
                return 1
            place, name, said, took = rest
            last, slowest = f"{place} {name}", max(slowest, took)
            counts.setdefault(place, Counter())[said] += 1
    except EOFError:
        print(f"CRASHED after {last}")
        return 1
    child.join()
    for place, count in counts.items():
        print(f"{place:16} {sum(count.values()):4} files: {count['answered']} answered, {count['refused']} refused")
    print(f"slowest file {slowest:.2f} s; the process grew by {rest[0]:.0f} MiB (at most {MOST_GROWTH} are allowed)")
    return int(rest[0] > MOST_GROWTH)


def work(told: Connection, count: int, seed: int, reader_only: bool, folder: Path) -> None:
    """Read all files in every way and tell what became of each."""
    import gradio as gr

    from core.data.image_io.reader import read_picture

    ways = {"reader": (read_picture, UserError)}
    if not reader_only:
        from tests.ui.widgets.all_tabs import handlers

        ways |= {slug: (handler, gr.Error) for slug, handler in handlers(folder / "models").items()}
    before = 0
    for number, each in enumerate(damaged_pictures(count, seed)):
        path = folder / each.name
        path.write_bytes(each.content)
        for place, (answer, refusal) in ways.items():
            start = time.perf_counter()
            try:
                said = judge(each.name, lambda answer=answer, path=path: answer(path), refusal, SECONDS)
            except BaseException as error:  # whatever it is, it is told with the file's name
                told.send(("failed", f"{place}, {each.name}: {type(error).__name__}: {error}"))
                raise
            told.send(("done", place, each.name, said, time.perf_counter() - start))
        path.unlink()
        if number == min(20, count - 1):  # all networks have answered once
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told.send(("end", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024))


if __name__ == "__main__":
    raise SystemExit(main())
