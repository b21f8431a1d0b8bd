#!/usr/bin/env bash
# Takes the ELF file out of a bzImage: what is started by PVH. Distributions ship the bzImage alone.
#
# usage: scripts/unpack-kernel.sh BZIMAGE OUTPUT
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,4s/^# \?//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/packages.sh"

# number OFFSET LENGTH: little-endian, of the setup header (Linux's Documentation/arch/x86/boot.rst).
number() { od -An -v -j "$(($1))" -N "$2" -t "u$2" --endian=little "$image" | tr -d ' '; }
image=$1
[ "$(number 0x202 4)" = $((0x53726448)) ] || { echo "$image is no bzImage." >&2; exit 1; }
sectors=$(number 0x1f1 1)
[ "$sectors" -ne 0 ] || sectors=4
start=$(((sectors + 1) * 512 + $(number 0x248 4))) length=$(number 0x24c 4)

# The last four bytes of what is packed say how long it is unpacked; gzip has them of its own.
case $(number $start 4) in
  $((0x184c2102))) require_packages lz4=lz4 && unpack=(lz4 -dc) length=$((length - 4)) ;;
  $((0x587a37fd))) require_packages xz=xz-utils && unpack=(xz -dc) length=$((length - 4)) ;;
  $((0xfd2fb528))) require_packages zstd=zstd && unpack=(zstd -dc) length=$((length - 4)) ;;
  *) [ "$(number $start 2)" = $((0x8b1f)) ] || { echo "$image is packed by what is not known here; lz4, xz, zstd and gzip are." >&2; exit 1; }
    unpack=(gzip -dc) ;;
esac
head -c "$((start + length))" "$image" | tail -c "$length" | "${unpack[@]}" >"$2.partial"
mv "$2.partial" "$2"
