#!/usr/bin/env bash
# Makes what our Linux guests boot from: Debian's cloud kernel and an initramfs with busybox, drivers (virtio, VFIO; NVMe is built in) and a few file system tools.
# The cloud kernel has no drivers of real network adapters: --adapters takes Debian's full one, with Intel's drivers, VLANs and ethtool.
# None of Debian's has iommufd: --iommufd takes Ubuntu's 6.8, of one version, known by its hash. Status 3: it cannot be reached.
# --kvm adds KVM for AMD's processors, which QEMU's TCG has in software, and the guests' own kernel, packed and not, and FILE as /boot/vmlinuz, /boot/vmlinux and /boot/initramfs.gz: what a guest of the guest boots from.
# --network adds ip, tc, ethtool and netem, the kernel's means to lose and reorder packets, which not every host's kernel has; ifb has it for what arrives.
# Needs no root but to install missing packages. Everything is cached; the last line printed is the folder that holds vmlinuz and initramfs.gz;
# without options, CACHE/guest refers to it as well (CACHE is $MAKATEA_CACHE, else $XDG_CACHE_HOME/makatea, else ~/.cache/makatea).
#
# usage: scripts/guest-assets.sh [--adapters|--iommufd] [--network] [--kvm FILE] [--tool PROGRAM]...      PROGRAM and its libraries go into the initramfs as well
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
. "$here/packages.sh"

tools=()
flavour=cloud-
ubuntu=
network=
inner=
modules=(virtio_pci virtio_mmio virtio_blk virtio_net vfio_pci vfio_iommu_type1)
while [ $# -gt 0 ]; do
  case $1 in
    --tool) tools+=("$2"); shift 2 ;;
    --adapters) flavour=; shift ;;
    --iommufd) ubuntu=6.8.0-31; shift ;;
    --network) network=yes; shift ;;
    --kvm) inner=$2; modules+=(kvm_amd); shift 2 ;;
    *) sed -n '2,10s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done

require_packages busybox=busybox-static cpio=cpio mkfs.ext4=e2fsprogs sfdisk=fdisk blkdiscard=util-linux dpkg-deb=dpkg
if [ -z "$flavour" ]; then
  require_packages ethtool=ethtool
  tools+=("$(command -v ethtool)")
  modules+=(e1000 e1000e 8021q)
fi
if [ -n "$network" ]; then
  require_packages ethtool=ethtool tc=iproute2
  tools+=("$(command -v ethtool)" "$(command -v ip)" "$(command -v tc)")
  modules+=(sch_netem sch_ingress cls_matchall act_mirred ifb)
fi
if [ -n "$ubuntu" ]; then
  require_packages zstd=zstd
  modules+=(nvme)
fi

cache=${MAKATEA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/makatea}
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

# fetch_debian: its real package is the versioned one that linux-image-[cloud-]ARCH depends on.
arch=$(dpkg --print-architecture)
kernel_package() { apt-cache depends "linux-image-$flavour$arch" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1; }
fetch_debian() {
  kernel=$(kernel_package)
  if [ -z "$kernel" ]; then
    if [ "$(id -u)" -eq 0 ]; then apt-get update -qq >&2; else sudo apt-get update -qq >&2; fi
    kernel=$(kernel_package)
  fi

  [ -n "$kernel" ] || { echo "No package linux-image-$flavour$arch in apt's lists." >&2; exit 1; }
  apt-get download -qq -o APT::Sandbox::User=root "$kernel" >&2
}

# fetch_ubuntu: of the release as it came out, which stays in the archive as it is.
fetch_ubuntu() {
  local file hash
  while read -r hash file; do
    /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "http://archive.ubuntu.com/ubuntu/pool/main/l/$file" "${file##*/}" "SHA256:$hash" >&2 ||
      { echo "The kernel with iommufd cannot be had from http://archive.ubuntu.com/ubuntu ($file)." >&2; exit 3; }
  done <<EOF
fd2ed023c84163e62c73d3b7b613a9b004bd31e335641c23d42bd249e489fbe6 linux-signed/linux-image-$ubuntu-generic_$ubuntu.31_amd64.deb
3f17f2c279257eb50e40da44390bdf8272c440ca078831c348773d1314b5c2fe linux/linux-modules-$ubuntu-generic_$ubuntu.31_amd64.deb
EOF
}

