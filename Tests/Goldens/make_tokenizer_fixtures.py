"""Writes Tests/TextTests/Fixtures: small tokenizers of our own and what the real libraries make of tricky texts.

Run from the top of the repository with tokenizers 0.23.3 and transformers 5.23.0 installed:

    python3 Tests/Goldens/make_tokenizer_fixtures.py [--rows N --output DIRECTORY]

More rows than the default, written elsewhere, make a longer check by hand (DISTILL_TOKENIZER_FIXTURES=DIRECTORY).
"""

import argparse
import json
import os
import random
import shutil

import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = """the a an and or of to in is it was not no good bad very great movie film day today love hate see play happy sad
cafe naive strasse istanbul résumé café naïve élan über smörgås Paris London The Great I John NASA
москва мир привет Москва σοφος ΣΟΦΟΣ ΐ नमस्ते नमसत สวัสดี سلام שלום ひらかな ふ か テスト 中 国 日 本 語 學 豈 更 가 각 한글
😀 👩 👍 🏽 ❤ ™ ① ½ ﬁ ﬀ ª º ß ẞ i̇ ı İ ſ Å å Ω ω""".split()
PIECES = """ing ed s er est ly ness ful ment un re able tion ##ing ##ed ##s ##er ##est ##ly ##ness ##ful ##ment ##able ##tion
##é ##è ##ü ##ß ##σ ##ς ##а ##в ##ква ##ᅡ ##ᆨ ##ᄒ ##😀 ##🏽 ##कि ##中""".split()
JAMO = [chr(c) for c in (0x1100, 0x1112, 0x1161, 0x11A8, 0x11AB, 0x1105)]


def vocabulary(uppercase):
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789")
    upper = [chr(c) for c in range(ord("A"), ord("Z") + 1)] if uppercase else []
    punctuation = [chr(c) for c in range(33, 127) if not chr(c).isalnum()] + list("…—“”‘’«»¿¡、。・€¥₹°")
    tokens = SPECIAL + punctuation + letters + upper + ["##" + x for x in letters + upper] + WORDS + PIECES + JAMO
    return list(dict.fromkeys(tokens))


def normalizer(**settings):
    return normalizers.BertNormalizer(
        **{**dict(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True), **settings}
    )


VARIANTS = {
    "uncased": normalizer(),
    "cased": normalizer(lowercase=False),
    "uncased_keep_accents": normalizer(strip_accents=False),
    "cased_strip_accents": normalizer(lowercase=False, strip_accents=True),
    "uncased_no_ideographs": normalizer(handle_chinese_chars=False),
    "uncased_no_cleaning": normalizer(clean_text=False),
}

TEXTS = [
    "", " ", "\t\r\n \u00a0\u3000", "a", "A", "The movie was great!!!", "the unhappiness of Istanbul", "I'm at the café, résumé ready",
    "naïve NAÏVE nai\u0308ve", "Straße STRASSE ẞ", "İstanbul ıI İ i\u0307", "ΣΟΦΟΣ σοφος ΐ", "Москва москва ЙЁйё",
    "नमस्ते किताब", "สวัสดี", "سلام", "שָׁלוֹם", "がぎぐ ぱ テスト ふ\u3099", "中国日本語", "a中b国", "豈更 \uf900 \U0002f800 \u2b820\U0002b820\U0002b920",
    "가각한글 \u1100\u1161\u11a8", "😀👍🏽 👩‍❤️‍👩 love😀ing", "™①½ﬁﬀªº", "Å \u212b Ω \u2126 K", "\u037e \u0387 \u1fef \u2260 \u2329",
    "a\u0000b\ufffdc\u0007d\u200be\u00adf\ufeffg", "line\u2028para\u2029graph\u0085next\u000bv\u000cf", "\u202eright to left\u202c",
    "x\u0300\u0316\u0301y \U0001d15e \U0001d1bb\U0001d165\U0001d16e", "a\u302e\u302fb \u302f\u302ec", "\u0f73\u0f81 \u0344",
    "[CLS] in [SEP] text [MASK][PAD] [UNK] [mask] [ CLS ]", "[[CLS]] [CLS[CLS]", "##ing ##s #play", "a" * 100, "a" * 101,
    "é" * 100, "é" * 101, "😀" * 101, "playing plays player playable replay unplayed", "zzzz qqqq xylophone",
    "http://example.org/a_b?c=d&e=f#g", "@user #hash $5.00 50% a_b a-b a/b", "don't won’t “quoted” —dash… «x»", "€5 ¥6 ₹7 20°",
    "\ud7a3\ud7ff\ue000\uf8ff\U000e0001\U000f0000\U0010ffff", "\U0001f468\u200d\U0001f469", "\u1f88 \u1fb3 \u1fbc \u01c5 \u01c4",
    "tab\tnew\nline\r\nend", "  leading and trailing  ", "Ⅷ ⅷ Ⓐ ⓐ Ａ ａ", "ǅ ǆ ſ ẛ ẛ̣", "\u0130\u0307 \u0049\u0307",
]


