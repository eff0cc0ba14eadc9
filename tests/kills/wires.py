"""The wires of a script's process, each tapped where the library sends: Cloudflare, AWS, SSH, and files here."""

import asyncio
import io
import re
import shlex
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncssh
import botocore.awsrequest
import botocore.compat
import botocore.exceptions
import botocore.httpsession
import httpx
import urllib3

from fixtures.access.transport import Result, Shell
from scripts import retire_terraform
from scripts.lib.terraform import configuration
from tests.kills.injector import (
    AFTER,
    BEFORE,
    BROKEN,
    CUT,
    LOST,
    MIDDLE,
    REFUSED,
    THROTTLED,
    TIMEOUT,
    Call,
    Injector,
    die,
)

HALF_S = 0.05
"""Within this, half a file has got there."""
_READS = re.compile(r"^(Describe|Get|List|Lookup)")
_CHANGES = re.compile(r"\b(mv|cp|touch|rm|systemctl)\b|\bpostfix (reload|start|stop)|\bdoveadm reload")
_BOUNDARY = re.compile(rb"--[0-9a-f]{32}")
"""Between the parts of a form, another one in each request."""
_RECORD, _ID = re.compile(r"(?<=/dns_records/)[0-9a-f]{32}"), re.compile(rb'"id": ?"[0-9a-f]{32}"')
"""A record that was put back has another identity, and is written by the same call."""
_ERRORS = {THROTTLED: ("RequestLimitExceeded", 503), BROKEN: ("InternalError", 500)}


def tap(injector: Injector) -> None:
    """From now on INJECTOR decides on each call of this process."""
    _tap_cloudflare(injector)
    _tap_aws(injector)
    _tap_ssh(injector)
    _tap_files(injector)


def _tap_cloudflare(injector: Injector) -> None:
    send = httpx.HTTPTransport.handle_request

    def handle_request(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        asked = request.method == "GET"
        call = Call(
            "cloudflare",
            f"{request.method} {_RECORD.sub('', path)} {_digest(_ID.sub(b'', _BOUNDARY.sub(b'', request.read())))}",
            not asked and not path.endswith("/graphql"),
        )
        match deed := injector.draw(call):
            case _ if deed == BEFORE:
                die()
            case _ if deed in {*_ERRORS, *REFUSED}:
                status = int(deed)
                outcome = {"success": False, "errors": [{"code": 10000 + status, "message": "planted"}], "result": None}
                return httpx.Response(status, json=outcome, request=request)
            case _ if deed == TIMEOUT:
                raise httpx.ConnectTimeout("planted", request=request)
        answer = send(self, request)
        if deed in {AFTER, LOST}:
            answer.read()
            if deed == AFTER:
                die()
            raise httpx.ReadTimeout("planted", request=request)
        return answer

    httpx.HTTPTransport.handle_request = handle_request  # type: ignore[method-assign]


def _tap_aws(injector: Injector) -> None:
    session: Any = botocore.httpsession.URLLib3Session
    send = session.send

    def tapped(self: Any, request: Any) -> Any:
        name, arguments, dry = _operation(request)
        deed = injector.draw(Call("aws", f"{name} {arguments}", not dry and not _READS.match(name)))
        if deed == BEFORE:
            die()
        if deed == TIMEOUT:
            raise botocore.exceptions.ConnectTimeoutError(endpoint_url=request.url)
        if deed in _ERRORS:
            return _aws_error(request.url, *_ERRORS[deed])
        answer = send(self, request)
        if deed == AFTER:
            die()
        if deed == LOST:
            raise botocore.exceptions.ReadTimeoutError(endpoint_url=request.url)
        return answer

    session.send = tapped


def _operation(request: Any) -> tuple[str, str, bool]:
    """Name and arguments, in any of AWS's protocols; and whether it is a dry run."""
    body = request.body or b""
    data: bytes = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
    given = parse_qs(data.decode("latin-1"))
    if "Action" in given:
        name = given.pop("Action")[0]
        token = given.pop("ClientToken", None)  # drawn by lot
        del token
        return name, repr(sorted(given.items())), given.get("DryRun") == ["true"]
    target = request.headers.get("X-Amz-Target", b"")
    target = target.decode() if isinstance(target, bytes) else target
    return (target or urlsplit(request.url).path).rpartition("/" if not target else ".")[2], _digest(data), False


def _aws_error(url: str, code: str, status: int) -> Any:
    body = f"<Response><Errors><Error><Code>{code}</Code><Message>planted</Message></Error></Errors></Response>"
    raw = urllib3.HTTPResponse(io.BytesIO(body.encode()), {"Content-Type": "text/xml"}, status, preload_content=False)
    headers = botocore.compat.HTTPHeaders()
    headers["Content-Type"] = "text/xml"
    return botocore.awsrequest.AWSResponse(url, status, headers, raw)


def _tap_ssh(injector: Injector) -> None:
    def tapped(send: Callable[..., Any]) -> Callable[..., Any]:
        async def sent(self: Shell, command: tuple[str, ...], data: bytes) -> Result:
            words = shlex.join(command)
            # Texts to be written differ by their digest.
            writes = bool(data) or _CHANGES.search(words) is not None
            deed = injector.draw(Call("ssh", f"{self.name} {_short(words)} {_digest(data)}", writes, bool(data)))
            if deed == BEFORE:
                die()
            if deed == TIMEOUT:
                raise asyncssh.ConnectionLost("planted")
            if deed in {MIDDLE, CUT}:
                await _half(self, words, data, kill=deed == MIDDLE)
            result: Result = await send(self, command, data)
            if deed == AFTER:
                die()
            if deed == LOST:
                raise asyncssh.ConnectionLost("planted")
            return result

        return sent

    Shell._ssh = tapped(Shell._ssh)  # type: ignore[method-assign]


async def _half(shell: Shell, words: str, data: bytes, *, kill: bool) -> None:
    """Half of DATA, and then the connection breaks."""
    connection = await shell._connect()
    process = await connection.create_process(words, encoding=None)
    process.stdin.write(data[: len(data) // 2])
    await process.stdin.drain()
    await asyncio.sleep(HALF_S)
    if kill:
        die()
    connection.abort()
    raise asyncssh.ConnectionLost("planted")


def _tap_files(injector: Injector) -> None:
    terraform, put = retire_terraform._terraform, configuration._put

    def tapped_terraform(folder: Path, *arguments: str) -> str:
        deed = injector.draw(Call("file", shlex.join(arguments), arguments[:2] == ("state", "rm")))
        if deed == BEFORE:
            die()
        outcome = terraform(folder, *arguments)
        if deed == AFTER:
            die()
        return outcome

    def tapped_put(file: Path, content: bytes, mode: int) -> None:
        deed = injector.draw(Call("file", f"{file.name} {_digest(content)}", writes=True, data=True))
        if deed == BEFORE:
            die()
        if deed == MIDDLE:
            file.with_name(f".{file.name}.partial").write_bytes(content[: len(content) // 2])
            die()
        put(file, content, mode)
        if deed == AFTER:
            die()

    retire_terraform._terraform, configuration._put = tapped_terraform, tapped_put


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:8] if data else ""


def _short(words: str) -> str:
    return " ".join(words.split())[:60] + f" {_digest(words.encode())}"
