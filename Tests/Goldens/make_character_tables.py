"""Writes Sources/Text/Tokenizer/CharacterTables*.swift: what the tokenizers library takes every code point for.

Each property is asked of the library itself, because its crates carry Unicode tables of several ages, none of them
the Swift standard library's. Run from the top of the repository with tokenizers 0.23.3 installed:

    python3 Tests/Goldens/make_character_tables.py
"""

import tempfile
import textwrap
import unicodedata

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

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
    """"41-43=61 C0=41+300,41+301": 41 becomes 61, 42 62 and so on; C0 becomes 41 300 and C1 41 301."""
    runs = []
    for c in sorted(table):
        target = [ord(x) for x in table[c]]
        start, targets = runs[-1] if runs else (-1, [])
        if runs and c == start + len(targets) and len(target) == 1 and all(
            t == [targets[0][0] + i] for i, t in enumerate(targets + [target])
        ):
            targets.append(target)
        else:
            runs.append((c, [target]))
    words, joined = [], None
    for start, targets in runs:
        if len(targets) > 2:
            words.append(f"{start:X}-{start + len(targets) - 1:X}={targets[0][0]:X}")
            joined = None
            continue
        text = ",".join("+".join(f"{x:X}" for x in t) for t in targets)
        if joined == start:
            words[-1] += "," + text
        else:
            words.append(f"{start:X}={text}")
        joined = start + len(targets)
    return " ".join(words)


def pieces_of(pre_tokenizer, separator=""):
    """The scalars that a pre-tokenizer keeps, asked of all in blocks."""
    for start in range(0, len(SCALARS), 4096):
        text = separator.join(chr(c) for c in SCALARS[start : start + 4096]) + separator
        yield from (piece for piece, _ in pre_tokenizer.pre_tokenize_str(text))


def matched(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return {ord(c) for piece in pieces_of(split) for c in piece}


def precompiled(rules):
    """A normalizer that replaces some characters by others, in SentencePiece's form."""
    with tempfile.TemporaryDirectory() as directory:
        with open(f"{directory}/rules.tsv", "w") as out:
            out.writelines(f"{ord(a):X}\t{ord(b):X}\n" for a, b in rules.items())
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c d"] * 10), model_prefix=f"{directory}/m", vocab_size=9, hard_vocab_limit=False,
            normalization_rule_tsv=f"{directory}/rules.tsv", minloglevel=2)
        model = sentencepiece_model_pb2.ModelProto()
        with open(f"{directory}/m.model", "rb") as file:
            model.ParseFromString(file.read())
    return normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap).normalize_str