def random_texts(count, source):
    """Texts of the pieces that break tokenizers: marks, spaces, controls, punctuation, letters of many scripts."""
    blocks = [(0x20, 0x7E)] * 6 + [(0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0xDFF), (0xE00, 0x11FF),
              (0x1DC0, 0x1FFF), (0x2000, 0x20FF), (0x2100, 0x2BFF), (0x3000, 0x31FF), (0x4E00, 0x4F00), (0xA640, 0xABFF),
              (0xAC00, 0xAD00), (0xF900, 0xFFFD), (0x10000, 0x11FFF), (0x1D100, 0x1D1FF), (0x1E000, 0x1EFFF),
              (0x1F300, 0x1FAFF), (0x2F800, 0x2FA1F), (0xE0000, 0xE01EF)]
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(source.randint(1, 12)):
            kind = source.random()
            if kind < 0.25:
                parts.append(source.choice(WORDS))
            elif kind < 0.35:
                parts.append(" ")
            elif kind < 0.4:
                parts.append(source.choice(SPECIAL + ["<ent>", "new york", "New York", "ab", "abc", "Ünï"]))
            else:
                low, high = source.choice(blocks)
                parts.append(chr(source.randint(low, high)))
        texts.append("".join(parts))
    return texts


def tokenizer(tokens, **settings):
    built = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]"))
    built.normalizer = normalizer(**settings)
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.decoder = decoders.WordPiece(prefix="##")
    cls, sep = built.token_to_id("[CLS]"), built.token_to_id("[SEP]")
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)])
    built.add_special_tokens(SPECIAL)
    return built


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def rows(path, values):
    write(path, "".join(json.dumps(v, ensure_ascii=False, separators=(",", ":")) + "\n" for v in values))


def uncased_directory(root):
    """Every file, with the presets of a published sentence encoder, which must not apply by themselves."""
    built = tokenizer(vocabulary(uppercase=False))
    built.enable_truncation(16)
    built.enable_padding(length=16)
    built.save(f"{root}/tokenizer.json", pretty=False)
    built.no_truncation()
    built.no_padding()
    write(f"{root}/vocab.txt", "".join(t + "\n" for t in vocabulary(uppercase=False)))
    write(f"{root}/tokenizer_config.json", json.dumps({"do_lower_case": True, "tokenizer_class": "BertTokenizer", "note": 1}))
    write(f"{root}/special_tokens_map.json", json.dumps({t[1:-1].lower() + "_token": t for t in SPECIAL}))
    return built


def cased_directory(root):
    """vocab.txt and its settings alone: BertTokenizer makes the rest."""
    write(f"{root}/vocab.txt", "\n".join(vocabulary(uppercase=True)))
    write(f"{root}/tokenizer_config.json", json.dumps({"do_lower_case": False, "tokenize_chinese_chars": False}))
    return transformers.BertTokenizer.from_pretrained(root)._tokenizer


