#!/usr/bin/env bash
# Compiles a program ahead of time into a native executable; every warning of the trimmer and of the compiler is an error.
# usage: scripts/publish-image.sh PROJECT-FOLDER OUTPUT-FOLDER [-p:StaticExecutable=true]      (static and with symbols, as images for seL4 are made of)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/packages.sh"
require_packages gcc=gcc /usr/include/zlib.h=zlib1g-dev /usr/include/stdlib.h=libc6-dev
artifacts=$root/artifacts/images
case ${3-} in *StaticExecutable*) artifacts+=-static; require_packages ld.lld=lld ;; esac

# One target framework for the whole graph; folders of its own, so that it does not disturb the other builds.
exec dotnet publish "$1" -c Release -f net9.0 -r linux-x64 -p:TargetFrameworks=net9.0 -p:MakateaPublishImage=true \
  --artifacts-path "$artifacts" --nologo -v q -o "$2" "${@:3}"
