"""Stands before every request: for whom it is meant, from which page it comes, how much it brings.

Nobody logs in here, so what keeps strangers out is where the server listens. A page somewhere on the internet can make
its visitor's browser ask this server all the same: directly, which the browser marks with an ``Origin``, or under a
name of its own that suddenly points here (DNS rebinding), which the ``Host`` gives away. Both are refused.
"""

import ipaddress
import os
import re
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.paths import tried_folder
from core.public import MIB, PublicLimits, public_limits
from core.ui.shared.visitors import Visitors, address_of

OVERHEAD = MIB
"""Bytes that a request may have beside what it uploads."""
FORWARDED = "x-forwarded-host"
LOOK_SECONDS = 10.0
"""Seconds for which it is taken as known how much lies in the folder of uploads."""
HOST = re.compile(r"(?:\[(?P<six>[^\[\]\s;,]+)\]|(?P<name>[^\[\]\s;,@/?#\\:]+))(?::(?P<port>[0-9]{0,5}))?")
"""A name, or an address in numbers (IPv6 in brackets); then perhaps a port."""
LAST_PORT = 65535
LONGEST_NAME = 80
"""Of a refused name, so many letters are said."""


def known_names() -> frozenset[str]:
    """Return the names under which this server may be asked for, in lower case; addresses are known as well.

    ``localhost``, the machine's own name, a Space's, and what ``FOVEA_HOSTS`` lists, separated by commas.
    """
    own = socket.gethostname().lower()
    given = os.environ.get("FOVEA_HOSTS", "").lower().split(",")
    names = {"localhost", own, f"{own}.local", os.environ.get("SPACE_HOST", "").lower(), *map(str.strip, given)}
    return frozenset(name.removesuffix(".") for name in names) - {""}


