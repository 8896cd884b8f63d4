"""Checkpoints as they occur: options of `config.json`, heads, layouts of folders, and what is wrong with some.

A case starts from a tiny checkpoint of `tests/golden/arch` and changes it:

    config   fields to set (a value) or to take out (`DROP`)
    tensors  tensors to add, made of another (`from`, `times`, `shift` rows) or of a ramp (`ramp`, `times`), or to take out
    files    a function that changes the folder further; all other cases are kept for the test without Python
    told     a piece of what Locus must say while it runs the case
    like     changes of config and tensors for transformers only, where it has no answer of its own

`equal` cases must run and give transformers' logits; `refused` cases must be refused by a sentence that holds `word`.
"""

import json
import shutil
from collections import OrderedDict

import torch
import transformers
from safetensors.torch import load_file, save_file

DROP = "<take out>"


def equal(base, name, config=None, tensors=None, files=None, told=None, like=None):
    return dict(base=base, name=name, config=config or {}, tensors=tensors or {}, files=files, told=told, like=like, equal=True)


def refused(base, name, word, config=None, tensors=None, files=None):
    return dict(base=base, name=name, config=config or {}, tensors=tensors or {}, files=files, word=word, equal=False)


def head(embedding, name="lm_head.weight", times=-0.5, shift=3):
    """An unembedding that differs from the token embedding."""
    return {name: {"from": embedding, "times": times, "shift": shift}}


WTE, LLAMA, NEOX = "transformer.wte.weight", "model.embed_tokens.weight", "gpt_neox.embed_in.weight"
OPT, OPT_NORM = "model.decoder.embed_tokens.weight", "model.decoder.final_layer_norm"
YARN = {"factor": 4.0, "original_max_position_embeddings": 16}
OLD_ROPE = {"rope_theta": 10000.0}
NO_ROPE = {"rope_theta": DROP, "rope_scaling": DROP, "rope_parameters": DROP}


def scaled(kind, key="type", **more):
    return {**NO_ROPE, **OLD_ROPE, "rope_scaling": {key: kind, **more}}


