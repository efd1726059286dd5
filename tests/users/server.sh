#!/bin/sh
# A server's two lines, as a configuration tool runs them: every hour, with the secret in a file that it brings.
#
# Needs tokenkeep in PATH, TOKEN_URL, CLIENT_ID, KEY_FILE and SECRET_FILE.
set -eu
tokenkeep init --backend file --key-file "$KEY_FILE"
tokenkeep credentials set -p billing --token-url "$TOKEN_URL" --client-id "$CLIENT_ID" --secret-stdin <"$SECRET_FILE"
