"""Folders of models that Locus writes."""

from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel


def opened(folder):
    """The model of a folder, with attention in the order of the published code."""
    model = GPT2LMHeadModel(GPT2Config.from_pretrained(folder, attn_implementation="eager"))
    missing, unexpected = model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    return model.eval()
