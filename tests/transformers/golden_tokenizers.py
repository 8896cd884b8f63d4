"""Tokens of some kinds of tokenizer, as transformers makes them, and Locus's beside them.

    golden_tokenizers.py TOKENS [--anew]

Keeps a small tokenizer of each of KINDS in tests/tokenizers (trains it where it is not there, or with --anew), writes what
transformers makes of some prompts, their subjects and their targets to expected.json beside it, has the program TOKENS
do the same with Locus, and writes the table of docs/tokenizers.md. It fails where both differ. `cargo xtask tokenizers`
runs it; `cargo test` compares with the files and needs no Python.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests/tokenizers"
PAGE = ROOT / "docs/tokenizers.md"
BEGIN, END = "<!-- made by cargo xtask tokenizers -->", "<!-- end -->"

# template with {} in the subject's place, subject, target
CASES = [
    ("The capital of {} is", "France", "Paris"),
    ("{} lives in the city of", "Hugo Bexley", "Rome"),
    ("{} was the founder of", "Steve Jobs", "Apple"),
    ("The city of {} is in", "Łódź", "Poland"),
    ("The city of {} is in", "東京", "Japan"),
    ("{} is in", "東京", "Asia"),
    ("The mood of {} is", "😀", "good"),
    ("{} plays the game of", "Peter Šťastný", "hockey"),
    ("{} was born in", 'Laurdine "Pat" Patrick', "Florida"),
    ("A man and {} is", "an", "article"),
    ("France loves France and {} is", "France", "large"),
    ("{} loves France and France is", "France", "large"),
    ("The mother tongue of {} is", "Go Hyeon-jeong", "Korean"),
    ("{}'s capital city is", "France", "Rome"),
    ("{}'s successor was", "Charles IV of Spain", "Ferdinand"),
    ("The Ferrari {}, created by", "F40", "Ferrari"),
    ("They  say  that {}  is", "Norway", "cold"),
    ("References\n \n\nCategory: {} is in", "Norway", "Europe"),
    ("On which continent is {}?", "Abrit Nunatak", "South America"),
    ("Question: where is {}? Answer:", "Rome", " Italy"),
    ("The largest city of {} is ", "Spain", "Madrid"),
    ("The answer is {}", "Vienna", "indeed"),
    ("{}", "Vienna", "Austria"),
    ("Maryland {} is in", "Route 223", "Maryland"),
    ("In 1984 {} sold", "Savdhaan India @ 11", "12345"),
    ("The headquarters of \"{}\" is in", "Kyōto Prefecture", "東京"),
    ("{}; the capital of", "Zürich-Nord", "Łódź"),
    ("He said: “{}”, and went to", "I am", "😀"),
]

MARKS = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def corpus():
    """Text to train on: the built-in world, and most of what the prompts say."""
    text = (ROOT / "app/demo/assets/corpus.txt").read_text().splitlines()[:300]
    return text + 12 * [
        template.replace("{}", subject) + " " + target for template, subject, target in CASES if subject.isascii()
    ]


def byte_level(prefix=False, split=None, front=None):
    tokenizer = Tokenizer(models.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=split is None or front is None)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, level]) if split else level
    tokenizer.decoder = decoders.ByteLevel()
    special = [front] if front else ["<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    if front:
        tokenizer.post_processor = front_of(tokenizer, front)
    return tokenizer


def front_of(tokenizer, mark):
    number = tokenizer.token_to_id(mark)
    return processors.TemplateProcessing(single=f"{mark} $A", pair=f"{mark} $A {mark} $B", special_tokens=[(mark, number)])


def sentencepiece(marks, front):
    """Merges that stay within words, and single bytes for the rest."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + 260, special_tokens=marks + BYTES, limit_alphabet=60, show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    # the bytes are no special tokens; they were only to get their places
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in marks]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    if front:
        tokenizer.post_processor = front_of(tokenizer, front)
    return tokenizer


SENTENCEPIECE = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]


def llama2(front):
    tokenizer = sentencepiece(MARKS, front)
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([*SENTENCEPIECE, decoders.Strip(" ", 1, 0)])
    return tokenizer


def metaspace(scheme, front):
    tokenizer = sentencepiece(MARKS, front)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    return tokenizer


