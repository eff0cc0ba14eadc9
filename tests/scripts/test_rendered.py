"""A container that renders main.cf whenever it starts, in a folder of its own, where a filter has port 10025."""

import os
from collections.abc import Iterator

import pytest

from scripts import prepare_dell
from scripts.lib.change import Refused
from scripts.lib.dell import outgoing
from tests.scripts.single import Single, make, single

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a container needs root")
SUMS = "cd /srv/mail/postfix; sha256sum main.cf master.cf"


@pytest.fixture(scope="module")
def dell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Single]:
    with single(tmp_path_factory.mktemp("single"), "rendered") as made:
        yield made


def test_a_port_that_a_filter_has_is_refused_by_name(dell: Single) -> None:
    with pytest.raises(Refused, match=r"port 10025 is taken by `127.0.0.1:10025 inet .*dell.xclient_port"):
        list(prepare_dell.plan(dell.job(quota_policy="")))


def test_a_folder_that_is_not_postfixs_is_refused(dell: Single) -> None:
    with pytest.raises(
        Refused, match=r"expected /srv/nosuch/main.cf; .* dell.config_directory names the folder|can't read"
    ):
        list(prepare_dell.plan(dell.job(quota_policy="", config_directory="/srv/nosuch")))


def test_a_start_that_writes_main_cf_is_found_out_and_nothing_stays(
    dell: Single, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The container is started again once: whatever its start writes shows then."""
    monkeypatch.setattr(outgoing, "require", lambda *_: None)
    before = dell.bash(SUMS)
    job = dell.job(quota_policy="", xclient_port=10125)
    writes = list(prepare_dell.plan(job))
    assert writes[-1].command == "postfix check && podman restart postfix"
    with pytest.raises(Refused, match=r"main.cf: not what was written, after postfix was started again.*dell.owner"):
        make(iter(writes))
    assert dell.bash(SUMS) == before
    dell.bash("podman exec postfix postfix -c /opt/postfix/conf status")


def test_where_the_start_writes_nothing_it_is_prepared(dell: Single, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "require", lambda *_: None)
    dell.bash("sed -i '/^cp build/d; s/^touch .*/true/' /srv/mail/repo/entrypoint.sh")
    job = dell.job(quota_policy="", xclient_port=10125)
    assert make(prepare_dell.plan(job))[-1] == "Postfix on Dell"
    assert not list(prepare_dell.plan(job))
    said = dell.shell.run("postconf", "-M", "127.0.0.1:10125/inet").stdout
    assert "smtpd_authorized_xclient_hosts=127.0.0.1" in said
