# SPDX-License-Identifier: Apache-2.0
"""Loads folders written by libs/tiny-lm with the real Hugging Face libraries and compares what both compute.

Usage: hf-parity.py CASES_DIR. Reads cases.json and the model folders beside it (written by scripts/hf-parity.mjs); writes, for each model,
a folder saved again by transformers, which the caller loads back. Prints one JSON line; exit code 1 on any difference.
"""
import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer


def check_tokenizer(folder, cases, failures):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for number, case in enumerate(cases["texts"]):
        ids = tokenizer(case["text"])["input_ids"]
        if ids != case["ids"]:
            failures.append(f"text {number} {case['text']!r}: here {case['ids']}, transformers {ids}")
        elif tokenizer.decode(ids, skip_special_tokens=True) != case["decoded"]:
            failures.append(f"text {number} {case['text']!r}: decodes differently")
    for number, chat in enumerate(cases["chats"]):
        ids = tokenizer.apply_chat_template(chat["messages"], add_generation_prompt=True, return_dict=False)
        if list(ids) != chat["ids"]:
            failures.append(f"chat {number}: here {chat['ids']}, transformers {ids}")
    return tokenizer


def check_model(folder, expected, failures):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    worst = 0.0
    with torch.no_grad():
        for sequence in expected["sequences"]:
            logits = model(torch.tensor([sequence["ids"]])).logits[0]
            worst = max(worst, (logits - torch.tensor(sequence["logits"])).abs().max().item())
        for answer in expected["greedy"]:
            out = model.generate(torch.tensor([answer["prompt"]]), max_new_tokens=answer["maxTokens"], do_sample=False)
            found = out[0, len(answer["prompt"]) :].tolist()
            if found != answer["ids"]:
                failures.append(f"{folder.name}: greedy answer {answer['ids']}, transformers {found}")
    if not worst <= 1e-3:
        failures.append(f"{folder.name}: logits differ by {worst}")
    model.save_pretrained(folder.parent / f"{folder.name}-saved-again")
    return worst


def main():
    root = Path(sys.argv[1])
    cases = json.loads((root / "cases.json").read_text(encoding="utf-8"))
    failures = []
    tokenizer = check_tokenizer(root / "base", cases, failures)
    tokenizer.save_pretrained(root / "base-saved-again")
    worst = {name: check_model(root / name, expected, failures) for name, expected in cases["models"].items()}
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    report = {"texts": len(cases["texts"]), "chats": len(cases["chats"]), "largestLogitDifference": worst, "versions": versions}
    print(json.dumps({**report, "failures": failures[:20], "failed": len(failures)}))
    sys.exit(1 if failures else 0)


main()
