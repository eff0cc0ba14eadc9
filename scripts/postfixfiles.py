"""The files of a host's Postfix, as a snapshot keeps them."""

from __future__ import annotations

from typing import Any

from fixtures.gates.present import ELSEWHERE
from fixtures.transport import Shell

_FILES = """\
cd "$(postconf -h config_directory)" || exit
for file in *; do
  [ -f "$file" ] || continue
  case "$file" in *.db | *.lmdb | *.bak-*) continue ;; esac
  [ -z "$(find "$file" -perm -004)" ] && echo "digest $(sha256sum <"$file" | cut -d ' ' -f 1) $file" && continue
  echo "file $(base64 -w 0 <"$file") $file"
done
"""
"""What not everybody may read (passwords, keys) must not get into the store: of that, only the digest."""

_ELSEWHERE = (
    ELSEWHERE
    + 'elsewhere | while read -r f; do echo "$([ -z "$(find "$f" -perm -004)" ] || base64 -w 0 <"$f") $f"; done'
)


def taken(host: Shell) -> dict[str, Any]:
    """A host's ``files``, ``digests``, ``elsewhere`` and ``postconf``, as ``snapshot`` tells them. ``CouldNotAsk``."""
    told: dict[str, dict[str, str]] = {"file": {}, "digest": {}}
    for line in host.run("sh", "-c", _FILES).stdout.splitlines():
        kind, content, name = line.split(" ", 2)
        told[kind][name] = content
    lines = (line.partition(" ") for line in host.run("bash", "-c", _ELSEWHERE).stdout.splitlines())
    return {
        "files": told["file"],
        "digests": told["digest"],
        "elsewhere": {path: content for content, _, path in lines},
        "postconf": host.run("postconf", "-n").stdout,
    }
