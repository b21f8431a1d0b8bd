# Sourced: `require_packages PROGRAM-OR-FILE=PACKAGE...` names the Debian packages that are missing and installs them.
require_packages() {
  local missing=() pair
  for pair in "$@"; do
    case ${pair%%=*} in
      /*) [ -e "${pair%%=*}" ] ;;
      *) PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null ;;
    esac || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  echo "Missing Debian packages: ${missing[*]}" >&2
  command -v apt-get >/dev/null || { echo "No apt-get here: install what these packages hold, then try again." >&2; return 1; }
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Neither root nor sudo: run 'apt-get install ${missing[*]}' as root, then try again." >&2; return 1; }
    root=(sudo)
  fi

  echo "Installing them with apt-get." >&2
  "${root[@]}" apt-get update -qq >&2 &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}
