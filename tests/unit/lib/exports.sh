#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libwattune.so is loaded into training processes: it exports what wattune.h declares and nothing else, and needs libc's
# libraries alone.  `exports.sh LIBRARY HEADER`
set -eu
exported=$(nm -D --defined-only "$1" | awk '{ print $3 }' | sort)
declared=$(grep -o 'WT_PUBLIC[^;(]*(' "$2" | grep -o 'wt_[a-z0-9_]*(' | tr -d '(' | sort)
# The tuner and the guard are in it, for its own use: `nm` shows them until the library is stripped.
if nm "$1" 2>/dev/null | grep -q .; then
    for name in tuner_poll guard_set memory_store_new; do
        nm "$1" | grep -q " t $name\$" || { echo "$name is not in the library"; exit 1; }
    done
fi
needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | grep -vE '^lib(c|m|dl|pthread)\.so' || true)
echo "exports $(echo "$exported" | wc -l) names; needs beyond libc: ${needed:-nothing}"
if [ "$exported" != "$declared" ]; then
    echo "exported:" $exported
    echo "declared:" $declared
    exit 1
fi
test -z "$needed" && test -n "$declared"
