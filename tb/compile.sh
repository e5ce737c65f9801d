#!/bin/sh
# What Verilator's makefiles put before every compilation (OBJCACHE): compile.sh FOLDER g++ ...
# The simulator's run-time library is the same in every build, and half of the work of a small one:
# its objects are kept in FOLDER, by all that g++ is told but where headers are, of which they need
# none of the design's. Anything else is compiled as ever.
folder=$1
shift
for source; do :; done
case $source in
  */verilated*.cpp) ;;
  *) exec "$@" ;;
esac
key=$(for word; do case $word in -I*) ;; *) echo "$word" ;; esac; done | cksum | tr ' ' -)
object=$(basename "$source" .cpp).o
kept=$folder/$key-$object
if [ -f "$kept" ]; then
  echo "$object: $kept"
  exec cp "$kept" "$object"
fi
"$@" || exit
# Whole or not at all; where it cannot be kept, the next build compiles it again.
{ mkdir -p "$folder" && cp "$object" "$kept.$$" && mv -f "$kept.$$" "$kept"; } 2>&- ||
  rm -f "$kept.$$"
