"""The heat map of hidden states of one prompt in TransformerLens and in nnsight, one run for each cell as their guides show it,
against the one that Locus made of the same folder with the same noise. Every cell must be the same."""

import json
import os
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["WANDB_MODE"] = "disabled"

import torch
from folders import opened
from transformers import AutoTokenizer

# The largest difference between two probabilities of a cell; float32 rounds in another order in each library.
ALLOWED = 1e-5


def rows(case):
    """The prompt once clean and once for each sample."""
    return torch.tensor(case["prompt"]).repeat(1 + len(case["noise"]), 1)


def noise_of(case):
    noise = torch.zeros(1 + len(case["noise"]), len(case["prompt"]), len(case["noise"][0][0]), dtype=torch.float64)
    start, end = case["subject"]
    noise[1:, start:end] = torch.tensor(case["noise"], dtype=torch.float64)
    return noise


def score(logits, case):
    return logits[1:, -1].softmax(-1)[:, case["answer"]].double().mean().item()


def in_transformer_lens(model, case):
    from transformer_lens.model_bridge import TransformerBridge

    tokenizer = AutoTokenizer.from_pretrained(case["folder"])
    bridge = TransformerBridge.boot_transformers("gpt2", hf_model=model, tokenizer=tokenizer, device="cpu")
    ids, noise = rows(case), noise_of(case)
    names = [f"blocks.{layer}.hook_resid_post" for layer in range(case["layers"])]

    def noised(value, hook):
        return (value.double() + noise).to(value.dtype)

    def run():
        _, clean = bridge.run_with_cache(ids[:1], names_filter=lambda name: "resid_post" in name or "hook_out" in name)
        table = []
        for token in range(len(case["prompt"])):
            row = []
            for name in names:
                def restored(value, hook, state=clean[name][0, token]):
                    value[1:, token] = state
                    return value

                logits = bridge.run_with_hooks(ids, fwd_hooks=[("hook_embed", noised), (name, restored)])
                row.append(score(logits, case))
            table.append(row)
        return table

    return run


def in_nnsight(model, case):
    from nnsight import NNsight

    traced = NNsight(model)
    ids, noise = rows(case), noise_of(case)
    blocks = range(case["layers"])
    # a block gives its stream alone in some releases of transformers, and a tuple in others
    with torch.no_grad():
        first = model.transformer.h[0](torch.zeros(1, 1, model.config.n_embd))
    is_tuple = isinstance(first, tuple)

    def run():
        clean = []
        with traced.trace(ids[:1]):
            for layer in blocks:
                out = traced.transformer.h[layer].output
                clean.append((out[0] if is_tuple else out).save())
        table = []
        for token in range(len(case["prompt"])):
            row = []
            for layer in blocks:
                state = clean[layer][0, token]
                with traced.trace(ids):
                    embedded = traced.transformer.wte.output
                    traced.transformer.wte.output = (embedded.double() + noise).to(embedded.dtype)
                    out = traced.transformer.h[layer].output
                    (out[0] if is_tuple else out)[1:, token] = state
                    logits = traced.lm_head.output.save()
                row.append(score(logits, case))
            table.append(row)
        return table

    return run


def compared(folder):
    """Whether all cells are the same."""
    case = json.loads((folder / "case.json").read_text())
    case["folder"] = str(folder)
    print(f"{case['layers']} layers, width {len(case['noise'][0][0])}, {len(case['prompt'])} tokens")
    print(f"{'Locus':<24}{case['seconds']:>10.3f}{1:>8.1f}{0:>12.0e}")
    same = True
    for name, make in [("TransformerLens", in_transformer_lens), ("nnsight", in_nnsight)]:
        run = make(opened(folder), case)
        start = time.process_time()
        table = run()
        seconds = time.process_time() - start
        off = (torch.tensor(table) - torch.tensor(case["scores"], dtype=torch.float64)).abs().max().item()
        print(f"{name:<24}{seconds:>10.3f}{seconds / case['seconds']:>8.1f}{off:>12.0e}", flush=True)
        same = same and off <= ALLOWED
    return same


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    print(f"{'':<24}{'seconds':>10}{'ratio':>8}{'deviation':>12}")
    same = [compared(case.parent) for case in sorted(Path(sys.argv[1]).rglob("case.json"))]
    assert same, f"no case in {sys.argv[1]}"
    if not all(same):
        sys.exit(f"cells differ by more than {ALLOWED}")


if __name__ == "__main__":
    main()
