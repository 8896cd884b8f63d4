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
import transformers
from safetensors.torch import load_file, save_file

VOCABULARY = 591

LLAMA = ("model.layers", "self_attn", "mlp.down_proj")
SIZES = dict(
    vocab_size=VOCABULARY,
    hidden_size=32,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    intermediate_size=48,
    max_position_embeddings=128,
    bos_token_id=0,
    eos_token_id=0,
    pad_token_id=None,
    tie_word_embeddings=False,
)


def family(name, donor="llama", modules=LLAMA, config=None, **sizes):
    """Configuration, class, donor of tokenizer and prompts, names of the modules: blocks, attention, down-projection.

    A block whose `mlp` is a set of experts has no such down-projection. A size that is `...` is left out.
    """
    sizes = {field: value for field, value in {**SIZES, **sizes}.items() if value is not ...}
    made = getattr(transformers, f"{config or name}Config")(**sizes)
    return made, getattr(transformers, f"{name}ForCausalLM"), donor, modules


def yarn(theta, **more):
    return {"rope_type": "yarn", "rope_theta": theta, "factor": 4.0, "original_max_position_embeddings": 32, **more}


def opt(**more):
    config = transformers.OPTConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=4,
        ffn_dim=96,
        num_attention_heads=4,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=None,
        **more,
    )
    return config, transformers.OPTForCausalLM, "llama", ("model.decoder.layers", "self_attn", "fc2")


