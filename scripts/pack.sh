#!/usr/bin/env bash
# Packs the libraries (built before, in Release) and checks that each package holds its readme, licence, description and symbols.
# usage: scripts/pack.sh FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:?usage: scripts/pack.sh FOLDER}
mkdir -p "$out"
dotnet pack Makatea.sln -c Release --no-build -v q -nologo -o "$out"

count=0
for project in $(grep -l -E '<(MakateaImageLibrary|IsPackable)>true' src/*/*.csproj); do
  id=$(basename "$project" .csproj)
  package=$(find "$out" -name "$id.[0-9]*.nupkg" | head -n 1)
  [ -n "$package" ] || { echo "$id was not packed"; exit 1; }
  [ -e "${package%.nupkg}.snupkg" ] || { echo "$id has no symbol package"; exit 1; }
  spec=$(busybox unzip -p "$package" "$id.nuspec")
  for element in description license readme; do
    grep -q "<$element" <<<"$spec" || { echo "$id: the package has no <$element>"; exit 1; }
  done
  busybox unzip -l "$package" | grep -q 'README.md' || { echo "$id: README.md is not in the package"; exit 1; }
  busybox unzip -l "$package" | grep -q "lib/.*/$id.xml" || { echo "$id: no documentation file in the package"; exit 1; }
  count=$((count + 1))
done
[ "$count" -gt 0 ] || { echo "no packages"; exit 1; }
echo "$count packages in $out"