def is_known(host: str) -> bool:
    """Say whether a ``Host``, with or without its port, is this server: a known name, or an address in numbers."""
    name = _split(host)[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in known_names() or name.endswith(".localhost")
    return True  # somebody else's name cannot be made to point here where there is no name


def is_own(origin: str, host: str) -> bool:
    """Say whether a request with this ``Origin`` comes from a page of the server that it asks, ``host``."""
    try:
        parts = urlsplit(origin)
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        name, port = (parts.hostname or "").lower().removesuffix("."), parts.port or usual
    except ValueError:
        return False
    asked, asked_port = _split(host)
    if name == asked and port == (asked_port or usual):
        return True
    return name != "localhost" and name in known_names()  # a proxy may ask under a name of its own


def _split(host: str) -> tuple[str, int | None]:
    """Return name and port; a host that is none has an empty name. A dot at the end says the same name once more.

    >>> _split("Localhost.:8501"), _split("[::1]:80"), _split("a b"), _split("[localhost]")
    (('localhost', 8501), ('::1', 80), ('', None), ('', None))
    """
    found = HOST.fullmatch(host)
    if found is None or int(found["port"] or 0) > LAST_PORT:
        return "", None
    if found["six"]:
        try:
            ipaddress.IPv6Address(found["six"])
        except ValueError:
            return "", None
    return (found["six"] or found["name"].removesuffix(".")).lower(), int(found["port"]) if found["port"] else None


def security_headers(host: str) -> dict[str, str]:
    """Return what every answer tells the browser: nothing is loaded from elsewhere, and who may show it in a frame."""
    parents = ["'self'"]
    if os.environ.get("SPACE_ID"):
        parents += ["https://huggingface.co", "https://*.hf.space"]
    live = f" ws://{host} wss://{host}" if is_known(host) else ""
    policy = {
        "default-src": "'self'",
        "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "media-src": "'self' data: blob:",
        "connect-src": f"'self' data: blob:{live}",
        "worker-src": "'self' blob:",
        "frame-src": "'self' blob: data:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": " ".join(parents),
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    }


class Guard:
    """ASGI middleware that refuses what is not meant for this server, and adds the security headers to all answers."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self.app = app
        self._stored, self._looked = 0, -LOOK_SECONDS
        self._uploaded: Visitors[int] = Visitors(int)

    def _is_full(self, path: str) -> bool:
        """Say whether an upload would find no room: what all visitors of a public server brought is limited, too."""
        limits = public_limits()
        if limits is None or not path.endswith("/upload"):
            return False
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._stored, self._looked = _size_of(tried_folder()), time.monotonic()
        return self._stored > limits.stored_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with a sentence."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        refusal = _refusal(headers, host, scope["path"])
        if not refusal and self._is_full(scope["path"]):
            refusal = 507, "This server has no room for further uploads; they are cleaned away within two hours."
        if refusal:
            await _refuse(scope, receive, send, *refusal)
            return
        if not all(map(is_known, headers.getlist(FORWARDED))):  # links would be made of it
            kept = [(name, value) for name, value in scope["headers"] if name != FORWARDED.encode()]
            scope = {**scope, "headers": kept}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in security_headers(host).items():
                    answered.setdefault(name, value)
            await send(message)

        await _Measured(self.app, headers, self._share_of(scope, headers))(scope, receive, send_with_headers)

    def _share_of(self, scope: Scope, headers: Headers) -> Callable[[int], bool]:
        """Return what counts the bytes of an upload, and says whether its visitor may bring them still."""
        limits = public_limits()
        if limits is None or not scope["path"].endswith("/upload"):
            return lambda _: True
        visitor = address_of((scope.get("client") or ("",))[0], headers.getlist("x-forwarded-for"))
        return lambda size: self._uploaded.change(visitor, lambda used: used + size) <= limits.visitor_bytes


def _size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # cleaned away meanwhile
                size += (Path(place) / name).lstat().st_size
    return size


def _refusal(headers: Headers, host: str, path: str) -> tuple[int, str] | None:
    """Return status and sentence for a request that is not answered; None for one that is."""
    if len(headers.getlist("host")) > 1:
        return 400, "This request has more than one Host; it must have one."
    if not is_known(host):
        name = _split(host)[0][:LONGEST_NAME]
        if not name:
            return 421, "The Host of this request is no name; ask by localhost, an address or a name in FOVEA_HOSTS."
        return 421, f"This server does not go by {name}. Start it with FOVEA_HOSTS={name} if it shall."
    if all(is_own(origin, host) for origin in headers.getlist("origin")):
        return None
    if public_limits() is not None and path.startswith("/gradio/"):
        return None  # what anybody may ask a program for, a page elsewhere may ask for as well
    return 403, "This request comes from a page of another site, which may not use this server."


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": sentence[:120]})
    else:
        await PlainTextResponse(f"{sentence}\n", status)(scope, receive, send)


class _Measured:
    """Ends an upload that brings more than a public server takes: bytes, or files at once."""

    def __init__(self, app: ASGIApp, headers: Headers, count: Callable[[int], bool]) -> None:
        self.app, self.headers, self.count = app, headers, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limits = public_limits()
        if limits is None or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        counter = _Counter(self.headers, most_bytes=limits.upload_all_bytes + OVERHEAD, most=limits.upload_pictures)
        began = False

        async def take() -> Message:
            message = await receive()
            body = message.get("body", b"")
            counter.add(body)
            if not self.count(len(body)):
                counter.refusal = counter.refusal or _say_share(limits)
            return {"type": "http.disconnect"} if counter.refusal else message

        async def answer(message: Message) -> None:
            nonlocal began
            began = began or not counter.refusal
            if began:
                await send(message)

        try:
            await self.app(scope, take, answer)
        except Exception:  # whatever the reader of the body makes of its end
            if not counter.refusal or began:
                raise
        if counter.refusal and not began:
            await PlainTextResponse(f"{counter.refusal}\n", 413)(scope, receive, send)


def _say_share(limits: PublicLimits) -> str:
    return (
        f"These are more than {limits.visitor_bytes // MIB} MiB within two hours, the most that this server takes of "
        "one visitor; come back later."
    )


class _Counter:
    """Counts the bytes and the parts of a body as it comes in."""

    def __init__(self, headers: Headers, *, most_bytes: int, most: int) -> None:
        _, _, boundary = headers.get("content-type", "").partition("boundary=")
        self._mark = boundary.strip('" ').encode("latin-1")
        self._end = b""
        self._bytes = int(length) if (length := headers.get("content-length", "")).isdecimal() else 0
        self._seen, self._parts = 0, 0
        self._most_bytes, self._most = most_bytes, most
        self.refusal = self._judge()
        """Why it is too much; empty while it is not."""

    def add(self, body: bytes) -> None:
        """Take the next piece."""
        self._seen += len(body)
        if self._mark:
            text = self._end + body
            self._parts += text.count(self._mark)
            self._end = text[max(0, len(text) - len(self._mark) + 1) :]
        self.refusal = self.refusal or self._judge()

    def _judge(self) -> str:
        if max(self._bytes, self._seen) > self._most_bytes:
            return f"This upload is larger than {self._most_bytes // MIB} MiB, the most that this server takes at once."
        if self._parts > self._most + 1:  # the boundary stands at the end as well
            return f"These are more than {self._most} files, the most that this server takes at once."
        return ""


def say_open(address: str, port: int) -> Iterable[str]:
    """Say what a server that others can reach lets them do; nothing where it listens to this machine alone."""
    try:
        alone = ipaddress.ip_address(address).is_loopback
    except ValueError:
        alone = address == "localhost"
    if alone:
        return
    where = address or "every network address of this machine"
    yield f"Fovea listens on {where}, port {port}, and asks nobody to log in."
    if public_limits() is None:
        yield (
            "Whoever reaches it can start, stop and delete trainings and open every folder of images that you can. "
            "Set FOVEA_PUBLIC=1 to limit visitors, or leave --server.address out to keep it to this machine."
        )
    else:
        yield "FOVEA_PUBLIC is set: visitors train on synthetic images only, within the limits of a public server."
