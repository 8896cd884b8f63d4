"""Makes one folder of `tests/golden/arch`: a tiny random checkpoint and its forward passes by transformers.

    golden_architecture.py opt [ROOT]

A family is an entry of `FAMILIES`. Tokenizer and prompts are those of `arch/gpt2` (whose tokenizer puts nothing first) or
of `arch/llama` (whose tokenizer does). The layout is described in `tests/golden/README.md`.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import OPTConfig, OPTForCausalLM

VOCABULARY = 591

# configuration, class, donor of tokenizer and prompts, names of the modules: blocks, attention, down-projection
FAMILIES = {
    "opt": (
        OPTConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=4,
            ffn_dim=96,
            num_attention_heads=4,
            max_position_embeddings=64,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=None,
        ),
        OPTForCausalLM,
        "llama",
        ("model.decoder.layers", "self_attn", "fc2"),
    ),
}


def run(model, modules, ids, kind):
    """Every tensor of one prompt."""
    model = model.to(kind)
    blocks_name, attention, down = modules
    blocks = model.get_submodule(blocks_name)
    kept, hooks = {}, []

    def keep(name, layer, value):
        kept.setdefault(name, {})[layer] = value.detach().reshape(-1, value.shape[-1])

    def first(output):
        return output[0] if isinstance(output, tuple) else output

    for layer, block in enumerate(blocks):
        projection = block.get_submodule(down)
        hooks += [
            block.register_forward_hook(lambda m, i, o, n=layer: keep("block_out", n, first(o))),
            block.get_submodule(attention).register_forward_hook(lambda m, i, o, n=layer: keep("attn_out", n, first(o))),
            projection.register_forward_hook(lambda m, i, o, n=layer: keep("mlp_out", n, o)),
            projection.register_forward_pre_hook(lambda m, i, n=layer: keep("mlp_key", n, i[0])),
        ]
    hooks.append(blocks[0].register_forward_pre_hook(lambda m, i, k: keep("embed_out", 0, i[0] if i else k["hidden_states"]), with_kwargs=True))
    with torch.no_grad():
        logits = model(ids[None]).logits[0]
    for hook in hooks:
        hook.remove()
    found = {name: torch.stack([rows[n] for n in sorted(rows)]) for name, rows in kept.items()}
    found["embed_out"] = found["embed_out"][0]
    return {"logits": logits, **found}


def main():
    family = sys.argv[1]
    root = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parents[1] / "golden/arch"
    config, kind, donor, modules = FAMILIES[family]
    config._attn_implementation = "eager"
    torch.manual_seed(20)
    model = kind(config).eval()
    # large enough that every part shows in the logits: norms and biases start at one and nought, of which nothing shows
    with torch.no_grad():
        for name, value in model.named_parameters():
            spread = 0.3 if value.ndim == 1 else value.shape[-1] ** -0.5
            centre = 1.0 if value.ndim == 1 and "norm" in name and name.endswith("weight") else 0.0
            value.copy_(centre + spread * torch.randn_like(value))
    folder = root / family
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder / "model")
    (folder / "model/generation_config.json").unlink(missing_ok=True)
    for file in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(root / donor / "model" / file, folder / "model" / file)

    prompts, tensors, off = json.loads((root / donor / "golden.json").read_text())["prompts"], {}, {}
    for prompt in prompts:
        ids = torch.tensor(prompt["input_ids"])
        narrow, wide = run(model, modules, ids, torch.float32), run(model, modules, ids, torch.float64)
        logits = narrow["logits"]
        prompt["argmax_last"] = int(logits[-1].argmax())
        log = wide["logits"].log_softmax(-1)
        prompt["entropy_mean_nats"] = round(float(-(log.exp() * log).sum(-1).mean()), 4)
        for name, value in narrow.items():
            gap = float((value.double() - wide[name]).abs().max())
            largest = float(wide[name].abs().max())
            before = off.get(name, (0.0, 0.0))
            off[name] = (max(before[0], gap), max(before[1], gap / largest))
            if name not in ("embed_out", "mlp_key") or prompt["index"] == 1:
                tensors[f"p{prompt['index']}.{name}"] = value.float().contiguous()
        tensors[f"p{prompt['index']}.input_ids"] = ids
    save_file(tensors, folder / "golden.safetensors")
    manifest = {
        "name": family,
        "split": "public",
        "class_": kind.__name__,
        "model_type": config.model_type,
        "stored_dtype": "float32",
        "compute_dtype": "float32",
        "bos_added": donor == "llama",
        "prompts": prompts,
        "modules": dict(zip(("blocks", "attn", "down_proj"), modules)),
        "max_abs_f32_minus_f64": {name: both[0] for name, both in off.items()},
        "max_rel_f32_minus_f64": {name: both[1] for name, both in off.items()},
    }
    (folder / "golden.json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(json.dumps(manifest["max_abs_f32_minus_f64"]), len(load_file(folder / "golden.safetensors")))


main()
