# Writes an archive of some folders of a node, "$@", and of the kubeconfigs in its homes to
# the standard output, without anything secret. What is sent is a copy that is made in a folder which nobody else can
# look into, and which is gone in the end: no key is ever written there. Modes, owners and
# links are those of the node. What is not sent is there with "left out" for its content.
# CERTAUDIT_COLLECT_ROOT is a folder that takes the place of the root, for tests.

root=${CERTAUDIT_COLLECT_ROOT-}
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export root PATH LC_ALL
work=
trap '[ -z "$work" ] || { rm -rf "$work"; unwatch; }' EXIT
trap 'exit 1' HUP INT PIPE TERM
umask 077
work=$(mktemp -d "${TMPDIR:-/tmp}/certaudit.XXXXXXXXXX") || exit 1
watch "$work"
stage=$work/stage
export work stage
mkdir "$stage"

cat >"$work/cut.awk" <<'END-OF-AWK'
@cut.awk@
END-OF-AWK

cat >"$work/copy" <<'END-OF-COPY'
# like gives a copy the mode, the owner and the time of what it is a copy of.
like() {
	set -- "$1" "$2" $(ls -ldn "$1" | awk '{
		for (i = 1; i <= 9; i++) {
			c = substr($1, i + 1, 1)
			if (c ~ /[rwxst]/) n[int((i - 1) / 3)] += i % 3 == 1 ? 4 : i % 3 == 2 ? 2 : 1
			if (c ~ /[sStT]/) special += i == 3 ? 4 : i == 6 ? 2 : 1
		}
		print special + 0 "" n[0] + 0 "" n[1] + 0 "" n[2] + 0, $3 ":" $4
	}')
	chown "$4" "$2" 2>/dev/null
	chmod "$3" "$2"
	touch -r "$1" "$2"
}

leave_out() { printf -- '-----BEGIN PRIVATE KEY-----\nbGVmdCBvdXQ=\n-----END PRIVATE KEY-----\n'; }

copy() {
	case ${1##*/} in
	*[Tt][Oo][Kk][Ee][Nn]* | *[Pp][Aa][Ss][Ss][Ww]* | *[Ss][Ee][Cc][Rr][Ee][Tt]* | *encryption* | credentials | .netrc | *.csv | *.p12 | *.pfx | *.pkcs12 | *.jks | *.keystore | *.truststore | *.db | *.der) leave_out; return ;;
	esac
	if [ -n "$(find "$1" -size +8192)" ] || ! tr -d '\000' <"$1" | cmp -s - "$1" || grep -Eq 'kind.*EncryptionConfig|kind[^A-Za-z]*Secret(List)?([^A-Za-z]|$)' "$1"; then
		leave_out
	else
		awk -f "$work/cut.awk" "$1"
	fi
}

for from; do
	to=$stage${from#"$root"}
	if [ -h "$from" ]; then
		mkdir -p "${to%/*}"
		cp -P "$from" "$to"
	elif [ -d "$from" ]; then
		mkdir -p "$to"
	elif [ -f "$from" ]; then
		mkdir -p "${to%/*}"
		copy "$from" >"$to" 2>/dev/null || leave_out >"$to"
		like "$from" "$to"
	fi
done
END-OF-COPY

cat >"$work/folders" <<'END-OF-FOLDERS'
eval "$(sed -n '/^like()/,/^}/p' "$work/copy")"
for to; do
	from=$root${to#"$stage"}
	if [ -d "$from" ]; then like "$from" "$to"; fi
done
END-OF-FOLDERS

for path; do
	path=$root$path
	case $path in
	*/lib/systemd/system) # some hundred units of other programs lie beside those of a node
		[ ! -d "$path" ] || find "$path" \( -path '*/system/kube*' -o -path '*/system/*/kube*' -o -path '*/system/etcd*' -o -path '*/system/*/etcd*' -o -path '*/system/k3s*' -o -path '*/system/*/k3s*' -o -path '*/system/rke2*' -o -path '*/system/*/rke2*' -o -path '*/system/k0s*' -o -path '*/system/*/k0s*' -o -path '*/system/containerd*' -o -path '*/system/*/containerd*' -o -path '*/system/crio*' -o -path '*/system/*/crio*' -o -path '*/system/docker*' -o -path '*/system/*/docker*' -o -path '*/system/snap.microk8s*' -o -path '*/system/*/snap.microk8s*' \) -exec sh "$work/copy" {} +
		;;
	*)
		# Volumes of pods, images and databases are no configuration, and full of secrets.
		[ ! -e "$path" ] || find "$path" \( -path '*/kubelet/pods' -o -path '*/kubelet/plugins' -o -path '*/kubelet/device-plugins' -o -path '*/kubelet/pod-resources' -o -path '*/kubelet/checkpoints' -o -path '*/rancher/*/data' -o -path '*/agent/containerd' -o -path '*/agent/images' -o -path '*/agent/kubelet' -o -path '*/server/static' -o -path '*/etcd/member/*' -o -path '*/etcd-snapshots' -o -path '*/db/snapshots' -o -name '*.tar' -o -name '*.sock' \) -prune -o -exec sh "$work/copy" {} +
		;;
	esac
done
# Of homes, the kubeconfigs that an audit reads there, and no other file of a user; of the
# users who can log in nothing but where their homes are.
mkdir -p "$stage/etc"
if [ -n "$root" ] || ! getent passwd 2>/dev/null; then cat "$root/etc/passwd" 2>/dev/null; fi |
	awk -F: 'NF == 7 && $6 ~ "^/." && $7 !~ "/(nologin|false|sync|halt|shutdown)$" && n++ < 1000 { print $1 ":x:" $3 ":" $4 "::" $6 ":" $7 }' >"$stage/etc/passwd"
{
	for home in /root "$root"/home/*; do echo "${home#"$root"}"; done
	cut -d: -f6 "$stage/etc/passwd"
} | awk '!seen[$0]++ && n++ < 1000' | while IFS= read -r home; do
	home=$root$home
	files=0
	for file in "$home/.kube/config" "$home"/*.kubeconfig; do
		[ $((files += 1)) -le 30 ] || break
		[ ! -f "$file" ] && [ ! -h "$file" ] || sh "$work/copy" "$file"
	done
done
find "$stage" -depth -type d -exec sh "$work/folders" {} +

echo "certaudit-collect output"
tar cf - -C "$stage" .
