# shellcheck shell=bash
# What the scripts of both databases share: servers that refuse to run as root, their folders, their
# certificate.

# Before a command: as a user without rights when this is root, else as who this is.
AS_NOBODY=()
[ "$(id -u)" != 0 ] || AS_NOBODY=(setpriv --reuid nobody --regid nogroup --clear-groups --)

# own FOLDER...: makes folders of the directory that are that user's.
own() {
    local folder
    for folder; do
        mkdir -p "$DIRECTORY/$folder"
        chmod 700 "$DIRECTORY/$folder"
        [ "$(id -u)" != 0 ] || chown nobody:nogroup "$DIRECTORY/$folder"
    done
    # A directory that start made is root's alone.
    [ ! -e "$DIRECTORY/.made-by-start" ] || chmod 711 "$DIRECTORY"
    "${AS_NOBODY[@]}" test -w "$DIRECTORY/$folder" ||
        fail "the user nobody cannot get to $DIRECTORY: choose a directory that others may enter"
}

# Sets SOCKETS to a folder for the server's socket, whose path may have 107 bytes only.
make_sockets() { # LONGEST_NAME
    SOCKETS=$DIRECTORY/socket
    own socket
    chmod 755 "$SOCKETS"
    [ $((${#SOCKETS} + ${#1})) -lt 107 ] || SOCKETS=
}

# make_certificate FOLDER: one of its own for localhost and 127.0.0.1, in $DIRECTORY/certificate.pem.
make_certificate() {
    [ -s "$DIRECTORY/certificate.pem" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -days 30 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
        -addext 'basicConstraints=critical,CA:FALSE' \
        -keyout "$DIRECTORY/$1/key.pem" -out "$DIRECTORY/certificate.pem" 2>/dev/null
    cp "$DIRECTORY/certificate.pem" "$DIRECTORY/$1/certificate.pem"
    chmod 600 "$DIRECTORY/$1/key.pem"
    [ "$(id -u)" != 0 ] || chown nobody:nogroup "$DIRECTORY/$1/key.pem" "$DIRECTORY/$1/certificate.pem"
}

# After a kill -9 the server's children need a moment to notice; until then the data is theirs.
await_children() { # FOLDER
    local end=$((SECONDS + 10))
    while readlink /proc/[0-9]*/cwd 2>/dev/null | grep -qxF "$DIRECTORY/$1"; do
        [ $SECONDS -lt $end ] || fail "processes of an earlier server are still in $DIRECTORY/$1"
        sleep 0.05
    done
}
