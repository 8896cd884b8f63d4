if [ -z "$torch" ]; then
    echo "locus: libtorch 2.11 not found; set LIBTORCH to its folder, or PYTHON to a Python that has torch 2.11" >&2
    exit 1
fi
export LD_LIBRARY_PATH="$torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$(dirname "$(readlink -f "$0")")/lib/locus-engine" "$@"
