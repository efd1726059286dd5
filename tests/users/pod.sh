#!/bin/sh
# What Kubernetes lays out for a pod: a ConfigMap as configuration, a Secret with the key and the client secret, both
# as it mounts them, by way of `..data`; and an emptyDir, in which tokenkeep makes its data directory. No command of
# tokenkeep is run here.
#
# Needs TOKEN_URL and CLIENT_ID, and the files key and client-secret in the directory $1; lays everything out in $2.
set -eu
brought=$1 pod=$2

mount() { # NAME FILE...: the files are in $brought
    volume=$pod/$1 stamp=..2026_11_24_07_00_00.123456789
    shift
    mkdir -p "$volume/$stamp"
    for file; do
        cp "$brought/$file" "$volume/$stamp/$file"
        chmod "$mode" "$volume/$stamp/$file"
        ln -s "..data/$file" "$volume/$file"
    done
    ln -s "$stamp" "$volume/..data"
}

cat >"$brought/config.toml" <<END
default_profile = "billing"
[secrets]
backend = "file"
key_file = "$pod/secret/key"
END
cat >"$brought/billing.toml" <<END
client_id = "$CLIENT_ID"
token_url = "$TOKEN_URL"
secret = { file = "$pod/secret/client-secret" }
END

# Volumes are root's; fsGroup lets the pod's user read what is in a Secret.
mode=0644 mount config config.toml
mode=0644 mount config/profiles billing.toml
mode=0640 mount secret key client-secret
mkdir -m 0777 "$pod/cache"
