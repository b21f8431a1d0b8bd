#!/usr/bin/env bash
# Makes what our Linux guests boot from: Debian's cloud kernel and an initramfs with busybox, drivers (virtio, VFIO; NVMe is built in) and a few file system tools.
# The cloud kernel has no drivers of real network adapters: --adapters takes Debian's full one, with Intel's drivers, VLANs and ethtool.
# Needs no root but to install missing packages. Everything is cached; the last line printed is the folder that holds vmlinuz and initramfs.gz;
# without --tool, CACHE/guest refers to it as well (CACHE is $MAKATEA_CACHE, else $XDG_CACHE_HOME/makatea, else ~/.cache/makatea).
#
# usage: scripts/guest-assets.sh [--adapters] [--tool PROGRAM]...      PROGRAM and its libraries go into the initramfs as well
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
. "$here/packages.sh"

tools=()
flavour=cloud-
modules=(virtio_pci virtio_mmio virtio_blk vfio_pci vfio_iommu_type1)
while [ $# -gt 0 ]; do
  case $1 in
    --tool) tools+=("$2"); shift 2 ;;
    --adapters) flavour=; shift ;;
    *) sed -n '2,7s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done

require_packages busybox=busybox-static cpio=cpio mkfs.ext4=e2fsprogs sfdisk=fdisk blkdiscard=util-linux dpkg-deb=dpkg
if [ -z "$flavour" ]; then
  require_packages ethtool=ethtool
  tools+=("$(command -v ethtool)")
  modules+=(e1000 e1000e 8021q)
fi

cache=${MAKATEA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/makatea}
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

# The kernel's real package is the versioned one that linux-image-[cloud-]ARCH depends on.
arch=$(dpkg --print-architecture)
kernel_package() { apt-cache depends "linux-image-$flavour$arch" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1; }
kernel=$(find "$cache" -maxdepth 1 -regex ".*/linux-image-[0-9.-]*-$flavour$arch" -type d -printf '%f\n' | sort -V | tail -n 1)
if [ -z "$kernel" ]; then
  kernel=$(kernel_package)
  if [ -z "$kernel" ]; then
    if [ "$(id -u)" -eq 0 ]; then apt-get update -qq >&2; else sudo apt-get update -qq >&2; fi
    kernel=$(kernel_package)
  fi

  [ -n "$kernel" ] || { echo "No package linux-image-$flavour$arch in apt's lists." >&2; exit 1; }
  echo "Fetching the guests' kernel, $kernel (unpacked into $cache, not installed)." >&2
  scratch=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  (cd "$scratch" && apt-get download -qq -o APT::Sandbox::User=root "$kernel" >&2 && dpkg-deb -x ./*.deb root)
  if [ ! -d "$scratch/root/lib/modules" ]; then mkdir -p "$scratch/root/lib" && ln -s ../usr/lib/modules "$scratch/root/lib/modules"; fi
  # Most of the full kernel is drivers that no guest of ours has devices for.
  rm -rf "$scratch"/root/lib/modules/*/kernel/{sound,drivers/{gpu,media,staging,infiniband,scsi,net/wireless,iio,hwmon,usb}}
  mv "$scratch/root" "$cache/$kernel"
  rm -rf "$scratch"
fi
release=$(ls "$cache/$kernel/lib/modules/")

# The initramfs is named after all that goes into it.
programs=("$(command -v busybox)" "$(command -v sfdisk)" "$(command -v mkfs.ext4)" "$(command -v e2fsck)" "$(command -v blkdiscard)" "$(command -v fstrim)" "${tools[@]}")
key=$(cat "$here/guest-assets.sh" "$here/guest/init" "$here/guest/agent" "${programs[@]}" <(echo "$release" "${modules[@]}") | sha256sum | cut -c 1-16)
out=$cache/guest-$key
if [ ! -e "$out/initramfs.gz" ]; then
  scratch=$(mktemp -d "$cache/make.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  root=$scratch/root
  mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,mnt,etc,lib,lib64} "$scratch/out"
  for applet in $(busybox --list); do ln -s busybox "$root/bin/$applet"; done
  install -m 755 "$here/guest/init" "$root/init"
  install -m 755 "$here/guest/agent" "$root/bin/agent"
  ln -s /proc/mounts "$root/etc/mtab"
  for program in "${programs[@]}"; do
    rm -f "$root/bin/$(basename "$program")"
    install -m 755 "$(readlink -f "$program")" "$root/bin/$(basename "$program")"
    # A static program has no libraries: ldd then fails.
    for library in $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*' || true); do
      [ -e "$root$library" ] || install -D -m 755 "$(readlink -f "$library")" "$root$library"
    done
  done

  folder=$cache/$kernel/lib/modules/$release
  find "$folder" -name '*.ko.xz' -exec xz -d {} +
  [ -e "$folder/modules.dep" ] || busybox depmod -b "$cache/$kernel" "$release"
  take_module() {
    local path
    path=$(sed -n "s|^\([^:]*/${1//_/[-_]}\.ko\):.*|\1|p" "$folder/modules.dep" | head -n 1)
    [ -n "$path" ] || { echo "The kernel $release has no module $1." >&2; exit 1; }
    for path in "$path" $(sed -n "s|^$path: *||p" "$folder/modules.dep"); do
      install -D -m 644 "$folder/$path" "$root/lib/modules/$release/$path"
    done
  }
  for module in "${modules[@]}"; do take_module "$module"; done
  busybox depmod -b "$root" "$release"

  cp "$cache/$kernel/boot/vmlinuz-$release" "$scratch/out/vmlinuz"
  (cd "$root" && find . | sort | cpio --quiet -o -H newc -R 0:0 --reproducible) | gzip -n -6 >"$scratch/out/initramfs.gz"
  rm -rf "$out"
  mv "$scratch/out" "$out"
fi
[ ${#tools[@]} -gt 0 ] || ln -sfn "$(basename "$out")" "$cache/guest"
echo "$out"
