"""Whoever judges can only read: a command, a request or a call that would change something is refused unsent."""

import ast
import importlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import pytest
from pydantic import SecretStr

from fixtures.access import changing, reading, transport
from fixtures.access.reading import NotReading
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.aws import api as aws, changing as aws_changing
from fixtures.probes.cloudflare import api as cloudflare, changing as cloudflare_changing
from fixtures.probes.cloudflare.permissions import granted
from fixtures.settings import Secrets, Transport
from tests.reading import ROOT, imports, report, tree, under, where

CHANGES = """
rm a
postconf -e a=b
postconf a=b
postconf -n; postsuper -d ALL
postfix reload
postqueue -f
postmap /etc/postfix/virtual
doveadm expunge -u a mailbox INBOX all
systemctl restart postfix
sed -i s/a/b/ file
find . -delete
find . -exec rm {} +
sort -o file file
ip addr add 192.0.2.1 dev eth0
nft flush ruleset
podman restart dell
kill -9 1
date -s 12:00
hostname other
echo a > file
echo a >> file
echo a>file
cat a 2>file
echo a | tee file
x=$(rm a)
echo "$(rm a)"
echo "${x:-1}" "$(echo "$(rm a)")"
echo "${x:-$(rm a)}"
awk 'BEGIN { system("rm a") }'
awk '{ print > "a" }'
find . -exec sha256sum {} + -exec rm {} +
if true; then rm a; fi
if rm a; then true; fi
for f in *; do mv "$f" b; done
while read -r x; do rm "$x"; done
case $x in a | b) rm b ;; esac
case $x in a) true ;; *) rm b; esac
f() { rm a; }; f
{ rm a; }
(rm a)
! rm a
true && rm a
true || rm a
X=1 rm a
exec rm a
env rm a
eval "rm a"
xargs rm
sh -c 'rm a'
sudo rm a
script -qc 'rm a' /dev/null
script -qc 'postfix check; echo "status $?"' /etc/file
'rm' a
perl -e 'unlink "a"'
python3 -c 'import os'
`rm a`
cat <<END
echo "open
sed -n 'w a' b
sed -n '/x/w a' b
sed -n "1w a" b
sed 's/x/id/e' a
sed "s|x|id|ge; p" a
sed 's/x/y/w a' b
sed '1e id' a
sed '$!{e id;}' a
sed -f a b
uniq a b
awk -f a
awk -i inplace '{}' a
awk '@load "x"; {}' a
sort -uo a b
sort --compress-program=/a b
ifconfig eth0 down
ss -K dst 192.0.2.1
date 010203042026
date -us 1
find . "-delete"
find . -del""ete
find . \\-delete
find . $'-delete'
. a
hostname -F a
mailq -q
nft -f list
ip -batch a addr show
iptables-save -f a
ipset save -file a
journalctl --cursor-file=a
journalctl --rot
gzip -9 a
perl -MSocket -e 'unlink "a"'
python3 -c 'import socket, sys; import os; os.unlink("a")'
PATH=/tmp ls
LD_PRELOAD=/a.so ls
x=1 PATH=/tmp ls
echo $(( $(rm a) ))
echo "$(($(rm a)))"
echo a >/dev/tcp/../../etc/file
docker exec -i c true
ufw status
"""
READS = """
true
cat -- /etc/postfix/main.cf
postconf -n
postconf -hx virtual_alias_maps
postmap -q key hash:/etc/postfix/virtual
echo "rm a" '; rm a'
echo a 2>/dev/null; echo b >&2; echo c 2>&1 | grep -v d
x=1 y=$(postconf -h queue_directory)/pid; [ -e "$x" ] || exit 44
# rm a
case $x in rm) echo a ;; *.bak-* | mv) continue ;; esac
f() { postconf -n; }; f | sort -u
for rm in a b; do echo "$rm"; done
echo $((1 + 2)) "${x%/*}" a\\;b
postfix check 2>&1; echo "status $?"
systemctl list-timers --all
podman container inspect dell
[ "${x#"${x%?}"}" -lt 4 ]
awk -F: '/^[^#]/ { $2 = ""; print f ": " $0 }' "$f"
find /etc -type f -exec sha256sum -- {} +
sed -n -e '1s/^# \\(.*\\): .*/\\1/p' -e '1d' -e '/^#/!p'
sed 's/-w *//' | sed "s/^/$unit: /"
date +%s; sort -u -k 2; ss -Hltnp; ifconfig -a; x=$(journalctl -q --no-pager -o short-iso "$@")
if command -v nft >/dev/null; then nft -s list ruleset; fi
while IFS= read -r f; do head -c 100 "$f"; done
"""


@pytest.mark.parametrize("script", CHANGES.strip().splitlines())
def test_what_changes_a_host_is_refused(script: str) -> None:
    for argv in (("sh", "-c", script), ("timeout", "3", "bash", "-c", script, "bash", "x")):
        with pytest.raises(NotReading, match=r"fixtures/access/reading\.py"):
            reading.check(argv)


def test_a_command_in_a_container_is_one_of_the_list_too() -> None:
    reading.check(("docker", "exec", "-i", "dell", "sh", "-c", "postconf -n", "sh"))
    for inside in (("rm", "-rf", "/srv"), ("sh", "-c", "rm a"), ()):
        with pytest.raises(NotReading, match=r"fixtures/access/reading\.py"):
            reading.check(("docker", "exec", "-i", "dell", *inside))


