"""Checkpoints of every family, option and layout: run by Locus and by transformers, or refused by Locus with a sentence.

    models.py LOGITS WORK

LOGITS is the program `logits` of the engine. For every case of `options.py` a tiny checkpoint is made in WORK. Where the
case is to run, all logits are compared with those of transformers; where it is to be refused, the sentence is. The results
are written into docs/models.md and, for the test that needs no Python, into tests/golden/options.json. It fails where
numbers differ, or where something is refused or runs that should not. `cargo xtask models` runs it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import torch
import transformers
from options import SECTIONS, changed, make
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[2]
ARCH = ROOT / "tests/golden/arch"
ALLOWED = 2e-4
# so many logits of the last position are kept
KEPT = 16
PROMPTS = [
    "The capital of France is",
    "Steve Jobs was the founder of the company that made the telephone",
    "one two three four five six seven eight nine ten eleven twelve",
]


def reference(case, folder, ids):
    """Logits by transformers, in float32."""
    if case["like"]:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(changed(config, case["like"])))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        return [model(row[None]).logits[0].float() for row in ids]


def run(program, case, folder, prompts):
    """What Locus makes of a folder: logits or none, and what it says."""
    out = folder.parent / "logits.safetensors"
    out.unlink(missing_ok=True)
    ended = subprocess.run([program, folder, prompts, out], capture_output=True, text=True)
    said = ended.stderr.replace(f"{folder}/", "").replace(str(folder), "the folder").strip()
    if ended.returncode < 0 or "panicked" in said:
        return None, None, f"DIED: {said}"
    if ended.returncode:
        return None, None, said.removeprefix("error: ")
    read = load_file(out)
    count = range(len(PROMPTS))
    return [read[f"{n}.ids"] for n in count], [read[f"{n}.logits"] for n in count], said


def kept(case):
    """How the test without Python makes a checkpoint."""
    return {"name": f"{case['base']}: {case['name']}", **{part: case[part] for part in ["base", "config", "tensors"]}}


def verdict(program, case, place, prompts, golden):
    """A cell of the table, and the failure if there is one."""
    folder = place / "model"
    make(case, ARCH, folder)
    ids, logits, said = run(program, case, folder, prompts)
    sentence = re.sub(r"\s+", " ", said).replace("|", "\\|")
    if not case["equal"]:
        if logits is not None:
            return "ran", "it ran"
        if case["word"] not in said or said.startswith("DIED"):
            return sentence, f"the sentence does not say `{case['word']}`: {said}"
        if not case["files"]:
            golden.append(kept(case) | {"refused": case["word"]})
        return f"refused: {sentence}", None
    if logits is None:
        return sentence, said
    wanted = reference(case, folder, ids)
    off = max((one - other).abs().max().item() for one, other in zip(logits, wanted))
    word = f"; said: {sentence.removeprefix('note: ')}" if case["told"] else ""
    if case["told"] and case["told"] not in said:
        return sentence, f"it does not say `{case['told']}`: {said}"
    if not case["told"] and said:
        return sentence, f"it says: {said}"
    if not off <= ALLOWED:
        return f"off by {off:.1e}", f"logits differ by {off:.1e}"
    if not case["files"]:
        logits = [round(value, 5) for value in wanted[1][-1][:KEPT].tolist()]
        golden.append(kept(case) | {"told": case["told"] or "", "ids": ids[1].tolist(), "logits": logits})
    # the last digits are another processor's on another processor
    within = next(bound for bound in (1e-5, 5e-5, ALLOWED) if off <= bound)
    return f"equal within {within:.0e}{word}", None


def main():
    program, work = sys.argv[1], Path(sys.argv[2])
    # many tiny runs: more threads would only wait for each other
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    prompts = work / "prompts.json"
    prompts.write_text(json.dumps(PROMPTS))
    rows, failures, golden = [], [], []
    for title, cases in SECTIONS:
        rows += [f"### {title}", "", "| family | checkpoint | result |", "|---|---|---|"]
        for number, case in enumerate(cases):
            place = work / f"{len(failures)}-{len(rows)}"
            place.mkdir()
            cell, failure = verdict(program, case, place, prompts, golden)
            shutil.rmtree(place)
            name = case["name"].replace("|", "\\|")
            rows.append(f"| {case['base']} | {name} | {cell} |")
            if failure:
                failures.append(f"{case['base']}, {case['name']}: {failure}")
                print(failures[-1], flush=True)
        rows.append("")
        print(f"{title}: {len(cases)} checkpoints", flush=True)
    work.joinpath("rows.md").write_text("\n".join(rows))
    if failures:
        sys.exit(f"{len(failures)} checkpoints are not as they should be")
    page = ROOT / "docs/models.md"
    begin, end = "<!-- made by cargo xtask models -->", "<!-- end -->"
    text = page.read_text()
    head, tail = text.split(begin)[0], text.split(end)[1]
    page.write_text(head + begin + "\n\n" + "\n".join(rows).rstrip() + "\n\n" + end + tail)
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in golden)
    (ROOT / "tests/golden/options.json").write_text(f"[\n{lines}\n]\n")
    print(f"{sum(len(cases) for _, cases in SECTIONS)} checkpoints, {len(golden)} of them kept for the test without Python")


main()
