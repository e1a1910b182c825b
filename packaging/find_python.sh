#!/bin/sh
# Prints the command of a Python that can run Semblance (the one that PYTHON names, if it is set), or says in one
# sentence what to do.
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        command -v "$candidate"
        exit 0
    fi
done
if [ -n "${PYTHON:-}" ]; then
    echo "$PYTHON is not a Python 3.11 or newer with its venv module: name another, or leave PYTHON out." >&2
else
    echo "Semblance needs Python 3.11 or newer with its venv module (Debian, Ubuntu: sudo apt-get install python3-venv; macOS: python.org), or the way to it: make PYTHON=/path/to/python3." >&2
fi
exit 1
