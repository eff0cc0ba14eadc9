# Where smtpd dies as it starts, the master still listens: a connection is made, and nobody speaks.
# shellcheck disable=SC2046  # each of them by itself
set -- $(postconf -xh inet_interfaces | tr , ' ')
case $1 in all | loopback-only) set -- 127.0.0.1 ;; esac
{ exec 3<>"/dev/tcp/$1/25" && read -r -t 5 line <&3; } 2>/dev/null
case $line in 220*) exit 0 ;; esac
exit 1
