# shellcheck shell=bash
# Processes and ports of a service. Who runs is written in $DIRECTORY/run, one file for each process:
# its number and when it started, so that no other process is taken for it later.

# The moment a process started; nothing when it is gone or only waited for.
born() {
    local stat
    stat=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
    [ "${stat%% *}" = Z ] || cut -d' ' -f20 <<<"$stat"
}

# spawn NAME COMMAND...: runs it in $DIRECTORY, apart from this terminal.
spawn() {
    local name=$1
    shift
    (cd "$DIRECTORY" && exec setsid "$@" >>"$DIRECTORY/log/$name.log" 2>&1 </dev/null 9>&-) &
    printf '%s %s\n' $! "$(born $!)" >"$DIRECTORY/run/$name"
}

# lives NAME: whether what was spawned under this name still runs; sets `pid`.
lives() {
    local since
    { read -r pid since <"$DIRECTORY/run/$1"; } 2>/dev/null && [ -n "$since" ] && [ "$(born "$pid")" = "$since" ]
}

# What asks a process to end, where TERM is not right.
declare -A STOP_SIGNAL=()

# halt NAME...: ends them all, by force after five seconds.
halt() {
    local name pid left end=$((SECONDS + 5))
    for name; do
        # Even what a test has stopped for a while.
        if lives "$name"; then kill -s "${STOP_SIGNAL[$name]:-TERM}" "$pid" && kill -CONT "$pid" || true; fi
    done 2>/dev/null
    while :; do
        left=
        for name; do if lives "$name"; then left="$left $name"; fi; done
        if [ -z "$left" ] || [ $SECONDS -ge $end ]; then break; fi
        sleep 0.02
    done
    for name in $left; do
        if lives "$name"; then kill -KILL -- "-$pid" || true; fi
    done 2>/dev/null
    for name; do rm -f "$DIRECTORY/run/$name"; done
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

last_port() { sed -n "s/^$1=//p" "$DIRECTORY/run/ports" 2>/dev/null | tail -n 1 || true; }

# port VARIABLE [NUMBER]: sets the variable to this number, else to that of the last start in this
# directory, else to a free one.
port() {
    local -n chosen=$1
    local lock folder=${TMPDIR:-/tmp}/glance-test-ports
    mkdir -p "$folder"
    chosen=${2:-$(last_port "$1")}
    if [ -n "$chosen" ]; then
        ! listening "$chosen" || fail "port $chosen is taken"
        echo "$1=$chosen" >>"$DIRECTORY/run/ports"
        return
    fi
    while :; do
        chosen=$((20000 + RANDOM % 10000))
        # The stories lock the ports that they take in the same way. What is spawned inherits the lock.
        exec {lock}>"$folder/$chosen"
        if flock -n "$lock" && ! listening "$chosen"; then break; fi
        exec {lock}>&-
    done
    echo "$1=$chosen" >>"$DIRECTORY/run/ports"
}
