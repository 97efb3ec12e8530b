"""Who asks, as far as an address tells: on a public server no visitor uses up what is there for all of them.

Addresses are remembered in memory alone, for as long as they matter, and of so many visitors at most.
"""

import ipaddress
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

UNKNOWN = "unknown"
"""Visitors without an address share one share."""
MOST = 4096
"""So many visitors are remembered; of more, those who asked longest ago are forgotten."""
WINDOW = 7200.0
"""Seconds after which a visitor begins anew: by then what was uploaded has been cleaned away."""
HOME_BITS = 64
"""Of an IPv6 address, so many bits are one household's or server's, who choose the rest as they like."""

AmountT = TypeVar("AmountT")


def address_of(peer: str | None, forwarded: Iterable[str]) -> str:
    """Return what a visitor is known by.

    Anybody can send an ``X-Forwarded-For``. It is believed on a Space alone, where every request comes through the
    host's proxies: each adds at the end whom it was asked by, so the last address that is none of theirs is the
    visitor's.

    Args:
        peer: The address that the connection comes from.
        forwarded: Values of all headers of that name, in order.
    """
    if os.environ.get("SPACE_ID") or os.environ.get("SPACE_HOST"):
        hops = [hop.strip() for line in forwarded for hop in line.split(",")]
        for hop in reversed(hops):
            if not (network := _network(hop)):
                break  # whatever stands before what is no address may be made up
            if ipaddress.ip_address(hop).is_global:
                return network
    return _network(peer or "") or UNKNOWN


def _network(address: str) -> str:
    """Return an IPv4 address, or the network of an IPv6 one; empty if it is neither."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(known, ipaddress.IPv6Address):
        known = known.ipv4_mapped or known
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    return str(ipaddress.ip_network((int(known), HOME_BITS), strict=False))


class Visitors(Generic[AmountT]):
    """What each visitor has used within the last hours."""

    def __init__(self, new: Callable[[], AmountT], *, most: int = MOST, window: float = WINDOW) -> None:
        """Know nobody.

        Args:
            new: Returns what a visitor has used who comes for the first time.
            most: How many are remembered.
            window: Seconds after which one begins anew; for ever if 0.
        """
        self._new, self._most, self._window = new, most, window
        self._known: OrderedDict[str, tuple[float, AmountT]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    def change(self, visitor: str, change: Callable[[AmountT], AmountT]) -> AmountT:
        """Change what a visitor has used, and return it; nobody else changes it meanwhile."""
        with self._lock:
            now = time.monotonic()
            began, used = self._known.pop(visitor, (now, self._new()))
            if self._window and now - began > self._window:
                began, used = now, self._new()
            used = change(used)
            self._known[visitor] = began, used
            while len(self._known) > self._most:
                self._known.popitem(last=False)
            return used

    def used(self, visitor: str) -> AmountT:
        """Return what a visitor has used."""
        return self.change(visitor, lambda used: used)
