"""What documents refer to: other documents, and messages of the program."""

import re

from sandbox import REPOSITORY


def anchors(text):
    """Of a document's headings, as they are made on the web."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.M):
        plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        found.add(plain.replace(" ", "-"))
    return found


def broken_links(path):
    problems = []
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        if not file.exists():
            problems.append(f"{path.relative_to(REPOSITORY)}: {link} leads nowhere")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
            problems.append(f"{path.relative_to(REPOSITORY)}: {link}: no heading makes this anchor")
    return problems


def unknown_messages(path):
    """Headings that quote a message must be made of texts in the sources: what varies is written as `…`."""
    sources = "\n".join(
        re.sub(r'"\s*\n\s*\+ "', "", file.read_text())
        for pattern in ("Sources/**/*.swift", "launch/*.sh") for file in sorted(REPOSITORY.glob(pattern)))
    # Interpolations are where a message varies.
    while re.search(r"\\\([^()]*\)", sources):
        sources = re.sub(r"\\\([^()]*\)", "…", sources)
    # Strings of several lines go on behind a backslash.
    sources = re.sub(r"\\\n\s*", "", sources)
    sources = sources.replace('\\"', '"')
    problems = []
    for message in re.findall(r"^#+ `([^`]+)`$", path.read_text(), re.M):
        for part in message.split("…"):
            if part.strip() and part.strip() not in sources:
                problems.append(f"{path.relative_to(REPOSITORY)}: no message has {part.strip()!r}, of {message!r}")
    return problems
