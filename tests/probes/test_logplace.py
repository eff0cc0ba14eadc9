"""Lines of a container's output, and the settings that say where a log is."""

from unittest.mock import Mock

import pytest
from pydantic import ValidationError

from fixtures.access.transport import Result
from fixtures.lab.files import settings_without_a_lab
from fixtures.probes.logs import log_files, postfix_log
from fixtures.settings.dell import Dell

DELL = settings_without_a_lab().dell
CONTAINER = DELL.transport.model_dump() | {"container": "postfix"}
SAID = "postfix/smtpd[9]: NOQUEUE: reject: RCPT from x[192.0.2.1]: 554 5.7.1 no; from=<a@b.example> to=<c@d.example>"


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0c"])
@pytest.mark.parametrize("place", ["journal", "container"])
def test_what_a_stranger_says_ends_no_line(place: str, end: str) -> None:
    """Neither is a line cut in two by it, nor is a cursor taken from it."""
    lines = [f"2026-11-25T10:33:17.123456Z mail {SAID}{end}{more}\n" for more in ("", "-- cursor: s=theirs")]
    said = "".join(["+0000\n", *lines, "-- cursor: s=ours\n" if place == "journal" else ""])
    shell = Mock(transport=Mock(container="postfix"))
    shell.machine = shell
    shell.run.return_value = Result(("x",), 0, said, "")
    part = log_files.read(shell, place, None, 100_000)
    assert part.text == "".join(lines)
    assert part.position.cursor == ("s=ours" if place == "journal" else "2026-11-25T10:33:17.123456Z")


@pytest.mark.parametrize(
    "stamps",
    [
        "2026-11-25T10:33:17.123456789Z Nov 25 10:33:17 mail ",
        "2026-11-25T10:33:17.12Z Nov  5 10:33:17 mail ",
        "2026-11-25T19:33:17.123456789+09:00 2026-11-25T10:33:17.1+00:00 mail ",
        "2026-11-25T10:33:17Z mail ",
        "2026-11-25T10:33:17.123456789Z ",
    ],
)
def test_a_line_keeps_the_engines_stamp_only(stamps: str) -> None:
    log = postfix_log.parse(log_files.plain(f"{stamps}{SAID}\n"))
    (reject,) = log.rejects
    assert int(reject.at) == 1795602797
    assert (reject.client_address, log.unread) == ("192.0.2.1", 0)


def test_other_lines_are_left_as_they_are() -> None:
    text = "2026-11-25T10:33:17.123456789Z opendkim[4]: postfix is a word\nhello\n"
    assert log_files.plain(text) == text


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"log": "mail.log"}, "expected the path of a file"),
        ({"log": "journal:-u x"}, "expected the path of a file"),
        ({"owner": "docker"}, "needs dell.transport.container"),
        ({"owner": "template"}, "expected both or none"),
        ({"transport": CONTAINER}, "Postfix is in the container 'postfix'"),
        ({"transport": CONTAINER | {"prefix": ["sudo", "docker", "exec", "x"]}}, "Expected its name as container"),
        ({"transport": CONTAINER | {"container": "-it x"}}, "container"),
    ],
)
def test_settings_that_contradict_themselves(keys: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Dell.model_validate(DELL.model_dump() | keys)
