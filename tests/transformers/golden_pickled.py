"""Makes `tests/golden/pickled`: small files as PyTorch saves weights, for the reader that runs nothing of them.

    golden_pickled.py
"""

from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file

FOLDER = Path(__file__).resolve().parents[1] / "golden/pickled"
FOLDER.mkdir(exist_ok=True)
whole = torch.arange(6, dtype=torch.float32).reshape(2, 3)
wide = torch.arange(10, dtype=torch.float16)
tensors = {
    "whole": whole,
    "again": whole,
    "part": wide[3:7],
    "row": whole[1],
    "one": torch.tensor(2.5, dtype=torch.bfloat16),
    "counts": torch.tensor([3, 4], dtype=torch.int64),
    "parameter": torch.nn.Parameter(torch.full((1, 2), 7.0, dtype=torch.float64)),
}
ordered = OrderedDict(tensors)
# what a module's state has besides: versions by the names of its parts
ordered._metadata = OrderedDict({"": {"version": 1}, "part": {"version": 2}})
torch.save(ordered, FOLDER / "ordered.bin")
torch.save({**tensors, "step": 12, "name": "no tensor"}, FOLDER / "plain.bin")
torch.save({"across": whole.T}, FOLDER / "across.bin")
torch.save({"before": whole}, FOLDER / "before-1.6.bin", _use_new_zipfile_serialization=False)
torch.save([whole], FOLDER / "list.bin")

# all of a model, rounded to float16
mistral = load_file(FOLDER.parent / "arch/mistral/model/model.safetensors")
torch.save(OrderedDict((name, value.half()) for name, value in mistral.items()), FOLDER / "mistral.bin")
