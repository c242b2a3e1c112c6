# shellcheck shell=bash
# What a service needs and the machine has not: packages of the distribution, and in a cache that all
# directories share, what is compiled or downloaded. Safe when several start at once.

CACHE=${GLANCE_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/glance-tests}

# need COMMAND=PACKAGE...: installs the packages whose commands are missing.
need() {
    local pair missing=() lock PATH=$PATH:/usr/sbin:/sbin
    for pair; do command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    install_packages "${missing[@]}"
}

install_packages() {
    local lock
    [ "$(id -u)" = 0 ] || fail "missing, and not installed without root: $*"
    say "installing $*"
    mkdir -p "$CACHE"
    exec {lock}>"$CACHE/packages.lock"
    flock "$lock"
    # In this run level no package starts a daemon of its own.
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq \
        --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; } >/dev/null </dev/null ||
        fail "apt-get could not install $*"
    exec {lock}>&-
}

# once FOLDER COMMAND...: has `COMMAND... $CACHE/FOLDER` fill the folder, unless that was done before.
once() {
    local folder=$CACHE/$1 lock
    shift
    [ ! -e "$folder/.complete" ] || return 0
    mkdir -p "$CACHE"
    exec {lock}>"$folder.lock"
    flock "$lock"
    if [ ! -e "$folder/.complete" ]; then
        rm -rf "$folder"
        mkdir "$folder"
        "$@" "$folder" >&2 </dev/null 9>&- || fail "could not make $folder"
        touch "$folder/.complete"
    fi
    exec {lock}>&-
}

# A Python that the servers run on, and that can make environments.
python() {
    local candidate
    for candidate in python3 /usr/bin/python3; do
        if "$candidate" -c 'import sys, ensurepip, sqlite3, ssl; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

# environment NAME: sets ENVIRONMENT to a Python environment with requirements/NAME.txt, exactly.
environment() {
    local python
    python=$(python) || { install_packages python3 python3-venv && python=$(python); } ||
        fail "there is no Python 3.11 or newer that can make environments"
    ENVIRONMENT=$1-$({ cat "$here/../requirements/$1.txt" && "$python" -VV; } | sha256sum | cut -c1-12)
    once "$ENVIRONMENT" make_environment "$python" "$here/../requirements/$1.txt"
    ENVIRONMENT=$CACHE/$ENVIRONMENT
}

make_environment() { # PYTHON REQUIREMENTS FOLDER
    say "making a Python environment in $3 (once)"
    "$1" -m venv "$3" && "$3/bin/pip" install -q --disable-pip-version-check -r "$2"
}

# crate NAME VERSION OPTION...: sets BINARY to the program of a crate, compiled with these options.
crate() {
    BINARY=$CACHE/$1-$2/bin/$1
    once "$1-$2" compile_crate "$@"
}

compile_crate() { # NAME VERSION OPTION... FOLDER
    local name=$1 version=$2 folder=${*: -1} built=0
    say "compiling $name $version (once; takes minutes)"
    command -v cargo >/dev/null || fail "there is no cargo to compile $name with"
    command -v cc >/dev/null || install_packages build-essential
    # In the project's folder, so with its toolchain. A debug build: it is started more often than
    # it is waited for.
    (cd "$here" && env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 \
        cargo install "$name" --version "=$version" --locked --debug --quiet "${@:3:$#-3}" \
        --root "$folder" --target-dir "$folder/target") || built=$?
    rm -rf "$folder/target"
    return $built
}
