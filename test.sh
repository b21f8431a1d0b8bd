#!/usr/bin/env bash
# Tests everything: builds, checks the format, runs every test project, packs the packages and boots the guests.
#
# usage: ./test.sh [--quick]     --quick leaves out what boots a guest, drives device models or runs long (categories Guest, Device, Image and Long, and most of the fuzzing)
#
# The last line printed is "N passed, N failed, N skipped" over all of it; the exit status is 0 only where nothing failed.
# Debian packages that are missing are named and installed. Logs are left in artifacts/test.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
. scripts/packages.sh
. scripts/results.sh

quick=
case ${1-} in
  '') ;;
  --quick) quick=1 ;;
  *) sed -n '4p' "$0" | cut -c 3- >&2; exit 2 ;;
esac

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 CONFIGURATION=Release
artifacts=$PWD/artifacts/test
rm -rf "$artifacts"
mkdir -p "$artifacts"

command -v dotnet >/dev/null || { echo "The .NET 10 SDK is missing: https://dot.net/download" >&2; exit 1; }
if [ -z "$quick" ]; then
  require_packages qemu-system-x86_64=qemu-system-x86 qemu-storage-daemon=qemu-system-common qemu-img=qemu-utils \
    busybox=busybox-static cpio=cpio mkfs.ext4=e2fsprogs debugfs=e2fsprogs sfdisk=fdisk blkdiscard=util-linux \
    ethtool=ethtool zstd=zstd lz4=lz4 iasl=acpica-tools gcc=gcc ld.lld=lld /usr/include/zlib.h=zlib1g-dev \
    ip=iproute2 tcpdump=tcpdump tshark=tshark iperf3=iperf3 dnsmasq=dnsmasq-base dhclient=isc-dhcp-client || exit 1
fi

gate build dotnet build Makatea.sln -c Release -v q -nologo
if [ "$failed" -gt 0 ]; then summary; exit 1; fi

if [ -n "$quick" ]; then
  export DOTNET_TieredPGO=0 # code that runs for a minute is not worth watching
  jobs=$(($(nproc) + 1)) filter='Category!=Guest&Category!=Device&Category!=Image&Category!=Long'
else
  jobs=1 filter=
  gate format dotnet format Makatea.sln --verify-no-changes --no-restore
fi

gate allocations dotnet run -c Release --no-build --project bench/Makatea.Benchmarks -- rings --gate
gate nvme-allocations dotnet run -c Release --no-build --project bench/Makatea.Benchmarks -- nvme --gate
gate e1000-allocations dotnet run -c Release --no-build --project bench/Makatea.Benchmarks -- e1000 --gate
gate forward-allocations dotnet run -c Release --no-build --project bench/Makatea.Benchmarks -- forward --gate
gate nat-allocations dotnet run -c Release --no-build --project bench/Makatea.Benchmarks -- nat --gate

test_projects "$jobs" "$filter" tests/*.Tests tests/EndToEnd

if [ -z "$quick" ]; then
  watched fuzz timeout --kill-after=10 600 dotnet run -c Release --no-build --project tests/Fuzz -- all
  gate pack scripts/pack.sh "$artifacts/packages"
fi

summary
[ "$failed" -eq 0 ]
