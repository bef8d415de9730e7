"""Tokenizers of many kinds, trained on a file of texts: what published models use, and what none does but a file may say.

`pipelines(lines, size, charsmap)` gives them by name. `random_text(source, tokens)` gives texts of every plane.
"""

import json
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BYTES = [f"<0x{b:02X}>" for b in range(256)]

# A few rules in SentencePiece's form: one to one, to more, to less, to nothing, and of short clusters.
RULES = {
    "\t": " ", "\u00a0": " ", "\u3000": " ", "\u200b": "", "\u00ad": "", "ﬁ": "fi", "ﬀ": "ff", "™": "TM", "½": "1/2", "①": "1",
    "e\u0301": "é", "a\u0308": "ä", "\u212b": "Å", "A\u030a": "Å", "ｶ\uff9e": "ガ", "ア": "ｱ", "…": "...", "ﷺ": "صلى الله عليه وسلم",
    "\u0344": "\u0308\u0301", "İ": "i", "\U0001d400": "A", "\U0001f600": ":)", "\r": " ", "\u0600": "#", "한": "han",
}


def charsmap(rules=None):
    """A precompiled map: SentencePiece's own `nmt_nfkc`, or one of these rules."""
    with tempfile.TemporaryDirectory() as directory:
        options = {}
        if rules is not None:
            options["normalization_rule_tsv"] = f"{directory}/rules.tsv"
            with open(options["normalization_rule_tsv"], "w") as out:
                for key, value in rules.items():
                    out.write("\t".join(" ".join(f"{ord(c):X}" for c in text) for text in (key, value)) + "\n")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c d"] * 10), model_prefix=f"{directory}/m", vocab_size=9, hard_vocab_limit=False,
            minloglevel=2, **options)
        model = sentencepiece_model_pb2.ModelProto()
        with open(f"{directory}/m.model", "rb") as file:
            model.ParseFromString(file.read())
    return model.normalizer_spec.precompiled_charsmap


def trained(model, trainer, lines, normalizer, pre_tokenizer, **settings):
    """The pipeline with a model trained through it; `settings` go into the model's JSON."""
    built = Tokenizer(model)
    if normalizer:
        built.normalizer = normalizer
    if pre_tokenizer:
        built.pre_tokenizer = pre_tokenizer
    built.train_from_iterator(lines, trainer)
    described = json.loads(built.to_str())
    if settings.pop("bytes", False):
        vocabulary = described["model"]["vocab"]
        for token in BYTES:
            if isinstance(vocabulary, list):
                vocabulary.append([token, -12.5])
            else:
                vocabulary.setdefault(token, len(vocabulary))
    described["model"].update(settings)
    return Tokenizer.from_str(json.dumps(described))


def word_piece(lines, size, special, normalizer, pre_tokenizer):
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False, limit_alphabet=200)
    return trained(models.WordPiece(unk_token="[UNK]"), trainer, lines, normalizer, pre_tokenizer)


def pairs(lines, size, special, normalizer, pre_tokenizer, model=None, **settings):
    byte_level = not settings.pop("characters", False)
    options = dict(initial_alphabet=pre_tokenizers.ByteLevel.alphabet()) if byte_level else dict(limit_alphabet=100)
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False, **options)
    for key in ("end_of_word_suffix", "continuing_subword_prefix"):
        if key in settings:
            setattr(trainer, key, settings[key])
    return trained(model or models.BPE(), trainer, lines, normalizer, pre_tokenizer, **settings)


def unigram(lines, size, special, normalizer, pre_tokenizer, **settings):
    trainer = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=special, unk_token=next(t for t in special if "unk" in t.lower()),
        show_progress=False)
    return trained(models.Unigram(), trainer, lines, normalizer, pre_tokenizer, **settings)


def template(built, single, pair):
    names = {word.split(":")[0] for word in f"{single} {pair}".split() if not word.startswith("$")}
    return processors.TemplateProcessing(single=single, pair=pair, special_tokens=[(n, built.token_to_id(n)) for n in names])


