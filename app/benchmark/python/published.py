"""The jobs of `cargo xtask bench-published` in the published Python code, against what Locus made of the same folders: causal
tracing, ROME, MEMIT, scores and second moments in a clone of MEMIT's repository, constrained fine-tuning in one of the
repository of "Does Localization Inform Editing?".

The code runs as it is but for what `REPLACED` lists: it runs on the CPU, never stops early, and takes what newer libraries give.
Contexts, texts and second moments are given. Times are processor seconds on one thread, the mean over two seconds at least."""

import contextlib
import gc
import importlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from folders import opened
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

# Processor seconds after which a job is not repeated.
ENOUGH = 2.0
# The largest deviation of a result; the published code rounds otherwise, and inverts second moments in float32.
ALLOWED = 1e-4
# The same where Adam divides gradients that are nothing but rounding by themselves: these entries move by whole steps.
ALLOWED_OF_ADAM = 1e-1
# What is written in the published code, and what stands there instead.
REPLACED = [
    ('"cuda"', '"cpu"'),
    (".cuda()", ""),
    # nothing stops early
    ("loss < 5e-2", "loss < 0"),
    ("loss.item() >= 1e-2", "loss.item() >= 0"),
    ("loss_meter.avg < 1e-2", "loss_meter.avg < 0"),
    # a slice of what the tokenizer gives is a dictionary in newer releases of transformers
    ("tok([*prefixes, *words, *suffixes])", 'tok([*prefixes, *words, *suffixes])["input_ids"]'),
    # libraries that these jobs never use
    ("import unidecode\n", ""),
    ("from datasets import load_dataset\n", "load_dataset = None\n"),
]


def prepared(clone, into):
    """A copy of the code in which `REPLACED` is replaced, from which modules are imported from now on."""
    for file in clone.rglob("*.py"):
        text = file.read_text()
        for old, new in REPLACED:
            text = text.replace(old, new)
        copy = into / file.relative_to(clone)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text)
    shutil.copy(clone / "globals.yml", into)
    os.chdir(into)
    sys.path.insert(0, str(into))


def tokenizer_of(folder):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    tokenizer.pad_token = tokenizer.eos_token = tokenizer.convert_ids_to_tokens(0)
    tokenizer.padding_side = "right"
    # GPT-2 would add embeddings of token types
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return tokenizer


def spent(work):
    """A result and its processor seconds."""
    times, begun = 0, time.process_time()
    while True:
        with contextlib.redirect_stdout(io.StringIO()):
            result = work()
        times += 1
        seconds = time.process_time() - begun
        if seconds >= ENOUGH:
            return result, seconds / times


def relative(found, wanted):
    found = found.T if found.shape != wanted.shape else found
    return ((found - wanted).norm() / wanted.norm()).item()


def hparams(made, settings, layers, model, **more):
    """Hyperparameters of a published method with the settings of a job."""
    return made(
        layers=layers, fact_token="subject_last", v_num_grad_steps=settings["steps"], v_lr=settings["learning_rate"],
        v_loss_layer=model.config.n_layer - 1, v_weight_decay=settings["weight_decay"],
        clamp_norm_factor=settings["clamp"], kl_factor=settings["kl_factor"], mom2_adjustment=True,
        mom2_dataset="", mom2_n_samples=0, mom2_dtype="float32", **modules(), **more,
    )


def modules():
    return dict(
        rewrite_module_tmp="transformer.h.{}.mlp.c_proj", layer_module_tmp="transformer.h.{}",
        mlp_module_tmp="transformer.h.{}.mlp", attn_module_tmp="transformer.h.{}.attn",
        ln_f_module="transformer.ln_f", lm_head_module="transformer.wte",
    )


def projection(layer):
    return f"transformer.h.{layer}.mlp.c_proj"


def requests(jobs):
    return [
        {"case_id": number, "prompt": fact["prompt"], "subject": fact["subject"], "target_new": {"str": " " + fact["target"]}}
        for number, fact in enumerate(jobs["facts"])
    ]