if [ -n "$ubuntu" ]; then
  pattern="linux-image-$ubuntu-generic" kernel=$pattern fetch=fetch_ubuntu
else
  pattern="linux-image-[0-9.-]*-$flavour$arch" fetch=fetch_debian
fi
found=$(find "$cache" -maxdepth 1 -regex ".*/$pattern" -type d -printf '%f\n' | sort -V | tail -n 1)
if [ -n "$found" ]; then
  kernel=$found
else
  echo "Fetching the guests' kernel (unpacked into $cache, not installed)." >&2
  scratch=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  cd "$scratch"
  $fetch
  for package in ./*.deb; do dpkg-deb -x "$package" root; done
  cd "$OLDPWD"
  if [ ! -d "$scratch/root/lib/modules" ]; then mkdir -p "$scratch/root/lib" && ln -s ../usr/lib/modules "$scratch/root/lib/modules"; fi
  # Most of the full kernel is drivers that no guest of ours has devices for.
  rm -rf "$scratch"/root/lib/modules/*/kernel/{sound,drivers/{gpu,media,staging,infiniband,scsi,net/wireless,iio,hwmon,usb}}
  mv "$scratch/root" "$cache/$kernel"
  rm -rf "$scratch"
fi
release=$(ls "$cache/$kernel/lib/modules/")

# The initramfs is named after all that goes into it.
programs=("$(command -v busybox)" "$(command -v sfdisk)" "$(command -v mkfs.ext4)" "$(command -v e2fsck)" "$(command -v blkdiscard)" "$(command -v fstrim)" "${tools[@]}")
key=$(cat "$here/guest-assets.sh" "$here/guest/init" "$here/guest/agent" "${programs[@]}" ${inner:+"$inner"} <(echo "$release" "${modules[@]}") | sha256sum | cut -c 1-16)
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
  find "$folder" -name '*.ko.zst' -exec zstd -dq --rm {} +
  [ -e "$folder/modules.dep" ] || busybox depmod -b "$cache/$kernel" "$release"
  take_module() {
    local path
    if grep -q "/${1//_/[-_]}\.ko$" "$folder/modules.builtin"; then return; fi
    path=$(sed -n "s|^\([^:]*/${1//_/[-_]}\.ko\):.*|\1|p" "$folder/modules.dep" | head -n 1)
    [ -n "$path" ] || { echo "The kernel $release has no module $1." >&2; exit 1; }
    for path in "$path" $(sed -n "s|^$path: *||p" "$folder/modules.dep"); do
      install -D -m 644 "$folder/$path" "$root/lib/modules/$release/$path"
    done
  }
  install -D -m 644 "$folder/modules.builtin" "$root/lib/modules/$release/modules.builtin"
  for module in "${modules[@]}"; do take_module "$module"; done
  busybox depmod -b "$root" "$release"

  cp "$cache/$kernel/boot/vmlinuz-$release" "$scratch/out/vmlinuz"
  if [ -n "$inner" ]; then
    install -D -m 644 "$scratch/out/vmlinuz" "$root/boot/vmlinuz"
    "$here/unpack-kernel.sh" "$scratch/out/vmlinuz" "$root/boot/vmlinux"
    install -m 644 "$inner" "$root/boot/initramfs.gz"
  fi
  (cd "$root" && find . | sort | cpio --quiet -o -H newc -R 0:0 --reproducible) | gzip -n -6 >"$scratch/out/initramfs.gz"
  rm -rf "$out"
  mv "$scratch/out" "$out"
fi
[ -n "$ubuntu$inner" ] || [ ${#tools[@]} -gt 0 ] || ln -sfn "$(basename "$out")" "$cache/guest"
echo "$out"
