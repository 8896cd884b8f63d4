# Downloads wheels into argv[1] for the requirements NAME==VERSION in argv[2:] (a version may end in .*); the word cuda among
# them means what the first of them needs for a card, as its metadata says.
# Python's own index client only; a download that was cut off goes on where it stopped, and every file's
# SHA-256 is compared with the index. The Python that runs this needs no particular version: of a wheel only
# its C++ libraries are used, which are the same for all.
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile

FORMAT = "application/vnd.pypi.simple.v1+json"
BLOCK = 1 << 20
TRIES = 5


def index():
    """The package index that pip is set up for, or pip's own default."""
    given = os.environ.get("PIP_INDEX_URL")
    if not given:
        asked = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True
        )
        given = asked.stdout.strip()
    if not given:
        from pip._internal.models.index import PyPI

        given = PyPI.simple_url
    return given.rstrip("/")


def opened(url, headers):
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60)


def find(name, version):
    """File name, address, SHA-256 and bytes of the wheel for this machine, the newest that fits."""
    with opened(f"{index()}/{name}/", {"Accept": FORMAT}) as answer:
        page = json.load(answer)
    exact = re.escape(version).replace(r"\.\*", r"(\.\d+)*")
    machine = re.escape(platform.machine())
    shape = re.compile(rf"{name.replace('-', '[-_]')}-({exact})-.*(manylinux.*{machine}|none-any)\.whl$")
    fits = [(shape.match(file["filename"]), file) for file in page["files"] if "sha256" in file["hashes"]]
    fits = [([int(part) for part in match.group(1).split(".")], file) for match, file in fits if match]
    if not fits:
        raise SystemExit(f"the package index has no {name} {version} for {platform.machine()} Linux; set LIBTORCH")
    _, file = max(fits, key=lambda pair: (pair[0], pair[1]["filename"]))
    address = urllib.parse.urljoin(f"{index()}/{name}/", file["url"])
    return file["filename"], address, file["hashes"]["sha256"], file.get("size") or 0


def needed(metadata, extras=()):
    """What the metadata of a wheel asks for on Linux to run on a card, as [name, extras, version]: libraries of NVIDIA, and the
    toolkit that stands for many of them by its extras."""
    found = []
    for line in metadata.splitlines():
        asked = re.match(r"Requires-Dist:\s*([A-Za-z0-9._-]+)(?:\[([^]]*)\])?\s*\(?\s*([^;)]*)\)?\s*(?:;(.*))?$", line)
        if not asked or not asked[1].startswith(("nvidia-", "cuda-toolkit")):
            continue
        of_extra = re.findall(r"""extra\s*==\s*["']([^"']*)["']""", asked[4] or "")
        if of_extra and not set(of_extra) & set(extras):
            continue
        version = re.match(r"==\s*([0-9][0-9.]*(?:\.\*)?)$", asked[3].strip())
        if not version:
            raise SystemExit(f"torch's metadata asks for {asked[1]} {asked[3]}, which is not one version; set LIBTORCH")
        found.append([asked[1], (asked[2] or "").replace(" ", "").split(","), version[1]])
    return found


def metadata_of(folder, filename, address, checksum):
    """The metadata of a wheel: many indexes keep it beside the wheel; otherwise the wheel is fetched, which is needed anyway."""
    try:
        with opened(address + ".metadata", {}) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError:
        print(f"libtorch: fetching {filename}, which says what it needs", file=sys.stderr)
        fetch(folder, filename, address, checksum)
        with zipfile.ZipFile(os.path.join(folder, filename)) as wheel:
            inside = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            return wheel.read(inside).decode()


def digest(path):
    whole = hashlib.sha256()
    with open(path, "rb") as read:
        while block := read.read(BLOCK):
            whole.update(block)
    return whole.hexdigest()


def show(name, done, total, fresh):
    if not sys.stderr.isatty():
        return
    share = done / total if total else 0
    bar = "#" * int(30 * share)
    speed = fresh[0] / max(time.monotonic() - fresh[1], 0.1) / 1e6
    print(f"\r{name[:32]:32} [{bar:30}] {done / 1e6:6.0f}/{total / 1e6:.0f} MB {speed:5.1f} MB/s", end="", file=sys.stderr)


def fetch(folder, name, url, wanted):
    place, part = os.path.join(folder, name), os.path.join(folder, name + ".part")
    if os.path.exists(place) and digest(place) == wanted:
        return
    for attempt in range(TRIES):
        have = os.path.getsize(part) if os.path.exists(part) else 0
        try:
            with opened(url, {"Range": f"bytes={have}-"} if have else {}) as answer:
                resumed = answer.status == 206
                have = have if resumed else 0
                total = have + int(answer.headers.get("Content-Length") or 0)
                fresh = [0, time.monotonic()]
                with open(part, "ab" if resumed else "wb") as write:
                    while block := answer.read(BLOCK):
                        write.write(block)
                        fresh[0] += len(block)
                        show(name, have + fresh[0], total, fresh)
        except urllib.error.HTTPError as error:
            if error.code != 416:
                raise
        except (OSError, EOFError) as error:
            if attempt + 1 == TRIES:
                raise
            print(f"\n{name}: cut off ({error}), going on", file=sys.stderr)
            time.sleep(2)
            continue
        if sys.stderr.isatty():
            print(file=sys.stderr)
        if digest(part) == wanted:
            os.replace(part, place)
            return
        os.remove(part)
        print(f"{name}: the checksum differs, loading it again", file=sys.stderr)
    raise SystemExit(f"{name} could not be downloaded whole: its checksum differs every time; try again later")


def with_what_it_needs(folder, wheel, extras=()):
    """A wheel with the libraries that it needs for a card; one that only stands for others is left out."""
    wheels = []
    for name, more, version in needed(metadata_of(folder, *wheel[:3]), extras):
        found = find(name, version)
        wheels += with_what_it_needs(folder, found, more) if name == "cuda-toolkit" else [found]
    return wheels if extras else [wheel, *wheels]


def main(folder, asked):
    wheels = [find(*requirement.split("==")) for requirement in asked if requirement != "cuda"]
    if "cuda" in asked:
        print(f"libtorch: {wheels[0][0]} has {wheels[0][3] / 1e9:.1f} GB", file=sys.stderr)
        wheels = with_what_it_needs(folder, wheels[0])
        print(f"libtorch: with CUDA {len(wheels)} wheels, {sum(size for *_, size in wheels) / 1e9:.1f} GB", file=sys.stderr)
    for filename, address, checksum, _ in wheels:
        print(f"libtorch: fetching {filename}", file=sys.stderr)
        fetch(folder, filename, address, checksum)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SystemExit(f"the package index cannot be reached ({reason})")
