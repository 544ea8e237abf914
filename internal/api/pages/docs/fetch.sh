#!/bin/sh
# Makes rapidoc.js.gz and its licence from the package on npm. Run it to update RapiDoc; building and testing lockd
# need neither npm nor this script.
set -eu
version=9.3.8
sha256=affbd173a65e870e18f392cca963113bcdafb6e50e88cd2f6a834a65b22db94d # of rapidoc-min.js

cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" "rapidoc@$version" >/dev/null
tar -xzf "$work/rapidoc-$version.tgz" -C "$work"
echo "$sha256  $work/package/dist/rapidoc-min.js" | sha256sum --check --quiet
gzip -9nc "$work/package/dist/rapidoc-min.js" >rapidoc.js.gz
{
  cat "$work/package/LICENSE.txt"
  printf '\nrapidoc.js holds these as well:\n\n'
  cat "$work/package/dist/rapidoc-min.js.LICENSE.txt"
} >rapidoc.LICENSE.txt
