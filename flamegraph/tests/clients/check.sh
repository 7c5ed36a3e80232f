#!/usr/bin/env bash
# Compares alloc-flamegraph with the programs that others read profiles with, on the files given:
#   check.sh heap-1.pb.gz heap-2.pb.gz
# Each file is also compared with the one before it as its base. Says what it skips; exits with 1 if
# anything differs.
#   ALLOC_FLAMEGRAPH  the binary to check; built with cargo if not set
#   PPROF_GO          a `go` whose `go tool pprof` to use (default: go)
#   PPROF_GO127       a second, newer `go`
#   CLIENTS_DIR       a folder with node_modules: playwright-core, speedscope, pprof-format
#   CHROMIUM          the browser (default: the first of chromium's usual places)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
if [ -z "${ALLOC_FLAMEGRAPH:-}" ]; then
    (cd "$here" && cargo build --quiet --package alloc-flamegraph)
    target=${CARGO_TARGET_DIR:-$here/../../../target}
    ALLOC_FLAMEGRAPH=$target/debug/alloc-flamegraph
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PPROF_TMPDIR=$scratch
failures=0

passed() { printf 'ok       %s\n' "$*"; }
skipped() { printf 'skipped  %s\n' "$*"; }
failed() { printf 'DIFFERS  %s\n' "$*"; failures=$((failures + 1)); }
same() { # what, ours, theirs
    if [ "$2" = "$3" ]; then passed "$1: $2"; else failed "$1: ours is $2, theirs $3"; fi
}

alike() { # what, our lines, their lines
    if [ "$2" = "$3" ]; then passed "$1"; else
        failed "$1, ours before theirs:"
        diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | head -n 10 || true
    fi
}

# The exact total in the first line of our table.
our_total() {
    local line
    line=$("$ALLOC_FLAMEGRAPH" top "$@" -n 1 | sed -n '1p')
    line=${line#*: }
    line=${line%% ±*}
    case $line in *\(*) line=${line#*\(} ;; esac
    line=${line%% *}
    printf '%s' "${line//[,+]/}"
}

unit_of() { case $1 in *_space) echo B ;; *) echo minimum ;; esac; }

# go, column, further arguments: the whole table of pprof, unrounded.
their_table() {
    local go=$1 column=$2
    shift 2
    "$go" tool pprof -top -sample_index="$column" -unit="$(unit_of "$column")" \
        -nodefraction=0 -edgefraction=0 -nodecount=1000000 "$@" 2>/dev/null
}

# "Showing nodes accounting for A, P% of T total": with all nodes shown, A is the sum with its sign
# and T the sum of magnitudes.
their_sum() { sed -n 's/^Showing nodes accounting for \(-\{0,1\}[0-9]*\).*/\1/p'; }
their_total() { sed -n 's/^Showing nodes accounting for .* of \([0-9]*\)[^ ]* total.*/\1/p'; }

# Flat and cum of all functions, for counts, which neither side rounds.
our_counts() { "$ALLOC_FLAMEGRAPH" top --full-stacks -n 0 --sample "$@" | awk '/flat%/ {on = 1; next} on' | tr -d , | columns_of_ours; }
columns_of_ours() { awk '{flat = $1; i = 2; if ($i == "±") i += 2; cum = $(i + 2); print flat, cum}' | sort; }
their_counts() { awk '/flat%/ {on = 1; next} on {print $1, $4}' | sort; }

check_pprof() { # go, name, file, base
    local go=$1 name=$2 file=$3 base=$4 column table
    while read -r column; do
        table=$(their_table "$go" "$column" "$file") || { failed "$name cannot read $file"; return; }
        same "$name $(basename "$file") $column total" \
            "$(our_total "$file" --sample "$column")" "$(printf '%s\n' "$table" | their_total)"
        case $column in *_objects)
            alike "$name $(basename "$file") $column flat and cum of every function" \
                "$(our_counts "$column" "$file")" "$(printf '%s\n' "$table" | their_counts)"
            alike "$name $(basename "$file") $column with -focus and -ignore" \
                "$(our_counts "$column" --focus main --ignore '[sS]lice|insert' "$file")" \
                "$(their_table "$go" "$column" -focus=main '-ignore=[sS]lice|insert' "$file" | their_counts)" ;;
        esac
        if [ -n "$base" ]; then
            table=$(their_table "$go" "$column" -base="$base" "$file") || { failed "$name -base"; return; }
            same "$name $(basename "$file") -base $(basename "$base") $column" \
                "$(our_total "$file" --sample "$column" --base "$base")" "$(printf '%s\n' "$table" | their_sum)"
        fi
    done < <(columns_of "$file")
}

# Our error for an unknown column lists those of the file.
columns_of() {
    { "$ALLOC_FLAMEGRAPH" top "$1" --sample '?' 2>&1 || true; } |
        sed -n 's/.*the file has //p' | tr -d ' ' | tr ',' '\n'
}

in_clients() { [ -n "${CLIENTS_DIR:-}" ] && [ -d "$CLIENTS_DIR/node_modules/$1" ] && command -v node >/dev/null; }

chromium() {
    local candidate
    for candidate in "${CHROMIUM:-}" /usr/lib/chromium/chromium "$(command -v chromium || true)" \
        "$(command -v google-chrome || true)"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ]; then printf '%s' "$candidate"; return; fi
    done
}

check_file() { # file, base
    local file=$1 base=$2 browser
    if [ -z "$(columns_of "$file")" ]; then
        failed "alloc-flamegraph cannot read $file"
        return
    fi
    # pprof compares only files with the same columns.
    if [ -n "$base" ] && [ "$(columns_of "$file")" != "$(columns_of "$base")" ]; then
        skipped "-base $(basename "$base"): it has other columns than $(basename "$file")"
        base=
    fi
    local -A gos=([pprof]=${PPROF_GO:-go} [pprof-1.27]=${PPROF_GO127:-})
    local name
    for name in pprof pprof-1.27; do
        if [ -n "${gos[$name]}" ] && command -v "${gos[$name]}" >/dev/null; then
            check_pprof "${gos[$name]}" "$name" "$file" "$base"
        else
            skipped "$name: no such go"
        fi
    done
    if in_clients pprof-format; then
        if node "$here/pprof_format.mjs" "$file"; then passed "pprof-format $(basename "$file")"
        else failed "pprof-format $(basename "$file")"; fi
    else
        skipped "pprof-format: set CLIENTS_DIR"
    fi
    browser=$(chromium)
    if in_clients speedscope && in_clients playwright-core && [ -n "$browser" ]; then
        if CHROMIUM=$browser node "$here/speedscope.mjs" "$file" "$scratch"; then
            passed "speedscope $(basename "$file")"
        else failed "speedscope $(basename "$file")"; fi
    else
        skipped "speedscope: set CLIENTS_DIR, install chromium"
    fi
}

base=
for file in "$@"; do
    check_file "$file" "$base"
    base=$file
done
if [ "$failures" -gt 0 ]; then
    echo "$failures differences" >&2
    exit 1
fi
