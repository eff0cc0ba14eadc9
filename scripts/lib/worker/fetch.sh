#!/bin/sh
# Hands Dell's Postfix what waits in the bucket, the oldest first: reads an object, hands it in where the Worker does, and
# deletes it once Postfix has it on disk. Killed at any point it loses nothing; what it was killed at between the last
# two comes twice. What Postfix refuses for good bounces, since its sender has heard that it was taken.
#
#   mxgate-fetch BUCKET IN OUT
#
# URLs: of the bucket; of where Postfix takes mail of the Worker's login; of where it sends what this machine gives it.
# What curl needs besides, keys and a login, is in two files.
set -eu
umask 077
files=${CREDENTIALS_DIRECTORY:-/etc}
done=${STATE_DIRECTORY:-/var/lib/mxgate-fetch}/done
mkdir -p "${done%/*}"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
cr=$(printf '\r')

at_bucket() {  # WORDS...: curl's
    curl -sS --fail --retry 3 --max-time 300 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -K "$files/mxgate-bucket.curl" "$@"
}

named() {  # NAME: what the message's own metadata says of it, in Base64
    grep -i "^x-amz-meta-$1:" head | tail -n 1 | cut -d: -f2- | tr -d " $cr" | base64 -d
}

handed_in() {  # FILE, WORDS...: of curl's. Prints "taken", or the last reply to the message that is none of success
    file=$1
    shift
    # Lines end in CR LF, whatever they ended in: so each dot that begins one is doubled.
    { sed "s/$cr\$//" "$file" | curl -sSv --crlf --max-time 300 -T - "$@" 2>&1 >/dev/null && echo '< taken'; } |
        sed -n '/^> MAIL FROM/,$ s/^< \([^2]\)/\1/p' | tail -n 1 | tr -d "$cr"
}

bounce() {  # REPLY
    status=$(expr "$1" : '[0-9]* \(5\.[0-9.]*\) ' || echo 5.0.0)
    cat <<END
From: Mail Delivery System <MAILER-DAEMON>
To: <$from>
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=mxgate="

--=mxgate=
Content-Type: text/plain; charset=utf-8

Your message to <$to> waited until its mail server could be reached, which then refused it:

    $1

--=mxgate=
Content-Type: message/delivery-status

Reporting-MTA: dns; $(uname -n)

Final-Recipient: rfc822; $to
Action: failed
Status: $status
Diagnostic-Code: smtp; $1

--=mxgate=
Content-Type: text/rfc822-headers

$(sed "s/$cr\$//; /^\$/q" message)

--=mxgate=--
END
}

# A page has 1000 keys at most. What stays must not hide what came later.
: >keys
after=mail%2F
while :; do
    at_bucket -o list "$1?list-type=2&max-keys=1000&prefix=mail%2F&start-after=$after"
    tr '<' '\n' <list | sed -n 's/^Key>//p' >page
    cat page >>keys
    grep -q '<IsTruncated>true' list && [ -s page ] || break
    after=$(tail -n 1 page | sed 's|/|%2F|g')
done
# What is done with and could not be deleted is not done with a second time. A key that is gone is forgotten.
[ ! -s "$done" ] || { grep -Fx -f keys "$done" >"$done.new" || [ $? = 1 ] && mv "$done.new" "$done"; }
failed=0
while read -r key; do
    if ! grep -qsFx -e "$key" "$done"; then
        at_bucket -D head -o message "$1/$key"
        from=$(named from) && to=$(named to) || to=
        case $to:$from in
            :* | *[[:cntrl:]]*) echo "$key: its envelope is none of the Worker's" >&2 && continue ;;
        esac
        said=$(handed_in message -K "$files/mxgate-postfix.curl" --mail-from "<$from>" --mail-rcpt "<$to>" "$2")
        case $said in
            # Of this machine, not of the message (RFC 5321, 4.2.3; 7504, 3; 4954, 6).
            503* | 521* | 530*) said="for now, $said" ;;
            5*)
                echo "$key, from <$from> to <$to>: refused: $said" >&2
                [ -z "$from" ] || {
                    bounce "$said" >report
                    back=$(handed_in report --mail-from '<>' --mail-rcpt "<$from>" "$3")
                    case $back in
                        # Of the address (RFC 3463, 3.2), or Postfix's reject_non_fqdn_recipient: nobody can hear of it.
                        taken | 5??" 5.1."* | 5??" 5.5.2 "*"Recipient address rejected"*) ;;
                        # Of this machine: somebody has to.
                        5* | "") echo "$key: its bounce to <$from> is not taken: ${back:-no answer}" >&2; failed=1; continue ;;
                        *) said=$back ;;
                    esac
                }
                ;;
        esac
        case $said in
            taken | 5*) echo "$key" >>"$done" || failed=1 ;;
            "") echo "Postfix can't be reached, or refuses the login" >&2 && exit 1 ;;
            *) echo "$key, from <$from> to <$to>: put off: $said" >&2 && continue ;;
        esac
    fi
    at_bucket -o /dev/null -X DELETE "$1/$key" || failed=1
done <keys
exit $failed
