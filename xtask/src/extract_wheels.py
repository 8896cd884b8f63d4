# Unpacks from the wheels in argv[1] what libtorch needs into argv[2]: for a run on the CPU, or, where argv[3] is cuda, all of
# its C++ half.
import os
import shutil
import sys
import zipfile

TORCH = {"torch/lib/" + name for name in ("libc10.so", "libtorch_cpu.so", "libgomp.so.1")}


def wanted(wheel, name):
    if name.endswith("/"):
        return False
    if sys.argv[3:] == ["cuda"]:
        kept = ("torch/lib/", "torch/include/", "nvidia/")
        return name.startswith(kept) and not name.endswith((".py", ".pyc", ".a"))
    if wheel.startswith("torch-"):
        return name in TORCH or name.startswith("torch/include/")
    return name.endswith((".so.13", ".so.12"))


source, target = sys.argv[1], sys.argv[2]
for wheel in sorted(os.listdir(source)):
    with zipfile.ZipFile(os.path.join(source, wheel)) as archive:
        for name in archive.namelist():
            if wanted(wheel, name):
                path = os.path.join(target, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with archive.open(name) as read, open(path, "wb") as write:
                    shutil.copyfileobj(read, write, 1 << 22)
