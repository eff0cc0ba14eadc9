# Sets up what is missing, and says first what that is. To be run, or to be sourced by a script; the first argument:
#   lab   what a rehearsal needs: root, Debian's packages, the Python environment
#   test  that, and what the project's own tests need: a browser that reads, shows and prints the report, and Cloudflare's
#         own clients of npm's (wrangler, the SDK for TypeScript) against the emulator
#   live  only the Python environment, without what only rehearsals and the project's own tests need
# A script passes its own arguments after that: where they ask for its help, nothing is set up, and no root is needed.
# Quick and silent where nothing is missing. Exits 2 with a plain sentence where it can't go on.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
container='docker run --rm -it --privileged --tmpfs /run:exec,dev,suid -v /var/lib/containers -e XDG_CACHE_HOME=/var/cache -v mxgate:/var/cache/mxgate -v "$PWD":/srv/mxgate -w /srv/mxgate debian:13 scripts/rehearse'
mode=${1:-lab}
case " ${*:2} " in *" -h "* | *" --help "*) helping=yes ;; *) helping= ;; esac

# Many processes are started: what one has compiled, the next need not compile again.
unset PYTHONDONTWRITEBYTECODE

refuse() { printf 'mxgate: %s\n' "$1" >&2; exit 2; }

need_root() {
    by=()
    if [ "$(id -u)" != 0 ] && [ -z "$helping" ]; then
        command -v sudo >/dev/null || refuse "the lab needs root, and there is no sudo here. Run this as root."
        by=(sudo)
    fi
}
as_root() { need_root; "${by[@]}" "$@"; }
# Likewise, in the place of this shell: whoever ends that by its process id ends the work.
become() {
    need_root
    [ $$ != 1 ] || { "${by[@]}" "$@"; exit; }  # a container's first process has orphans to reap, as a shell does
    exec "${by[@]}" "$@"
}

# A Python of 3.11 or newer that can make an environment, best first: its path, or nothing. The distribution's own is
# compiled with profiles and link-time optimisation; one that was built by hand, or by pyenv, can take half as long again.
find_python() {
    for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

missing_packages() {
    command -v podman >/dev/null || echo podman
    command -v runc >/dev/null || [ -x /usr/sbin/runc ] || echo runc
    command -v mmdebstrap >/dev/null || echo mmdebstrap
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring  # Ubuntu's mmdebstrap asks for it
    command -v nft >/dev/null || [ -x /usr/sbin/nft ] || echo nftables
    command -v ip >/dev/null || [ -x /usr/sbin/ip ] || echo iproute2
    command -v nsenter >/dev/null || echo util-linux
    [ -n "$(find_python)" ] || echo python3-venv
    [ "$mode" = test ] || return 0
    command -v iptables >/dev/null || [ -x /usr/sbin/iptables ] || echo iptables
    command -v chromium >/dev/null || echo chromium fonts-noto-cjk
    command -v pdftotext >/dev/null || echo poppler-utils
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
}

set_up_packages() {
    local missing
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "${missing// /}" ] || return 0
    command -v apt-get >/dev/null ||
        refuse "a rehearsal needs Debian 12 or newer, or Ubuntu 24.04; missing here: $missing. Elsewhere, from a copy of the project: $container"
    printf 'mxgate: will install with apt-get, once: %s\n' "$missing"
    as_root env DEBIAN_FRONTEND=noninteractive sh -c "
        apt-get update -q >/dev/null &&
        apt-get install -q -y --no-install-recommends $missing >/dev/null" ||
        refuse "apt-get could not install: $missing. Its own message stands above."
}

# What root makes in the project is its owner's, who goes on without root.
give_back() {
    if [ "$(id -u)" = 0 ] && [ -e "$1" ]; then chown -R --reference="$root" "$1"; fi
}

digest_of() { sha256sum "$root/$1" | cut -c1-16; }

# Whether .venv was made where it stands: its programs name that folder, and one that was moved or copied has others'.
made_here() { [ "$(sed -n 's/^command = .* -m venv //p' "$venv/pyvenv.cfg" 2>/dev/null)" = "$(readlink -f "$venv")" ]; }

# Whether .venv holds all of the lock $1, and works: its Python may be another machine's, or gone with an upgrade.
holds() {
    [ "$(cat "$venv/mxgate-lock" 2>/dev/null)" = "$(digest_of "$1")" ] && made_here &&
        "$venv/bin/python" -c 'import pip' 2>/dev/null
}
has_python() {
    holds requirements.lock && return  # all of it: enough for a live run too
    [ "$mode" = live ] && holds scripts/requirements-live.lock
}