def tracing(model, tokenizer, jobs, tensors):
    code = importlib.import_module("experiments.causal_trace")
    both = code.ModelAndTokenizer(model=model, tokenizer=tokenizer)
    job = jobs["trace"]
    for kind in ["hidden", "mlp"]:
        def work():
            return code.calculate_hidden_flow(
                both, job["prompt"], job["subject"], samples=job["samples"], noise=job["noise"],
                window=job["window"], kind=None if kind == "hidden" else kind,
            )["scores"]

        scores, seconds = spent(work)
        wanted = torch.tensor(job[kind]["scores"], dtype=torch.float64)
        name = "heat map of hidden states" if kind == "hidden" else f"heat map of MLP outputs, window {job['window']}"
        yield name, seconds, job[kind]["seconds"], (scores.double() - wanted).abs().max().item()


def rome(model, tokenizer, jobs, tensors):
    main = importlib.import_module("rome.rome_main")
    keys = importlib.import_module("rome.compute_u")
    made = importlib.import_module("rome.rome_hparams").ROMEHyperParams
    settings = jobs["rome"]["settings"]
    main.CONTEXT_TEMPLATES_CACHE = settings["context_templates"]
    request = requests(jobs)[0]
    name = model.config._name_or_path.replace("/", "_")
    for edit in jobs["rome"]["edits"]:
        layer = edit["layer"]
        keys.inv_mom2_cache[(name, projection(layer))] = torch.inverse(tensors[f"moment.{layer}"])
        chosen = hparams(made, settings, [layer], model, context_template_length_params=[])
        deltas, seconds = spent(lambda: main.execute_rome(model, tokenizer, request, chosen))
        parameter = projection(layer) + ".weight"
        left, right = deltas[parameter]
        off = relative(torch.outer(left, right), tensors[f"rome.{parameter}"])
        yield f"ROME at layer {layer}", seconds, edit["seconds"], off


def memit(model, tokenizer, jobs, tensors):
    main = importlib.import_module("memit.memit_main")
    made = importlib.import_module("memit.memit_hparams").MEMITHyperParams
    job = jobs["memit"]
    settings = job["settings"]
    # the bare prompt's keys count as much as those of all other contexts together
    bare, *others = settings["context_templates"]
    main.CONTEXT_TEMPLATES_CACHE = [[bare], others]
    name = model.config._name_or_path.replace("/", "_")
    for layer in job["layers"]:
        main.COV_CACHE[(name, projection(layer))] = tensors[f"moment.{layer}"]
    weight = settings["second_moment_weight"]
    chosen = hparams(made, settings, job["layers"], model, layer_selection="all", mom2_update_weight=weight)
    deltas, seconds = spent(lambda: main.execute_memit(model, tokenizer, requests(jobs), chosen))
    off = 0.0
    for layer in job["layers"]:
        parameter = projection(layer) + ".weight"
        keys, residuals = deltas[parameter]
        off = max(off, relative((keys @ residuals.T).float(), tensors[f"memit.{parameter}"]))
    yield f"MEMIT, {len(jobs['facts'])} facts, {len(job['layers'])} layers", seconds, job["seconds"], off


def scores(model, tokenizer, jobs, tensors):
    code = importlib.import_module("experiments.py.eval_utils_counterfact")
    job = jobs["scores"]
    correct = [0] * len(job["prompts"])
    (found, _), seconds = spent(
        lambda: code.test_batch_prediction(model, tokenizer, job["prompts"], correct, *job["targets"])
    )
    found = torch.tensor([[pair["target_new"], pair["target_true"]] for pair in found], dtype=torch.float64)
    # the published numbers are means over a target's tokens, with the sign turned
    lengths = torch.tensor([len(tokenizer(" " + target)["input_ids"]) for target in job["targets"]])
    wanted = torch.tensor(job["log_probabilities"], dtype=torch.float64).reshape(-1, 2)
    yield "scores of a record", seconds, job["seconds"], (found * -lengths - wanted).abs().max().item()


