"""``reconcile`` on files: what is no input or can't be looked at is named, and gives no all-clear."""

import json
import os
import re
from pathlib import Path

import pytest

from scripts import reconcile
from tests.probes.test_reconcile import Mail, text


def test_a_bad_input_is_named_before_anything_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--dell", str(tmp_path / "none"), "--page", str(tmp_path / "page.html")]
    assert reconcile.main(argv) == reconcile.BAD_INPUT
    assert "there is no such log file" in capsys.readouterr().err
    os.mkfifo(tmp_path / "pipe")
    assert reconcile.main(["--dell", str(tmp_path / "pipe")]) == reconcile.BAD_INPUT
    assert "a pipe, which can't be read twice. Name the file" in capsys.readouterr().err
    (tmp_path / "log").write_bytes(b"")
    assert reconcile.main(["--dell", str(tmp_path / "log"), "--switch", "noon"]) == reconcile.BAD_INPUT
    assert "expected a time such as" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
    for content in (b"", b"127.0.0.1 localhost\n", b"\x7fELF\x00\x01" * 99):  # of none of these is all accounted for
        (tmp_path / "log").write_bytes(content)
        assert reconcile.main(["--dell", str(tmp_path / "log")]) == reconcile.BAD_INPUT
        assert "log: no line of Postfix's is in it" in capsys.readouterr().err
    (tmp_path / "log").write_text("a log that a shell of Windows has written\n", encoding="utf-16")
    assert reconcile.main(["--dell", str(tmp_path / "log")]) == reconcile.BAD_INPUT
    assert f"log: is UTF-16. Save it as UTF-8, or make such a file: iconv -f UTF-16 -t UTF-8 {tmp_path}/log > NEW" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--zone", "JST"], "--zone JST: expected how far it is ahead of UTC, +0900 or -0500, or its name, Asia/Tokyo"),
        (["--dell-zone", "../Tokyo"], "--dell-zone ../Tokyo: expected how far"),
        (["--switch", "noon"], "--switch noon: expected a time such as"),
        (["--json", "FOLDER"], "reconcile: FOLDER: expected a file's path"),
        (["--page", "FOLDER"], "reconcile: FOLDER: expected a file's path"),
        (["--json", "FOLDER/none/all.json"], "all.json: expected a file's path, in a folder that there is"),
        (["--page", "FOLDER/log"], "FOLDER/log: is a log that is read, and would be replaced"),
        (["--page", "FOLDER/new", "--json", "FOLDER/new"], "FOLDER/new: --json and --page would write the same file"),
        (["--json", "/dev/full"], "reconcile: /dev/full: No space left on device"),
    ],
)
def test_a_bad_option_is_named(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is expected of it, and not in a library's words."""
    (tmp_path / "log").write_bytes(text(Mail(1).on_dell()))
    given = [each.replace("FOLDER", str(tmp_path)) for each in options]
    assert reconcile.main(["--dell", str(tmp_path / "log"), *given]) == reconcile.BAD_INPUT
    assert words.replace("FOLDER", str(tmp_path)) in capsys.readouterr().err


LOGS = ["--ec2", "EC2", "--dell", "DELL"]
NO_DELIVERY = (
    "Dell's log has no delivery to a mailbox of its own: are --ec2 and --dell swapped, or is it another host's?"
)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([*LOGS, "--domain", "b.example"], "--domain b.example: no mail for it is in these logs. Dell delivers for:"),
        ([*LOGS, "--domain", "a.exmaple", "--domain", "a.example"], "--domain a.exmaple: no mail for it"),
        ([*LOGS, "--domain", "@a.example"], "--domain @a.example: expected a host name of two labels"),
        (["--ec2", "EC2", "--domain", "a.example"], "--ec2: only Dell's log says what became of mail after that"),
        (["--ec2", "DELL", "--dell", "EC2"], NO_DELIVERY),
        (["--ec2", "DELL", "--dell", "EC2", "--domain", "a.example"], NO_DELIVERY),
    ],
)
def test_what_could_not_be_looked_at_is_no_all_clear(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reconcile.main(on_files(tmp_path, options, [Mail(number) for number in range(30)])) == reconcile.BAD_INPUT
    assert words in capsys.readouterr().err


def test_a_domain_may_be_written_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = on_files(tmp_path, [*LOGS, "--domain", "A.Example."], [Mail(number) for number in range(300)])
    assert reconcile.main(argv) == reconcile.DONE
    said = capsys.readouterr().out
    assert "All mail is accounted for." in said
    assert re.search(r"EC2\W+stored\W+300", said)


def test_what_is_not_known_is_not_accounted_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mails = [Mail(number) for number in range(300)]
    argv = on_files(tmp_path, [*LOGS, "--page", str(tmp_path / "page.html")], mails, mails[:200])
    assert reconcile.main(argv) == reconcile.DONE
    said = "othing is missing as far as the logs reach; 100 are not known"
    assert said in capsys.readouterr().out
    assert said in (tmp_path / "page.html").read_text(encoding="utf-8")


def on_files(folder: Path, options: list[str], mails: list[Mail], on_dell: list[Mail] | None = None) -> list[str]:
    """OPTIONS with the logs of MAILS in their places; Dell's reaches over ON_DELL."""
    logs = {"EC2": map(Mail.on_ec2, mails), "DELL": map(Mail.on_dell, mails if on_dell is None else on_dell)}
    for name, lines in logs.items():
        (folder / name).write_bytes(text([line for each in lines for line in each]))
    return [str(folder / each) if each in logs else each for each in options]


def test_what_a_log_quotes_moves_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "2026-11-25T10:00:00.0+09:00 mail postfix/smtpd[1]: connect from a[192.0.2.1]\n"
    (tmp_path / "log").write_bytes(f"{said}\x1b[2J\x00{said}".encode() + text(Mail(1).on_dell()))
    reconcile.main(["--dell", str(tmp_path / "log")])
    shown = capsys.readouterr().out
    assert "lines that could not be read, such as:" in shown
    assert r"\u001b[2J" in shown
    assert not {"\x1b", "\x00"} & set(shown)


def test_a_pipe_stays_one(tmp_path: Path) -> None:
    """And so does /dev/null, in whose place root could put a file."""
    (tmp_path / "log").write_bytes(text(Mail(1).on_dell()))
    os.mkfifo(pipe := tmp_path / "pipe")
    with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as reader:
        reconcile.main(["--dell", str(tmp_path / "log"), "--json", str(pipe)])
        assert pipe.is_fifo()
        assert "good" in json.load(reader)
    (link := tmp_path / "stdout").symlink_to(tmp_path / "out.json")
    (tmp_path / "out.json").touch()
    reconcile.main(["--dell", str(tmp_path / "log"), "--json", str(link)])
    assert link.is_symlink()
    assert "good" in json.loads(link.read_text(encoding="utf-8"))


def test_dovecots_log_needs_postfixs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text("")
    assert reconcile.main(["--dovecot", str(tmp_path / "log")]) == reconcile.BAD_INPUT
    assert "name that too, by --dell" in capsys.readouterr().err
