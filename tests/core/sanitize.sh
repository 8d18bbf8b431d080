#!/usr/bin/env bash
# Compiles the tests of the nonuniform transforms' C++ code with the compiler's sanitizers, and runs them: addresses
# and undefined behaviour with all passes, threads with a few.  Takes a C++ compiler (CXX, by default c++) of GCC 12 or
# Clang 15 on, on Linux or macOS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
options=(-std=c++17 -O1 -g -Wall -Wextra -Wno-psabi -Wno-unknown-warning-option -fno-math-errno -pthread)
case $(uname -m) in
  x86_64 | amd64) options+=(-march=native) ;; # wider registers take fewer kinds of passes
esac
compile() {
  "${CXX:-c++}" "${options[@]}" "$@"
}
compile -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all nufft_unit.cpp -o "$build/address" &
compile -fsanitize=thread -DTHREADS_ALONE nufft_unit.cpp -o "$build/thread"
wait $!
echo "address and undefined behaviour: $("$build/address")"
echo "threads: $("$build/thread")"
