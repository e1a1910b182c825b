#!/bin/sh
# Names the system libraries that Qt needs and this Linux machine lacks, with the one command that installs them.
# Usage: system_packages.sh run|test [PYTHON]. "test" also wants a virtual screen for the tests of the real window.
# As root on Debian or Ubuntu (as in CI) it installs them itself. Exit 1 = something needed is missing.
set -eu

purpose=${1:-run}
python=${2:-.venv/bin/python}
[ "$(uname -s)" = Linux ] || exit 0

# Qt's own account of what it links to, so a newer Qt needs no change here.
qt=$("$python" -c 'import importlib.util as u; print(u.find_spec("PySide6").submodule_search_locations[0])')
missing=$(ldd "$qt"/QtWidgets.abi3.so "$qt"/QtMultimedia.abi3.so "$qt"/Qt/plugins/platforms/libqxcb.so 2>/dev/null |
    awk '/not found/ {print $1}' | sort -u)

package_of() {
    case $1 in
        libGL.so.1) echo libgl1 ;;
        libEGL.so.1) echo libegl1 ;;
        libX11.so.6) echo libx11-6 ;;
        libX11-xcb.so.1) echo libx11-xcb1 ;;
        libxcb.so.1) echo libxcb1 ;;
        libxkbcommon.so.0) echo libxkbcommon0 ;;
        libxkbcommon-x11.so.0) echo libxkbcommon-x11-0 ;;
        libxcb-*.so.*) echo "$1" | sed 's/\.so\./ /; s/ \([0-9]*\).*/\1/' ;;
        libdbus-1.so.3) echo libdbus-1-3 ;;
        libfontconfig.so.1) echo libfontconfig1 ;;
        libfreetype.so.6) echo libfreetype6 ;;
        libglib-2.0.so.0 | libgthread-2.0.so.0) echo libglib2.0-0 ;;
        libpulse*.so*) echo libpulse0 ;;
        libgssapi_krb5.so.2) echo libgssapi-krb5-2 ;;
        libz.so.1) echo zlib1g ;;
        libzstd.so.1) echo libzstd1 ;;
        libbrotli*.so.1) echo libbrotli1 ;;
        *) echo "$1" ;;
    esac
}

packages=$(for library in $missing; do package_of "$library"; done | sort -u)
wanted=$packages
if [ "$purpose" = test ]; then
    command -v Xvfb >/dev/null || wanted="$wanted xvfb"
    command -v xdotool >/dev/null || wanted="$wanted xdotool"
fi
wanted=$(echo $wanted)
[ -n "$wanted" ] || exit 0

if command -v apt-get >/dev/null; then
    if [ "$(id -u)" = 0 ]; then
        echo "Installing what Qt needs: $wanted"
        if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null; then
            exit 0
        fi
        # Without a virtual screen the tests of the real window are skipped; without a library nothing starts.
        [ -z "$packages" ] && exit 0
        exit 1
    fi
    [ -z "$packages" ] && exit 0
    echo "Qt needs system libraries that are not installed. Install them with:"
    echo "    sudo apt-get install $wanted"
else
    [ -z "$packages" ] && exit 0
    echo "Qt needs system libraries that are not installed:" $missing
    echo "Install them with your system's package manager."
fi
exit 1
