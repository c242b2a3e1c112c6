# shellcheck shell=bash
# What the scripts of all services share: their commands, their directory, their end with an owner.
#
# A script sets NAME, sources this, defines what follows, and ends with `service "$@"`:
#   PROCESSES        the names of what `begin` spawns
#   install_missing  puts everything on the machine that is not there
#   begin            takes ports, writes the configuration, tells its variables, spawns
#   answers          whether all of it can be used; the variables that were told are set
#   complete         (optional) what can be done only when it answers
#   parent           (optional) says below which folder a new directory is made
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/services/lib/processes.sh
. "$here/processes.sh"
# shellcheck source=scripts/services/lib/missing.sh
. "$here/missing.sh"

say() { printf '%s: %s\n' "$NAME" "$*" >&2; }
fail() { say "$*"; exit 1; }

# The script's first comment is its manual.
usage() { sed -n '2,/^set -euo/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2; exit 2; }

complete() { :; }
parent() { echo "${TMPDIR:-/tmp}"; }

# tell NAME VALUE: a variable of the service, for whoever starts it.
tell() { printf 'export %s=%q\n' "$1" "$2" >>"$DIRECTORY/env"; }

runs() {
    local process
    [ -s "$DIRECTORY/env" ] || return
    for process in $PROCESSES; do lives "$process" || return; done
}

# In a shell of its own: the variables are not this script's settings.
# shellcheck disable=SC1091
usable() { (. "$DIRECTORY/env" && answers) >/dev/null 2>&1; }

start() {
    if ! runs; then
        # Half of it may be left.
        halt $PROCESSES
        rm -f "$DIRECTORY/env"
        trap give_up EXIT
        install_missing
        begin
        wait_until_usable
        complete
        trap - EXIT
        watch_owner
    else
        wait_until_usable
    fi
    cat "$DIRECTORY/env"
}

wait_until_usable() {
    local process end=$((SECONDS + 120))
    until usable; do
        for process in $PROCESSES; do
            lives "$process" || { show "$process"; fail "$process has ended"; }
        done
        if [ $SECONDS -ge $end ]; then
            for process in $PROCESSES; do show "$process"; done
            fail "it does not answer"
        fi
        sleep 0.05
    done
}

show() { tail -n 15 "$DIRECTORY/log/$1.log" >&2 || true; }

# What does not start completely leaves nothing running; logs stay, if there are any.
give_up() {
    halt $PROCESSES
    rm -f "$DIRECTORY/env"
    if [ -n "$(ls "$DIRECTORY/log")" ]; then
        say "not started; its logs are in $DIRECTORY/log"
    elif [ -e "$DIRECTORY/.made-by-start" ]; then
        rm -rf "$DIRECTORY"
    fi
}

stop() {
    halt owner $PROCESSES
    [ ! -e "$DIRECTORY/.made-by-start" ] || rm -rf "$DIRECTORY"
}

# Stops the service soon after the owner has ended, however it ended.
watch_owner() {
    [ -n "$OWNER" ] || return 0
    # It is no longer a process of the service when it stops that.
    spawn owner bash -c 'tail -s 0.2 --pid="$1" -f /dev/null; rm -f run/owner; exec "$2" stop "$3"' \
        owner "$OWNER" "$PROGRAM" "$DIRECTORY"
}

# service COMMAND [DIRECTORY] [--owner PID]
service() {
    local command=${1:-} variable
    variable=$(tr a-z- A-Z_ <<<"$NAME")_DIR
    DIRECTORY=
    OWNER=${SERVICE_OWNER:-}
    PROGRAM=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
    [ $# -eq 0 ] || shift
    while [ $# -gt 0 ]; do
        case $1 in
        --owner) [ $# -gt 1 ] || usage; OWNER=$2; shift ;;
        -*) usage ;;
        *) DIRECTORY=$1 ;;
        esac
        shift
    done
    DIRECTORY=${DIRECTORY:-${!variable:-}}
    case $command in
    install)
        install_missing
        ;;
    start)
        [ -z "$OWNER" ] || [ -d "/proc/$OWNER" ] || fail "there is no process $OWNER to own it"
        if [ -z "$DIRECTORY" ]; then
            DIRECTORY=$(mktemp -d "$(parent)/$NAME.XXXXXX")
            touch "$DIRECTORY/.made-by-start"
        fi
        mkdir -p "$DIRECTORY/run" "$DIRECTORY/log"
        enter
        start
        ;;
    stop | status)
        [ -d "$DIRECTORY" ] || fail "which one? no such directory: '$DIRECTORY'"
        mkdir -p "$DIRECTORY/run"
        if [ "$command" = stop ]; then
            enter
            stop
        else
            runs && usable && cat "$DIRECTORY/env" || exit 3
        fi
        ;;
    *) usage ;;
    esac
}

# One start or stop in a directory at a time. What is spawned does not keep the lock.
enter() {
    DIRECTORY=$(cd "$DIRECTORY" && pwd)
    exec 9>"$DIRECTORY/run/lock"
    flock 9
}
