#!/usr/bin/env bash
# A laptop user: sets the secret once, at the prompt, and has a token from then on.
#
# Needs tokenkeep in PATH, TOKEN_URL, API_URL and CLIENT_ID; the secret is read from stdin and typed at the prompt.
set -euo pipefail
IFS= read -r secret

tokenkeep init --backend file

# A terminal of its own, as `script` makes one. Typed is what a person would type: not before the prompt hides it.
set_command='tty >"$HOME/terminal" && exec tokenkeep credentials set --client-id "$CLIENT_ID" --token-url "$TOKEN_URL" --probe-url "$API_URL"'
mkfifo "$HOME/keyboard"
script --quiet --return --command "$set_command" /dev/null <"$HOME/keyboard" >"$HOME/screen" &
exec 3>"$HOME/keyboard"
until [[ -s $HOME/terminal ]] && [[ $(stty -F "$(cat "$HOME/terminal")") == *-echo* ]]; do
    kill -0 $! # it is still there to be waited for
    sleep 0.01
done
printf '%s\n' "$secret" >&3
wait $!
exec 3>&-
grep -q 'the credential of default is set' "$HOME/screen"

first=$(tokenkeep token get)
second=$(tokenkeep token get)
[[ -n $first && $second == "$first" ]]
[[ $(tokenkeep token validate) == valid* ]]