def phi3(original):
    longrope = {"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75, "short_factor": [1.0, 1.2, 1.5], "long_factor": [2.0, 3.0, 5.0]}
    return family("Phi3", rope_parameters=longrope, original_max_position_embeddings=original)


FAMILIES = {
    "opt": opt,
    "opt_350m": lambda: opt(word_embed_proj_dim=12, do_layer_norm_before=False),
    "mistral": lambda: family("Mistral", sliding_window=5, head_dim=10),
    "qwen3": lambda: family("Qwen3", donor="gpt2", head_dim=12),
    "gemma": lambda: family("Gemma", head_dim=12, tie_word_embeddings=True),
    "gemma3_text": lambda: family("Gemma3", config="Gemma3Text", head_dim=12, num_hidden_layers=7, sliding_window=5, query_pre_attn_scalar=9, tie_word_embeddings=True),
    "olmo2": lambda: family("Olmo2", donor="gpt2"),
    "olmo3": lambda: family("Olmo3", donor="gpt2", num_hidden_layers=5, sliding_window=5, rope_parameters={"full_attention": yarn(500.0), "sliding_attention": {"rope_type": "default", "rope_theta": 100.0}}),
    "phi3": lambda: phi3(64),
    "phi3_beyond": lambda: phi3(10),
    "smollm3": lambda: family("SmolLM3", rope_parameters={"rope_type": "default", "rope_theta": 500.0}),
    "stablelm": lambda: family("StableLm", use_qkv_bias=True),
    "starcoder2": lambda: family("Starcoder2", modules=("model.layers", "self_attn", "mlp.c_proj"), sliding_window=5),
    "falcon": lambda: family("Falcon", donor="gpt2", modules=("transformer.h", "self_attention", "mlp.dense_4h_to_h"), ffn_hidden_size=64, multi_query=True, num_kv_heads=1, num_key_value_heads=..., intermediate_size=..., tie_word_embeddings=True),
    "granite": lambda: family("Granite", embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.4, logits_scaling=2.0),
    "cohere": lambda: family("Cohere", use_qk_norm=True, logit_scale=0.3, tie_word_embeddings=True),
    "cohere2": lambda: family("Cohere2", num_hidden_layers=5, sliding_window=5, logit_scale=0.3, tie_word_embeddings=True),
    "mixtral": lambda: family("Mixtral", intermediate_size=20, num_local_experts=4),
    "qwen3_moe": lambda: family("Qwen3Moe", donor="gpt2", head_dim=12, moe_intermediate_size=20, num_experts=5, num_experts_per_tok=2, norm_topk_prob=True, mlp_only_layers=[1]),
    "olmoe": lambda: family("Olmoe", donor="gpt2", intermediate_size=20, num_experts=4, num_experts_per_tok=2),
    "gpt_oss": lambda: family("GptOss", donor="gpt2", head_dim=12, intermediate_size=20, sliding_window=5, num_local_experts=5, num_experts_per_tok=2, swiglu_limit=0.8, rope_parameters=yarn(500.0, truncate=False)),
}


def run(model, modules, ids, kind):
    """Every tensor of one prompt."""
    model = model.to(kind)
    blocks_name, attention, down = modules
    blocks = model.get_submodule(blocks_name)
    kept, hooks = {}, []

    def keep(name, layer, value):
        # a copy: Falcon adds to the output of its MLP in place
        kept.setdefault(name, {})[layer] = value.detach().reshape(-1, value.shape[-1]).clone()

    def first(output):
        return output[0] if isinstance(output, tuple) else output

    for layer, block in enumerate(blocks):
        if hasattr(block, "mlp") and hasattr(block.mlp, "experts"):
            hooks.append(block.mlp.register_forward_hook(lambda m, i, o, n=layer: keep("mlp_out", n, first(o))))
        else:
            projection = block.get_submodule(down)
            hooks += [
                projection.register_forward_hook(lambda m, i, o, n=layer: keep("mlp_out", n, o)),
                projection.register_forward_pre_hook(lambda m, i, n=layer: keep("mlp_key", n, i[0])),
            ]
        hooks += [
            block.register_forward_hook(lambda m, i, o, n=layer: keep("block_out", n, first(o))),
            block.get_submodule(attention).register_forward_hook(lambda m, i, o, n=layer: keep("attn_out", n, first(o))),
        ]
    hooks.append(blocks[0].register_forward_pre_hook(lambda m, i, k: keep("embed_out", 0, i[0] if i else k["hidden_states"]), with_kwargs=True))
    with torch.no_grad():
        logits = model(ids[None]).logits[0]
    for hook in hooks:
        hook.remove()
    # keys are there only where every block has some
    kept["mlp_key"] = kept.get("mlp_key", {}) if len(kept.get("mlp_key", {})) == len(blocks) else {}
    found = {name: torch.stack([rows[n] for n in sorted(rows)]) for name, rows in kept.items() if rows}
    found["embed_out"] = found["embed_out"][0]
    return {"logits": logits, **found}


def main():
    name = sys.argv[1]
    root = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parents[1] / "golden/arch"
    config, kind, donor, modules = FAMILIES[name]()
    config._attn_implementation = config._experts_implementation = "eager"
    torch.manual_seed(20)
    model = kind(config).eval()
    # large enough that every part shows in the logits: norms and biases start at one and nought, of which nothing shows
    with torch.no_grad():
        around_one = not name.startswith("gemma")
        for parameter, value in model.named_parameters():
            norm = "norm" in parameter or "ln_" in parameter
            spread = 0.3 if norm or value.ndim == 1 else value.shape[-1] ** -0.5
            center = 1.0 if around_one and norm and parameter.endswith("weight") else 0.0
            value.copy_(center + spread * torch.randn_like(value))
    folder = root / name
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
        for part, value in narrow.items():
            gap = float((value.double() - wide[part]).abs().max())
            largest = float(wide[part].abs().max())
            before = off.get(part, (0.0, 0.0))
            off[part] = (max(before[0], gap), max(before[1], gap / largest))
            if part not in ("embed_out", "mlp_key") or prompt["index"] == 1:
                tensors[f"p{prompt['index']}.{part}"] = value.float().contiguous()
        tensors[f"p{prompt['index']}.input_ids"] = ids
    save_file(tensors, folder / "golden.safetensors")
    manifest = {
        "name": name,
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
