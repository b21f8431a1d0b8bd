#!/usr/bin/env bash
# usage: ./demo.sh [--files]
# Boots two Linux qubes from a storage domain, one on a copy-on-write root, writes and verifies a file system in each and shows what it did. The storage domain
# drives an NVMe controller behind an IOMMU, both device models; with --files it serves files of this machine. As root, it then shows two qubes on the network.
# Debian packages that are missing are named and installed. Images and logs stay in ~/.cache/makatea/demo (or $MAKATEA_CACHE/demo).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
case ${1-} in
  '') system=samples/demo.yaml what='a storage domain on an NVMe controller behind an IOMMU, two qubes' ;;
  --files) system=samples/files.yaml what='a storage domain on files, two qubes' ;;
  --help | -h) sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}"; exit ;;
  *) echo "found $1, expected --files or nothing" >&2; exit 64 ;;
esac

PATH=$PATH:/usr/sbin:/sbin
. scripts/packages.sh
command -v dotnet >/dev/null || { echo "The .NET 10 SDK is missing: https://dot.net/download" >&2; exit 1; }
require_packages qemu-system-x86_64=qemu-system-x86 busybox=busybox-static cpio=cpio mkfs.ext4=e2fsprogs debugfs=e2fsprogs blkdiscard=util-linux

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
file_in() { debugfs -R "cat $2" "$1" 2>/dev/null; }

export MAKATEA_CACHE=${MAKATEA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/makatea}
demo=$MAKATEA_CACHE/demo

say "1. Building makatea"
./makatea --version
start=$SECONDS

say "2. Making the guests' kernel, a template root and empty private disks"
assets=$(scripts/guest-assets.sh)
rm -rf "$demo"
mkdir -p "$demo/root"
(cd "$demo/root" && gzip -dc "$assets/initramfs.gz" | cpio -id --quiet 2>/dev/null)
install -m 755 scripts/demo/init "$demo/root/sbin/init"
mkfs.ext4 -q -L template -d "$demo/root" "$demo/template.img" 96M
rm -rf "$demo/root"
cp --sparse=always "$demo/template.img" "$demo/vault-root.img"
truncate -s 64M "$demo/work-private.img" "$demo/vault-private.img"
template=$(sha256sum <"$demo/template.img")
ls -sh "$demo"

say "3. Starting $system: $what"
./makatea check $system
./makatea up $system --plain

say "4. What is on the disks, seen from outside"
failed=0
check() { if eval "$2"; then printf '  ok      %s\n' "$1"; else printf '  FAILED  %s\n' "$1"; failed=1; fi; }
for qube in work vault; do
  image=$demo/$qube-private.img
  check "$qube: its private file system is clean (e2fsck)" 'e2fsck -fn "$image" >"$demo/$qube-e2fsck.log" 2>&1'
  check "$qube: it read back what it wrote" '[ "$(file_in "$image" result)" = verified ]'
  check "$qube: the data has the checksum that it wrote down" '[ "$(file_in "$image" data | sha256sum | cut -d " " -f 1)" = "$(file_in "$image" data.sha256 | cut -d " " -f 1)" ]'
  check "$qube: it changed its root" '[ -n "$(file_in "$image" root-changed)" ]'
done
check "work: the template below its root is as it was" '[ "$template" = "$(sha256sum <"$demo/template.img")" ]'
check "vault: its own root holds the change" '[ -n "$(file_in "$demo/vault-root.img" changed)" ]'

say "5. The network: two qubes behind a net domain that drives an 82574L, and an outside in a namespace"
if [ "$(id -u)" -eq 0 ]; then
  require_packages ip=iproute2 dnsmasq=dnsmasq-base
  scripts/demo/net/run || failed=1
else
  echo "  left out: network namespaces are made by root; run scripts/demo/net/run as root"
fi

[ $failed -eq 0 ] || { echo "The demo failed; images are in $demo." >&2; exit 1; }
say "Done in $((SECONDS - start)) s after the build. Images are in $demo."
