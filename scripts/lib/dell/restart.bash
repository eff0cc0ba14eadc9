if systemctl -q is-active postfix 2>/dev/null; then systemctl restart postfix
else postfix stop >/dev/null 2>&1; postfix start; fi || exit
SECONDS=0
while ((SECONDS < 30)); do
    bash -c "$1" && exit
    sleep .2
done
echo "no greeting at port 25" >&2
exit 1
