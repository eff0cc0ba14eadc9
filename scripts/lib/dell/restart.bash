if [[ $1 == look ]]; then :
elif systemctl -q is-active postfix 2>/dev/null; then systemctl restart postfix
else postfix stop >/dev/null 2>&1; postfix start; fi || exit
# shellcheck disable=SC2046  # each of them by itself
set -- $(postconf -xh inet_interfaces | tr , ' ')
case $1 in all | loopback-only) set -- 127.0.0.1 ;; esac
# Where smtpd dies as it starts, the master still listens: a connection is made, and nobody speaks.
SECONDS=0
while ((SECONDS < 30)); do
    { exec 3<>"/dev/tcp/$1/25"; } 2>/dev/null && read -r -t 5 line <&3 && [[ $line == 220* ]] && exit
    sleep .2
done
echo "no greeting at $1, port 25" >&2
exit 1