def newer(kind, **more):
    return {**NO_ROPE, "rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **more}}


def biases(layers, names, width):
    return {
        f"model.layers.{layer}.{name}.bias": {"ramp": width[name.rsplit(".", 1)[-1]], "times": 0.3}
        for layer in range(layers)
        for name in names
    }


ATTENTION = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
MLP = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
LLAMA_WIDTHS = {"q_proj": 40, "k_proj": 20, "v_proj": 20, "o_proj": 40, "gate_proj": 88, "up_proj": 88, "down_proj": 40}
GEMMA_WIDTHS = {"q_proj": 48, "k_proj": 24, "v_proj": 24, "o_proj": 32}

ROTARY = [
    equal("llama", "`rope_scaling` with the older key `type`: linear", scaled("linear", factor=4.0)),
    equal("llama", "`rope_scaling` with `rope_type`: linear", scaled("linear", "rope_type", factor=4.0)),
    equal("llama", "`rope_parameters`: linear", newer("linear", factor=2.5)),
    equal("llama", "`type`: yarn", scaled("yarn", **YARN)),
    equal("qwen2", "`type`: yarn, as Qwen2.5's README has it", scaled("yarn", **YARN)),
    equal("llama", "`rope_type`: yarn, `factor` alone", scaled("yarn", "rope_type", factor=8.0)),
    equal("llama", "yarn with `factor` null: the quotient of both contexts", newer("yarn", factor=None, original_max_position_embeddings=16)),
    equal("llama", "yarn with `attention_factor`", newer("yarn", **YARN, attention_factor=1.5)),
    equal("llama", "yarn with `mscale` and `mscale_all_dim`", newer("yarn", **YARN, mscale=1.0, mscale_all_dim=0.5)),
    equal("llama", "yarn with `beta_fast`, `beta_slow`, without `truncate`", newer("yarn", **YARN, beta_fast=16, beta_slow=2, truncate=False)),
    equal("llama", "yarn with `original_max_position_embeddings` outside", {**scaled("yarn", factor=4.0), "original_max_position_embeddings": 32}),
    equal("llama", "`type`: llama3", scaled("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)),
    equal("llama", "`rope_parameters`: llama3", newer("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)),
    equal("llama", "dynamic (prompts within the context)", scaled("dynamic", factor=4.0)),
    equal("llama", "longrope (prompts within the original context)", newer("longrope", factor=4.0, short_factor=[1.0, 1.1, 1.3, 1.6, 2.0], long_factor=[2.0, 3.0, 4.0, 5.0, 6.0], original_max_position_embeddings=64), told="turn by the long factors"),
    equal("llama", "longrope (prompts beyond the original context)", newer("longrope", factor=4.0, short_factor=[1.0, 1.1, 1.3, 1.6, 2.0], long_factor=[2.0, 3.0, 4.0, 5.0, 6.0], original_max_position_embeddings=4), told="turn by the long factors"),
    equal("llama", "`rope_type`: default", scaled("default", "rope_type")),
    equal("llama", "`rope_theta` inside `rope_parameters` only", {**NO_ROPE, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
    equal("llama", "`rope_theta` inside and outside: inside", {**NO_ROPE, "rope_theta": 7.0, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
    equal("llama", "no field of rotary positions", NO_ROPE),
    equal("phi", "`partial_rotary_factor` inside `rope_parameters`", {**newer("default", partial_rotary_factor=0.25), "partial_rotary_factor": DROP}),
    equal("phi", "`partial_rotary_factor` outside", {"partial_rotary_factor": 0.25}),
    equal("phi", "`partial_rotary_factor` in both: inside", {**newer("default", partial_rotary_factor=0.75), "partial_rotary_factor": 0.25}),
    equal("phi", "`partial_rotary_factor` in neither", {"partial_rotary_factor": DROP}),
    equal("phi", "partial yarn", {**newer("yarn", **YARN, partial_rotary_factor=0.5), "partial_rotary_factor": DROP}),
    equal("phi", "partial linear, older fields", {**scaled("linear", factor=3.0), "partial_rotary_factor": 0.5}),
    equal("gpt_neox", "`rope_parameters` as version 5 saves them", {"rotary_pct": DROP, "rotary_emb_base": DROP, "rope_scaling": DROP, "rope_parameters": {"rope_type": "default", "rope_theta": 3000.0, "partial_rotary_factor": 0.5}}),
    equal("gpt_neox", "`rotary_pct` and `rotary_emb_base`", {"rotary_pct": 0.75, "rotary_emb_base": 3000}),
    equal("gpt_neox", "neither `rotary_pct` nor `rotary_emb_base`", {"rotary_pct": DROP, "rotary_emb_base": DROP}),
    equal("gpt_neox", "an odd number of rotating channels", {"rotary_pct": 0.3125}),
    equal("gpt_neox", "`type`: linear", {"rope_scaling": {"type": "linear", "factor": 2.0}}),
    equal("gemma2", "yarn", newer("yarn", **YARN)),
    refused("llama", "`type`: su (Phi-3)", '`rope_scaling.type` is "su"', scaled("su", factor=2.0)),
    refused("llama", "`rope_type`: proportional", '`rope_parameters.rope_type`', newer("proportional")),
    refused("llama", "`mrope_section` (multimodal)", "mrope_section", newer("default", mrope_section=[1, 2, 2])),
    refused("llama", "linear without `factor`", "`rope_scaling.factor` is missing", scaled("linear")),
    refused("llama", "`factor` without a kind", "`rope_scaling.factor`", {**OLD_ROPE, "rope_scaling": {"factor": 4.0}}),
    refused("llama", "`rope_scaling` and `rope_parameters` that differ", "differ", {"rope_scaling": {"type": "linear", "factor": 4.0}, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}),
    refused("llama", "`type` and `rope_type` that differ", "differ", {"rope_scaling": {"type": "linear", "rope_type": "yarn", "factor": 4.0}}),
    refused("llama", "`rope_parameters` by layer type (Gemma 3)", "full_attention", {**NO_ROPE, "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e6}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}}),
    refused("llama", "`partial_rotary_factor`", "partial_rotary_factor", {"partial_rotary_factor": 0.5}),
    refused("gptj", "`rope_theta`, which GPT-J does not read", "rope_theta", {"rope_theta": 500.0}),
    refused("gptj", "`rope_scaling`, which GPT-J does not read", "rope_scaling", {"rope_scaling": {"type": "linear", "factor": 2.0}}),
    refused("gpt2", "`rope_theta`, which GPT-2 does not read", "rope_theta", {"rope_theta": 10000.0}),
    refused("gptj", "odd `rotary_dim`", "rotary_dim", {"rotary_dim": 7}),
    refused("gpt_neox", "`rope_theta`, which GPT-NeoX does not read", "rope_theta", {"rope_theta": 500.0}),
]

HEADS = [
    equal("gpt2", "not tied, a head stored", {"tie_word_embeddings": False}, {"lm_head.weight": {"from": "wte.weight", "times": -0.5, "shift": 3}}),
    equal("gpt2", "tied, the same head stored", {}, {"lm_head.weight": {"from": "wte.weight"}}),
    equal("gpt2", "tied, another head stored", {}, {"lm_head.weight": {"from": "wte.weight", "times": -0.5, "shift": 3}}, told="the stored one serves"),
    equal("gpt2", "not tied, no head stored", {"tie_word_embeddings": False}, told="the token embedding serves", like={"tie_word_embeddings": True}),
    equal("gpt_neo", "not tied, a head stored", {"tie_word_embeddings": False}, head(WTE)),
    equal("gpt_neo", "tied, another head stored", {}, head(WTE), told="the stored one serves"),
    equal("gptj", "tied: the head keeps its bias", {"tie_word_embeddings": True}, {"lm_head.weight": DROP}),
    equal("gptj", "tied, another head stored", {"tie_word_embeddings": True}, told="the stored one serves"),
    equal("gpt_neox", "tied", {"tie_word_embeddings": True}, {"embed_out.weight": DROP}),
    equal("gpt_neox", "tied, another head stored", {"tie_word_embeddings": True}, told="the stored one serves"),
    equal("gpt_neox", "the head stored as `lm_head`", {}, {"embed_out.weight": DROP, **head(NEOX)}),
    equal("phi", "tied: the head keeps its bias", {"tie_word_embeddings": True}, {"lm_head.weight": DROP}),
    equal("phi", "tied, another head stored", {"tie_word_embeddings": True}, told="the stored one serves"),
    equal("llama", "tied", {"tie_word_embeddings": True}, {"lm_head.weight": DROP}),
    equal("llama", "tied, another head stored", {"tie_word_embeddings": True}, told="the stored one serves"),
    equal("llama", "tied, the same head stored", {"tie_word_embeddings": True}, {"lm_head.weight": {"from": LLAMA}}),
    equal("llama", "tied, only the head stored", {"tie_word_embeddings": True}, {LLAMA: DROP}, told="serves as both"),
    equal("llama", "not tied, no head stored", {}, {"lm_head.weight": DROP}, told="the token embedding serves", like={"tie_word_embeddings": True}),
    equal("llama", "`tie_word_embeddings` left out: not tied", {"tie_word_embeddings": DROP}),
    equal("qwen2", "tied, another head stored", {}, head(LLAMA), told="the stored one serves"),
    equal("gemma2", "tied, another head stored", {}, head(LLAMA), told="the stored one serves"),
    equal("gemma2", "`tie_word_embeddings` left out: tied", {"tie_word_embeddings": DROP}),
    equal("opt", "not tied, a head stored", {"tie_word_embeddings": False}, head(OPT)),
    equal("opt", "`tie_word_embeddings` left out: tied", {"tie_word_embeddings": DROP}),
    refused("phi", "tied, the head's bias missing", "`lm_head.bias` is missing", {"tie_word_embeddings": True}, {"lm_head.weight": DROP, "lm_head.bias": DROP}),
    refused("gpt_neox", "two heads stored", "take one out", {}, head(NEOX)),
]

OPTIONS = [
    equal("gpt2", "`scale_attn_by_inverse_layer_idx`", {"scale_attn_by_inverse_layer_idx": True}),
    equal("gpt2", "`scale_attn_weights: false`", {"scale_attn_weights": False}),
    equal("gpt2", "`reorder_and_upcast_attn`", {"reorder_and_upcast_attn": True}),
    equal("gpt2", "`n_inner` in numbers", {"n_inner": 128}),
    equal("gpt2", "fields of a newer name (`hidden_size`, …)", {"n_embd": DROP, "hidden_size": 32, "n_head": DROP, "num_attention_heads": 4, "n_layer": DROP, "num_hidden_layers": 4, "n_positions": DROP, "max_position_embeddings": 64}),
    equal("gpt2", "defaults left out", {"activation_function": DROP, "layer_norm_epsilon": DROP, "scale_attn_weights": DROP, "tie_word_embeddings": DROP}),
    *[equal("gpt2", f"`activation_function`: {kind}", {"activation_function": kind}) for kind in ["gelu", "relu", "silu", "swish", "gelu_fast", "gelu_pytorch_tanh", "gelu_python", "gelu_accurate"]],
    equal("gpt_neo", "`attention_types` alone", {"attention_layers": DROP}),
    equal("gpt_neo", "`attention_types` of another pattern", {"attention_layers": DROP, "attention_types": [[["local"], 1], [["global", "local", "local"], 1]]}),
    equal("gpt_neo", "`num_heads` left out: 16", {"num_heads": DROP}, told="leaves out the number of attention heads"),
    equal("gpt_neo", "`window_size`", {"window_size": 3}),
    equal("gpt_neox", "`use_parallel_residual: false`", {"use_parallel_residual": False}),
    equal("gpt_neox", "`attention_bias: false`", {"attention_bias": False}, {f"gpt_neox.layers.{layer}.attention.{name}.bias": DROP for layer in range(4) for name in ["query_key_value", "dense"]}),
    equal("llama", "`attention_bias`", {"attention_bias": True}, biases(4, ATTENTION, LLAMA_WIDTHS)),
    equal("llama", "`mlp_bias`", {"mlp_bias": True}, biases(4, MLP, LLAMA_WIDTHS)),
    equal("llama", "`rms_norm_eps` left out: 1e-6", {"rms_norm_eps": DROP}),
    equal("llama", "`head_dim` null", {"head_dim": None}),
    equal("llama", "`layer_types` that are all full", {"layer_types": ["full_attention"] * 4}),
    equal("llama", "`pretraining_tp`", {"pretraining_tp": 4}),
    equal("llama", "a field that nobody knows", {"comment": "made by hand"}, told="`comment` is not known"),
    equal("qwen2", "`use_sliding_window` from layer 1 on", {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1, "layer_types": DROP}),
    equal("qwen2", "`use_sliding_window`, `layer_types`", {"use_sliding_window": True, "sliding_window": 3, "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]}),
    equal("qwen2", "`sliding_window` that is not used", {"use_sliding_window": False, "sliding_window": 4, "max_window_layers": 0, "layer_types": DROP}),
    equal("gemma2", "caps left out: 50 and 30", {"attn_logit_softcapping": DROP, "final_logit_softcapping": DROP}),
    equal("gemma2", "caps null: none", {"attn_logit_softcapping": None, "final_logit_softcapping": None}),
    equal("gemma2", "`query_pre_attn_scalar`", {"query_pre_attn_scalar": 144}),
    equal("gemma2", "`query_pre_attn_scalar` left out: 256", {"query_pre_attn_scalar": DROP}),
    equal("gemma2", "`layer_types`", {"layer_types": ["full_attention", "sliding_attention", "sliding_attention", "full_attention"], "sliding_window": 3}),
    equal("gemma2", "`layer_types` left out", {"layer_types": DROP, "sliding_window": 3}),
    equal("gemma2", "`attention_bias`", {"attention_bias": True}, biases(4, ATTENTION, GEMMA_WIDTHS)),
    equal("gemma2", "`hidden_act` beside `hidden_activation`: not read", {"hidden_act": "quick_gelu"}),
    equal("gemma2", "`hidden_act` alone: not read, gelu_pytorch_tanh", {"hidden_act": "relu", "hidden_activation": DROP}),
    equal("opt", "`enable_bias: false`", {"enable_bias": False}, {f"model.decoder.layers.{layer}.{name}.bias": DROP for layer in range(4) for name in ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "fc1", "fc2"]}),
    equal("opt", "`activation_function`: gelu", {"activation_function": "gelu"}),
    equal("opt", "`_remove_final_layer_norm`", {"_remove_final_layer_norm": True}, {f"{OPT_NORM}.{part}": DROP for part in ["weight", "bias"]}),
    equal("opt", "`do_layer_norm_before: false`", {"do_layer_norm_before": False}, {f"{OPT_NORM}.{part}": DROP for part in ["weight", "bias"]}),
    equal("opt_350m", "`word_embed_proj_dim`, `do_layer_norm_before: false`"),
    equal("opt_350m", "fields as the published file has them", {"_name_or_path": "opt-350m", "activation_dropout": 0.0, "prefix": "</s>", "torch_dtype": "float16", "enable_bias": DROP, "layer_norm_elementwise_affine": DROP, "tie_word_embeddings": DROP}),
    equal("opt_350m", "not tied, a head stored", {"tie_word_embeddings": False}, head(OPT)),
    equal("opt_350m", "`word_embed_proj_dim` with norms before", {"do_layer_norm_before": True}, {f"{OPT_NORM}.{part}": {"ramp": 32, "times": 1.5} for part in ["weight", "bias"]}),
    refused("opt_350m", "`word_embed_proj_dim` of another width than is stored", "embed_tokens.weight` has shape [591, 12]", {"word_embed_proj_dim": 16}),
    refused("opt_350m", "a narrow token embedding without its projection", "project_in.weight` is missing", {}, {"model.decoder.project_in.weight": DROP}),
    refused("opt", "`layer_norm_elementwise_affine: false`", "layer_norm_elementwise_affine", {"layer_norm_elementwise_affine": False}),
    refused("gemma2", "`use_bidirectional_attention`", "use_bidirectional_attention", {"use_bidirectional_attention": True}),
    refused("gemma2", "`sliding_window` null", "sliding_window", {"sliding_window": None}),
    refused("gpt2", "`add_cross_attention`", "add_cross_attention", {"add_cross_attention": True}),
    refused("gpt2", "`is_encoder_decoder`", "is_encoder_decoder", {"is_encoder_decoder": True}),
    refused("gpt2", "`activation_function`: mish", "known are gelu_new", {"activation_function": "mish"}),
    refused("gpt_neo", "`attention_layers` and `attention_types` that differ", "differ", {"attention_layers": ["local"] * 4}),
    refused("gptj", "`scale_attn_weights: false`", "scale_attn_weights", {"scale_attn_weights": False}),
    refused("llama", "`quantization_config`: bitsandbytes", "quantization_config", {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}),
    refused("llama", "`quantization_config`: fp8", "quantization_config", {"quantization_config": {"quant_method": "fp8", "activation_scheme": "dynamic"}}),
    refused("llama", "`sliding_window` (Mistral)", "sliding_window", {"sliding_window": 16}),
    refused("llama", "`layer_types` with windows", "layer_types", {"layer_types": ["sliding_attention"] * 4}),
    refused("llama", "`residual_multiplier` (Granite)", "residual_multiplier", {"residual_multiplier": 0.22}),
    refused("llama", "`logits_scaling` (Granite)", "logits_scaling", {"logits_scaling": 8.0}),
    refused("llama", "`final_logit_softcapping` (Gemma)", "final_logit_softcapping", {"final_logit_softcapping": 30.0}),
    refused("llama", "`no_rope_layers` (SmolLM3)", "no_rope_layers", {"no_rope_layers": [1, 1, 1, 0]}),
    refused("llama", "`num_local_experts` (Mixtral)", "num_local_experts", {"num_local_experts": 8}),
    refused("qwen2", "`use_qk_norm`", "use_qk_norm", {"use_qk_norm": True}),
    refused("llama", "`pruned_heads`", "pruned_heads", {"pruned_heads": {"0": [1]}}),
    refused("llama", "`per_layer_config`", "per_layer_config", {"per_layer_config": {"0": {"num_key_value_heads": 4}}}),
]

LONG = {"short_factor": [1.0, 1.2, 1.5], "long_factor": [2.0, 3.0, 5.0]}
PHI3 = {**NO_ROPE, **OLD_ROPE, "partial_rotary_factor": 0.75, "original_max_position_embeddings": 64}
# older names, which transformers 5 renames after it looked for what the newer name needs
LIKE_LONGROPE = {"rope_scaling": {"type": "longrope", **LONG, "original_max_position_embeddings": 64}}
SLIDING, FULL = "sliding_attention", "full_attention"
EIGHTS = {"q_proj": 32, "k_proj": 16, "v_proj": 16, "o_proj": 32}
BORDER = "prompts of more than 64 tokens turn by the long factors"


def older_kinds(theta, **more):
    """Rotary positions by layer type as files before version 5 have them."""
    return {"rope_parameters": DROP, "rope_theta": theta, **more}


def norms(layers, names, width, times=1.5):
    return {f"model.layers.{layer}.{name}": {"ramp": width, "times": times} for layer in range(layers) for name in names}


def multimodal(text_prefix):
    """The text part of a Gemma 3 that also sees, its tensors below `text_prefix`, as transformers wrote it at some time."""
    def put(folder):
        config = json.loads((folder / "config.json").read_text())
        vision = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 8, "patch_size": 4, "vision_use_head": False}
        vision = transformers.SiglipVisionConfig(**vision)
        text = transformers.Gemma3TextConfig(**{k: v for k, v in config.items() if k not in ("model_type", "architectures")})
        whole = transformers.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=1, eos_token_id=0)
        torch.manual_seed(1)
        model = transformers.Gemma3ForConditionalGeneration(whole)
        own = weights(folder)
        model.model.language_model.load_state_dict({name.removeprefix("model."): value for name, value in own.items()})
        model.tie_weights()
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        saved = weights(folder)
        begin = next(name for name in saved if name.endswith("embed_tokens.weight")).removesuffix("embed_tokens.weight")
        rewrite(folder, {name.replace(begin, text_prefix, 1) if name.startswith(begin) else name: value for name, value in saved.items()})
    return put


def more_key_value_heads(folder):
    """Falcon's fused matrix with two key-value heads: more rows, made of those that are there."""
    name = "self_attention.query_key_value.weight"
    wider = {key: torch.cat([value, value[8:24] * 0.7]) if key.endswith(name) else value for key, value in weights(folder).items()}
    rewrite(folder, wider)


FAMILY_OPTIONS = [
    equal("mistral", "`sliding_window` null (v0.3)", {"sliding_window": None}),
    equal("mistral", "`sliding_window` left out: 4096", {"sliding_window": DROP}),
    equal("mistral", "older fields", {**NO_ROPE, "rope_theta": 500.0, "torch_dtype": "bfloat16"}),
    equal("mistral", "yarn", newer("yarn", **YARN)),
    equal("mistral", "`consolidated.safetensors` beside (v0.3)", files=lambda folder: stray("consolidated.safetensors")(folder), told="consolidated.safetensors` is not part"),
    equal("qwen3", "`attention_bias`", {"attention_bias": True}, biases(4, ATTENTION, {"q_proj": 48, "k_proj": 24, "v_proj": 24, "o_proj": 32})),
    equal("qwen3", "`use_sliding_window` from layer 2 on", {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 2, "layer_types": DROP}),
    equal("qwen3", "yarn with the older key", scaled("yarn", "rope_type", **YARN)),
    equal("gemma", "`hidden_act`: gelu means its approximation", {"hidden_act": "gelu"}),
    equal("gemma", "`hidden_activation` beside", {"hidden_activation": None, "hidden_act": "gelu_pytorch_tanh"}),
    equal("gemma", "older fields", {**NO_ROPE, **OLD_ROPE}),
    equal("gemma3_text", "older fields: two bases, `sliding_window_pattern`", older_kinds(50000.0, rope_local_base_freq=300.0, rope_scaling=None, sliding_window_pattern=3, layer_types=DROP, _sliding_window_pattern=DROP)),
    equal("gemma3_text", "older fields: linear scaling where layers see everything", older_kinds(50000.0, rope_local_base_freq=300.0, rope_scaling={"rope_type": "linear", "factor": 8.0})),
    equal("gemma3_text", "no field of rotary positions", {"rope_parameters": DROP}),
    equal("gemma3_text", "`final_logit_softcapping`", {"final_logit_softcapping": 3.0}),
    equal("gemma3_text", "the text part of a model that also sees", files=multimodal("model.language_model."), told="the text part"),
    equal("gemma3_text", "the same, with older names", files=multimodal("language_model.model."), told="the text part"),
    equal("olmo2", "`attention_bias`", {"attention_bias": True}, biases(4, ATTENTION, EIGHTS)),
    equal("olmo2", "`num_key_value_heads` null, as many as heads", {"num_key_value_heads": None}, {**{f"model.layers.{n}.self_attn.{p}.weight": {"from": f"model.layers.{n}.self_attn.q_proj.weight", "times": t, "shift": 1} for n in range(4) for p, t in [("k_proj", 0.5), ("v_proj", -0.5)]}, **norms(4, ["self_attn.k_norm.weight"], 32)}),
    equal("olmo3", "older fields", older_kinds(500000.0, rope_scaling={"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32})),
    equal("olmo3", "`layer_types` left out", {"layer_types": DROP}),
    equal("phi3", "default rotary positions, older fields", {**PHI3, "rope_scaling": None}),
    equal("phi3", "`type`: longrope", {**PHI3, "rope_scaling": {"type": "longrope", **LONG}}, told=BORDER),
    equal("phi3", "`type`: su", {**PHI3, "rope_scaling": {"type": "su", **LONG}}, told=BORDER, like=LIKE_LONGROPE),
    equal("phi3", "`type`: yarn means longrope", {**PHI3, "rope_scaling": {"type": "yarn", **LONG}}, told=BORDER, like=LIKE_LONGROPE),
    equal("phi3", "`sliding_window`", {"sliding_window": 5}, told=BORDER),
    equal("phi3", "tied (Phi-4-mini)", {"tie_word_embeddings": True}, {"lm_head.weight": DROP}, told=BORDER),
    equal("phi3", "longrope, prompts beyond the original context", {**PHI3, "rope_scaling": {"type": "longrope", **LONG}, "original_max_position_embeddings": 12}, told="more than 12 tokens"),
    equal("phi3", "longrope as long as the original context", {**PHI3, "rope_scaling": {"type": "longrope", **LONG}, "original_max_position_embeddings": 128}),
    equal("smollm3", "`no_rope_layers`", {"no_rope_layers": [1, 0, 0, 1]}),
    equal("smollm3", "`no_rope_layer_interval`", {"no_rope_layers": DROP, "no_rope_layer_interval": 2}),
    equal("smollm3", "windows where nothing rotates", {"use_sliding_window": True, "sliding_window": 3, "layer_types": DROP}),
    equal("smollm3", "`attention_bias`", {"attention_bias": True}, biases(4, ATTENTION, EIGHTS)),
    equal("stablelm", "`use_parallel_residual`", {"use_parallel_residual": True}, {f"model.layers.{n}.post_attention_layernorm.{part}": DROP for n in range(4) for part in ["weight", "bias"]}),
    equal("stablelm", "`use_qkv_bias: false`", {"use_qkv_bias": False}, {f"model.layers.{n}.self_attn.{p}.bias": DROP for n in range(4) for p in ["q_proj", "k_proj", "v_proj"]}),
    equal("stablelm", "`partial_rotary_factor` outside", {**NO_ROPE, **OLD_ROPE, "partial_rotary_factor": 0.5}),
    equal("starcoder2", "`use_bias: false`", {"use_bias": False}, {f"model.layers.{n}.{p}.bias": DROP for n in range(4) for p in [*ATTENTION, "mlp.c_fc", "mlp.c_proj"]}),
    equal("starcoder2", "fields of Starcoder2-3B", {"activation_function": "gelu_pytorch_tanh", "layer_norm_epsilon": 1e-5, "mlp_type": "default", "norm_type": "layer_norm", "sliding_window": 4096}),
    equal("falcon", "`bias`", {"bias": True}, {f"transformer.h.{n}.{p}.bias": {"ramp": width, "times": 0.3} for n in range(4) for p, width in [("self_attention.query_key_value", 48), ("self_attention.dense", 32), ("mlp.dense_h_to_4h", 64), ("mlp.dense_4h_to_h", 32)]}),
    equal("falcon", "one after the other", {"parallel_attn": False}, {f"transformer.h.{n}.post_attention_layernorm.{part}": {"ramp": 32, "times": 1.2} for n in range(4) for part in ["weight", "bias"]}),
    equal("falcon", "`new_decoder_architecture` (40B)", {"new_decoder_architecture": True, "num_kv_heads": 1}, {**{f"transformer.h.{n}.{norm}.{part}": {"from": f"transformer.h.{n}.input_layernorm.{part}", "times": t} for n in range(4) for norm, t in [("ln_attn", 1.0), ("ln_mlp", 0.8)] for part in ["weight", "bias"]}, **{f"transformer.h.{n}.input_layernorm.{part}": DROP for n in range(4) for part in ["weight", "bias"]}}),
    equal("falcon", "`new_decoder_architecture` with one norm (11B)", {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 1, "num_kv_heads": 1}),
    equal("falcon", "two key-value heads for four queries (40B)", {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 1, "num_kv_heads": 2}, files=more_key_value_heads),
    equal("granite", "factors left out: 1", {"embedding_multiplier": DROP, "attention_multiplier": DROP, "residual_multiplier": DROP, "logits_scaling": DROP}),
    equal("granite", "`mlp_bias`", {"mlp_bias": True}, biases(4, MLP, {"gate_proj": 48, "up_proj": 48, "down_proj": 32})),
    equal("cohere", "`use_qk_norm: false`", {"use_qk_norm": False}, {f"model.layers.{n}.self_attn.{p}.weight": DROP for n in range(4) for p in ["q_norm", "k_norm"]}),
    equal("cohere", "`rope_theta` left out", NO_ROPE),
    equal("cohere2", "`sliding_window_pattern`, older fields", {**NO_ROPE, **OLD_ROPE, "layer_types": DROP, "sliding_window_pattern": 2}),
    equal("phi", "`qk_layernorm`", {"qk_layernorm": True}, {f"model.layers.{n}.self_attn.{p}_layernorm.{part}": {"ramp": 16, "times": 1.5} for n in range(3) for p in "qk" for part in ["weight", "bias"]}),
    equal("gpt2", "`activation_function`: quick_gelu", {"activation_function": "quick_gelu"}),
    equal("gpt2", "`activation_function`: relu2", {"activation_function": "relu2"}),
    refused("falcon", "`alibi` (RW)", "alibi", {"alibi": True}),
    refused("falcon", "norms that contradict the class", "contradict", {"num_ln_in_parallel_attn": 2}),
    refused("stablelm", "`qk_layernorm`", "qk_layernorm", {"qk_layernorm": True}),
    refused("gemma3_text", "`attn_logit_softcapping`, which transformers reads and does not apply", "attn_logit_softcapping", {"attn_logit_softcapping": 2.0}),
    refused("gemma3_text", "`rope_parameters` that is not by layer type", "by the kind of the layer", {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}),
    refused("gemma3_text", "`use_bidirectional_attention`", "use_bidirectional_attention", {"use_bidirectional_attention": True}),
    refused("mistral", "`layer_types` (Ministral)", "layer_types", {"layer_types": [SLIDING, FULL, SLIDING, FULL]}),
    refused("smollm3", "`no_rope_layers` of another length", "lists 2 layers", {"no_rope_layers": [1, 0]}),
    refused("phi3", "`rope_type`: linear without `factor`", "factor", {"rope_parameters": {"rope_type": "linear"}}),
    refused("llama", "another `model_type`: mamba", "mamba", {"model_type": "mamba"}),
]

MISTYPED = [
    refused("gpt2", "a text for a whole number", "`n_embd` is \"32\" and must be a whole number", {"n_embd": "32"}),
    refused("gpt2", "a fraction for a whole number", "`n_layer` is 4.0 and must be a whole number", {"n_layer": 4.0}),
    refused("gpt2", "a negative number", "`n_head` is -4 and must be a whole number", {"n_head": -4}),
    refused("gpt2", "10⁷ layers", "from 1 to 4096", {"n_layer": 10_000_000}),
    refused("gpt2", "10¹⁸ positions", "`n_positions` is 1000000000000000000 and must be a whole number", {"n_positions": 10**18}),
    refused("gpt2", "a text for a flag", "`tie_word_embeddings` is \"false\" and must be true or false", {"tie_word_embeddings": "false"}),
    refused("gpt2", "a number for a flag", "scale_attn_weights", {"scale_attn_weights": 0}),
    refused("gpt2", "a text for a number", "`layer_norm_epsilon` is \"1e-5\" and must be a positive number", {"layer_norm_epsilon": "1e-5"}),
    refused("gpt2", "a negative epsilon", "must be a positive number", {"layer_norm_epsilon": -1e-5}),
    refused("gpt2", "null where a number must be", "n_embd", {"n_embd": None}),
    refused("gpt2", "a number for a name", "activation_function", {"activation_function": 3}),
    refused("llama", "null for a flag", "tie_word_embeddings", {"tie_word_embeddings": None}),
    refused("llama", "heads that do not share keys evenly", "`num_key_value_heads` is 3 and must divide", {"num_key_value_heads": 3}),
    refused("llama", "`num_key_value_heads` left out", "k_proj.weight", {"num_key_value_heads": DROP}),
    refused("llama", "heads that do not divide the stream", "must divide", {"num_attention_heads": 7, "head_dim": DROP}),
    refused("gpt2", "heads that do not divide the stream", "`n_head` is 7 and must divide", {"n_head": 7}),
    refused("gpt2", "heads left out, and 12 do not divide the stream", "`n_head` is 12 and must divide", {"n_head": DROP}),
    refused("llama", "a text in `rope_scaling`", "`rope_scaling` is \"linear\" and must be an object or null", {"rope_scaling": "linear"}),
    refused("llama", "a text for a `factor`", "`rope_scaling.factor` is \"4\" and must be a positive number", scaled("linear", factor="4")),
    refused("llama", "a negative `factor`", "factor", scaled("linear", factor=-2.0)),
    refused("gemma2", "a negative cap", "attn_logit_softcapping", {"attn_logit_softcapping": -50.0}),
    refused("gemma2", "`layer_types` of another length", "`layer_types` lists 1 layers", {"layer_types": ["full_attention"]}),
    refused("gpt_neo", "`attention_types` that are none", "attention_types", {"attention_types": "global", "attention_layers": DROP}),
    refused("llama", "`eos_token_id` that is a text", "`eos_token_id` must be a token id", {"eos_token_id": "</s>"}),
]


def weights(folder):
    """All tensors of a folder, and its files."""
    files = sorted(folder.glob("*.safetensors"))
    return {name: value for file in files for name, value in load_file(file).items()}


def rewrite(folder, tensors, name="model.safetensors"):
    for file in [*folder.glob("*.safetensors"), *folder.glob("*.index.json")]:
        file.unlink()
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / name, {"format": "pt"})


def shards(folder, parts=3, index=True):
    tensors = weights(folder)
    names = sorted(tensors)
    rewrite(folder, tensors)
    (folder / "model.safetensors").unlink()
    where = {}
    for part in range(parts):
        file = f"model-{part + 1:05}-of-{parts:05}.safetensors"
        some = names[part::parts]
        save_file({name: tensors[name].contiguous() for name in some}, folder / file, {"format": "pt"})
        where.update(dict.fromkeys(some, file))
    if index:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))


def stray(name, change=lambda value: value * 3):
    def put(folder):
        save_file({key: change(value).contiguous() for key, value in weights(folder).items()}, folder / name, {"format": "pt"})
    return put


def both(*steps):
    def put(folder):
        for step in steps:
            step(folder)
    return put


def store(kind, only=None):
    def put(folder):
        tensors = weights(folder)
        rewrite(folder, {name: value.to(kind) if only is None or only in name else value for name, value in tensors.items()})
    return put


def spoil(name, value):
    def put(folder):
        tensors = weights(folder)
        tensors[name].view(-1)[7] = value
        rewrite(folder, tensors)
    return put


def index_names(change):
    def put(folder):
        shards(folder)
        path = folder / "model.safetensors.index.json"
        index = json.loads(path.read_text())
        change(index["weight_map"])
        path.write_text(json.dumps(index))
    return put


def reshaped(name):
    def put(folder):
        tensors = weights(folder)
        tensors[name] = tensors[name].T
        rewrite(folder, tensors)
    return put


def renamed(to):
    def put(folder):
        rewrite(folder, weights(folder), to)
    return put


def base_names(folder):
    """Without the prefix of the model, as a base model is saved."""
    tensors = weights(folder)
    rewrite(folder, {name.removeprefix("model."): value for name, value in tensors.items()})


def pickled(parts=1):
    """The weights as PyTorch saves them, in one file or in several with an index."""
    def put(folder):
        tensors = weights(folder)
        for file in [*folder.glob("*.safetensors"), *folder.glob("*.index.json")]:
            file.unlink()
        if parts == 1:
            torch.save(OrderedDict(tensors), folder / "pytorch_model.bin")
            return
        names, where = sorted(tensors), {}
        for part in range(parts):
            file = f"pytorch_model-{part + 1:05}-of-{parts:05}.bin"
            torch.save({name: tensors[name] for name in names[part::parts]}, folder / file)
            where.update(dict.fromkeys(names[part::parts], file))
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return put


LAYOUTS = [
    equal("llama", "`pytorch_model.bin`", files=pickled()),
    equal("gpt2", "`pytorch_model.bin` in parts with an index", files=pickled(3)),
    equal("llama", "shards and an index", files=shards),
    equal("gpt2", "one `model.safetensors`"),
    equal("llama", "a stale shard beside the index", files=both(shards, stray("model-00001-of-00099.safetensors")), told="00099.safetensors` is not part"),
    equal("gpt2", "an old copy beside `model.safetensors`", files=stray("model_before.safetensors"), told="model_before.safetensors` is not part"),
    equal("gpt2", "`consolidated.safetensors` beside", files=stray("consolidated.safetensors"), told="consolidated.safetensors` is not part"),
    equal("gpt2", "`adapter_model.safetensors` beside", files=stray("adapter_model.safetensors"), told="adapter_model.safetensors` is not part"),
    equal("gpt2", "changes of an edit beside", files=stray("zzz-edit.safetensors"), told="zzz-edit.safetensors` is not part"),
    equal("llama", "names without the prefix of the model", files=base_names),
    equal("gpt2", "names with the prefix of the model", files=lambda folder: rewrite(folder, {f"transformer.{name}": value for name, value in weights(folder).items()})),
    equal("gpt2", "stored in float16", files=store(torch.float16)),
    equal("gpt2", "stored in bfloat16", files=store(torch.bfloat16)),
    equal("gpt2", "stored in float64", files=store(torch.float64)),
    equal("gpt2", "masks stored as numbers of 8 bits", files=store(torch.uint8, ".attn.bias")),
    equal("llama", "a tensor of another head (`score.weight`)", {}, {"score.weight": {"ramp": 8}}, told="`score.weight`"),
    refused("llama", "shards without an index", "model.safetensors.index.json", files=lambda folder: shards(folder, index=False)),
    refused("gpt2", "one file of another name", "rename the file", files=renamed("weights.safetensors")),
    refused("llama", "a shard of the index is not there", "which is missing", files=both(shards, lambda folder: (folder / "model-00002-of-00003.safetensors").unlink())),
    refused("llama", "a tensor of the index is not there", "which is missing", files=index_names(lambda names: names.update({"model.layers.9.mlp.up_proj.weight": "model-00001-of-00003.safetensors"}))),
    refused("llama", "a tensor that the index does not name", "is missing", files=index_names(lambda names: names.pop("model.norm.weight"))),
    refused("llama", "an index that names another folder", "no file name", files=index_names(lambda names: names.update({"model.norm.weight": "../model.safetensors"}))),
    refused("gpt2", "weights stored as integers", "stored as I8", files=store(torch.int8, "mlp.c_fc.weight")),
    refused("gpt2", "weights stored in 8-bit floats", "stored as F8_E4M3", files=store(torch.float8_e4m3fn, "mlp.c_fc.weight")),
    refused("gpt2", "weights that are not numbers", "not finite", files=spoil("h.1.mlp.c_fc.weight", float("nan"))),
    refused("gpt2", "weights that are infinite", "not finite", files=spoil("ln_f.bias", float("inf"))),
    refused("gpt2", "a matrix of another orientation", "has shape", files=reshaped("h.0.mlp.c_proj.weight")),
    refused("gpt2", "a bias that is missing", "`transformer.h.2.attn.c_attn.bias` is missing", {}, {"h.2.attn.c_attn.bias": DROP}),
    refused("gpt2", "a norm's bias that is missing", "`transformer.ln_f.bias` is missing", {}, {"ln_f.bias": DROP}),
    refused("qwen2", "biases of Qwen 2 that are missing", "q_proj.bias` is missing", {}, {"model.layers.1.self_attn.q_proj.bias": DROP}),
    refused("llama", "norms of queries and keys (Qwen 3)", "q_norm.weight", {}, {"model.layers.0.self_attn.q_norm.weight": {"ramp": 10}}),
    refused("llama", "a bias that config.json denies", "q_proj.bias", {}, biases(1, ATTENTION[:1], LLAMA_WIDTHS)),
    refused("llama", "more blocks than config.json says", "model.layers.3", {"num_hidden_layers": 3}),
    refused("llama", "fewer blocks than config.json says", "is missing", {"num_hidden_layers": 5}),
    refused("llama", "another vocabulary than config.json says", "embed_tokens.weight", {"vocab_size": 600}),
    refused("gpt2", "more positions than are stored", "wpe.weight", {"n_positions": 100}),
    refused("gpt2", "a tensor stored under both its names", "take one of them out", {}, {"transformer.ln_f.weight": {"from": "ln_f.weight"}}),
    refused("gpt2", "a file that is cut short", "not a complete safetensors file", files=lambda folder: (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-8])),
]



def together(folder):
    """Experts in one tensor for all of a block, as transformers 5 names them where it keeps its own layout."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.save_pretrained(folder, save_original_format=False)
    (folder / "generation_config.json").unlink(missing_ok=True)


# as the published files have it
MXFP4 = {"quantization_config": {"modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"], "quant_method": "mxfp4"}}


def packed(folder, change=lambda tensors: None):
    """Experts in MXFP4, two numbers a byte and a scale for each 32 of them: any bytes are some."""
    tensors = weights(folder)
    torch.manual_seed(4)
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        count, hidden = tensors[name].shape[0], 32
        outputs = hidden if name.endswith("down_proj") else 64
        tensors[f"{name}_bias"] = torch.randn(count, outputs) * 0.3
        tensors[f"{name}_blocks"] = torch.randint(0, 256, (count, outputs, 1, 16), dtype=torch.uint8)
        tensors[f"{name}_scales"] = torch.randint(121, 127, (count, outputs, 1), dtype=torch.uint8)
        del tensors[name]
    change(tensors)
    rewrite(folder, tensors)


# as the published files have them, before version 5
HUB_OSS = {**NO_ROPE, "rope_theta": 500, "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0, "original_max_position_embeddings": 32, "truncate": False}, "initial_context_length": 32, "experts_per_token": 2, "swiglu_alpha": DROP}

EXPERTS = [
    equal("mixtral", "as version 5 saves it"),
    equal("mixtral", "experts stored together, in transformers' own layout", files=together),
    equal("mixtral", "`num_experts_per_tok`: all", {"num_experts_per_tok": 4}),
    equal("mixtral", "`num_experts_per_tok` left out: 2", {"num_experts_per_tok": DROP}),
    equal("mixtral", "`sliding_window`", {"sliding_window": 4}),
    equal("mixtral", "older fields of rotary positions", {**NO_ROPE, "rope_theta": 500.0}),
    equal("mixtral", "no field of rotary positions: base 1e6", NO_ROPE),
    equal("qwen3_moe", "an MLP in layer 1, `norm_topk_prob`"),
    equal("qwen3_moe", "experts stored together, in transformers' own layout", files=together),
    equal("qwen3_moe", "`norm_topk_prob: false`", {"norm_topk_prob": False}),
    equal("qwen3_moe", "`norm_topk_prob` left out: false", {"norm_topk_prob": DROP}),
    equal("qwen3_moe", "fields as the published files have them", {"num_local_experts": DROP, "num_experts": 5, "max_window_layers": 48, **NO_ROPE, "rope_theta": 10000.0, "rope_scaling": None, "norm_topk_prob": True}),
    equal("qwen3_moe", "`use_sliding_window`", {"use_sliding_window": True, "sliding_window": 4}),
    equal("qwen3_moe", "yarn", newer("yarn", **YARN)),
    equal("olmoe", "as version 5 saves it"),
    equal("olmoe", "experts stored together, in transformers' own layout", files=together),
    equal("olmoe", "`norm_topk_prob`", {"norm_topk_prob": True}),
    equal("gpt_oss", "as version 5 saves it"),
    equal("gpt_oss", "fields as the published files have them", HUB_OSS),
    equal("gpt_oss", "`swiglu_limit` left out: 7", {"swiglu_limit": DROP}),
    equal("gpt_oss", "no field of rotary positions: yarn of factor 32", NO_ROPE),
    equal("gpt_oss", "`rope_type`: default", newer("default")),
    equal("gpt_oss", "`layer_types` left out: every other layer slides", {"layer_types": DROP}),
    equal("gpt_oss", "`layer_types` that are all full", {"layer_types": ["full_attention"] * 4}),
    refused("mixtral", "more experts a token than there are", "`num_experts_per_tok` is 5", {"num_experts_per_tok": 5}),
    refused("mixtral", "fewer experts than are stored", "gate.weight", {"num_local_experts": 3}),
    refused("mixtral", "an expert that is missing", "experts.2.w1.weight` is missing", {}, {"model.layers.1.block_sparse_moe.experts.2.w1.weight": DROP}),
    refused("qwen3_moe", "an MLP where config.json says experts", "is missing", {"mlp_only_layers": []}),
    refused("qwen3_moe", "`mlp_only_layers` that are no numbers", "mlp_only_layers", {"mlp_only_layers": ["one"]}),
    refused("qwen3_moe", "`decoder_sparse_step`: 0", "decoder_sparse_step", {"decoder_sparse_step": 0}),
    refused("qwen3_moe", "`shared_expert_intermediate_size` (Qwen 2)", "shared_expert_intermediate_size", {"shared_expert_intermediate_size": 20}),
    refused("olmoe", "`clip_qkv`", "clip_qkv", {"clip_qkv": 8.0}),
    equal("gpt_oss", "experts in MXFP4, as the published files have them", {**HUB_OSS, **MXFP4, "intermediate_size": 32}, files=packed, told="stored in MXFP4"),
    equal("gpt_oss", "the same in shards", {**MXFP4, "intermediate_size": 32}, files=both(packed, shards), told="stored in MXFP4"),
    refused("gpt_oss", "experts in MXFP4 without their scales", "down_proj_blocks` is stored without", {**MXFP4, "intermediate_size": 32}, files=lambda folder: packed(folder, lambda tensors: tensors.pop("model.layers.1.mlp.experts.down_proj_scales"))),
    refused("gpt_oss", "experts in MXFP4 of another width than config.json says", "unpacked", {**MXFP4, "intermediate_size": 64}, files=packed),
    refused("gpt_oss", "experts in MXFP4 of which config.json says nothing", "is missing", {"intermediate_size": 32}, files=packed),
    refused("mixtral", "`quantization_config`: mxfp4", "method mxfp4", MXFP4),
    refused("gpt_oss", "`swiglu_alpha`", "swiglu_alpha", {"swiglu_alpha": 1.5}),
    refused("gpt_oss", "sinks that are missing", "self_attn.sinks` is missing", {}, {"model.layers.2.self_attn.sinks": DROP}),
]

SECTIONS = [
    ("Rotary positions", ROTARY),
    ("Heads", HEADS),
    ("Options", OPTIONS),
    ("Options of later families", FAMILY_OPTIONS),
    ("Experts", EXPERTS),
    ("Mistyped and impossible values", MISTYPED),
    ("Files and tensors", LAYOUTS),
]


def changed(config, changes):
    config = {**config, **changes}
    return {name: value for name, value in config.items() if value is not DROP and value != DROP}


def made(tensors, edits):
    tensors = dict(tensors)
    for name, edit in edits.items():
        if edit == DROP:
            del tensors[name]
            continue
        if "from" in edit:
            value = tensors[edit["from"]].roll(edit.get("shift", 0), 0)
        else:
            value = torch.arange(edit["ramp"], dtype=torch.float32) / edit["ramp"]
        tensors[name] = (value * edit.get("times", 1.0)).clone()
    return tensors


def make(case, arch, folder):
    """The checkpoint of a case, as a folder."""
    shutil.copytree(arch / case["base"] / "model", folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(changed(config, case["config"]), indent=1))
    if case["tensors"]:
        # edits may take out what others are made of
        sources = weights(folder)
        edits = dict(sorted(case["tensors"].items(), key=lambda edit: edit[1] == DROP))
        rewrite(folder, made(sources, edits))
    if case["files"]:
        case["files"](folder)
