# Where tools in other languages are installed: sourced by their `run` scripts, never run. Packages are
# installed once per lock file, into the directory of build results.

here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
me=${here##*/tests/}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work="${CARGO_TARGET_DIR:-$root/target}/tests/$me"
die() { echo "tests/$me: $*" >&2; exit 1; }

# install_once <lock file> <command>: runs the command unless it has been run for this lock file.
install_once() {
    local lock="$here/$1"
    shift
    mkdir -p "$work"
    exec 9>"$work/lock"
    flock 9
    if ! cmp -s "$lock" "$work/installed"; then
        "$@" >"$work/install.log" 2>&1 || {
            tail -20 "$work/install.log" >&2
            die "could not install the packages of $lock: is there a package registry?"
        }
        cp "$lock" "$work/installed"
    fi
}
