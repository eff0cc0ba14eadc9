"""A file that is put in the place of another one, as the scripts do it on a host."""

import os
import subprocess
from hashlib import sha256
from pathlib import Path

from scripts.lib.dell import host_files


def test_it_keeps_the_type_that_selinux_knows_it_by(tmp_path: Path) -> None:
    """/etc/aliases has another than its folder; what is new has none to keep."""
    target, tool = tmp_path / "aliases", tmp_path / "bin/chcon"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\necho "$1" >>{tmp_path}/said; exit 1\n', encoding="utf-8")
    tool.chmod(0o755)
    for text in ("a", "b"):
        argv = ["sh", "-c", host_files._REPLACE, "sh", str(target), sha256(text.encode()).hexdigest(), "644"]
        path = {"PATH": f"{tool.parent}:{os.environ['PATH']}"}
        subprocess.run(argv, input=text, text=True, check=True, env=path, capture_output=True)
        assert target.read_text(encoding="utf-8") == text
    assert (tmp_path / "said").read_text(encoding="utf-8") == f"--reference={target}\n"