def added_directory(root):
    """tokenizer.json alone, with added tokens of every kind and BertProcessing."""
    built = tokenizer(vocabulary(uppercase=False))
    built.add_special_tokens([AddedToken("<ent>", lstrip=True, rstrip=True, normalized=False)])
    built.add_tokens([
        AddedToken("new york", normalized=True, single_word=True),
        AddedToken("Ünï", normalized=True),
        AddedToken("ab", normalized=False),
        AddedToken("abc", normalized=False, single_word=True),
        AddedToken("love", normalized=True, lstrip=True),
    ])
    built.post_processor = processors.BertProcessing(("[SEP]", built.token_to_id("[SEP]")), ("[CLS]", built.token_to_id("[CLS]")))
    built.save(f"{root}/tokenizer.json", pretty=False)
    return built


# Code points are normalised in blocks of so many, in the planes that have any to speak of.
BLOCK = 1024
PLANES = [0, 1, 2, 3, 14]


def code_points(variant):
    """The FNV-1a hash of what each block becomes, a code point at a time between two letters that keep them apart."""
    hashes = []
    for start in (start for plane in PLANES for start in range(plane << 16, (plane + 1) << 16, BLOCK)):
        text = "".join(f"a{chr(c)}b" for c in range(start, start + BLOCK) if not 0xD800 <= c <= 0xDFFF)
        value = 0xCBF29CE484222325
        for byte in variant.normalize_str(text).encode():
            value = (value ^ byte) * 0x100000001B3 % 2**64
        hashes.append(f"{value:016x}")
    return hashes


def main():
    assert (tokenizers.__version__, transformers.__version__) == ("0.23.3", "5.23.0")
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", type=int, default=60)
    arguments.add_argument("--output", default="Tests/TextTests/Fixtures")
    options = arguments.parse_args()
    source = random.Random(2022)
    root = options.output
    for name in ("uncased", "cased", "added"):
        shutil.rmtree(f"{root}/{name}", ignore_errors=True)
        os.makedirs(f"{root}/{name}")

    normalized = []
    for text in TEXTS + random_texts(options.rows, source):
        results = {}  # what each variant makes of the text, equal results once
        for name, variant in VARIANTS.items():
            result = variant.normalize_str(text)
            results.setdefault(result, {"variants": [], "normalized": result})["variants"].append(name)
        normalized.append({"text": text, "results": list(results.values())})
    rows(f"{root}/normalized.jsonl", normalized)

    with open(f"{root}/code_points.json", "w") as out:
        json.dump({name: code_points(VARIANTS[name]) for name in ("uncased", "cased")}, out, indent=0)
        out.write("\n")

    encodings = []
    directories = {"uncased": uncased_directory, "cased": cased_directory, "added": added_directory}
    added = ["I love New York, new yorker NEW YORK", "ünï UNI uni unity", "abcd abc ab c xab", "a  <ent>\u2003 b<ent><ent>",
             "new york<ent>new york", "i  love it glove", "é<ent>é new\u0301 york", "_abc abc_ abc' (abc)"]
    for directory, make in directories.items():
        built = make(f"{root}/{directory}")
        texts = TEXTS + added + random_texts(options.rows, source)
        for text in texts:
            encoding = built.encode(text)
            encodings.append({"directory": directory, "text": text, "ids": encoding.ids})
        for _ in range(options.rows):
            text, pair = source.choice(texts), source.choice(texts)
            length = source.choice([None, 3, 4, 5, 8, 12, 17, 33])
            strategy = source.choice(["longest_first", "only_first", "only_second"])
            built.no_truncation()
            if length:
                built.enable_truncation(length, strategy=strategy)
            row = {"directory": directory, "text": text, "pair": pair, "max_length": length, "strategy": strategy}
            try:
                encoding = built.encode(text, pair)
                row.update(ids=encoding.ids, type_ids=encoding.type_ids)
            except Exception as error:
                assert "too short" in str(error)
            encodings.append(row)
    rows(f"{root}/encodings.jsonl", encodings)


main()
