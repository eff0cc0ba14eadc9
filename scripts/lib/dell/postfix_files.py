"""The files of a host's Postfix, as a snapshot keeps them."""

from __future__ import annotations

from typing import Any

from fixtures.access.transport import Shell
from fixtures.gates.present import ELSEWHERE

_MAY_HIDE = """\
passwords=$({ postconf -nx; postconf -Px; } 2>/dev/null | grep -E '^[^=]*(sasl_password|_key|chain)[^=]*=' |
    grep -oE '/[A-Za-z0-9._/+@-]+')
secret() {
  [ -n "$(find "$1" -perm -004)" ] || return 0
  case "${1##*/}" in main.cf | master.cf) return 1 ;; *passw* | *secret* | *.key | *.pem | users) return 0 ;; esac
  case "
$passwords
" in *"
$1
"*) return 0 ;; esac
  grep -qiE -e '-----BEGIN [A-Z ]*PRIVATE KEY' -e '^[[:space:]]*[a-z_]*(password|passwd|dnpass|bind_pw)[[:space:]]*=' \\
    -e '^[^[:space:]:]+:(\\{[a-z0-9.-]+\\}|[$](1|2[aby]|5|6|y|argon2id?)[$])' -- "$1"
}
"""
"""For a shell: whether a file, by its whole path, may hold passwords or keys. By its rights, its name, the parameters
that name it, or what stands in it: a key, a password that a table's server asks for (mysql_table(5), ldap_table(5)), an
entry of a passwd-file (Dovecot, Passwd-file). What rollback restores, main.cf and master.cf, is none."""

_FILES = (
    _MAY_HIDE
    + """\
cd "$(postconf -h config_directory)" || exit
for file in *; do
  [ -f "$file" ] || continue
  case "$file" in *.db | *.lmdb | *.bak-*) continue ;; esac
  secret "$PWD/$file" && echo "digest $(sha256sum <"$file" | cut -d ' ' -f 1) $file" && continue
  echo "file $(base64 -w 0 <"$file") $file"
done
"""
)
"""What may hold passwords or keys must not get into the store: of that, only the digest."""

_ELSEWHERE = (
    _MAY_HIDE + ELSEWHERE + 'elsewhere | while read -r f; do echo "$(secret "$f" || base64 -w 0 <"$f") $f"; done'
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
