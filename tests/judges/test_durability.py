"""What mounts the disks on which mail lies, by /proc, fstab and systemd."""

from dataclasses import replace

import pytest

from fixtures.evidence import Look
from fixtures.probes.dell import durability, units
from tests.judges import FAIL, LOOK, PASS, all_say

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
        ({"units": "Where=/srv/vmail\nFragmentPath=/etc/systemd/system/srv-vmail.mount"},
         "/etc/systemd/system/srv-vmail.mount"),
        ({"inside": "container=lxc"}, "container=lxc"),
    ],
)  # fmt: skip
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


DISKS = "/dev/b \n/dev/c \n/dev/dm-0 \n/dev/mapper/vg-mail ../dm-0\n/dev/disk/by-uuid/aa-1 ../../b\n"
DISKS += "/dev/disk/by-uuid/cc-3 ../../c\n/dev/disk/by-label/mail ../../b\n"
WAITS = "/usr/lib/systemd/system/dovecot.service:PrivateTmp=true"
TOP = "/etc/systemd/system/dovecot.service.d/own.conf"
HERE = "36 25 8:17 / /srv/vmail rw shared:7 - xfs /dev/b rw"


@pytest.mark.parametrize(
    ("line", "now", "files", "other"),
    [
        ("UUID=aa-1 defaults", HERE, "", ""),
        ('LABEL="mail" rw,noatime', HERE, "", ""),
        ("/dev/b defaults", HERE, "", ""),
        ("/dev/mapper/vg-mail defaults", HERE.replace("/dev/b", "/dev/mapper/vg-mail"), "", ""),
        ("UUID=cc-3 defaults", HERE, "", "UUID=cc-3 (/dev/c), but now /dev/b is mounted there"),
        ("UUID=0a-9 defaults", HERE, "", "UUID=0a-9, which is not there"),
        ("UUID=0a-9 defaults", HERE.replace("xfs", "btrfs"), "", ""),
        ("UUID=0a-9 defaults", HERE.replace("/dev/b", "/dev/root"), "", ""),
        ("PARTUUID=0a-9 defaults", HERE, "", ""),
        ("nas:/mail _netdev", "36 25 0:50 /x /srv/vmail rw - nfs4 nas:/mail rw", "", ""),
        ("UUID=aa-1 subvol=@mail", "36 25 0:50 /@mail /srv/vmail rw - btrfs /dev/b rw", "", ""),
        ("UUID=aa-1 defaults", f"{HERE}\n37 36 8:1 /srv/disk /srv/vmail rw - ext4 /dev/a rw", "",
         "UUID=aa-1, but now a folder is mounted there (/srv/disk)"),
        ("/srv/disk bind", "37 25 8:1 /srv/disk /srv/vmail rw - ext4 /dev/a rw", "", ""),
        ("/srv/old bind", "37 25 8:1 /srv/disk /srv/vmail rw - ext4 /dev/a rw", "",
         "the folder /srv/old, which is not"),
        ("/srv/gone bind", "37 25 8:1 /srv/disk /srv/vmail rw - ext4 /dev/a rw", "", ""),
        ("UUID=aa-1 ro,noatime", HERE, "", "UUID=aa-1 read-only (ro)"),
        ("UUID=aa-1 ro,rw", HERE, "", ""),
        ("UUID=aa-1 nofail", HERE, "", "UUID=aa-1 with nofail, and no server waits for it"),
        ("UUID=aa-1 nofail", HERE, WAITS, "UUID=aa-1 with nofail"),
        ("UUID=aa-1 nofail", HERE, f"{TOP}:RequiresMountsFor=/srv/vmail/alice", ""),
        ("UUID=aa-1 nofail", HERE, f"{TOP}:RequiresMountsFor=/srv", "UUID=aa-1 with nofail"),
        ("UUID=aa-1 nofail", HERE, f"{TOP}:After=network.target srv-vmail.mount", ""),
        ("UUID=aa-1 nofail,x-systemd.before=dovecot.service", HERE, "", ""),
        ("UUID=aa-1 nofail,x-systemd.automount", HERE, "", ""),
        ("UUID=aa-1 nofail", HERE, f"{TOP}:WantsMountsFor=/srv/vmail", ""),
    ],
)  # fmt: skip
def test_what_else_fstab_mounts_there(line: str, now: str, files: str, other: str) -> None:
    spec, options = line.split()
    fstab = f"{spec} /srv/vmail xfs {options} 0 2"
    parts = {"fstab": fstab, "mountinfo": now, "files of units": files, "disks": DISKS}
    parts["inodes"] = "/srv/disk 1:2\n/srv/vmail 1:2\n/srv/old 1:3"
    (it,) = durability._mounts(MOUNTS | parts | {"paths": "/srv/vmail/alice"}, "Dell", Look())
    assert it.other.startswith(other)
    assert bool(it.other) is bool(other)
    kept = durability.Kept((), (), ("always",), LOOK, LOOK, (replace(it, evidence=LOOK),))
    (verdict, said), *_ = all_say(durability.judged(kept), "")
    assert verdict is (FAIL if other else PASS)
    assert other in said
    assert ("RequiresMountsFor=/srv/vmail" in said) is bool(other)


def test_a_path_of_a_mount_in_the_way_of_var() -> None:
    """A file system of /var's has to be there for what has its own /tmp (systemd.exec(5), PrivateTmp)."""
    assert units.waits(WAITS, "/var")
    assert not units.waits(WAITS.replace("true", "no"), "/var")
    assert units.waits(f"{TOP}:BindsTo=srv-v\\x2dmail.mount", "/srv/v-mail")


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
