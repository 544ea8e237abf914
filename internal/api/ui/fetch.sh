#!/bin/sh
# Makes assets/preact.js and its licence from the package on npm. Run it to update htm and Preact; building and testing
# lockd need neither npm nor this script.
set -eu
version=3.1.1
sha256=72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7 # of preact/standalone.module.js

cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" "htm@$version" >/dev/null
tar -xzf "$work/htm-$version.tgz" -C "$work"
echo "$sha256  $work/package/preact/standalone.module.js" | sha256sum --check --quiet
cp "$work/package/preact/standalone.module.js" assets/preact.js
cp "$work/package/LICENSE" preact.LICENSE.txt
cat >>preact.LICENSE.txt <<'END'

assets/preact.js also holds Preact:

The MIT License (MIT)

Copyright (c) 2015-present Jason Miller

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
END
