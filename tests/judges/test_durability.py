"""What mounts the disks on which mail lies, by /proc, fstab and systemd."""

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.dell import durability
from tests.judges import LOOK, all_say

PASS, FAIL = Verdict.PASS, Verdict.FAIL
MOUNTS = {
    "paths": "/srv/vmail/alice/Maildir\n/var/spool/postfix\n/users/bob/Maildir",
    "mounts": "/dev/a / ext4 rw 0 0\n/dev/b /srv/vmail xfs rw 0 0\n/dev/c /var ext4 rw 0 0\ntank/u /users zfs rw 0 0",
    "fstab": "# none\nUUID=1 / ext4 defaults 0 1\nLABEL=var /var/ ext4 defaults,nofail 0 2",
    "units": "Where=/boot\nFragmentPath=/run/systemd/generator/boot.mount\n\nWhere=/srv/vmail\nFragmentPath=",
}


@pytest.mark.parametrize(
    ("other", "by"),
    [
        ({}, ""),
        ({"fstab": "/dev/b /srv/vmail xfs noauto 0 0"}, ""),
        ({"fstab": "/dev/b /srv/vmail xfs noauto,x-systemd.automount 0 0"}, "fstab"),
        (
            {"units": "Where=/srv/vmail\nFragmentPath=/etc/systemd/system/srv-vmail.mount"},
            "/etc/systemd/system/srv-vmail.mount",
        ),
        ({"inside": "container=lxc"}, "container=lxc"),
    ],
)
def test_what_mounts_the_mail_at_a_start(other: dict[str, str], by: str) -> None:
    found = durability.mounted(MOUNTS | other)
    assert found["/srv/vmail"] == by
    assert found["/users"] == "zfs itself"
    assert other or found["/var"] == "fstab"
    wanted = "/srv/vmail: expected mounted with the machine, by fstab or a unit of systemd's, found "
    kept = durability.Kept((), (), ("always",), LOOK, LOOK, (durability.Mount("/srv/vmail", by, LOOK),))
    (verdict, said), *_ = all_say(durability.judged(kept), "")
    by_hand = (
        "nothing does: somebody mounted it by hand. Name it in /etc/fstab: after the next start mail would be filed "
    )
    assert (verdict, said) == (
        (PASS, wanted + by) if by else (FAIL, f"{wanted}{by_hand}below the empty folder, and today's be gone")
    )


@pytest.mark.parametrize(
    ("path", "end", "layer"),
    [
        ("/var/spool/postfix", "/var/spool/postfix", False),
        ("/var/spool/postfix/active", "/var/spool/postfix/active", False),
        ("/srv/vmail/a", "/srv/vmail/a", True),
        ("/srv/vmail/a", "/data/a", False),
        ("/data/a", "", False),
        ("/var/spool/postfix2", "", True),
    ],
)
def test_what_goes_with_a_container(path: str, end: str, layer: bool) -> None:
    """The overlay below is the machine's: kinds tell nothing."""
    mounts = "overlay / overlay rw 0 0\noverlay /var/spool/postfix overlay rw 0 0\n/dev/a /data ext4 rw 0 0"
    it = durability.layered((durability.Folder("mail", path, "overlayfs"),), {"paths": end, "mounts": mounts})
    (verdict, said), *_ = all_say(durability.judged(durability.Kept(it, (), ("always",), LOOK, LOOK)), "")
    assert verdict is (FAIL if layer else PASS)
    gone = "in the container itself: gone when that is made again. Give it a volume, or mount a folder of the machine"
    assert (gone if layer else "found on overlayfs") in said