def grapheme_classes():
    """Scalars that join the cluster before them, that the next joins, and that nothing joins.

    Precompiled replaces a short cluster by what its first characters become, so that what it swallows tells."""
    swallow = precompiled({"a": "X"})
    joining = [c for c in SCALARS if c != 0x61 and swallow("a" + chr(c)) == "X"]
    ignorable = [0x2065, *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)]
    candidates = [c for c in SCALARS if unicodedata.category(chr(c)) in ("Cc", "Cf", "Zl", "Zp") or c in ignorable]
    candidates += [0x890, 0x891, 0x8E2, 0xD4E, 0x111C2, 0x111C3, 0x113D1, 0x1193F, 0x11941, 0x11A3A, 0x11D46, 0x11F02]
    candidates = sorted({*candidates, *range(0x11A84, 0x11A8A)} - {0})
    swallow = precompiled({chr(c): "Y" for c in candidates})
    prepended = [c for c in candidates if swallow(chr(c) + "a") == "Y"]
    controls = [c for c in candidates if c not in joining and swallow(chr(c) + "\u0301") != "Y"]
    return joining, prepended, [0, *controls]


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

    form = {name: getattr(normalizers, name)().normalize_str for name in ("NFC", "NFD", "NFKD")}
    canonical = {c: d for c in SCALARS if c not in HANGUL and (d := form["NFD"](chr(c))) != chr(c)}
    compatible = {c: d for c in SCALARS if (d := form["NFKD"](chr(c))) != form["NFD"](chr(c))}
    assert stripped == {
        c: d for c in SCALARS if c not in HANGUL
        and (d := "".join(x for x in canonical.get(c, chr(c)) if ord(x) not in marks)) != chr(c)}
    excluded = [c for c, d in canonical.items() if len(d) > 1 and form["NFC"](d) != chr(c)]
    classes = combining_classes([c for c in SCALARS if c not in canonical and c not in HANGUL])
    by_class = {v: [c for c in classes if classes[c] == v] for v in sorted(set(classes.values()))}
    accents = {c for c in SCALARS if normalizers.StripAccents().normalize_str(chr(c)) == ""}
    numeric = {ord(piece) for piece in pieces_of(pre_tokenizers.Digits(True), "a") if len(piece) == 1} - {0x61}
    letters, numbers = matched(r"\p{L}+"), matched(r"\p{N}+")
    assert matched(r"\s+") == set(whitespace) and numbers <= numeric
    assert not pre_tokenizers.WhitespaceSplit().pre_tokenize_str("".join(map(chr, whitespace)))
    joining, prepended, controls = grapheme_classes()

    properties = [
        ("removed", "Dropped by clean_text: U+0000, U+FFFD and the general categories C*.", ranges(removed)),
        ("whitespace", "White_Space: what clean_text makes a space and pre-tokenizers split on.", ranges(whitespace)),
        ("punctuation", "A word of its own: ASCII punctuation and the general categories P*.",
         ranges(c for c in SCALARS if pieces[c] == 3)),
        ("ideographs", "Set apart by handle_chinese_chars.", ranges(ideographs)),
        ("wordCharacters", "What a single_word added token may not touch, and `\\w` of Whitespace.",
         ranges(word_characters())),
        ("letters", "`\\p{L}` of regular expressions.", ranges(letters)),
        ("numbers", "`\\p{N}` of regular expressions.", ranges(numbers)),
        ("otherDigits", "What Digits splits on besides numbers.", ranges(numeric - numbers)),
        ("marks", "Dropped by strip_accents: Mn.", ranges(marks)),
        ("accents", "Dropped by StripAccents: M*.", ranges(accents)),
        ("joining", "What belongs to the grapheme cluster before it.", ranges(joining)),
        ("prepended", "What belongs to the grapheme cluster behind it.", ranges(prepended)),
        ("controls", "Whatever nothing joins in a grapheme cluster.", ranges(controls)),
        ("excluded", "Decompositions that are not composed again.", ranges(excluded)),
        ("lowered", "Lower case.", mappings(lowered)),
    ]
    forms = [
        ("combiningClasses", "Canonical combining classes (decimal) of all but starters.",
         " ".join(f"{v}:{ranges(scalars).replace(' ', ',')}" for v, scalars in by_class.items())),
        ("canonical", "Canonical decompositions, but for Hangul syllables.", mappings(canonical)),
        ("compatible", "Compatibility decompositions where they are others.", mappings(compatible)),
    ]
    write("CharacterTables.swift", "enum CharacterTables", properties)
    write("CharacterTables+Forms.swift", "extension CharacterTables", forms)


def write(name, declaration, tables):
    with open(f"Sources/Text/Tokenizer/{name}", "w") as out:
        out.write("// Written by Tests/Goldens/make_character_tables.py from tokenizers 0.23.3; do not edit.\n\n")
        if declaration.startswith("enum"):
            out.write("/// What the `tokenizers` library takes each code point for, in hexadecimal: `A-B` is a range of code points,\n")
            out.write("/// `A=B,C+D` says that A becomes B and A + 1 becomes C D, `A-B=C` that A becomes C and A + 1 C + 1. A list goes\n")
            out.write("/// on after a comma that ends a line.\n")
        out.write(declaration + " {\n")
        for number, (name, comment, text) in enumerate(tables):
            # Long lists break after a comma.
            lines = textwrap.wrap(text.replace(",", ", "), 114, break_long_words=False, break_on_hyphens=False)
            body = "\n".join("    " + line.replace(", ", ",") for line in lines)
            out.write(("\n" if number else "") + f"  /// {comment}\n")
            out.write(f'  static let {name}: StaticString = """\n{body}\n    """\n')
        out.write("}\n")


main()
