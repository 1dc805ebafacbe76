#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libwattune.so is loaded into training processes: it exports what wattune.h declares and nothing else, and needs libc's
# libraries alone.  `exports.sh LIBRARY HEADER`
set -eu
exported=$(nm -D --defined-only "$1" | awk '{ print $3 }' | sort)
declared=$(grep -o 'WT_PUBLIC[^;(]*(' "$2" | grep -o 'wt_[a-z0-9_]*(' | tr -d '(' | sort)
needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | grep -vE '^lib(c|m|dl|pthread)\.so' || true)
echo "exports $(echo "$exported" | wc -l) names; needs beyond libc: ${needed:-nothing}"
if [ "$exported" != "$declared" ]; then
    echo "exported:" $exported
    echo "declared:" $declared
    exit 1
fi
test -z "$needed" && test -n "$declared"
