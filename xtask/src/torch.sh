# The libtorch that LIBTORCH names, else that of the first Python whose torch is 2.11: in $torch, empty where there is none.
torch=$LIBTORCH
for python in "$PYTHON" "${VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}" "${CONDA_PREFIX:+$CONDA_PREFIX/bin/python}" python3 python; do
    [ -z "$torch" ] && [ -n "$python" ] || continue
    torch=$("$python" -c 'import importlib.metadata as m, importlib.util as u
assert m.version("torch").startswith("2.11.")
print(list(u.find_spec("torch").submodule_search_locations)[0])' 2>/dev/null </dev/null) || torch=
done
