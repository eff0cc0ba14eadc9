for _ in {1..50}; do { exec 3<>/dev/tcp/127.0.0.1/$3; } 2>/dev/null && break; sleep .2; done
hear() { line=; while read -r -t 15 line <&3; do [[ $line == ???-* ]] || break; done; }
hear
claim=()
[[ -z $1 ]] || claim=("XCLIENT ADDR=$1" "EHLO $4")
for said in "EHLO $4" "${claim[@]}" "MAIL FROM:<>" "RCPT TO:<$2>"; do
    printf '%s\r\n' "$said" >&3 || exit
    hear
done
echo "$line"
printf 'QUIT\r\n' >&3
