"""The log of Postfix by the lines that fail2ban keeps for its own tests, each with the client that it bans for it."""

import json

import pytest

from fixtures.probes.logs import postfix_log
from fixtures.probes.logs.bulk import Bulk
from tests.fetched import from_debian

LINES_MIN = 50
FILES = "usr/lib/python3/dist-packages/fail2ban/tests/files/logs"


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Each line with the address that it tells of; empty: of none that is to be banned."""
    root = from_debian("fail2ban", tmp_path_factory.mktemp("fail2ban"))
    found, wanted = [], ""
    for line in (root / FILES / "postfix").read_text(encoding="utf-8").splitlines():
        if line.startswith("# failJSON:"):
            wanted = json.loads(line.partition(":")[2]).get("host", "")
        elif line and not line.startswith("#"):
            found.append((line, wanted))
    return found


def test_no_line_of_postfix_is_left_unread(lines: list[tuple[str, str]]) -> None:
    assert not [line for line, _ in lines if postfix_log.parse(line + "\n").unread]
    assert len(lines) >= LINES_MIN


def test_whoever_was_turned_away_is_known_by_address_and_recipient(lines: list[tuple[str, str]]) -> None:
    turned_away = [(line, host, postfix_log.parse(line + "\n").rejects) for line, host in lines if "reject: " in line]
    assert len(turned_away) >= LINES_MIN // 3
    for line, host, rejects in turned_away:
        (one,) = rejects
        assert one.client_address == host or not host, line
        assert one.recipient == (line.partition(" to=<")[2].partition(">")[0]), line
        assert "; from=<" not in one.text, line


def test_no_line_of_postfix_is_left_unread_in_bulk(lines: list[tuple[str, str]]) -> None:
    with Bulk(100) as made:
        source = made.source("fail2ban")
        made.take(source, ["".join(f"{line}\n" for line, _ in lines).encode()])
        assert (made.unread(source), source.unread, source.lines) == ([], 0, len(lines))
        asked = "SELECT client_address, recipient FROM turned WHERE verb = 'reject' ORDER BY ALL"
        rejects = [each for line, _ in lines for each in postfix_log.parse(line + "\n").rejects]
        assert made.db.execute(asked).fetchall() == sorted((each.client_address, each.recipient) for each in rejects)
