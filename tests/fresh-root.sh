#!/usr/bin/env bash
# Does it work for somebody who has nothing yet? Makes a bare Debian, puts nothing in it but make, git and a
# clone of this repository's HEAD, and runs a command there. Installed leftovers of the machine cannot help.
#
#   tests/fresh-root.sh [--suite bookworm] [--user] [--keep] [COMMAND]      default: make demo && make test
#
#   --suite   bookworm (Debian 12) or trixie (Debian 13)
#   --user    run as a user who may use sudo, instead of as root
#   --keep    leave the root behind, for a look
#
# Needs root and mmdebstrap. What this machine needs to reach its package mirrors goes along as it is: apt's
# sources and Acquire settings, added certificates, name resolution, Maven's settings, proxy variables. CI, and
# KAFKA_BOOTSTRAP are handed in too. Mounts and processes live in namespaces of their own and end with it.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)

die() { echo "fresh-root: $*" >&2; exit 1; }

suite=bookworm user=root keep=no
while [ $# -gt 0 ]; do
    case $1 in
    --suite) suite=$2; shift 2 ;;
    --user) user=somebody; shift ;;
    --keep) keep=yes; shift ;;
    --*) die "no option $1" ;;
    *) break ;;
    esac
done
command=${*:-make demo && make test}
[ "$(id -u)" -eq 0 ] || die "needs root"
command -v mmdebstrap >/dev/null || die "needs mmdebstrap"

dir=$(mktemp -d "${TMPDIR:-/tmp}/clickveil-fresh.XXXXXX")
root=$dir/root
cleanup() { if [ $keep = yes ]; then echo "fresh-root: kept $root"; else rm -rf "$dir"; fi; }
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$dir"

# ---- a bare system, from the mirrors that this machine uses ----

sources() { # sources: one-line entries for the suite
    # shellcheck disable=SC2016  # for apt to expand
    apt-get indextargets --format '$(CREATED_BY) $(COMPONENT) $(REPO_URI) $(SUITE) $(CODENAME)' 2>/dev/null |
        awk -v suite="$suite" '$1 == "Packages" && $2 == "main" && /debian/ {
            uri = $3
            if (uri ~ /debian-security/) release = suite "-security"
            else if ($5 ~ /-updates$/ || $4 ~ /-updates$/) release = suite "-updates"
            else if ($5 !~ /-/) release = suite
            else next
            print "deb", uri, release, "main" }' | sort -u
}

list=$(sources)
[ -n "$list" ] || die "apt names no archive of $suite here; add one to its sources"
include=make,git,ca-certificates
[ $user = root ] || include+=,sudo
apt-config dump | grep -E '^Acquire::(http|https|Check-[A-Za-z-]*|Retries)\b' >"$dir/apt.conf" || true

echo "fresh-root: a bare $suite with $include"
printf '%s\n' "$list" | mmdebstrap --quiet --variant=minbase --include="$include" --aptopt="$dir/apt.conf" \
    "$suite" "$root" - 2>"$dir/mmdebstrap.log" || { tail -n 20 "$dir/mmdebstrap.log" >&2; die "mmdebstrap failed"; }

# ---- what this machine needs to reach anything ----

cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >/dev/null 2>&1
fi
home=$root/root
if [ $user != root ]; then
    chroot "$root" useradd --create-home --shell /bin/bash "$user"
    echo "$user ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$user"
    home=$root/home/$user
fi
if [ -f ~/.m2/settings.xml ]; then
    mkdir -p "$home/.m2"
    cp ~/.m2/settings.xml "$home/.m2/"
fi
git clone --quiet --no-local "$top" "$home/clickveil"
chroot "$root" chown -R "$user:" "${home#"$root"}"

# ---- inside ----

pass=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY MAVEN_OPTS MAVEN_ARGS CI KAFKA_BOOTSTRAP TERM; do
    [ -z "${!name:-}" ] || pass+=("$name=${!name}")
done
echo "fresh-root: $command"
# The namespaces end with their first process, and take mounts and leftover processes along.
# shellcheck disable=SC2016  # expanded inside
unshare --mount --pid --fork --kill-child bash -c '
    set -euo pipefail
    root=$1 user=$2 home=$3 command=$4
    shift 4
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    chroot "$root" ip link set lo up 2>/dev/null || true
    exec chroot --userspec="$user" "$root" /usr/bin/env -i HOME="$home" USER="$user" LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" \
        /bin/bash -c "cd ~/clickveil && $command"
' inside "$root" "$user" "${home#"$root"}" "$command" "${pass[@]}"
