"""Postfix's configuration and log, EC2's API, Terraform: what the probes say of the real ones."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from fixtures.access.changing import Shell, dell, ec2 as gateway
from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.probes.aws import ec2, terraform
from fixtures.probes.aws.terraform import Change
from fixtures.probes.dell import postfix
from fixtures.probes.logs import postfix_log
from fixtures.probes.logs.log_files import Position
from fixtures.probes.mailbox.message import Letter
from fixtures.probes.smtp import smtp_client
from fixtures.probes.smtp.knock import Knock
from tests.conftest import until


@pytest.fixture
def shell(migration: Migration) -> Shell:
    return dell(migration.settings)


def reloads(migration: Migration, shell: Shell) -> tuple[float, ...]:
    return postfix_log.read(shell, migration.settings.dell.log).reloads


def test_the_whole_configuration(migration: Migration, shell: Shell) -> None:
    found = postfix.configuration(shell)
    assert found.written["myorigin"] == "$mydomain"
    assert found.values["myorigin"] == "webmakeprofit.org"
    assert found.effective("smtpd_sasl_auth_enable") == "no"
    assert found.effective("smtpd_sasl_auth_enable", "587/inet") == "yes"
    assert found.effective("no_such_parameter") is None
    assert found.master_pid > 0
    assert postfix.check(shell).said == ""
    assert found.file("main.cf").mode == 0o644
    assert found.newer_files(reloads(migration, shell)) == ()


def test_a_change_without_a_reload_shows(migration: Migration, shell: Shell) -> None:
    """Also when the file's time of modification was set back."""
    time.sleep(1.1)
    shell.run("sh", "-c", "postconf -e 'smtpd_banner = $myhostname' && touch -d '-1 hour' /etc/postfix/main.cf")
    newer = postfix.configuration(shell).newer_files(reloads(migration, shell))
    assert [file.path for file in newer] == ["/etc/postfix/main.cf"]
    shell.run("postfix", "reload")
    until(lambda: not postfix.configuration(shell).newer_files(reloads(migration, shell)), "all is loaded", 10)


def test_check_tells_what_is_wrong(shell: Shell) -> None:
    shell.run("chmod", "0666", "/etc/postfix/virtual")
    try:
        shell.run("chown", "nobody", "/etc/postfix/main.cf")
        assert "not owned by root" in postfix.check(shell).said
    finally:
        shell.run("chown", "root", "/etc/postfix/main.cf")
        shell.run("chmod", "0644", "/etc/postfix/virtual")


def test_what_reads_to_the_end_is_given_one(migration: Migration, shell: Shell) -> None:
    assert [each.run("cat", timeout_s=10).stdout for each in (shell, gateway(migration.settings))] == ["", ""]
    assert postfix.holding(shell, "hash:/etc/postfix/virtual", ()) == set()


def test_tables_and_files(shell: Shell) -> None:
    table = "hash:/etc/postfix/virtual"
    assert postfix.lookup(shell, table, "info@webmakeprofit.org").value == "alice@webmakeprofit.org"
    assert postfix.lookup(shell, table, "nobody@webmakeprofit.org").value is None
    with pytest.raises(CouldNotAsk, match="can't be asked"):
        postfix.lookup(shell, "hash:/etc/postfix/nosuch", "x")
    secret = postfix.lookup(shell, "hash:/etc/postfix/sasl_passwd", "[smtp.sendgrid.net]:587", secret=True)
    assert secret.value
    assert secret.value not in repr(secret)
    passwd, absent = postfix.files(shell, ["/etc/postfix/sasl_passwd", "/etc/postfix/nosuch"]).files
    assert (passwd.exists, passwd.mode, absent.exists) == (True, 0o600, False)


def test_a_table_older_than_its_source_is_asked(shell: Shell) -> None:
    """``postmap`` says so of each answer, once the source is 100 s old."""
    made = "cd /run && printf 'a b\\n' >old && postmap old && touch -d '-300 sec' old.db && touch -d '-200 sec' old"
    shell.run("sh", "-c", made)
    found = postfix.lookup(shell, "hash:/run/old", "c")
    assert found.value is None
    assert "is older than source file" in found.evidence.transcript
    assert postfix.lookup(shell, "hash:/run/old", "a").value == "b"


def test_a_parameter_that_stands_twice_hides_no_answer(shell: Shell) -> None:
    """``postmap`` warns of it, too, and Postfix goes by the later one: mailcow's own main.cf has such a pair."""
    table = "hash:/etc/postfix/virtual"
    shell.run("sh", "-c", "cp -p /etc/postfix/main.cf /run/ && printf 'biff = yes\nbiff = no\n' >>/etc/postfix/main.cf")
    try:
        found = postfix.lookup(shell, table, "nobody@webmakeprofit.org")
        held = postfix.holding(shell, table, ("nobody@webmakeprofit.org",))
    finally:
        shell.run("cp", "-p", "/run/main.cf", "/etc/postfix/main.cf")
    assert "overriding earlier entry" in found.evidence.transcript
    assert (found.value, held) == (None, set())