@pytest.mark.parametrize("script", READS.strip().splitlines())
def test_what_reads_is_let_through(script: str) -> None:
    reading.check(("sh", "-c", script))


def test_a_shell_that_reads_sends_nothing_else() -> None:
    """And the same command goes by the other one, which nothing that judges can import."""
    there = Transport(kind="local")
    reads, changes = transport.shell("here", there), changing.shell("here", there)
    assert reads.run("echo", "a").stdout == "a\n"
    for argv in (("touch", "/nonexistent/a"), ("sh", "-c", "touch /nonexistent/a")):
        with pytest.raises(NotReading, match="`touch`"):
            reads.run(*argv)
        assert changes.run(*argv, check=False).status == 1


def _constants() -> Iterator[str]:
    """Each script for a shell that stands in a module of what judges."""
    for path in [*under("fixtures"), ROOT / "scripts/snapshot.py"]:
        if ROOT / "fixtures/lab" in path.parents:
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".run", "_bash")):
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                held = importlib.import_module(module)
                given = [getattr(held, each.id, None) for each in node.args if isinstance(each, ast.Name)]
                given += [_of(held, each) for each in node.args if isinstance(each, ast.Attribute)]
                scripts = [each for each in given if isinstance(each, str) and " " in each]
                for each in scripts:
                    if why := reading._of_script(each):
                        yield f"{where(path, node)}: {why}"


def _of(held: object, name: ast.Attribute) -> object:
    """What ``module.NAME`` is in HELD."""
    return getattr(getattr(held, name.value.id, None), name.attr, None) if isinstance(name.value, ast.Name) else None


def test_what_the_probes_run_only_reads() -> None:
    report(_constants())


@pytest.fixture
def migration() -> Migration:
    return Migration(settings_without_a_lab(), Secrets(cloudflare_token=SecretStr("t" * 40)))


def test_cloudflare_is_only_asked(migration: Migration) -> None:
    client = cloudflare.client(migration)
    with pytest.raises(NotReading, match=r"POST .*dns_records"):
        client.post("/zones/z/dns_records", cast_to=object, body={})
    with pytest.raises(NotReading, match="DELETE"):
        client.with_options(max_retries=0).email_routing.rules.delete("r", zone_id="z")
    assert type(cloudflare_changing.client(migration)).__name__ == "Client"
    assert cloudflare_changing.once(migration).max_retries == 0


def test_parts_of_the_library_are_imported_by_one_thread_at_a_time(
    migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two threads may each wait for a module of the other's, and Python ends one: deadlock detected."""
    client = cloudflare.made(migration, reads=True)
    here, most = [0], [0]

    def slow(_: object) -> str:
        here[0] += 1
        most[0] = max(most[0], here[0])
        time.sleep(0.05)
        here[0] -= 1
        return "imported"

    for name in ("one", "two", "three"):
        part = cached_property(slow)
        part.__set_name__(type(client), name)
        monkeypatch.setattr(type(client), name, part, raising=False)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda name: getattr(client, name), ("one", "two", "three"))) == ["imported"] * 3
    assert most == [1]


def test_aws_is_only_asked(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    from botocore.exceptions import EndpointConnectionError

    refused: list[Callable[[], object]] = [
        lambda: aws.client(migration).stop_instances(InstanceIds=["i-1"]),
        lambda: aws.client(migration).stop_instances(InstanceIds=["i-1"], DryRun=False),
        lambda: aws.client(migration, "iam").delete_role(RoleName="r"),
    ]
    for call in refused:
        with pytest.raises(NotReading, match="reading access only asks"):
            call()
    sent: list[Callable[[], object]] = [
        lambda: aws.client(migration).describe_instances(),
        lambda: aws.client(migration).stop_instances(InstanceIds=["i-1"], DryRun=True),
        lambda: aws_changing.client(migration).stop_instances(InstanceIds=["i-1"]),
    ]
    for call in sent:
        with pytest.raises(EndpointConnectionError):
            call()


@pytest.mark.parametrize(
    ("method", "status", "says"),
    [
        ("GET", 200, True),
        ("GET", 403, False),
        ("GET", 404, False),
        ("GET", 500, None),
        ("GET", 429, None),
        ("PATCH", 404, True),
        ("PATCH", 422, True),
        ("PATCH", 401, False),
        ("PATCH", 403, False),
        ("PATCH", 200, None),
        ("PATCH", 503, None),
    ],
)
def test_what_a_status_says_of_a_right(method: str, status: int, says: bool | None) -> None:
    assert granted(method, status) is says


def test_only_scripts_and_the_lab_import_what_changes() -> None:
    """As import-linter's contract says, also where an import stands in a function, for types or in conftest.py."""
    lab = under("fixtures/lab")
    own = {"fixtures/access/changing.py", "fixtures/probes/aws/changing.py", "fixtures/probes/cloudflare/changing.py"}
    judging = [path for path in [*under("fixtures"), *under("steps"), ROOT / "conftest.py"] if path not in lab]
    report(
        f"{where(path, node)}: imports {module}"
        for path in judging
        if path.relative_to(ROOT).as_posix() not in own
        for node, module in imports(path)
        if _changing(node, module)
    )


def _changing(node: ast.AST, module: str) -> bool:
    names = [each.name for each in node.names] if isinstance(node, ast.ImportFrom) else []
    return module.endswith(".changing") or "changing" in names
