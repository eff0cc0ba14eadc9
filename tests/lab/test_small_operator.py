"""A small operator before phase 4: one sender over IPv4, nobody else who could write, and no real mail in the month."""

import re
from pathlib import Path

from fixtures.lab.faults.walk import keyword
from fixtures.lab.world import Lab
from tests.labs import features, shared

KINDS = keyword("Whoever passes SPF or DKIM gets through, by whatever way")
lab = shared("tests-small", 13, "phase4", quiet=True)


def test_no_kind_of_sender_has_to_be_waived(lab: Lab, tmp_path: Path) -> None:
    file, page = lab.folder / "operator/migration.toml", tmp_path / "judged.html"
    small = re.sub(r"\[\[other_senders\]\]\n(.+\n)+\n?", "", file.read_text(encoding="utf-8"))
    small = re.sub(r'\[\[senders\]\]\nname = "over IPv6"\n(.+\n)+\n?', "", small)
    file.write_text(small, encoding="utf-8")
    done = features("--lab", lab.name, "--gate", "phase4", "-k", KINDS, "--report", str(page))
    assert re.search(r"^OPEN +phase4 ", done.stdout, re.MULTILINE), done.stdout[-5000:]
    assert "not tried: no [[senders]]" in page.read_text(encoding="utf-8")
    assert "waived" not in done.stdout
