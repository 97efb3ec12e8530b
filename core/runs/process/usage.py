"""How much of the machine a worker uses."""

import sys

import psutil


class Usage:
    """Reads the load of the calling process and of the machine."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the next reading is of the time since this one

    def read(self) -> dict[str, float]:
        """Return the load since the last reading.

        Returns:
            ``cpu``, processor cores in use; ``memory``, bytes of this process and its children; ``free_share``, the
            part of the machine's memory that is free, 0 to 1; on a GPU ``gpu_memory``, bytes of it in use by anybody.
        """
        memory = self._process.memory_info().rss
        for child in self._process.children(recursive=True):
            try:
                memory += child.memory_info().rss
            except psutil.Error:
                continue  # it has just ended
        machine = psutil.virtual_memory()
        return {
            "cpu": round(self._process.cpu_percent() / 100, 2),
            "memory": float(memory),
            "free_share": round(machine.available / machine.total, 4),
            **_read_gpu(),
        }


def _read_gpu() -> dict[str, float]:
    """Return what torch, where it is loaded and has woken a GPU up, says of its memory."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    free, total = torch.cuda.mem_get_info()
    return {"gpu_memory": float(total - free)}
