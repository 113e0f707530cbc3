//! Completion scripts for shells. They have no list of their own: they ask `autocomplete`, so that they are never out
//! of date.

/// The script of a shell, or nothing if that shell is not known.
pub(crate) fn script(shell: &str) -> Option<&'static str> {
    Some(match shell {
        "bash" => BASH,
        "zsh" => ZSH,
        "fish" => FISH,
        _ => return None,
    })
}

const BASH: &str = r#"_leveret_ctl() {
  local word=${COMP_WORDS[COMP_CWORD]} tool
  case ${COMP_WORDS[0]##*/} in
    leveret) [ "${COMP_WORDS[1]}" = ctl ] || return; tool=(leveret ctl) ;;
    *) tool=("${COMP_WORDS[0]}") ;;
  esac
  COMPREPLY=($(compgen -W "$("${tool[@]}" autocomplete -- "$word" 2>/dev/null)" -- "$word"))
}
complete -o default -F _leveret_ctl leveret rabbitmqctl rabbitmq-diagnostics rabbitmq-queues rabbitmq-plugins rabbitmq-upgrade rabbitmq-streams
"#;

const ZSH: &str = r#"#compdef leveret rabbitmqctl rabbitmq-diagnostics rabbitmq-queues rabbitmq-plugins rabbitmq-upgrade rabbitmq-streams
_leveret_ctl() {
  local -a tool
  tool=("${words[1]}")
  if [[ ${words[1]:t} == leveret ]]; then
    [[ ${words[2]} == ctl ]] || { _files; return }
    tool=(leveret ctl)
  fi
  compadd -- ${(f)"$("${tool[@]}" autocomplete -- "${words[CURRENT]}" 2>/dev/null)"}
}
compdef _leveret_ctl leveret rabbitmqctl rabbitmq-diagnostics rabbitmq-queues rabbitmq-plugins rabbitmq-upgrade rabbitmq-streams
"#;

const FISH: &str = r#"complete -c leveret -n '__fish_seen_subcommand_from ctl' -a '(leveret ctl autocomplete -- (commandline -ct) 2>/dev/null)'
for tool in rabbitmqctl rabbitmq-diagnostics rabbitmq-queues rabbitmq-plugins rabbitmq-upgrade rabbitmq-streams
  complete -c $tool -a "($tool autocomplete -- (commandline -ct) 2>/dev/null)"
end
"#;
