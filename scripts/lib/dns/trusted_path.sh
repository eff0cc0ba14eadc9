# FILE: where root runs this, nobody else may be able to say where it leads. Each folder on its way belongs to root, who
# also is the only one to write in it, or it is sticky (/tmp); each link there is root's, and so is the way of that. Else a
# link to /etc/shadow, say, would be followed with root's rights. Prints whose and which folder or link is none such.
trusted() {
    [ "$1" ] || return 0
    trusted "${1%/*}"
    if [ -L "$1" ]; then
        root_s "$1" -user root
        case $(readlink -- "$1") in
            /*) trusted "$(readlink -- "$1")" ;;
            *) trusted "${1%/*}/$(readlink -- "$1")" ;;
        esac
    elif [ -d "$1" ]; then
        root_s "$1" -user root \( ! -perm /022 -o -perm -1000 \)
    fi
}
root_s() {
    at=$1; shift
    [ "$(find "$at" -prune "$@")" ] || { stat -c '%U %n' -- "$at"; exit 45; }
}
[ "$(id -u)" != 0 ] || trusted "$1"