def pipelines(lines, size, small_map):
    """Names and tokenizers. `small_map` asks for a few rules instead of SentencePiece's map, which is large."""
    precompiled = normalizers.Precompiled(charsmap(RULES if small_map else None))
    prefixed = pre_tokenizers.Metaspace()
    words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), prefixed])
    built = {}

    def add(name, tokenizer, processor, extra=(), mask=None):
        tokenizer.post_processor = processor(tokenizer)
        if mask:
            tokenizer.add_special_tokens([AddedToken(mask, lstrip=True, normalized=False)])
        tokenizer.add_tokens(list(extra))
        built[name] = tokenizer

    def bert(t):
        return template(t, "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")

    def roberta(t):
        return template(t, "<s> $A </s>", "<s> $A </s> </s> $B </s>")

    def ends(t, kind, cls="<s>", sep="</s>", **options):
        return kind((sep, t.token_to_id(sep)), (cls, t.token_to_id(cls)), **options)

    odd = [
        AddedToken("<ent>", lstrip=True, rstrip=True, normalized=False), AddedToken("new york", single_word=True),
        AddedToken("Ünï"), AddedToken("ab", normalized=False), AddedToken("  ", normalized=False),
        AddedToken("love", lstrip=True), AddedToken("\U0001f600x", rstrip=True),
    ]
    add("bert", word_piece(lines, size, BERT, normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()), bert,
        extra=odd)
    add("mpnet", word_piece(lines, size, ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"],
                            normalizers.BertNormalizer(strip_accents=False), pre_tokenizers.BertPreTokenizer()),
        lambda t: ends(t, processors.RobertaProcessing, trim_offsets=True, add_prefix_space=False), mask="<mask>")
    add("roberta", pairs(lines, size, ROBERTA, None, pre_tokenizers.ByteLevel(add_prefix_space=False)),
        lambda t: ends(t, processors.RobertaProcessing, trim_offsets=True, add_prefix_space=False), mask="<mask>")
    add("roberta-prefixed", pairs(lines, size, ROBERTA, None, pre_tokenizers.ByteLevel(add_prefix_space=True)),
        lambda t: ends(t, processors.RobertaProcessing, trim_offsets=True, add_prefix_space=True), extra=odd)
    add("gpt2-split", pairs(lines, size, ROBERTA, None, pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(GPT2), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])),
        lambda t: processors.Sequence([processors.ByteLevel(trim_offsets=True), roberta(t)]))
    add("modernbert", pairs(lines, size, BERT, normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False)), bert,
        mask="[MASK]", extra=[AddedToken(" " * n, normalized=False) for n in range(24, 1, -1)])
    add("llama3", pairs(lines, size, BERT, None, pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
        ignore_merges=True), bert)
    add("llama-fallback", pairs(
        lines, size, ROBERTA, normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        pre_tokenizers.Split("▁", "merged_with_next"), characters=True, bytes=True, byte_fallback=True, fuse_unk=True,
        unk_token="<unk>"), roberta, extra=odd)
    add("openai-gpt", pairs(
        lines, size, ROBERTA, normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), pre_tokenizers.Sequence(
            [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]), characters=True,
        model=models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=True), end_of_word_suffix="</w>"),
        lambda t: ends(t, processors.BertProcessing))
    add("continuing", pairs(
        lines, size, ROBERTA, normalizers.Strip(), pre_tokenizers.Sequence([
            pre_tokenizers.Split(" ", "merged_with_previous"), pre_tokenizers.Punctuation("contiguous")]), characters=True,
        model=models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), continuing_subword_prefix="##"), roberta,
        extra=odd)
    add("xlm-roberta", unigram(lines, size, ROBERTA, precompiled, words), roberta, mask="<mask>")
    add("albert", unigram(lines, size, ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(),
        normalizers.Lowercase(), precompiled, normalizers.Replace(Regex(" {2,}"), " ")]), words), bert, mask="[MASK]")
    add("deberta-v3", unigram(lines, size, BERT, normalizers.Sequence([
        normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "), normalizers.NFC(), normalizers.Strip(left=False, right=True)]),
        pre_tokenizers.Sequence([pre_tokenizers.Punctuation("isolated"), prefixed])), bert, extra=odd)
    add("camembert", unigram(lines, size, ROBERTA, normalizers.Sequence([
        precompiled, normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")]), prefixed),
        roberta, extra=odd)
    add("nmt-fallback", unigram(lines, size, ROBERTA, normalizers.Sequence([normalizers.Nmt(), normalizers.NFD()]),
        pre_tokenizers.Sequence([
            pre_tokenizers.Digits(), pre_tokenizers.Split(Regex(r"\p{N}+|[^\p{L}\s]"), "merged_with_next", invert=True),
            pre_tokenizers.Metaspace(prepend_scheme="first", split=False)]), bytes=True, byte_fallback=True), roberta,
        extra=odd)
    return built


def random_text(source, tokens, lines, newlines=True):
    """Words, marks, whitespace, characters of every plane and added tokens, run together or apart."""
    parts = []
    for _ in range(source.choice([0, 1, 1, 2, 3, 5, 8, 13, 21])):
        kind = source.randrange(14)
        if kind == 0:
            parts.append(source.choice(tokens))
        elif kind == 1:
            parts.append(chr(source.choice([source.randrange(0x20), source.randrange(0x80, 0x250), source.randrange(0xD800)])))
        elif kind == 2:
            parts.append(chr(source.randrange(0xE000, 0x110000)))
        elif kind == 3:
            parts.append(chr(source.randrange(0x10000, 0x20000)))
        elif kind == 4:
            parts.append(source.choice("eaoiuAEOnkｶア") + "".join(
                chr(source.choice([source.randrange(0x300, 0x370), 0x301, 0x308, 0x30A, 0x200D, 0xFF9E, 0x94D])) for _ in range(source.randrange(1, 4))))
        elif kind == 5:
            parts.append(source.choice([" ", "  ", "\t", "\u00a0", "\u3000", "\r", "\r\n", "\u2028", "\u200b", " " * source.randrange(30)]))
        elif kind == 6:
            parts.append(source.choice(["'s", "'T", "'RE", "'ve", "'ſ", "``", "''", "...", "…", "!?", "123456", "٣٤", "Ⅻ", "½", "▁", "Ġ", "##a"]))
        elif kind == 7:
            parts.append("".join(chr(source.choice([source.randrange(0x1100, 0x1200), source.randrange(0xAC00, 0xD7A4)])) for _ in range(3)))
        elif kind == 8:
            parts.append(source.choice(["é", "ﬁ", "™", "①", "ﷺ", "İ", "ß", "Σς", "ǅ", "\u0344", "\u212b", "한국", "中国", "नमस्ते", "👩‍❤️‍👩", "🇩🇪", "\u0600a", "\U000110bda"]))
        else:
            line = source.choice(lines)
            start = source.randrange(len(line) + 1)
            parts.append(line[start : start + source.randrange(1, 30)])
        if source.random() < 0.4:
            parts.append(" ")
    text = "".join(parts)
    return text if newlines else text.replace("\n", " ")
