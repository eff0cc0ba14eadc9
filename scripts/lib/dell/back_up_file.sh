set -e
name() { echo "$1.bak-$(date +%Y%m%d%H%M)"; }
while [ -e "$(name "$1")" ]; do sleep 1; done
new=$(name "$1")
cp -p -- "$1" "$new.mxgate.new"
sync -- "$new.mxgate.new" 2>/dev/null || sync
mv -n -- "$new.mxgate.new" "$new"
