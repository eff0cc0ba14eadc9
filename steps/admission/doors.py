"""Dell's doors besides port 25: where it takes mail, logins, private keys, the mailboxes' folders."""

from pytest_bdd import given, then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dell import doors as listening, mailbox_access, private_keys
from fixtures.probes.mailbox import clear_text
from fixtures.probes.smtp import doors


@given("every port on which Dell takes mail", target_fixture="dells_doors")
def dells_doors(migration: Migration) -> listening.Doors:
    return listening.look(migration)


@when("strangers knock at each of them, in the clear and over TLS", target_fixture="knocked")
def strangers_knock(migration: Migration, dells_doors: listening.Doors) -> tuple[doors.Knocked, ...]:
    return doors.knock(migration, dells_doors)


@then("each but port 25 takes nothing from whoever has not logged in, unless the settings name it")
def doors_closed(expect: Expect, dells_doors: listening.Doors, knocked: tuple[doors.Knocked, ...]) -> None:
    expect("No door but port 25 is open to strangers", doors.judged(knocked, dells_doors.evidence))


@given("the ports by which mail is read and submitted without TLS", target_fixture="clear_places")
def clear_places(migration: Migration) -> tuple[clear_text.Place, ...]:
    return clear_text.places(migration)


@when("a login is begun at each of them", target_fixture="clear_answers")
def begin_login(clear_places: tuple[clear_text.Place, ...]) -> tuple[clear_text.Answer, ...]:
    return clear_text.ask(clear_places)


@then("none of them takes a password")
def no_password(expect: Expect, clear_answers: tuple[clear_text.Answer, ...]) -> None:
    expect("No password is taken in the clear", clear_text.judged(clear_answers))


@given("the private keys by which Dell's mail servers show who they are", target_fixture="private_keys_found")
def private_keys_found(migration: Migration) -> private_keys.Keys:
    return private_keys.look(migration)


@then("nobody but root and these servers may read one")
def keys_private(expect: Expect, private_keys_found: private_keys.Keys) -> None:
    expect("Private keys are nobody else's to read", private_keys.judged(private_keys_found))


@given("every account that Dell's Dovecot knows", target_fixture="wrong_password")
def wrong_password(migration: Migration) -> mailbox_access.Tried:
    return mailbox_access.try_wrong_password(migration)


@then("each refuses it")
def refused_by_all(expect: Expect, wrong_password: mailbox_access.Tried) -> None:
    expect("A wrong password lets nobody in", mailbox_access.judged_passwords(wrong_password))


@given("the places where the mailboxes lie on Dell, and the passwords to them", target_fixture="folders")
def mailbox_folders(migration: Migration) -> mailbox_access.Stored:
    return mailbox_access.stored(migration)


@then("it sees neither mail nor a password, and Dovecot writes none into its log")
def sees_nothing(expect: Expect, folders: mailbox_access.Stored) -> None:
    judges = (mailbox_access.judged_readers, mailbox_access.judged_lists, mailbox_access.judged_logs)
    expect("Mail and passwords are nobody else's to read", (each for judge in judges for each in judge(folders)))


@then("no two mailboxes lie in the same place")
def apart(expect: Expect, folders: mailbox_access.Stored) -> None:
    expect("No two mailboxes lie in the same place", mailbox_access.judged_places(folders))
