extension Markup {
  /// The page's style sheet: one column on a phone, colours by the reader's preference.
  static let style: Markup = """
    :root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b1f26; --faint: #667080; --rule: #dfe3ea;
      --accent: #2563c9; --good: #1d7f4b; --warn: #9a5b00; --heat: 37 99 201;
      --c0: #2563c9; --c1: #d4660c; --c2: #1d8a55; --c3: #8a45c4; --c4: #c2304f; --c5: #0f8494; }
    @media (prefers-color-scheme: dark) { :root { --page: #12151a; --card: #1b1f27; --ink: #e6e9ee; --faint: #97a1b0;
      --rule: #303744; --accent: #78aaff; --good: #63cf98; --warn: #e5b062; --heat: 96 150 245;
      --c0: #78aaff; --c1: #f5a058; --c2: #63cf98; --c3: #c39bf2; --c4: #f38aa0; --c5: #5ccbd9; } }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
      -webkit-text-size-adjust: 100%; }
    main { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
    h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
    h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; }
    h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
    p { margin: .4rem 0; } .lead { color: var(--faint); max-width: 60rem; overflow-wrap: anywhere; }
    .lead b { color: var(--ink); font-weight: 600; }
    code, pre { font: .82rem/1.5 ui-monospace, monospace; } pre { overflow-x: auto; margin: .75rem 0 0; }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
    .tile, .card, .chart { background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: .9rem 1rem; }
    .tile b { display: block; font-size: 1.5rem; line-height: 1.25; font-weight: 650; }
    .tile span { color: var(--faint); font-size: .85rem; }
    .note { border-left: 3px solid var(--warn); } .note p { overflow-wrap: anywhere; }
    .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: .75rem; }
    .chart { margin: 0; padding: .7rem .7rem .4rem; min-width: 0; } .chart svg { display: block; width: 100%; height: auto; }
    figcaption { font-weight: 600; font-size: .95rem; }
    .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 .9rem; margin: 0 0 .2rem; padding: 0;
      font-size: .8rem; color: var(--faint); }
    .legend b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
    .legend i { display: inline-block; width: .7rem; height: .7rem; border-radius: .2rem; margin-right: .25rem;
      background: currentColor; }
    .c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); }
    .c4 { color: var(--c4); } .c5 { color: var(--c5); }
    .line { fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linejoin: round; }
    .raw { fill: none; stroke: currentColor; stroke-width: 1; stroke-linejoin: round; opacity: .3; }
    .band { fill: currentColor; opacity: .16; } .dot { fill: currentColor; stroke: var(--card); stroke-width: 1; }
    .row { fill: currentColor; opacity: .45; } .tasks { margin-top: .75rem; }
    .grid { stroke: var(--rule); } .axis { stroke: var(--faint); } .tick { fill: var(--faint); font-size: 10.5px; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
    th, td { padding: .4rem .7rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
    th { color: var(--faint); font-weight: 500; } th:first-child, td:first-child { text-align: left; padding-left: 0; }
    tr:last-child td, tr:last-child th { border-bottom: 0; }
    @media (max-width: 40rem) { table { font-size: .82rem; } th, td { padding: .35rem .4rem; } }
    .models td small { white-space: nowrap; }
    @media (max-width: 40rem) {
      .models, .models tbody { display: block; } .models tr:first-child { display: none; }
      .models tr { display: grid; grid-template-columns: repeat(3, auto); gap: .4rem .8rem; padding: .6rem 0;
        border-bottom: 1px solid var(--rule); }
      .models td { border: 0; padding: 0; text-align: left; } .models td:first-child { grid-column: 1 / -1; white-space: normal; }
      .models td:not(:first-child)::before { content: attr(data-name); display: block; color: var(--faint); font-size: .75rem; }
    }
    .losses { width: fit-content; max-width: 100%; margin-bottom: .75rem; }
    @media (prefers-color-scheme: dark) { image, .heads img { filter: brightness(1.45); } }
    td small { color: var(--faint); } .better { color: var(--good); }
    td.wide { white-space: normal; text-align: left; }
    .confusion td { text-align: center; border: 2px solid var(--card); background: rgb(var(--heat) / var(--share)); }
    .confusion small { display: block; color: inherit; opacity: .75; } .confusion th { border: 0; }
    .strong { color: #fff; } .tables { display: grid; gap: .75rem; margin-top: .75rem; align-items: start;
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
    .mistakes { width: 100%; margin-top: .5rem; } .mistakes td { vertical-align: top; }
    .mistakes small { white-space: nowrap; } .mistakes td.wide { overflow-wrap: anywhere; min-width: 16rem; unicode-bidi: isolate; }
    @media (max-width: 40rem) {
      .mistakes, .mistakes tbody { display: block; } .mistakes tr:first-child { display: none; }
      .mistakes tr { display: grid; grid-template-columns: repeat(4, auto); gap: .2rem .8rem; padding: .6rem 0;
        border-bottom: 1px solid var(--rule); }
      .mistakes td { border: 0; padding: 0; text-align: left; white-space: normal; overflow-wrap: anywhere; }
      .mistakes small { white-space: nowrap; } .mistakes td.wide { grid-column: 1 / -1; min-width: 0; }
      .mistakes td[data-name]::before { display: block; color: var(--faint); font-size: .75rem; content: attr(data-name); }
    }
    .sentence { margin-top: .75rem; } .sentence blockquote { margin: 0 0 .4rem; font-size: 1.05rem; overflow-wrap: anywhere;
      unicode-bidi: isolate; }
    .facts { color: var(--faint); font-size: .88rem; } .facts b { color: var(--ink); font-weight: 600; }
    .maps { margin-top: .75rem; } .fold, .fold + label { display: none; }
    .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: .75rem;
      align-content: start; margin-bottom: 1.25rem; }
    @media (max-width: 40rem) {
      .maps { display: none; } .fold:checked ~ .maps { display: block; }
      .fold { display: inline-block; position: absolute; opacity: 0; } .fold + label { display: block; color: var(--accent);
        font-size: .92rem; margin-top: .6rem; cursor: pointer; }
      .fold + label::before { content: "▸ "; } .fold:checked + label::before { content: "▾ "; }
      .fold:focus-visible + label { outline: 2px solid var(--accent); }
    }
    .maps figure { margin: 0; min-width: 0; } .maps figcaption { font-size: .85rem; font-weight: 500; color: var(--faint); }
    .maps svg { display: block; width: 100%; height: auto; }
    .map-frame { fill: none; stroke: var(--rule); } .token { fill: var(--ink); font-size: 10px; }
    image, .heads img { image-rendering: pixelated; }
    .heads { display: grid; grid-template-columns: repeat(auto-fill, minmax(4.6rem, 1fr)); gap: .4rem; margin: .3rem 0 .9rem; }
    .heads figure { margin: 0; } .heads img { display: block; width: 100%; aspect-ratio: 1; border: 1px solid var(--rule); }
    .heads figcaption { font-size: .72rem; font-weight: 400; color: var(--faint); }
    summary { cursor: pointer; color: var(--accent); font-size: .92rem; margin-top: .6rem; }
    footer { margin-top: 3rem; color: var(--faint); font-size: .85rem; }
    """
}
