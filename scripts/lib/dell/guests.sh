set -e
put() {
    chmod 644 "$1.mxgate.new"
    touch -d "@$(($(date +%s) - 3))" "$1.mxgate.new"
    mv -f "$1.mxgate.new" "$1"
}
cat >"$1.mxgate.new"
[ "$(sha256sum <"$1.mxgate.new" | cut -d' ' -f1)" = "$2" ] || { rm -f "$1.mxgate.new"; exit 1; }
put "$1"
old=$(pgrep -x smtpd) || old=
postfix reload
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    left=
    for pid in $old; do if kill -0 "$pid" 2>/dev/null; then left="$left $pid"; fi; done
    [ -n "$left" ] || break
    sleep 0.1
done
grep -vxF "$3" "$1" >"$1.mxgate.new"
put "$1"