def moments(model, tokenizer, jobs, tensors):
    code = importlib.import_module("rome.layer_stats")
    job = jobs["moments"]

    class Documents(torch.utils.data.Dataset):
        def __init__(self, *arguments, **named):
            self.documents = job["documents"]

        def __len__(self):
            return len(self.documents)

        def __getitem__(self, number):
            ids = torch.tensor(self.documents[number])
            return {"input_ids": ids, "position_ids": torch.arange(len(ids)), "attention_mask": torch.ones_like(ids)}

    code.TokenizedDataset = Documents
    code.load_dataset = lambda *arguments, **named: {"train": None}
    loader = torch.utils.data.DataLoader
    # in this process, so that its time is counted
    torch.utils.data.DataLoader = lambda *arguments, **named: loader(
        *arguments, **{**named, "num_workers": 0, "pin_memory": False, "prefetch_factor": None}
    )

    def one(layer, folder):
        return code.layer_stats(
            model, tokenizer, projection(layer), folder, "wikipedia", ["mom2"], precision="float32", download=False,
            progress=lambda loader, total: loader, model_name="model",
        ).mom2.moment()

    def work():
        with tempfile.TemporaryDirectory() as folder:
            return [one(layer, folder) for layer in range(model.config.n_layer)]

    found, seconds = spent(work)
    torch.utils.data.DataLoader = loader
    off = max(relative(mean.float(), tensors[f"collected.{layer}"]) for layer, mean in enumerate(found))
    yield "second moments of all layers", seconds, job["seconds"], off


def fine_tuning(model, tokenizer, jobs, tensors):
    main = importlib.import_module("baselines.ft.ft_main")
    made = importlib.import_module("baselines.ft.ft_hparams").FTHyperParams
    job = jobs["fine-tuning"]
    settings, fact = job["settings"], jobs["facts"][0]
    chosen = made(
        layers=[job["layer"]], num_steps=settings["steps"], lr=settings["learning_rate"], weight_decay=0.0, kl_factor=0.0,
        norm_constraint=settings["norm_constraint"], FT_subj_embeds=False, editing_noise=0.0,
        **{**modules(), "rewrite_module_tmp": "transformer.h.{}.mlp.c_proj.weight"},
    )
    asked = {"prompt": fact["prompt"], "subject": fact["subject"], "target_new": {"str": fact["target"]}, "e_range": None}
    arguments = Namespace(fact_erasure=False, weight_based_tracing=False)
    deltas, seconds = spent(lambda: main.execute_ft(arguments, model, tokenizer, [asked], chosen))
    model.requires_grad_(False)
    parameter = projection(job["layer"]) + ".weight"
    off = relative(deltas[parameter], tensors[f"fine-tuning.{parameter}"])
    yield f"constrained fine-tuning at layer {job['layer']}", seconds, job["seconds"], off


def main():
    work, clone = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    torch.set_num_threads(1)
    # the code of the paper on localization lies within its repository, and has all methods
    has_all = (clone / "third_party/baselines/ft").is_dir()
    jobs_of_clone = [fine_tuning] if has_all else [tracing, rome, memit, scores, moments]
    same = True
    with tempfile.TemporaryDirectory() as copy:
        prepared(clone / "third_party" if has_all else clone, Path(copy))
        for file in sorted(work.rglob("jobs.json")):
            jobs, tensors = json.loads(file.read_text()), load_file(file.parent / "tensors.safetensors")
            model, tokenizer = opened(file.parent).requires_grad_(False), tokenizer_of(file.parent)
            print(f"{file.parent.name + ', ' + clone.name:<44}{'published':>12}{'Locus':>10}{'ratio':>9}{'deviation':>12}")
            for job in jobs_of_clone:
                for name, seconds, ours, off in job(model, tokenizer, jobs, tensors):
                    print(f"{name:<44}{seconds:>10.3f} s{ours:>8.3f} s{seconds / ours:>7.1f} x{off:>12.0e}", flush=True)
                    same = same and off <= (ALLOWED_OF_ADAM if job is fine_tuning else ALLOWED)
                gc.collect()
    if not same:
        sys.exit(f"results differ by more than {ALLOWED} ({ALLOWED_OF_ADAM} of fine-tuning)")


if __name__ == "__main__":
    main()
