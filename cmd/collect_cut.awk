# Copies a text without what is secret in it: private keys in PEM, also where they are
# base64 in a field, and the values of tokens and passwords. Certificates and public keys
# stay. Lines keep their numbers. A key that was cut is the block with "left out" in base64
# for its body, so that whoever reads the copy knows that there is one.

BEGIN {
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	power[0] = 1 # not every awk has an operator for it
	for (i = 1; i <= 16; i++) power[i] = 2 * power[i - 1]
	body = "bGVmdCBvdXQ="
	field = "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCmJHVm1kQ0J2ZFhRPQotLS0tLUVORCBQUklWQVRFIEtFWS0tLS0tCg=="
	hidden = "xxxxx"
	shortest = 40
	public = "^(CERTIFICATE|TRUSTED CERTIFICATE|X509 CERTIFICATE|CERTIFICATE REQUEST|NEW CERTIFICATE REQUEST|X509 CRL|PUBLIC KEY|RSA PUBLIC KEY|EC PARAMETERS|PKCS7)$"
	# What follows is matched with small letters.
	quote = "\\\\?[\"\047]?"
	secret = "(token|pass|password|passwd|passphrase|pwd|secret|(access|secret|api|account|encryption|certificate)[_-]?(access[_-]?)?key)"
	name = "((" secret "|(^|[ \t{,\"])auth|etcdctl_user)" quote "[ \t]*[:=][ \t]*"
	variable = quote "name" quote "[ \t]*:[ \t]*" quote "[a-z0-9_.-]*" secret quote "[ \t]*"
	value = quote "value" quote "[ \t]*:[ \t]*"
	name = name "|" variable ",[ \t]*" value ")"
	flag = "--[a-z0-9-]*" secret "[\"\047]?,?([ \t]+|[ \t]*\\\\?$)"
}

# decoded sets B to the bytes of base64, and returns those of ASCII as text.
function decoded(text, most,    i, v, acc, bits, n, out) {
	acc = bits = n = 0
	for (i = 1; i <= length(text) && n < most; i++) {
		v = index(alphabet, substr(text, i, 1)) - 1
		if (v < 0) continue
		acc = acc * 64 + v
		bits += 6
		if (bits >= 8) {
			bits -= 8
			B[++n] = int(acc / power[bits])
			acc = acc % power[bits]
			out = out ((B[n] > 31 && B[n] < 127) ? sprintf("%c", B[n]) : ".")
		}
	}
	return out
}

# isKey reports whether base64 is that of a private key in DER, of any form: a sequence
# that begins with its version (RFC 8017 A.1.2, RFC 5208 5, RFC 5915 3).
function isKey(text,    at) {
	B[1] = B[2] = B[3] = B[4] = B[5] = B[6] = 0
	decoded(text, 12)
	at = B[2] < 128 ? 3 : B[2] - 125
	return B[1] == 48 && at <= 11 && B[at] == 2 && B[at + 1] == 1
}

# blob is what is sent of a long word of base64.
function blob(text,    said) {
	said = decoded(text, length(text))
	if (said ~ /PRIVATE KEY/) return field
	if (said ~ /BEGIN [A-Z0-9 ]*(CERTIFICATE|X509 CRL|PUBLIC KEY)/) return text
	return hidden
}

# blobs cuts the long words of base64 in a text. One behind other text that begins with a
# slash is a path.
function blobs(text,    out, word, alone) {
	alone = text ~ /^[ \t]*[A-Za-z0-9+\/]+=*[ \t\r]*$/
	if (alone && afterBlob) { sub(/[A-Za-z0-9+\/=]+/, hidden, text); return text }
	afterBlob = 0
	while (match(text, /[A-Za-z0-9+\/]+=*/)) {
		word = substr(text, RSTART, RLENGTH)
		out = out substr(text, 1, RSTART - 1)
		text = substr(text, RSTART + RLENGTH)
		if (length(word) >= shortest && (alone || substr(word, 1, 1) != "/")) {
			word = blob(word)
			afterBlob = alone
		}
		out = out word
	}
	return out text
}

# firstWord hides the word that a text begins with, whatever is around it.
function firstWord(text,    lead, quote, end) {
	match(text, /^[ \t]*(-[ \t]+)?/)
	lead = substr(text, 1, RLENGTH)
	text = substr(text, RLENGTH + 1)
	quote = substr(text, 1, 1)
	if (quote == "\"" || quote == "\047") {
		end = index(substr(text, 2), quote)
		return lead quote hidden (end ? quote substr(text, end + 2) : "")
	}
	match(text, /^[^ \t,}\\]*/)
	return lead hidden substr(text, RLENGTH + 1)
}