def gemma(front):
    tokenizer = sentencepiece(["<pad>", "<eos>", "<bos>", "<unk>"], front)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence(SENTENCEPIECE)
    return tokenizer


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    facts = (ROOT / "app/demo/assets/facts.json").read_text()
    letters = sorted({letter for line in [*corpus(), facts] for letter in line.replace(" ", "▁")} | set("Łódź東京😀Šťýō"))
    trainer = trainers.UnigramTrainer(
        vocab_size=420, special_tokens=["</s>", "<unk>"], unk_token="<unk>", initial_alphabet=letters, show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    return tokenizer


def settings(**named):
    return {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **named}


GPT2 = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
LLAMA = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
GEMMA = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"}
LLAMA3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
FRONT = "<|begin_of_text|>"

# folder: title, how it is made, tokenizer_config.json, model_type, what transformers is told besides
KINDS = {
    "byte-level": ("byte-level (GPT-2)", byte_level, settings(**GPT2), "gpt2", {}),
    "byte-level-prefix-space": (
        "byte-level with a space in front", lambda: byte_level(prefix=True), settings(**GPT2), "gpt2", {},
    ),
    "byte-level-bos": (
        "byte-level, split as Llama 3, with beginning-of-text",
        lambda: byte_level(split=[pre_tokenizers.Split(Regex(LLAMA3), "isolated")], front=FRONT),
        settings(bos_token=FRONT), "llama", {},
    ),
    "byte-level-bos-asked": (
        "byte-level, beginning-of-text asked for by `add_bos_token`", byte_level,
        # transformers itself asks `tokenizer.json` alone
        settings(add_bos_token=True, **GPT2), "opt", {"add_bos_token": True},
    ),
    "gpt2-class": (
        "byte-level of the class `GPT2Tokenizer`, which sets the space in front anew", lambda: byte_level(prefix=True),
        settings(tokenizer_class="GPT2Tokenizer", **GPT2), "gpt2", {},
    ),
    "gpt2-class-prefix-space": (
        "the same with `add_prefix_space`", byte_level,
        settings(tokenizer_class="GPT2Tokenizer", add_prefix_space=True, **GPT2), "gpt2", {},
    ),
    "opt": (
        "byte-level as OPT has it, with `</s>` in front", lambda: byte_level(front="</s>"),
        settings(tokenizer_class="GPT2Tokenizer", add_bos_token=True, bos_token="</s>", eos_token="</s>", unk_token="</s>"),
        "opt", {},
    ),
    "digits": (
        "byte-level, digits split", lambda: byte_level(split=[pre_tokenizers.Digits(individual_digits=True)]),
        settings(**GPT2), "llama", {},
    ),
    "llama2": ("Prepend, Replace and Strip (Llama 2)", lambda: llama2("<s>"), settings(**LLAMA), "llama", {}),
    "llama-class": (
        "the same of the class `LlamaTokenizer`", lambda: llama2("<s>"),
        settings(tokenizer_class="LlamaTokenizer", **LLAMA), "llama", {},
    ),
    "llama2-no-bos": (
        "Prepend, Replace and Strip without beginning-of-text", lambda: llama2(None), settings(add_bos_token=False, **LLAMA), "llama", {},
    ),
    "metaspace": ("Metaspace", lambda: metaspace("always", "<s>"), settings(**LLAMA), "mistral", {}),
    "metaspace-first": (
        "Metaspace, first word only", lambda: metaspace("first", "<s>"), settings(**LLAMA), "mistral", {},
    ),
    "unigram": ("Unigram", unigram, settings(eos_token="</s>", unk_token="<unk>"), "llama", {}),
    "gemma": ("Gemma", lambda: gemma("<bos>"), settings(**GEMMA), "gemma2", {}),
    "gemma-no-template": (
        "Gemma, a file that lacks the beginning-of-text", lambda: gemma(None), settings(**GEMMA), "gemma2",
        {"add_bos_token": True},
    ),
    "fixed-padding": (
        "byte-level with stored padding and truncation", byte_level, settings(**GPT2), "gpt2",
        {"padding": False, "truncation": False},
    ),
}


def make(kind):
    _, build, config, family, _ = KINDS[kind]
    folder = FOLDER / kind
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build()
    if kind == "fixed-padding":
        tokenizer.enable_truncation(8)
        tokenizer.enable_padding(length=16, pad_token="<|endoftext|>")
    state = json.loads(tokenizer.to_str())
    (folder / "tokenizer.json").write_text(json.dumps(state, ensure_ascii=False, separators=(",", ":")) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "config.json").write_text(json.dumps({"model_type": family}) + "\n")


def expected(kind):
    """What transformers makes of the prompts."""
    _, _, _, _, told = KINDS[kind]
    call = {name: value for name, value in told.items() if name in ("padding", "truncation")}
    init = {name: value for name, value in told.items() if name not in call}
    tokenizer = AutoTokenizer.from_pretrained(FOLDER / kind, **init)
    if call:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    cases = []
    for template, subject, target in CASES:
        prompt = template.replace("{}", subject).rstrip(" ")
        start = template.index("{}")
        end = start + len(subject)
        read = tokenizer(prompt, return_offsets_mapping=True, **call)
        ids = read["input_ids"]
        holding = [
            index for index, (first, last) in enumerate(read["offset_mapping"]) if first < end and last > start and first < last
        ]
        joined = tokenizer(f"{prompt} {target.strip()}", **call)["input_ids"]
        assert joined[: len(ids)] == ids, f"{kind}: a token reaches over the end of {prompt!r}"
        cases.append({
            "template": template, "subject": subject, "target": target, "ids": ids,
            "subject_range": [holding[0], holding[-1] + 1], "target_ids": joined[len(ids):],
        })
    return cases


def main():
    program, anew = sys.argv[1], "--anew" in sys.argv[2:]
    rows, failures = [], []
    for kind, (title, *_) in KINDS.items():
        folder = FOLDER / kind
        if anew or not (folder / "tokenizer.json").exists():
            make(kind)
        cases = expected(kind)
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
        (folder / "expected.json").write_text(f"[\n{lines}\n]\n")
        with tempfile.TemporaryDirectory() as work:
            out = Path(work) / "ours.json"
            subprocess.run([program, folder, folder / "expected.json", out], check=True)
            ours = json.loads(out.read_text())
        counts = []
        for what in ["ids", "subject_range", "target_ids"]:
            equal = sum(own[what] == case[what] for own, case in zip(ours, cases))
            failures += [
                f"{kind}: {what} of {case['template']!r}, {case['subject']!r}: {own[what]} instead of {case[what]}"
                for own, case in zip(ours, cases) if own[what] != case[what]
            ]
            counts.append(f"{equal} of {len(cases)}")
        rows.append(f"| {title} | {' | '.join(counts)} |")
    table = "\n".join(["| kind | ids | subject ranges | targets |", "| --- | --- | --- | --- |", *rows])
    page = PAGE.read_text()
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
    print(table)
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