set_up_python() {
    local made=
    has_python && return
    [ -n "$(find_python)" ] || refuse "Python 3.11 or newer with its venv module is needed (Debian: apt install python3-venv)."
    {
        flock --nonblock 9 || printf 'mxgate: another set-up is at work in this folder; waiting for its end\n'
        flock --wait 1800 9 || refuse "another set-up has been at work here for half an hour; is it stuck? (lock: .venv.lock)"
        has_python || make_python
    } 9>>"$root/.venv.lock" && made=yes
    give_back "$venv"
    give_back "$root/.venv.lock"
    [ -n "$made" ] || refuse "the Python packages could not be installed; run this again once the package index can be reached."
}

# A .venv that works is left until pip has fetched what takes its place: the way back needs it, and a watch may run in it.
# Its mark is empty from when it begins to change until it is whole again. What a link leads to is another folder's.
make_python() {
    local lock=requirements.lock python=$venv/bin/python again=() surplus
    [ "$mode" != live ] || lock=scripts/requirements-live.lock
    printf 'mxgate: will install the locked Python packages (%s) into .venv, once\n' "$lock"
    if [ -L "$venv" ] || [ ! -e "$venv/mxgate-lock" ] || ! "$python" -m pip --version >/dev/null 2>&1; then
        rm -rf "$venv"
        python=$(find_python)
    else
        if ! made_here || [ ! -s "$venv/mxgate-lock" ]; then again=(--force-reinstall); fi
        : >"$venv/mxgate-lock" || return
    fi
    { made_here || "$python" -m venv "$(readlink -f "$venv")"; } &&
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes "${again[@]}" -r "$root/$lock" &&
        surplus=$("$venv/bin/python" -Ic "$SURPLUS" "$root/$lock") || return
    # shellcheck disable=SC2086 # names of packages, each a word
    [ -z "$surplus" ] || "$venv/bin/python" -m pip uninstall -q -y --disable-pip-version-check $surplus || return
    digest_of "$lock" >"$venv/mxgate-lock"
}

# Python: the packages that the lock doesn't name. They are of an older one, or of the whole project's for a live run.
SURPLUS='
import re, sys
from importlib.metadata import distributions
names = re.findall(r"^[\w.-]+", open(sys.argv[1], encoding="ascii").read(), re.M)
print(*{re.sub(r"[-_.]+", "-", each.name).lower() for each in distributions() if each.name} - {"pip", *names})'

# Cloudflare's own clients, which the tests let loose on the emulator; as locked, and no script of theirs is run.
set_up_npm() {
    local from=$root/tests/emulator/npm into=$venv/npm wanted made=
    wanted=$(digest_of tests/emulator/npm/package-lock.json)
    [ "$(cat "$into/mxgate-lock" 2>/dev/null)" = "$wanted" ] && return 0
    printf 'mxgate: will install the locked clients of Cloudflare with npm into .venv/npm, once\n'
    rm -rf "$into"
    { mkdir "$into" && cp "$from/package.json" "$from/package-lock.json" "$into" &&
        (cd "$into" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null) &&
        printf '%s\n' "$wanted" >"$into/mxgate-lock"; } && made=yes
    give_back "$into"
    [ -n "$made" ] || refuse "Cloudflare's clients could not be installed; run this again once npm's registry can be reached."
}

# The roots of the lab's hosts ($with_images: today's or all), made while this goes on. Python's own library is enough.
begin_images() {
    (cd "$root" && as_root "$(find_python)" -m fixtures.lab.image "$with_images") &
    images=$!
}
images_ready() { wait "$images" || exit 2; }

export PATH=$PATH:/usr/sbin:/sbin
case $mode in
lab | test | live) ;;
-h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
*) refuse "setup.sh $mode: expected lab, test or live; nothing was installed" ;;
esac
if [ -n "$helping" ]; then
    if ! holds requirements.lock; then
        sed -n '2s/^# //p' "$0"
        echo "Its whole help needs what this installs: bash scripts/setup.sh $mode"
        exit 0
    fi
else
    # Each waits for another server or for the disk, so they go side by side, once there is a Python to do it with.
    python=
    if [ -n "$(find_python)" ]; then set_up_python & python=$!; fi
    if [ "$mode" != live ]; then set_up_packages; fi
    if [ -n "${with_images:-}" ]; then begin_images; fi
    if [ -n "$python" ]; then wait "$python" || exit 2; else set_up_python; fi
    if [ "$mode" = test ]; then set_up_npm; fi
fi
