#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libwattune.so is loaded into training processes: it exports wt_* and nothing else, and needs libc's libraries alone.
set -eu
foreign=$(nm -D --defined-only "$1" | awk '$3 !~ /^wt_/ { print $3 }')
needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | grep -vE '^lib(c|m|dl|pthread)\.so' || true)
public=$(nm -D --defined-only "$1" | grep -c ' T wt_')
echo "exports $public names; foreign: ${foreign:-none}; needs beyond libc: ${needed:-nothing}"
test -z "$foreign" && test -z "$needed" && test "$public" -ge 4
