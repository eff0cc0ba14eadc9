"""Reads the repository for the tests of the house: which files there are, and what Python in them calls."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

_CLOUDFLARE = set(
    """
    accounts addresses catch_alls client cloudflare dns email_routing records rules settings tokens zones
    """.split()
)
_CLOUDFLARE_WRITES = {"batch", "create", "delete", "disable", "edit", "enable", "unlock", "update"}
_AWS_WRITES = re.compile(
    r"(allocate|associate|attach|authorize|cancel|copy|create|delete|deregister|detach|disable|disassociate|enable|"
    r"import|modify|put|reboot|register|release|remove|replace|reset|revoke|run|start|stop|terminate|update)_"
    r"(\w+_)?(address|addresses|alarm|alarms|association|attribute|group|groups|image|images|instance|instances|"
    r"interface|interfaces|key|keys|pair|policy|profile|role|rule|rules|snapshot|snapshots|tags|volume|volumes|"
    r"egress|ingress)"
)
_IMAP_WRITES = set(
    """
    add_flags add_gmail_labels create_folder delete_folder delete_messages expunge remove_flags rename_folder
    set_flags uid_expunge
    """.split()
)
_COMMANDS_THAT_WRITE: dict[str, set[str]] = {
    "postconf": {"-e", "-X", "-#", "-Me", "-Fe", "-Pe", "-MX", "-PX"},
    "postfix": {"reload", "start", "stop", "flush", "abort", "set-permissions"},
    "postqueue": {"-f", "-i", "-s"},
    "doveadm": {"reload", "stop", "expunge", "flags", "import", "mailbox", "move", "save", "kick", "purge"},
    "systemctl": {"disable", "enable", "kill", "mask", "reload", "restart", "start", "stop"},
    "terraform": {"apply", "destroy", "import", "rm", "mv", "push", "taint", "untaint"},
    "sed": {"-i"},
}
"""A command that changes its host if one of these words is among its arguments."""
_COMMANDS_THAT_ONLY_WRITE = set(
    """
    postsuper postalias newaliases rm mv cp tee install chmod chown truncate touch mkdir dd ln reboot
    """.split()
)
_RUNS = {"run", "Popen", "check_output", "check_call", "command"}
_FILE_WRITES = {"write_text", "write_bytes", "unlink", "rename", "touch", "mkdir", "rmtree", "symlink_to", "chmod"}


@cache
def files() -> tuple[Path, ...]:
    """What is in the repository or about to be."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return tuple(path for name in sorted(set(listed)) if name and (path := ROOT / name).is_file())


def under(folder: str, suffix: str = ".py") -> list[Path]:
    """Those below FOLDER whose names end in SUFFIX."""
    return [path for path in files() if path.name.endswith(suffix) and ROOT / folder in path.parents]


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def is_python(path: Path) -> bool:
    return path.suffix == ".py" or (not path.suffix and re.match(r"#!.*python", text(path)[:80]) is not None)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(text(path), str(path))


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT) if ROOT in path.parents else path.name}:{getattr(node, 'lineno', 1)}"


def report(faults: Iterator[str]) -> None:
    """Fail with every fault, one a line."""
    found = list(faults)
    assert not found, "\n".join([f"{len(found)} found", *found])


def imports(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """Each import of a module, by its full name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node, node.module


def calls(path: Path) -> Iterator[tuple[ast.Call, tuple[str, ...]]]:
    """Each call with its dotted name: ``client.dns.records.list(...)`` gives (client, dns, records, list)."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and (name := _dotted(node.func)):
            yield node, name


def _dotted(node: ast.AST) -> tuple[str, ...]:
    if isinstance(node, ast.Attribute):
        return (*_dotted(node.value), node.attr)
    if isinstance(node, ast.Call):
        return _dotted(node.func)
    return (node.id,) if isinstance(node, ast.Name) else ()


def writes_to_a_system(path: Path) -> Iterator[str]:
    """Calls that change Cloudflare, AWS, a mailbox or a host. By their names, so it errs towards alarm."""
    for call, name in calls(path):
        *before, last = name
        dry = any(k.arg == "DryRun" and isinstance(k.value, ast.Constant) and k.value.value for k in call.keywords)
        if last in _CLOUDFLARE_WRITES and _CLOUDFLARE.intersection(before):
            yield f"{where(path, call)}: {'.'.join(name)}() writes to Cloudflare"
        elif before and before[0] != "self" and _AWS_WRITES.fullmatch(last) and not dry:
            yield f"{where(path, call)}: {'.'.join(name)}() writes to AWS (with DryRun=True it would not)"
        elif last in _IMAP_WRITES:
            yield f"{where(path, call)}: {'.'.join(name)}() writes to a mailbox"
    for node in ast.walk(tree(path)):
        words = _command_line(node)
        if words and (
            words[0] in _COMMANDS_THAT_ONLY_WRITE or _COMMANDS_THAT_WRITE.get(words[0], set()).intersection(words)
        ):
            yield f"{where(path, node)}: the command {' '.join(words)!r} changes its host"


def _command_line(node: ast.AST) -> list[str]:
    """The words of what could be a command: a list or tuple of strings, or the arguments of something that runs."""
    if isinstance(node, ast.List | ast.Tuple):
        parts = node.elts
    elif isinstance(node, ast.Call) and _RUNS.intersection(_dotted(node.func)):
        parts = node.args
    else:
        return []
    constants = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    words = [word for constant in constants for word in constant.split()]
    return [words[0].split("/")[-1], *words[1:]] if words else []


def writes_a_file(path: Path) -> Iterator[str]:
    """Calls that write, make or remove a file."""
    for call, name in calls(path):
        of_path = len(name) > 1
        given = [*call.args[: 1 if of_path else 2], *(k.value for k in call.keywords if k.arg == "mode")]
        modes = [each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        opens = name[-1] == "open" and any(re.fullmatch(r"[rbt]*[wax+][rbt+]*", mode) for mode in modes)
        if name[-1] in _FILE_WRITES or opens:
            yield f"{where(path, call)}: {'.'.join(name)}() writes a file"
