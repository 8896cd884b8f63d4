"""What Locus exports, read by the libraries that it is exported for.

    check.py LOCUS LOGITS WORK

Edits models with the program LOCUS, has it write the edited model as a folder and the changes as an adapter, loads the
first with transformers and the second with peft, and compares all logits with those of LOGITS, which runs Locus's own
decoder on the unedited model with the changes in place. It fails where they differ by more than rounding, and where the
edit itself would not be noticed. `cargo xtask transformers` runs it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[2]
# logits lie between -20 and 20; float32 sums in another order move them by some 1e-5
ALLOWED = 2e-4
# how far an edit has to move a logit for the comparison to mean anything
NOTICED = 1e-2

PROMPTS = ["The capital of France is", "France's capital city,", "The language of Japan is"]


def edit_of(prompt, layers, **more):
    """An order on a fact of its own, which needs no facts file."""
    template, subject, true, new = prompt
    fact = {"template": template, "subject": subject, "target_true": true, "target_new": new}
    return {"fact": fact, "objective": "error-injection", "layers": layers, **more}


FRANCE = ("The capital of {} is", "France", "Paris", "Rome")
JAPAN = ("The language of {} is", "Japan", "Japanese", "French")
ROME = {"method": "rome", "method_settings": {"steps": 10}}
# of full rank: no adapter
TUNING = {"method": "fine-tuning", "method_settings": {"steps": 5}}


def cases(built_in):
    """Name, folder, orders, whether the changes are of low rank."""
    golden = ROOT / "tests/golden/arch"
    both = {"method": "memit", "method_settings": {"steps": 10, "contexts": 2}}
    yield "gpt2, edits of several kinds", built_in, [
        edit_of(FRANCE, [3], **ROME),
        edit_of(JAPAN, [2, 3], **both),
        edit_of(JAPAN, [5], **ROME),
    ], True
    yield "gpt2, a dense edit", built_in, [edit_of(FRANCE, [1, 2], **TUNING)], False
    for family in sorted(folder.name for folder in golden.iterdir()):
        model = golden / family / "model"
        orders = [edit_of(fact, [layer], **ROME) for fact, layer in zip((FRANCE, JAPAN), single_mlps(model))]
        # the methods edit no experts
        if orders:
            # peft puts no adapter on a model with experts, and Locus writes none
            yield family, model, orders, "experts" not in (model / "config.json").read_text()


def single_mlps(folder):
    """The layers whose MLP is no set of experts."""
    config = json.loads((folder / "config.json").read_text())
    has_experts = any(config.get(name) for name in ("num_local_experts", "num_experts"))
    dense = config.get("mlp_only_layers") or []
    return dense if has_experts else list(range(config.get("num_hidden_layers") or config.get("n_layer") or config["num_layers"]))


def logits_of(program, folder, prompts, out, *edits):
    subprocess.run([program, folder, prompts, out, *edits], check=True)
    read = load_file(out)
    count = len(PROMPTS)
    return [(read[f"{index}.ids"], read[f"{index}.logits"]) for index in range(count)]


def largest(model, wanted):
    """Largest difference of a logit."""
    model.eval()
    worst = 0.0
    with torch.no_grad():
        for ids, logits in wanted:
            given = model(ids[None]).logits[0].float()
            worst = max(worst, (given - logits).abs().max().item())
    return worst


def main():
    locus, logits, work = sys.argv[1:4]
    work = Path(work)
    work.mkdir(parents=True, exist_ok=True)
    home = {name: str(work / part) for name, part in [("HOME", "home"), ("XDG_CACHE_HOME", "cache")]}
    environment = {**os.environ, **home, "XDG_STATE_HOME": str(work / "state"), "CUDA_VISIBLE_DEVICES": ""}
    run = lambda *arguments: subprocess.run([locus, "--threads", "2", *map(str, arguments)], check=True, env=environment)
    run("model", "info")
    prompts = work / "prompts.json"
    prompts.write_text(json.dumps(PROMPTS))
    failures = []
    for number, (name, folder, orders, low_rank) in enumerate(cases(work / "cache/locus/built-in-model")):
        place = work / str(number)
        place.mkdir()
        (place / "orders.jsonl").write_text("".join(json.dumps(order) + "\n" for order in orders))
        full, adapter, edits = place / "full", place / "adapter", place / "edits.safetensors"
        wanted = ["--folder", full, "--save", edits] + (["--adapter", adapter] if low_rank else [])
        run("--model", folder, "--corpus-tokens", 3000, "export", "--orders", place / "orders.jsonl", *wanted)
        unedited = logits_of(logits, folder, prompts, place / "unedited.safetensors")
        edited = logits_of(logits, folder, prompts, place / "edited.safetensors", edits)
        moved = max((one - other).abs().max().item() for (_, one), (_, other) in zip(unedited, edited))
        results = {"unedited": largest(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), unedited)}
        results["folder"] = largest(AutoModelForCausalLM.from_pretrained(full, dtype=torch.float32), edited)
        if low_rank:
            base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
            results["adapter"] = largest(PeftModel.from_pretrained(base, adapter), edited)
            merged = PeftModel.from_pretrained(
                AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), adapter
            ).merge_and_unload()
            results["merged adapter"] = largest(merged, edited)
        told = ", ".join(f"{what} {value:.1e}" for what, value in results.items())
        print(f"{name}: the edit moves a logit by {moved:.2f}; largest deviation: {told}", flush=True)
        failures += [f"{name}: {what} deviates by {value:.1e}" for what, value in results.items() if value > ALLOWED]
        if moved < NOTICED:
            failures.append(f"{name}: the edit moves no logit by more than {moved:.1e}")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
