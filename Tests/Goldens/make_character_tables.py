"""Writes Sources/Text/Tokenizer/CharacterTables.swift: what tokenizers' BERT normaliser does to every code point.

Each property is asked of the library itself, because its crates carry Unicode tables of several ages, none of them
the Swift standard library's. Run from the top of the repository with tokenizers 0.23.3 installed:

    python3 Tests/Goldens/make_character_tables.py
"""

import textwrap
import unicodedata

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
HANGUL = range(0xAC00, 0xD7A4)


def normalizer(**settings):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **settings}).normalize_str


def ranges(scalars):
    """"41-5A 61-7A": sorted scalars as inclusive ranges."""
    runs = []
    for c in sorted(scalars):
        if runs and c == runs[-1][1] + 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return " ".join(f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in runs)


def mappings(table):
    """"C0=41,41,65+301": consecutive scalars from C0 become 41, 41 and the pair 65 301."""
    runs = []
    for c in sorted(table):
        target = "+".join(f"{ord(x):X}" for x in table[c])
        if runs and c == runs[-1][0] + len(runs[-1][1]):
            runs[-1][1].append(target)
        else:
            runs.append((c, [target]))
    return " ".join(f"{c:X}={','.join(targets)}" for c, targets in runs)


def word_characters():
    r"""The scalars that stop a single_word added token beside them: \w of the library's regex engine."""
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.add_special_tokens([AddedToken("<token>", single_word=True, normalized=False)])
    token = tokenizer.token_to_id("<token>")
    words = []
    for start in range(0, len(SCALARS), 1000):
        block = SCALARS[start : start + 1000]
        encoding = tokenizer.encode("".join(f" {chr(c)}<token>" for c in block), add_special_tokens=False)
        matched = {begin for id, (begin, _) in zip(encoding.ids, encoding.offsets) if id == token}
        words += [c for i, c in enumerate(block) if 9 * i + 2 not in matched]
    return words


def combining_classes(unchanged):
    """The library's canonical combining class of every scalar it does not decompose and that is not a starter."""
    nfd = normalizers.NFD().normalize_str

    def swaps(first, second):
        return first != second and nfd("a" + first + second) == "a" + second + first

    lowest, highest = "\u0334", "\u0345"  # classes 1 and 240
    nonstarters = [c for c in unchanged if swaps(chr(c), lowest) or swaps(highest, chr(c))]
    probes = {}  # one scalar of each class, among those the library knows
    for c in nonstarters:
        if value := unicodedata.combining(chr(c)):
            probes.setdefault(value, chr(c))
    classes = {}
    for c in nonstarters:
        equal = [v for v, p in probes.items() if not swaps(chr(c), p) and not swaps(p, chr(c))]
        assert len(equal) == 1, (hex(c), equal)
        classes[c] = equal[0]
    return classes


def main():
    assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
    clean, chinese = normalizer(clean_text=True), normalizer(handle_chinese_chars=True)
    strip, lower = normalizer(strip_accents=True), normalizer(lowercase=True)
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    pieces = {c: len(split(f"a{chr(c)}b")) for c in SCALARS}

    removed = [c for c in SCALARS if clean(chr(c)) == ""]
    whitespace = [c for c in SCALARS if pieces[c] == 2]
    assert {c for c in SCALARS if clean(chr(c)) == " "} == set(whitespace) - set(removed)
    ideographs = [c for c in SCALARS if chinese(chr(c)) == f" {chr(c)} "]
    stripped = {c: s for c in SCALARS if c not in HANGUL and (s := strip(chr(c))) != chr(c)}
    assert all(strip(chr(c)) == unicodedata.normalize("NFD", chr(c)) for c in HANGUL)
    marks = [c for c, s in stripped.items() if s == ""]
    lowered = {c: s for c in SCALARS if (s := lower(chr(c))) != chr(c)}

    decomposed = {c for c in SCALARS if normalizers.NFD().normalize_str(chr(c)) != chr(c)}
    classes = combining_classes([c for c in SCALARS if c not in decomposed])
    kept = {c: v for c, v in classes.items() if c not in stripped}
    by_class = {v: [c for c in kept if kept[c] == v] for v in sorted(set(kept.values()))}

    tables = [
        ("removed", "Dropped by clean_text: U+0000, U+FFFD and the general categories C*.", ranges(removed)),
        ("whitespace", "White_Space: what clean_text makes a space and the pre-tokenizer splits on.", ranges(whitespace)),
        ("punctuation", "A word of its own: ASCII punctuation and the general categories P*.",
         ranges(c for c in SCALARS if pieces[c] == 3)),
        ("ideographs", "Set apart by handle_chinese_chars.", ranges(ideographs)),
        ("wordCharacters", "What a single_word added token may not touch.", ranges(word_characters())),
        ("marks", "Dropped by strip_accents: Mn.", ranges(marks)),
        ("startingMarks", "Marks across which canonical ordering does not reach: combining class 0.",
         ranges(c for c in marks if c not in classes and c not in decomposed)),
        ("combiningClasses", "Canonical combining classes (decimal) of the scalars strip_accents keeps.",
         " ".join(f"{v}:{ranges(scalars).replace(' ', ',')}" for v, scalars in by_class.items())),
        ("stripped", "What strip_accents leaves of everything else it changes, but for Hangul syllables.",
         mappings({c: s for c, s in stripped.items() if s})),
        ("lowered", "Lower case.", mappings(lowered)),
    ]
    with open("Sources/Text/Tokenizer/CharacterTables.swift", "w") as out:
        out.write("// Written by Tests/Goldens/make_character_tables.py from tokenizers 0.23.3; do not edit.\n\n")
        out.write("/// What the `tokenizers` library does to each code point, in hexadecimal: `A-B` is a range of code points,\n")
        out.write("/// `A=B,C+D` says that A becomes B and A + 1 becomes C D. A list goes on after a comma that ends a line.\n")
        out.write("enum CharacterTables {\n")
        for number, (name, comment, text) in enumerate(tables):
            # Long lists break after a comma.
            lines = textwrap.wrap(text.replace(",", ", "), 114, break_long_words=False, break_on_hyphens=False)
            body = "\n".join("    " + line.replace(", ", ",") for line in lines)
            out.write(("\n" if number else "") + f"  /// {comment}\n")
            out.write(f'  static let {name}: StaticString = """\n{body}\n    """\n')
        out.write("}\n")


main()
