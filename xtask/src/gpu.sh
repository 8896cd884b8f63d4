#!/bin/sh
# Says what Locus does on this machine: compares with recorded numbers in every format that the device has, then takes rates.
# Everything is written to the terminal and to report.txt. The first argument is a time limit in seconds, 480 without one.
# Ends with 0 where all went well, 1 where a step failed, 3 where none failed and time was too short for some.
cd "$(dirname "$0")" || exit 1
limit=${1:-480}
begun=$(date +%s)
# find torch
if [ -z "$torch" ]; then
    echo "no Python here has torch 2.11; name one with PYTHON=..., or a libtorch with LIBTORCH=..." >&2
    exit 1
fi
LD_LIBRARY_PATH="$torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
XDG_CACHE_HOME=$(mktemp -d) XDG_STATE_HOME=$XDG_CACHE_HOME
export LD_LIBRARY_PATH XDG_CACHE_HOME XDG_STATE_HOME
trap 'rm -rf "$XDG_CACHE_HOME"' EXIT
failed=0
missing=
step() {
    left=$((limit - $(date +%s) + begun))
    if [ $left -lt 5 ]; then
        echo "== no time left for: locus $*"
        missing="$missing
   not begun: locus $*"
        return
    fi
    echo "== locus $*"
    timeout $left ./locus "$@"
    code=$?
    if [ $code -eq 124 ]; then
        echo "== locus $* was cut off by the time limit"
        missing="$missing
   cut off: locus $*"
    elif [ $code -ne 0 ]; then
        echo "== locus $* ended with $code"
        failed=1
    fi
}
all() {
    step doctor
    if ./locus doctor --json 2>/dev/null | grep -q 'cuda:0'; then
        for format in float32 bfloat16 float16; do step selftest --device cuda:0 --dtype $format; done
        for shape in gpt-j-6b llama-3-8b gpt2-xl; do
            step selftest --device cuda:0 --dtype bfloat16 --rates-only --shape $shape
        done
    else
        echo "== no card: on the CPU"
        step selftest --device cpu
    fi
    if [ -n "$missing" ]; then
        echo "== time was too short ($limit s) for:$missing"
    fi
}
mkfifo "$XDG_CACHE_HOME/said"
tee report.txt <"$XDG_CACHE_HOME/said" &
all >"$XDG_CACHE_HOME/said" 2>&1
wait
if [ $failed -eq 0 ] && [ -n "$missing" ]; then
    exit 3
fi
exit $failed
