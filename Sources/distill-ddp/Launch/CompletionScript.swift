import ArgumentParser

/// A shell's completion: the one that is made from the commands' options, taught that `train` may be left out and that a
/// key's value follows its `=` at once.
enum CompletionScript {
  /// The script that the command line asks for; `nil` where it asks for none.
  ///
  /// - Parameter arguments: behind the program's name.
  static func asked(by arguments: [String]) -> String? {
    guard let option = arguments.first, option.hasPrefix("--generate-completion-script") else { return nil }
    let name =
      option.split(separator: "=", maxSplits: 1).dropFirst().first.map(String.init) ?? arguments.dropFirst().first
    guard
      let shell = name.flatMap(CompletionShell.init(rawValue:)) ?? (name == nil ? CompletionShell.autodetected() : nil)
    else { return nil }
    return text(for: shell)
  }

  static func text(for shell: CompletionShell) -> String {
    let script = DistillDDP.completionScript(for: shell)
    return switch shell {
    case .bash:
      script.replacing(
        "complete -o filenames -F _distill-ddp distill-ddp",
        with: bash + "complete -o filenames -F _distill-ddp_line distill-ddp")
    case .zsh:
      script
        .replacing(
          "    local -r command_name=\"${words[1]}\"\n", with: zsh + "    local -r command_name=\"${words[1]}\"\n"
        )
        .replacing(
          "    _describe -V '' non_empty_completions -- empty_completions -P $'\\'\\''\n",
          with: "    local -a suffix\n    [[ \"${1}\" = *= ]] && suffix=(-S '')\n"
            + "    _describe -V '' non_empty_completions \"${suffix[@]}\" -- empty_completions -P $'\\'\\''\n")
    case .fish:
      script.replacing(
        "    set -l unparsed_tokens (__distill-ddp_tokens -pc)\n",
        with: "    set -l unparsed_tokens (__distill-ddp_tokens -pc)\n" + fish)
    default: script
    }
  }

  private static let bash = """
    _distill-ddp_line() {
        # Without a command, train is meant.
        if [[ "${COMP_CWORD}" -ge 1 && "${COMP_WORDS[1]}" = -* ]]; then
            case "${COMP_WORDS[1]}" in
            -h|--help|--version) ;;
            *)
                COMP_LINE="${COMP_WORDS[0]} train${COMP_LINE#"${COMP_WORDS[0]}"}"
                COMP_POINT=$((COMP_POINT + 6))
                COMP_WORDS=("${COMP_WORDS[0]}" train "${COMP_WORDS[@]:1}")
                COMP_CWORD=$((COMP_CWORD + 1))
                ;;
            esac
        fi
        _distill-ddp "${@}"
        # A value follows its key at once.
        if [[ "${COMPREPLY[0]-}" = *= ]]; then
            compopt -o nospace +o filenames 2> /dev/null
        fi
    }


    """

  private static let zsh = """
        # Without a command, train is meant.
        if [[ "${words[2]}" = -* && "${words[2]}" != (-h|--help|--version) ]]; then
            words=("${words[1]}" train "${(@)words[2,-1]}")
            (( CURRENT++ ))
        fi


    """

  private static let fish = """
        # Without a command, train is meant.
        set -l first (commandline -pc | string split -n ' ')[2]
        if string match -qr -- '^-' "$first"; and not contains -- "$first" -h --help --version
            set unparsed_tokens $unparsed_tokens[1] train $unparsed_tokens[2..]
        end

    """
}
