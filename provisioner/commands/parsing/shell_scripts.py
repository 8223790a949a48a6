"""The scripts that ask ``provisioner`` what can be typed next, one a shell."""

_BASH = r"""# In ~/.bashrc: source <(provisioner completion bash)
_provisioner() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files) compopt -o default ;;
            :folders) compopt -o dirnames -o nospace ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _provisioner provisioner
"""

_ZSH = r"""#compdef provisioner
# In ~/.zshrc, after compinit: source <(provisioner completion zsh)
_provisioner() {
    local line
    local -a found
    for line in "${(@f)$("${(Q)words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
            :files) _files ;;
            :folders) _files -/ ;;
            ?*) found+=("${${line//:/\\:}/$'\t'/:}") ;;
        esac
    done
    (( $#found )) && _describe provisioner found
}
compdef _provisioner provisioner
"""

_FISH = r"""# In ~/.config/fish/config.fish: provisioner completion fish | source
function __provisioner_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    for line in ($program __complete $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path "$current"
            case ':folders'
                __fish_complete_directories "$current"
            case '*'
                echo $line
        end
    end
end
complete -c provisioner -f -a '(__provisioner_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