# hide hides the value that a text begins with. One that is a path stays.
function hide(text) {
	if (text == "" || text ~ /^[|>][-+0-9]*[ \t\r]*$/) below = 1
	else if (text !~ /^(["\047]?\/|["\047]["\047]|[{[,}]|(true|false|null|~)([ \t,}\r]|$))/) {
		if (text ~ /^["\047]/) return firstWord(text)
		match(text, /^[^,}]*/) # a plain scalar may hold blanks
		return hidden substr(text, RLENGTH + 1)
	}
	return text
}

# values hides what stands behind a name, such as "token: ", also that of a variable in the
# fields name and value.
function values(text,    out) {
	if (named && match(tolower(text), "^[ \t]*" value)) {
		out = substr(text, 1, RLENGTH)
		text = hide(substr(text, RLENGTH + 1))
	}
	named = tolower(text) ~ (variable ",?[ \t\r]*$")
	while (match(tolower(text), name)) {
		out = out substr(text, 1, RSTART + RLENGTH - 1)
		text = hide(substr(text, RSTART + RLENGTH))
	}
	return out text
}

# flags hides what stands behind a flag, on its line or the next.
function flags(text,    out) {
	while (match(tolower(text), flag)) {
		out = out substr(text, 1, RSTART + RLENGTH - 1)
		text = substr(text, RSTART + RLENGTH)
		if (text ~ /^[ \t\\\r]*$/) next_word = 1
		else if (text !~ /^-/) text = firstWord(text)
	}
	return out text
}

function passwords(text,    out) {
	while (match(text, /:\/\/[^\/?#@: \t]*:[^\/?#@ \t]*@/)) {
		out = out substr(text, 1, RSTART + 2) hidden "@"
		text = substr(text, RSTART + RLENGTH)
	}
	return out text
}

function indent(text) { match(text, /^[ \t]*/); return RLENGTH }

# plain is what is sent of a text without PEM.
function plain(text,    was) {
	if (next_word) { next_word = 0; text = firstWord(text) }
	else if (below) {
		if (text ~ /^[ \t]*$/) return text
		if (indent(text) > depth && (below == 2 || text !~ /:([ \t\r]|$)/)) { below = 2; return substr(text, 1, indent(text)) hidden }
		below = 0
	}
	if (!below) depth = indent(text)
	return blobs(passwords(flags(values(text))))
}

# blockOf is what is sent of a block of PEM that stands on one line, with escapes for its
# line breaks.
function blockOf(text, label,    inner, end) {
	inner = text
	sub(/^[^\\]*\\n/, "", inner)
	if (label ~ public && !isKey(inner)) return text
	return "-----BEGIN " label "-----\\n" body "\\n-----END " label "-----"
}

function endBlock() {
	while (--dropped > 0) print ""
	dropped = 0
	state = ""
}

function labelOf(text) {
	sub(/^.*BEGIN /, "", text)
	match(text, /^[A-Z0-9 ]*/)
	text = substr(text, 1, RLENGTH)
	sub(/ +$/, "", text)
	return text
}

{
	line = $0
	if (state != "" && line !~ /BEGIN / && line ~ /-----END/) {
		match(line, /-----END/)
		print lead substr(line, RSTART, 60)
		endBlock()
		next
	}
	if (state == "key" && line !~ /BEGIN /) {
		if (line ~ /^[ \t]*(Proc-Type|DEK-Info):/) { print line; headed = 1; next }
		if (headed && line ~ /^[ \t]*$/) { print line; next }
		if (!dropped++) print lead body
		next
	}
	if (state == "first" && line !~ /BEGIN / && line ~ /[A-Za-z0-9]/) {
		state = isKey(line) ? "key" : "public"
		if (state == "key") { print lead body; dropped = 1; next }
	}
	if (state != "" && line !~ /BEGIN / && line ~ /^[ \tA-Za-z0-9+\/=\r]*$/) { print line; next }
	endBlock()
	out = ""
	while (match(line, /-*BEGIN [A-Z0-9 ]*-*/)) {
		at = RSTART
		marked = RLENGTH
		before = substr(line, 1, at - 1)
		rest = substr(line, at)
		label = labelOf(substr(rest, 1, marked))
		if (match(rest, /-----END [A-Z0-9 ]*-----/)) {
			line = substr(rest, RSTART + RLENGTH)
			rest = substr(rest, 1, RSTART + RLENGTH - 1)
			out = out plain(before) blockOf(rest, label)
			continue
		}
		line = ""
		if (label ~ /PRIVATE KEY/) state = "key"
		else if (label ~ public) state = "first"
		else { out = out plain(before) plain(rest); break }
		lead = before ~ /^[ \t]*$/ ? before : ""
		headed = dropped = 0
		out = out plain(before) substr(rest, 1, 60)
	}
	print out (line == "" ? "" : plain(line))
}
