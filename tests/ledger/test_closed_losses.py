"""A loss that was explained and repaired stays on record, and keeps no gate closed."""

import re

import pytest

from fixtures.ledger import closed_losses
from fixtures.ledger.windows import OPENED
from fixtures.settings import SettingsError
from fixtures.watching import abort_rules
from scripts import accept
from scripts.lib.change import DONE, PLANNED
from tests.ledger.conftest import DOMAIN, RUN, SETTINGS, Book

LOST = "<lost@s>"
CAROL, DAVE = SETTINGS.mailboxes((DOMAIN,))[:2]


def test_a_loss_that_is_closed_is_shown_and_counts_no_more(book: Book) -> None:
    book.add(arrived_real="0.1", copies=1)
    book.add(LOST, age=1000)
    assert [each.message_id for each in book.balance().lost] == [LOST]
    closed_losses.close(book.store, LOST, "sent once more", "op on host")
    found = book.balance()
    assert found.whole
    assert not found.lost
    assert [each.message_id for each in found.closed] == [LOST]
    assert found.loss_rate_bound is None, "it was lost, and no bound may say otherwise"
    assert "lost before and closed by name 1" in found.sentence()
    assert "closed by name, since sent once more (op on host)" in found.closed[0].sentence()


def test_closing_one_leaves_another_lost(book: Book) -> None:
    book.add(LOST, age=1000)
    book.add("<other@s>", age=1000)
    closed_losses.close(book.store, LOST, "sent once more", "op on host")
    assert [each.message_id for each in book.balance().lost] == ["<other@s>"]


@pytest.mark.parametrize(
    ("name", "copies", "says"),
    [
        (LOST, 2, [f"{LOST} (no. 1) for {CAROL} is in {DAVE}", f"{LOST} (no. 1) in {DAVE}: its body was changed"]),
        ("<nobody@s>", 1, [f"<nobody@s> (no. 7) in {DAVE} is in no ledger"]),
    ],
    ids=["in a wrong place, changed", "of an unknown number"],
)
def test_copies_and_mail_in_a_wrong_place_can_be_closed(
    book: Book, capsys: pytest.CaptureFixture[str], *, name: str, copies: int, says: list[str]
) -> None:
    """By the gate of its domain, and by the script."""
    book.add(LOST, arrived_real="1", copies=copies, mailbox=CAROL)
    book.come(DAVE, name)
    found = book.balance(domain=DOMAIN)
    assert len(found.unexpected) == len(says)
    assert all(text in one for text, one in zip(says, found.unexpected, strict=True)), found.unexpected
    assert not found.whole
    assert accept._close(book.migration, [name], None, "") == PLANNED
    digest = re.findall(r"digest (\w{12})", capsys.readouterr().out)[0]
    assert accept._close(book.migration, [name], digest, "the rule was double; mended") == DONE
    assert book.balance(domain=DOMAIN).whole


def test_the_script_closes_what_is_lost_and_only_that(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    book.add(LOST, age=1000)
    book.add("<fine@s>", arrived_real="0.1", copies=1)
    (rule,) = abort_rules.judge(book.balance(), SETTINGS.bounds, 0)
    book.store.record(abort_rules.MET, DOMAIN, run=RUN, rule=rule.name, found=rule.found, messages=list(rule.messages))
    (alarm,) = abort_rules.alarms(book.store)
    assert not abort_rules.proved_wrong(book.migration, alarm)
    assert accept._close(book.migration, [LOST], None, "") == PLANNED
    digest = re.findall(r"digest (\w{12})", capsys.readouterr().out)[0]
    assert not closed_losses.reasons(book.store)
    assert accept._close(book.migration, [LOST], digest, "its author has sent it again") == DONE
    assert "its author has sent it again" in closed_losses.reasons(book.store)[LOST]
    assert ["accounted for" in each.withdrawn for each in abort_rules.alarms(book.store)] == [True]


def test_what_was_refused_as_announced_counts_once_although_it_is_closed(book: Book) -> None:
    book.add(arrived_real="0.1", copies=1)
    book.record(0, OPENED, seconds=120, ttl_s=60)
    book.refused(10)
    closed_losses.close(book.store, "<refused-10@s>", "sent once more", "op on host")
    found = book.balance()
    assert (len(found.refused), len(found.closed), found.due) == (1, 0, 1)
    assert found.whole


@pytest.mark.parametrize(
    ("message_id", "why"),
    [
        ("<new@s>", "in flight"),
        ("<nobody@s>", "is unknown"),
        ("<fine@s>", "arrived, once"),
        ("<refused-10@s>", "as the plan of a switch had announced"),
    ],
)
def test_what_is_not_lost_is_refused_by_name(book: Book, message_id: str, why: str) -> None:
    book.add(LOST, age=1000)
    book.add("<new@s>", age=5)
    book.add("<fine@s>", arrived_real="0.1", copies=1)
    book.record(0, OPENED, seconds=120, ttl_s=60)
    book.refused(10)
    with pytest.raises(SettingsError, match=f"--lost: nothing of it is lost: {message_id} .*{why}"):
        accept._close(book.migration, [LOST, message_id], None, "")
    assert not closed_losses.reasons(book.store)
