# Shared by the scripts here, which source it: where the project is, and virtual environments for it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '\n==> %s\n' "$*"; }

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Choose the interpreter and the environment: python3 and .venv, or what $PYTHON names and .venv-3.x.
choose_python() {
    python=${PYTHON:-python3}
    command -v "$python" >/dev/null || fail "There is no $python. Install Python 3.11 or newer, or set PYTHON to one."
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$python is $("$python" -V 2>&1). Pottle needs Python 3.11 or newer: set PYTHON to one."
    venv=.venv${PYTHON:+-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')}
}

# install NAME ARGUMENTS: make the environment, if need be, and pip install into it with the pinned
# versions. Done once; again only when what it depends on has changed. One at a time, where there is flock.
install() {
    mkdir -p .cache
    {
        ! command -v flock >/dev/null || flock 9
        install_unlocked "$@"
    } 9>.cache/install.lock
}

install_unlocked() {
    local stamp=$venv/.installed-$1 wanted
    shift
    wanted=$(cat pyproject.toml constraints.txt examples/*/requirements.txt scripts/common.sh | cksum; echo "$*")
    if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    say "Installing into $venv"
    "$python" -m venv "$venv" ||
        fail "The virtual environment could not be made. On Debian and Ubuntu: apt-get install python3-venv"
    "$venv/bin/python" -m pip install --quiet --quiet --upgrade "pip>=25.1"
    "$venv/bin/python" -m pip install --quiet --quiet --constraint constraints.txt "$@"
    printf '%s\n' "$wanted" >"$stamp"
}
