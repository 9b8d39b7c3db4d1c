#!/bin/sh
# Makes a Debian package of a built program: build-deb.sh BINARY FOLDER [VERSION]
# The program may be any build of it; VERSION is for tests of upgrades, the program says its own.
set -eu
binary=${1:?the built program}
folder=${2:?where the package goes}
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "$binary")
version=${3:-$("$binary" --version | cut -d ' ' -f 2)}
arch=$(dpkg --print-architecture)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"

install -D -m 755 -s "$binary" "$tree/usr/bin/ringfort"
for part in exec agent hub watch; do
    install -D -m 644 "$here/systemd/ringfort-$part.service" \
        "$tree/usr/lib/systemd/system/ringfort-$part.service"
done
install -D -m 644 "$here/systemd/ringfort.sysusers" "$tree/usr/lib/sysusers.d/ringfort.conf"
install -D -m 644 "$here/systemd/ringfort.tmpfiles" "$tree/usr/lib/tmpfiles.d/ringfort.conf"

mkdir -p "$tree/usr/share/man/man1"
"$binary" --quiet man "$tree/usr/share/man/man1"
gzip -9 -n "$tree"/usr/share/man/man1/*
complete() {
    mkdir -p "$(dirname "$tree/$2")"
    "$binary" completions "$1" > "$tree/$2"
}
complete bash usr/share/bash-completion/completions/ringfort
complete zsh usr/share/zsh/vendor-completions/_ringfort
complete fish usr/share/fish/vendor_completions.d/ringfort.fish

docs="$tree/usr/share/doc/ringfort"
mkdir -p "$docs"
install -m 644 "$here/../README.md" "$here/../SECURITY.md" "$here/../docs/machines.md" "$docs/"
gzip -9 -n -c "$here/../CHANGELOG.md" > "$docs/changelog.gz"
cat "$here/../LICENSE-MIT" "$here/../LICENSE-APACHE" > "$docs/copyright"

mkdir -p "$tree/DEBIAN"
for script in postinst prerm postrm; do
    install -m 755 "$here/deb/$script" "$tree/DEBIAN/$script"
done
size=$(du -sk --exclude=DEBIAN "$tree" | cut -f 1)
cat > "$tree/DEBIAN/control" <<CONTROL
Package: ringfort
Version: $version
Architecture: $arch
Maintainer: the ringfort project
Installed-Size: $size
Depends: libc6 (>= 2.36), init-system-helpers (>= 1.54), passwd, systemd
Recommends: nftables
Section: admin
Priority: optional
Description: defensive security team in one program
 Finds what is vulnerable and fixes it with a way back, says what is not normal, checks model files,
 and never acts outside rules that are written down.
CONTROL
mkdir -p "$folder"
dpkg-deb --root-owner-group --build "$tree" "$folder/ringfort_${version}_$arch.deb"
