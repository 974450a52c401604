"""Encodings of Hugging Face's tokenizers, for the tokenizers that lie beside this file.

    python3 generate_tokenizers.py OUT [--text corpus.txt] [--lines 3000] [--fuzz 3000]

copies each `tokenizers/KIND/tokenizer.json` to OUT/KIND and writes OUT/KIND/encodings.json: lines of the text spread over all of it,
and strings drawn from scripts, marks, emoji, controls, white space and what looks like tokens, every fifth of them as a pair. Offsets are
in characters. The text is any file of UTF-8, a line a text. It needs the package `tokenizers`. `npm run goldens -- OUT` compares.
"""

import argparse
import json
import random
import shutil
from pathlib import Path

from tokenizers import Tokenizer

HERE = Path(__file__).parent / "tokenizers"
POOLS = [
    "abcdefghijklmnopqrstuvwxyzABCXYZ",
    "0123456789",
    "     \t\n\r\u00a0\u3000\u2003\u0085",
    "'.,;:!?-_()[]{}\"#$%&*+/<=>@\\^`|~",
    "éèüñçÅßĿǆİıΣσςЖжאבאعربहिन्दीไทย",
    "\u0301\u0300\u0323\u0327\u0345\u0334\u05b0\u0e38\u3099",
    "日本語中文漢字한국어ひらがなカタカナ가각힣각",
    "😀👩\u200d💻🇩🇪👍🏽❤️",
    "①²½Ⅷ٣४ﬁﬀ㎏ｱＡ",
    "\u0000\u0007\u00ad\u200b\u200d\ufeff\ufffd\ue000\u2028",
    "▁Ġ<s></s>[MASK][UNK]<0x41>##'s't're",
]
WORDS = [
    "the", "<mask>", "[MASK]", " <s> ", "</s>", "<unk>", "don't", "we'll", "I'M", "foo_bar", "TODAY'S", "x" * 120, "  ", " \n\n ", "▁▁", "##ing",
    "ﬃ", "Å̧", "q̣̇", "한글", "\u1100\u1161\u11a8", "extra token", "word", "naïve", "É", "e\u0301",
]


def fuzzed(count: int) -> list[str]:
    draw = random.Random(7)
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(draw.randint(1, 14)):
            kind = draw.randrange(4)
            if kind == 0:
                parts.append(draw.choice(WORDS))
            else:
                pool = POOLS[0] if kind == 1 else draw.choice(POOLS)
                parts.append("".join(draw.choice(pool) for _ in range(draw.randint(1, 7))))
            if draw.randrange(3) == 0:
                parts.append(" ")
        texts.append("".join(parts))
    return texts


def encode(tokenizer: Tokenizer, text: str, pair: str | None) -> dict:
    encoding = tokenizer.encode(text, pair)
    return {
        "text": text,
        **({} if pair is None else {"pair": pair}),
        "ids": encoding.ids,
        "type_ids": encoding.type_ids,
        "special_tokens_mask": encoding.special_tokens_mask,
        "offsets": encoding.offsets,
        "word_ids": encoding.word_ids,
        "decoded": tokenizer.decode(encoding.ids, skip_special_tokens=False),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--text", type=Path, default=HERE.parent / "tokenizer" / "corpus.txt")
    parser.add_argument("--lines", type=int, default=3000)
    parser.add_argument("--fuzz", type=int, default=3000)
    args = parser.parse_args()
    lines = args.text.read_text(encoding="utf-8").split("\n")
    lines = lines[:: max(1, len(lines) // max(1, args.lines))][: args.lines]
    fuzz = fuzzed(args.fuzz)
    pairs = [(line, None) for line in lines]
    pairs += [(text, fuzz[(i + 1) % len(fuzz)] if i % 5 == 0 else None) for i, text in enumerate(fuzz)]
    for kind in sorted(path.parent.name for path in HERE.glob("*/tokenizer.json")):
        folder = args.out / kind
        folder.mkdir(parents=True, exist_ok=True)
        source = HERE / kind / "tokenizer.json"
        tokenizer = Tokenizer.from_file(str(source))
        cases = [encode(tokenizer, text, pair) for text, pair in pairs]
        if source.resolve() != (folder / "tokenizer.json").resolve():
            shutil.copy(source, folder / "tokenizer.json")
        rows = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
        (folder / "encodings.json").write_text(f"[{rows}]\n", encoding="utf-8")
        print(f"{kind}: {len(cases)} texts")


main()