def test_what_lies_in_the_queue(migration: Migration, shell: Shell, mark: str) -> None:
    assert postfix.queue(shell).messages == ()
    shell.run("postconf", "-e", "defer_transports = lmtp")
    shell.run("touch", "-d", "-1 minute", "/etc/postfix/main.cf")
    shell.run("postfix", "reload")
    via = next(each for each in migration.settings.vantages if each.name == "ec2")
    letter = Letter("friend@four.example", ("alice@webmakeprofit.org",), mark).write()
    try:
        assert smtp_client.send(Knock("100.64.10.2", via=via), letter).queued
        waiting = until(lambda: [m for m in postfix.queue(shell).messages if m.queue == "deferred"], "it waits", 10)
        assert waiting[0].inbound(("webmakeprofit.org",))
        assert not waiting[0].inbound(("elsewhere.example",))
        assert "deferred transport" in waiting[0].recipients[0][1]
        assert 0 <= waiting[0].age_s < 30
    finally:
        shell.run("postconf", "-X", "defer_transports")
        shell.run("touch", "-d", "-1 minute", "/etc/postfix/main.cf")
        shell.run("postfix", "reload")
        shell.run("postqueue", "-f")


def test_a_log_is_read_from_where_it_was_left(migration: Migration) -> None:
    shell, path = gateway(migration.settings), migration.settings.ec2.log
    before = postfix_log.read(shell, path)
    smtp_client.probe_all([Knock("203.0.113.20", mail_from="a@four.example", rcpt=("x@elsewhere.example",))])
    after = until(
        lambda: (log := postfix_log.read(shell, path, before.position)).rejects and log, "EC2's log has the refusal", 10
    )
    reject = after.rejects[0]
    assert (reject.stage, reject.code, reject.client_address) == ("RCPT", 554, "203.0.113.200")
    assert (reject.sender, reject.recipient) == ("a@four.example", "x@elsewhere.example")
    assert abs(reject.at - time.time()) < 30
    assert after.lines < before.lines + after.lines
    assert postfix_log.read(shell, path, Position(inode=1, offset=10**9)).lines >= before.lines
    with pytest.raises(CouldNotAsk, match="can't be read"):
        postfix_log.read(shell, Path("/var/log/nosuch.log"))


def test_what_belongs_to_the_instance(migration: Migration) -> None:
    found = ec2.inventory(migration)
    assert (found.instance.state, found.instance.address) == ("running", "203.0.113.20")
    assert {item.kind for item in found.items} == {
        "volume", "snapshot", "address", "interface", "security group", "key pair", "role", "instance profile", "alarm",
    }  # fmt: skip
    assert found.unread == ()


def test_what_is_left_of_an_instance_that_is_gone(migration: Migration) -> None:
    """By ids that are known from before; without any, only by the settings."""
    volume = ec2.instance(migration).volumes[0]
    fields = {"instance_id": "i-0123456789abcdef0", "key_name": "", "role_name": ""}
    settings = migration.settings.model_copy(update={"ec2": migration.settings.ec2.model_copy(update=fields)})
    other = Migration(settings, migration.secrets)
    assert ec2.instance(other).gone
    assert [item.kind for item in ec2.inventory(other).items] == ["address"]
    assert [item.id for item in ec2.inventory(other, [volume]).of("volume")] == [volume]


def test_terraform_tells_state_plan_and_mentions(migration: Migration, tmp_path: Path) -> None:
    folder, ours = migration.settings.ec2.terraform, migration.settings.ec2.terraform_addresses
    assert folder is not None
    assert set(ours) < set(terraform.held(folder).addresses)
    assert {each.word for each in terraform.mentions(folder, ours).mentions} == set(ours)
    with pytest.raises(CouldNotAsk, match="can't plan"):
        terraform.plan(folder)
    shutil.copy(folder / "terraform.tfstate", tmp_path)
    keep = '# aws_eip.mail\nresource "terraform_data" "keep" {\n  input = "mail archive"\n}\n'
    (tmp_path / "main.tf").write_text(keep)
    argv = ["terraform", f"-chdir={tmp_path}", "state", "rm", *ours]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    assert terraform.held(tmp_path).addresses == ("terraform_data.keep",)
    assert terraform.plan(tmp_path).changes == ()
    assert terraform.mentions(tmp_path, ours).mentions == ()
    (tmp_path / "main.tf").write_text(keep.replace("mail archive", "other"))
    assert terraform.plan(tmp_path).changes == (Change("terraform_data.keep", "update", drift=False),)
    (tmp_path / "main.tf").write_text(keep + 'output "where" {\n  value = "here"\n}\n')
    found = terraform.plan(tmp_path)
    assert (found.changes, found.outputs) == ((), ("where",))
    (tmp_path / "main.tf").unlink()
    assert terraform.plan(tmp_path).changes == ()
    with pytest.raises(CouldNotAsk, match="is no folder"):
        terraform.held(tmp_path / "nosuch")
