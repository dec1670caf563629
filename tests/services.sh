# Private servers for tests and benches: sourced, never run. Brings Postgres and Redis up in a directory
# of their own, on free ports, and takes them down when the script that sourced it ends, however it
# ends. Debian's packages are installed when they are missing and that is allowed.

me=$(basename "$(dirname "$0")")/$(basename "$0")
die() { echo "$me: $*" >&2; exit 1; }

postgres_bin() {
    if [[ -n "${ADMITONE_TEST_PG_BIN:-}" ]]; then
        echo "$ADMITONE_TEST_PG_BIN"
        return
    fi
    # Debian keeps the server's programs out of PATH, one directory per major version.
    local dir
    for dir in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) \
        "$(pg_config --bindir 2>/dev/null || true)" "$(dirname "$(command -v initdb || echo /x)")"; do
        if [[ -x "$dir/initdb" && -x "$dir/pg_ctl" ]]; then
            echo "$dir"
            return
        fi
    done
}

policy=""
forget_policy() {
    [[ -z "$policy" ]] || rm -f "$policy"
    policy=""
}

# Of these packages: postgresql redis-server prometheus haproxy nodejs npm python3-venv chromium
# fonts-nanum
install_what_is_missing() {
    local missing=() package
    for package in "$@"; do
        case "$package" in
            postgresql) [[ -n "$(postgres_bin)" ]] || missing+=("$package") ;;
            # promtool comes in the same package.
            prometheus)
                { command -v prometheus && command -v promtool; } >/dev/null || missing+=("$package")
                ;;
            poppler-utils) command -v pdftotext >/dev/null || missing+=("$package") ;;
            nodejs) command -v node >/dev/null || missing+=("$package") ;;
            python3-venv)
                python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=("$package")
                ;;
            # Any font with Korean letters will do.
            fonts-nanum)
                [[ -n "$(fc-list :lang=ko 2>/dev/null)" || -d /usr/share/fonts/truetype/nanum ]] ||
                    missing+=("$package")
                ;;
            chromium)
                [[ -n "${ADMITONE_WEB_CHROMIUM:-}" ]] || command -v chromium >/dev/null ||
                    command -v google-chrome >/dev/null || missing+=("$package")
                ;;
            *) command -v "$package" >/dev/null || missing+=("$package") ;;
        esac
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
        die "needs ${missing[*]}: on Debian or Ubuntu, run: sudo apt-get install ${missing[*]}"
    fi
    echo "$me: installing ${missing[*]}" >&2
    apt-get update -qq >&2
    # Only the programs: the packages' own services are not to run. Debian asks this file.
    if [[ ! -e /usr/sbin/policy-rc.d ]]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
    forget_policy
}

free_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    die "found no free port"
}

# Postgres refuses to run as root.
as_postgres() {
    if [[ $EUID -eq 0 ]]; then runuser -u postgres -- "$@"; else "$@"; fi
}

dir=""
redis_pid=""
postgres_runs=""
cleanup() {
    local status=$?
    trap - EXIT INT TERM
    forget_policy
    if [[ -n "$redis_pid" ]]; then
        kill "$redis_pid" 2>/dev/null || true
        wait "$redis_pid" 2>/dev/null || true
    fi
    if [[ -n "$postgres_runs" ]]; then
        as_postgres "$pg_bin/pg_ctl" -D "$dir/pg/data" -m immediate -w stop >/dev/null 2>&1 || true
    fi
    [[ -z "$dir" ]] || rm -rf "$dir"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_postgres() {
    mkdir "$dir/pg"
    if [[ $EUID -eq 0 ]]; then chown postgres "$dir/pg"; fi
    as_postgres "$pg_bin/initdb" -D "$dir/pg/data" -U postgres -A trust -E UTF8 --locale=C \
        >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; die "initdb failed"; }
    local port
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        # Durability stays on: it is part of what is tested.
        if as_postgres "$pg_bin/pg_ctl" -D "$dir/pg/data" -l "$dir/pg/log" -w -t 60 start -o "\
            -p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='$dir/pg' \
            -c max_connections=200 -c shared_buffers=${shared_buffers:-64MB} -c fsync=on -c synchronous_commit=on" \
            >/dev/null; then
            postgres_runs=yes
            postgres_url="postgres://postgres@127.0.0.1:$port/postgres"
            postgres_socket_url="postgres://postgres@localhost:$port/postgres?host=$dir/pg"
            return
        fi
    done
    cat "$dir/pg/log" >&2
    die "Postgres did not start"
}

start_redis() {
    local port
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" \
            >"$dir/redis.log" 2>&1 &
        redis_pid=$!
        for _ in $(seq 100); do
            kill -0 "$redis_pid" 2>/dev/null || break
            if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
                redis_url="redis://127.0.0.1:$port"
                return
            fi
            sleep 0.05
        done
    done
    cat "$dir/redis.log" >&2
    die "Redis did not start"
}

start_servers() {
    pg_bin=$(postgres_bin)
    [[ -n "$pg_bin" ]] || die "found no Postgres server programs (initdb, pg_ctl)"
    dir=$(mktemp -d)
    chmod 755 "$dir"
    start_postgres
    start_redis
}

# In the background and waited for, so that a signal reaches the trap at once.
run_and_wait() {
    "$@" &
    local runner=$!
    trap 'kill "$runner" 2>/dev/null || true; wait "$runner" 2>/dev/null || true; exit 130' INT
    trap 'kill "$runner" 2>/dev/null || true; wait "$runner" 2>/dev/null || true; exit 143' TERM
    wait "$runner"
}
