#!/bin/sh
# Unpacks a package into a folder of its own and looks at what is in it: check-deb.sh PACKAGE
set -eu
package=${1:?the package}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
dpkg-deb --extract "$package" "$root"
dpkg-deb --control "$package" "$root/DEBIAN"
failed=0
want() {
    if ! "$@" >/dev/null 2>&1; then
        echo "wrong: $*"
        failed=1
    fi
}
want test -x "$root/usr/bin/ringfort"
want "$root/usr/bin/ringfort" --version
for part in exec agent hub watch; do
    want test -f "$root/usr/lib/systemd/system/ringfort-$part.service"
done
for page in ringfort $("$root/usr/bin/ringfort" --help | awk '
    /^Commands:/ { on = 1; next } /^$/ { on = 0 } on && $1 != "help" { print "ringfort-" $1 }'); do
    want gzip -t "$root/usr/share/man/man1/$page.1.gz"
done
want bash -n "$root/usr/share/bash-completion/completions/ringfort"
for file in bash-completion/completions/ringfort zsh/vendor-completions/_ringfort \
    fish/vendor_completions.d/ringfort.fish doc/ringfort/copyright doc/ringfort/changelog.gz; do
    want test -s "$root/usr/share/$file"
done
for script in postinst prerm postrm; do
    want sh -n "$root/DEBIAN/$script"
done
# Nothing outside these, nothing writable by others, nothing with set-user-id.
others=$(find "$root" -path "$root/usr" -prune -o -path "$root/DEBIAN" -prune -o -type f -print)
want test -z "$others"
want test -z "$(find "$root/usr" -perm /6022 ! -type l)"
if command -v systemd-analyze >/dev/null; then
    for part in exec agent hub watch; do
        unit="$root/usr/lib/systemd/system/ringfort-$part.service"
        wrong=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep "ringfort-$part" |
            grep -v 'not executable' || true)
        want test -z "$wrong"
        exposure=$(systemd-analyze security --offline=yes --no-pager "$unit" 2>/dev/null | tail -1)
        echo "ringfort-$part: ${exposure#*: }"
    done
else
    echo "SKIPPED: systemd-analyze is not here; the units were not looked at"
fi
[ "$failed" = 0 ] && echo "$package: what should be there is there"
exit "$failed"
