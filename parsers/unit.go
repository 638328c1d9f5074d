package parsers

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Unit is what a systemd unit file, or a unit with its drop-ins, says.
type Unit struct {
	Path string
	// Name is what it runs under, "" before [Unit.As].
	Name     string
	Settings []Setting // in the order of the file, resets among them
	Problems []Problem
}

// Setting is one assignment of a unit file. The origin of its value has the
// line on which the assignment begins and the name as the field.
type Setting struct {
	Section, Name string
	Value         Text
}

// EnvironmentFile is a file that a unit takes variables from.
type EnvironmentFile struct {
	Path     Text // may be a glob pattern; specifiers such as %N are kept
	Optional bool // the file need not exist
}

const (
	// maxUnitBytes is the longest unit or environment file that is read, which
	// is also the longest line that systemd reads.
	maxUnitBytes = 1 << 20
	// systemdSpace is what separates words in systemd (WHITESPACE of its source).
	systemdSpace = " \t\n\r"
)

// ParseUnit reads a unit file by the rules of systemd.syntax(7). What systemd
// ignores with a warning is a problem here; the rest is returned.
func ParseUnit(path string, data []byte) Unit {
	u := Unit{Path: path}
	data, u.Problems = unitInput(path, data)
	section := ""
	for _, l := range logicalLines(path, data) {
		text := strings.Trim(l.Value, systemdSpace)
		name, value, assigned := strings.Cut(text, "=")
		name = strings.TrimRight(name, systemdSpace)
		switch {
		case text == "":
		case !utf8.ValidString(text):
			u.problem(l.Origin, "the line is not UTF-8")
		case text[0] == '[':
			var ok bool
			if section, ok = sectionName(text); !ok {
				u.problem(l.Origin, "the section header is not closed at the end of the line")
			}
		case !assigned:
			u.problem(l.Origin, `the line has no "="`)
		case section == "":
			u.problem(l.Origin, "the assignment stands in no section")
		case strings.HasPrefix(name, "-"):
			u.problem(l.Origin, "%q is no setting: the line before does not end in a single backslash", Clip(name, maxShown))
		default:
			origin := l.Origin
			origin.Field = name
			s := Setting{Section: section, Name: name,
				Value: Text{Value: strings.TrimLeft(value, systemdSpace), Origin: origin}}
			u.Settings = append(u.Settings, s)
			_, problems := s.environment()
			for _, p := range problems {
				u.Problems = addProblem(u.Problems, p)
			}
		}
	}
	return u
}

func (u *Unit) problem(o Origin, format string, args ...any) {
	u.Problems = addProblem(u.Problems, Problem{Origin: o, Kind: KindSyntax, Detail: fmt.Sprintf(format, args...)})
}

// unitInput refuses data that is too large or binary and blanks private keys.
func unitInput(path string, data []byte) ([]byte, []Problem) {
	refuse := func(kind Kind, detail string) ([]byte, []Problem) {
		return nil, []Problem{{Origin: Origin{Path: path}, Kind: kind, Detail: detail}}
	}
	if len(data) > maxUnitBytes {
		return refuse(KindLimit, fmt.Sprintf("the file has more than %d bytes", maxUnitBytes))
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return refuse(KindSyntax, fmt.Sprintf("the file is binary: byte %d is NUL", i))
	}
	text, found := BlankKeys(bytes.TrimPrefix(data, []byte("\ufeff")))
	if found {
		return text, []Problem{{Origin: Origin{Path: path}, Kind: KindUnsupported,
			Detail: "a private key stands in the file; it was not read"}}
	}
	return text, nil
}

// logicalLines joins the lines that end in a backslash with those that follow
// and leaves out comments, which do not interrupt a continued line.
func logicalLines(path string, data []byte) []Text {
	var lines []Text
	var continued strings.Builder
	start := 0 // the first line of the one being continued
	number := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		number++
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), systemdSpace)
		if line != "" && strings.IndexByte("#;", line[0]) >= 0 {
			continue
		}
		if start == 0 {
			start = number
		}
		if endsInEscape(line) {
			continued.WriteString(line[:len(line)-1])
			continued.WriteByte(' ')
			continue
		}
		continued.WriteString(line)
		lines = append(lines, Text{Value: continued.String(), Origin: Origin{Path: path, Line: start}})
		continued.Reset()
		start = 0
	}
	if start > 0 {
		lines = append(lines, Text{Value: continued.String(), Origin: Origin{Path: path, Line: start}})
	}
	return lines
}

// endsInEscape reports whether the last backslash of s escapes what follows: a
// pair of backslashes, as an unquoted here-document should have made one of, does not.
func endsInEscape(s string) bool {
	return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1
}

func sectionName(header string) (string, bool) {
	if len(header) < 3 || header[len(header)-1] != ']' {
		return "", false
	}
	return header[1 : len(header)-1], true
}

// MergeUnits makes one unit of a main unit and its drop-ins, which come after
// it in the order in which systemd reads them. The path is the main unit's. An
// empty assignment resets its setting; see [Unit.Values]. A second ExecStart= is a
// problem, with which systemd loads only a unit of Type=oneshot (systemd.service(5)).
func MergeUnits(units ...Unit) Unit {
	var merged Unit
	for i, u := range units {
		if i == 0 {
			merged.Path = u.Path
		}
		merged.Settings = append(merged.Settings, u.Settings...)
		merged.Problems = append(merged.Problems, u.Problems...)
	}
	starts, types := merged.Values("Service", "ExecStart"), merged.Values("Service", "Type")
	if len(starts) > 1 && (len(types) == 0 || types[len(types)-1].Value != "oneshot") {
		merged.problem(starts[1].Origin, "a second ExecStart= beside that of %s line %d: systemd refuses to start the unit; an empty ExecStart= before it takes the first away",
			starts[0].Origin.Path, starts[0].Origin.Line)
	}
	return merged
}

// Values returns the values of a setting that are in effect, in order: those
// after the last empty assignment, which resets the list.
func (u Unit) Values(section, name string) []Text {
	var values []Text
	for _, s := range u.settings(section, name) {
		values = append(values, s.Value)
	}
	return values
}

func (u Unit) settings(section, name string) []Setting {
	var settings []Setting
	for _, s := range u.Settings {
		switch {
		case s.Section != section || s.Name != name:
		case s.Value.Value == "":
			settings = nil
		default:
			settings = append(settings, s)
		}
	}
	return settings
}

// As returns the unit under a name, "etcd.service" or, of a template,
// "etcd@events.service", on a host, "" for one whose name is not known: the specifiers
// that stand for parts of the names, and for folders of the system, are replaced in
// every value (systemd.unit(5), "Specifiers"). The unit itself does not change.
func (u Unit) As(name, host string) Unit {
	stem := strings.TrimSuffix(name, path.Ext(name))
	prefix, instance, _ := strings.Cut(stem, "@")
	parts := maps.Clone(systemFolders)
	for sign, part := range map[byte]string{'n': name, 'N': stem, 'p': prefix, 'P': unescapeName(prefix), 'i': instance, 'I': unescapeName(instance),
		'd': CredentialsFolder + name} {
		parts[sign] = part
	}
	if host != "" {
		parts['H'] = host
		parts['l'], _, _ = strings.Cut(host, ".")
	}
	u.Name, u.Settings = name, slices.Clone(u.Settings)
	quoted := map[byte]string{} // where words are unquoted later
	for sign, part := range parts {
		quoted[sign] = strings.ReplaceAll(part, `\`, `\\`)
	}
	for i, s := range u.Settings {
		of := parts
		if s.Name == "ExecStart" || s.Name == "Environment" {
			of = quoted
		}
		u.Settings[i].Value.Value = replaceSpecifiers(s.Value.Value, of)
	}
	return u
}

// systemFolders are what the specifiers for folders stand for in services of the system.
var systemFolders = map[byte]string{'E': "/etc", 'S': "/var/lib", 'C': "/var/cache", 'L': "/var/log", 't': "/run", 'T': "/tmp", 'V': "/var/tmp", 'h': "/root"}

// CredentialsFolder holds, in a folder called as a unit, what LoadCredential= gives to
// it (systemd.exec(5), "Credentials").
const CredentialsFolder = "/run/credentials/"

// replaceSpecifiers replaces the specifiers in s that have a part; "%%" and the
// others stay.
func replaceSpecifiers(s string, parts map[byte]string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		if part, ok := parts[s[i]]; ok {
			out.WriteString(strings.ReplaceAll(part, "%", "%%"))
		} else {
			out.WriteString(s[i-1 : i+1])
		}
	}
	return out.String()
}

// unescapeName undoes the escaping of a part of a unit's name: "-" is "/", and
// \x2d is "-" (systemd.unit(5), "String Escaping for Inclusion in Unit Names").
func unescapeName(part string) string {
	var out strings.Builder
	for i := 0; i < len(part); i++ {
		switch rest := part[i:]; {
		case rest[0] == '-':
			out.WriteByte('/')
		case len(rest) >= 4 && strings.HasPrefix(rest, `\x`):
			value, n := unescapeC(rest)
			if n == 0 {
				value, n = `\`, 1
			}
			out.WriteString(value)
			i += n - 1
		default:
			out.WriteByte(rest[0])
		}
	}
	return out.String()
}

// Environment returns the variables of Environment= in order, so that the later
// of two with the same name is the one in effect, after the one that says where the
// credentials of the unit are.
func (u Unit) Environment() []EnvVar {
	var all []EnvVar
	if folder, at, has := u.Credentials(); has {
		all = append(all, envVar("CREDENTIALS_DIRECTORY", folder, at))
	}
	for _, s := range u.settings("Service", "Environment") {
		vars, _ := s.environment()
		all = append(all, vars...)
	}
	return all
}

// Credentials returns the folder in which the unit finds its credentials, and where the
// first of them is set; false for a unit without any, or without a name.
func (u Unit) Credentials() (folder string, at Origin, has bool) {
	i := slices.IndexFunc(u.Settings, Setting.isCredential)
	if i < 0 || u.Name == "" {
		return "", Origin{}, false
	}
	return CredentialsFolder + u.Name, u.Settings[i].Value.Origin, true
}

// isCredential reports whether a setting gives the unit a credential.
func (s Setting) isCredential() bool {
	return s.Section == "Service" && (strings.HasPrefix(s.Name, "LoadCredential") || strings.HasPrefix(s.Name, "SetCredential") || s.Name == "ImportCredential")
}

// WithoutUnset returns the variables that UnsetEnvironment= of the unit leaves, in
// order. It takes names, and assignments that count where they are equal.
func (u Unit) WithoutUnset(env []EnvVar) []EnvVar {
	var unset []string
	for _, v := range u.Values("Service", "UnsetEnvironment") {
		unset = append(unset, strings.Fields(v.Value)...)
	}
	if len(unset) == 0 {
		return env
	}
	return slices.DeleteFunc(slices.Clone(env), func(e EnvVar) bool {
		return slices.Contains(unset, e.Name) || slices.Contains(unset, e.Name+"="+e.Value.Value)
	})
}

// environment returns the variables of one Environment= line, and none for any
// other setting. Like systemd it gives up at a word that cannot be unquoted.
func (s Setting) environment() ([]EnvVar, []Problem) {
	if s.Section != "Service" || s.Name != "Environment" {
		return nil, nil
	}
	var vars []EnvVar
	var problems []Problem
	report := func(detail string) {
		problems = addProblem(problems, Problem{Origin: s.Value.Origin, Kind: KindSyntax, Detail: detail})
	}
	for rest := s.Value.Value; ; {
		w, ok := nextWord(&rest, true)
		switch name, value, assigned := strings.Cut(specifiers(w.text), "="); {
		case !ok:
			return vars, problems
		case w.fault != "":
			report(w.fault)
			return vars, problems
		case !assigned || !validName(name):
			report("a word is no assignment to a variable; quotes go around the name and the value")
		default:
			vars = append(vars, envVar(name, value, s.Value.Origin))
		}
	}
}

func envVar(name, value string, o Origin) EnvVar {
	o.Field = name
	return EnvVar{Name: name, Value: Text{Value: value, Origin: o}}
}

// validName reports whether name can be the name of a variable: ASCII letters,
// digits and "_", and no digit in front.
func validName(name string) bool {
	for i, r := range name {
		switch {
		case r == '_', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		case '0' <= r && r <= '9' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}

// EnvironmentFiles returns the files of EnvironmentFile= in order.
func (u Unit) EnvironmentFiles() []EnvironmentFile {
	var files []EnvironmentFile
	for _, v := range u.Values("Service", "EnvironmentFile") {
		path, optional := strings.CutPrefix(v.Value, "-")
		files = append(files, EnvironmentFile{
			Path:     Text{Value: specifiers(path), Origin: v.Origin},
			Optional: optional,
		})
	}
	return files
}

// specifiers resolves the one specifier that says the same on every node. The
// others, such as the host name %H, are kept.
func specifiers(s string) string { return strings.ReplaceAll(s, "%%", "%") }

// systemdWord is a word after its quotes were removed. fault says, if not
// empty, what was wrong with it.
type systemdWord struct{ text, fault string }

// nextWord takes the next word from the front of *s, by the rules of "Quoting"
// in systemd.syntax(7) and of extract_first_word(), which finds quotes inside a
// word as well. escapes says that C escapes mean something; without it a
// backslash quotes the next sign. It reports false at the end.
func nextWord(s *string, escapes bool) (systemdWord, bool) {
	rest := strings.TrimLeft(*s, systemdSpace)
	if rest == "" {
		*s = ""
		return systemdWord{}, false
	}
	var w systemdWord
	var text strings.Builder
	quote := byte(0)
	i := 0
	for ; i < len(rest) && (quote != 0 || strings.IndexByte(systemdSpace, rest[i]) < 0); i++ {
		c := rest[i]
		switch {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c != '\\':
			text.WriteByte(c)
		case i+1 == len(rest): // it quotes nothing, and systemd drops it
		case !escapes:
			i++
			text.WriteByte(rest[i])
		default:
			value, n := unescapeC(rest[i:])
			if n == 0 {
				w.fault = fmt.Sprintf("the escape %q is unknown", rest[i:min(i+2, len(rest))])
				value, n = `\`, 1
			}
			text.WriteString(value)
			i += n - 1
		}
	}
	if quote != 0 {
		w.fault = fmt.Sprintf("the quote %q is not closed", quote)
	}
	w.text = text.String()
	*s = strings.TrimLeft(rest[i:], systemdSpace)
	return w, true
}

// simpleEscapes are the escapes of one letter.
var simpleEscapes = map[byte]string{
	'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
	'\\': `\`, '"': `"`, '\'': `'`, 's': " ",
}

// unescapeC returns the value of the C escape at the front of s and its length,
// which is 0 for an unknown one. NUL has no escape.
func unescapeC(s string) (string, int) {
	if value, ok := simpleEscapes[s[1]]; ok {
		return value, 2
	}
	number := func(from, digits, base, bits int) (uint64, int) {
		if len(s) < from+digits {
			return 0, 0
		}
		n, err := strconv.ParseUint(s[from:from+digits], base, bits)
		if err != nil || n == 0 {
			return 0, 0
		}
		return n, from + digits
	}
	var n uint64
	var length int
	switch s[1] {
	case 'x':
		n, length = number(2, 2, 16, 8)
	case 'u':
		n, length = number(2, 4, 16, 32)
	case 'U':
		n, length = number(2, 8, 16, 32)
	default:
		n, length = number(1, 3, 8, 8)
	}
	switch {
	case length == 0:
		return "", 0
	case s[1] != 'u' && s[1] != 'U':
		return string([]byte{byte(n)}), length
	case !utf8.ValidRune(rune(n)):
		return "", 0
	}
	return string(rune(n)), length
}

// StartWords returns the argv words of the last command of ExecStart=, after
// the splitting, unquoting and expansion that systemd.service(5) describes; env
// is the whole environment, and its later entries win. A word that is the value
// of a variable has the variable's origin, every other one that of the setting.
// Without an ExecStart= it returns nil, nil.
func (u Unit) StartWords(env []EnvVar) ([]Text, []Problem) {
	values := u.Values("Service", "ExecStart")
	if len(values) == 0 {
		return nil, nil
	}
	start := values[len(values)-1]
	argv, problems := lastCommand(start)
	argv, expand := execPrefixes(argv)
	if len(argv) == 0 {
		return nil, problems
	}
	e := expansion{origin: start.Origin, vars: environment(env), budget: budget{words: maxWords, bytes: maxCommandBytes}}
	for i, w := range argv {
		w = specifiers(w)
		if !expand || i == 0 { // "the program to execute may not be a variable"
			e.add(w, start.Origin)
		} else {
			e.expand(w)
		}
		if e.exhausted {
			return e.words, append(problems, commandLimit(start.Origin))
		}
	}
	return e.words, problems
}

// lastCommand splits a line into words and returns those of its last command:
// a lone ";" ends a command, and "\;" is a word of its own.
func lastCommand(line Text) ([]string, []Problem) {
	var argv, last []string
	var problems []Problem
	for rest := strings.TrimLeft(line.Value, systemdSpace); rest != ""; {
		if after, ok := cutToken(rest, ";"); ok {
			if len(argv) > 0 {
				argv, last = nil, argv
			}
			rest = after
			continue
		}
		if after, ok := cutToken(rest, `\;`); ok {
			argv = append(argv, ";")
			rest = after
			continue
		}
		w, ok := nextWord(&rest, true)
		if w.fault != "" {
			problems = addProblem(problems, Problem{Origin: line.Origin, Kind: KindSyntax, Detail: w.fault})
		}
		if ok {
			argv = append(argv, w.text)
		}
	}
	if len(argv) == 0 {
		argv = last
	}
	return argv, problems
}

// cutToken takes token from the front of s where white space or the end follows.
func cutToken(s, token string) (string, bool) {
	after, ok := strings.CutPrefix(s, token)
	if !ok || after != "" && strings.IndexByte(systemdSpace, after[0]) < 0 {
		return s, false
	}
	return strings.TrimLeft(after, systemdSpace), true
}

// execPrefixes strips the prefixes of the program (table "Special executable
// prefixes"): after "@" the second word is argv[0], which is dropped, and ":"
// turns the expansion of variables off.
func execPrefixes(argv []string) (words []string, expand bool) {
	if len(argv) == 0 {
		return nil, true
	}
	program := strings.TrimLeft(argv[0], "@-:+!|")
	prefixes := argv[0][:len(argv[0])-len(program)]
	if program == "" {
		return nil, true
	}
	args := argv[1:]
	if strings.Contains(prefixes, "@") && len(args) > 0 {
		args = args[1:]
	}
	return append([]string{program}, args...), !strings.Contains(prefixes, ":")
}

// expansion collects words in which variables are expanded.
type expansion struct {
	origin    Origin
	vars      map[string]Text
	budget    budget
	words     []Text
	exhausted bool
}

func (e *expansion) add(w string, o Origin) {
	if !e.budget.take(1, len(w)) {
		e.exhausted = true
		return
	}
	e.words = append(e.words, Text{Value: w, Origin: o})
}

// expand adds what becomes of one word: $NAME is as many words as its value
// has, ${NAME} is replaced wherever it stands, and $$ is "$".
func (e *expansion) expand(w string) {
	name, ok := strings.CutPrefix(w, "$")
	if ok && !strings.HasPrefix(name, "{") && !strings.HasPrefix(name, "$") {
		v := e.vars[name]
		for rest := v.Value; !e.exhausted; {
			part, ok := nextWord(&rest, false)
			if !ok {
				break
			}
			e.add(part.text, v.Origin)
		}
		return
	}
	if name, ok := wholeReference(w); ok {
		v := e.vars[name]
		if v.IsZero() {
			v.Origin = e.origin
		}
		e.add(v.Value, v.Origin)
		return
	}
	e.add(e.replace(w), e.origin)
}

// wholeReference returns NAME where w is ${NAME}.
func wholeReference(w string) (string, bool) {
	name, open := strings.CutPrefix(w, "${")
	name, closed := strings.CutSuffix(name, "}")
	return name, open && closed && !strings.Contains(name, "}")
}

// replace expands the ${NAME} and $$ of a word.
func (e *expansion) replace(w string) string {
	text, ok := e.budget.expand(w, "${", '}', func(name string) (string, bool) { return e.vars[name].Value, true })
	e.exhausted = e.exhausted || !ok
	return text
}

// ParseEnvFile reads the file of an EnvironmentFile= as systemd does
// (systemd.exec(5) and parse_env_file_internal() of its source, v254). All the
// assignments are returned in order; the later one of a name is in effect. The
// origin of a value has the line of its name and the name as the field.
func ParseEnvFile(path string, data []byte) ([]EnvVar, []Problem) {
	data, problems := unitInput(path, data)
	f := envFile{path: path, data: string(data), line: 1, problems: problems}
	for f.pos < len(f.data) {
		f.entry()
	}
	return f.vars, f.problems
}

// ParseContainerEnv reads the file of --env-file as docker and podman do: NAME=VALUE on
// each line, with quotes as part of the value (docs.docker.com/reference/cli/docker/container/run).
// A name without a value is left out. The origins are as of [ParseEnvFile].
func ParseContainerEnv(path string, data []byte) []EnvVar {
	data, _ = unitInput(path, data)
	var vars []EnvVar
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		name, value, assigned := strings.Cut(strings.TrimLeft(strings.TrimRight(line, "\r\n"), systemdSpace), "=")
		if assigned && validName(name) && utf8.ValidString(value) {
			vars = append(vars, envVar(name, value, Origin{Path: path, Line: number}))
		}
	}
	return vars
}

// envFile is a reader of an environment file.
type envFile struct {
	path     string
	data     string
	pos      int
	line     int // the line of pos
	vars     []EnvVar
	problems []Problem
}

// next returns the next byte and steps over it. "\r\n" is one "\n".
func (f *envFile) next() (byte, bool) {
	if strings.HasPrefix(f.data[f.pos:], "\r\n") {
		f.pos++
	}
	if f.pos == len(f.data) {
		return 0, false
	}
	c := f.data[f.pos]
	f.pos++
	if c == '\n' {
		f.line++
	}
	return c, true
}

// skipLine returns the text up to the end of the line and steps over it.
func (f *envFile) skipLine() string {
	line, _, found := strings.Cut(f.data[f.pos:], "\n")
	f.pos += len(line)
	if found {
		f.next()
	}
	return line
}

// entry reads a comment, an empty line or an assignment.
func (f *envFile) entry() {
	line, _, _ := strings.Cut(f.data[f.pos:], "\n")
	trimmed := strings.TrimLeft(line, systemdSpace)
	name, _, assigned := strings.Cut(trimmed, "=")
	// A line without "=" is ignored, says systemd.exec(5).
	if !assigned || strings.IndexByte("#;", trimmed[0]) >= 0 {
		f.skipLine()
		return
	}
	f.pos += len(line) - len(trimmed) + len(name) + 1
	origin := Origin{Path: f.path, Line: f.line}
	name = strings.TrimRight(name, systemdSpace)
	value := f.value(origin)
	switch {
	case !utf8.ValidString(value):
		f.problem(origin, "the value is not UTF-8")
	case strings.HasPrefix(name, "export "):
		f.problem(origin, `systemd does not remove "export" and ignores the assignment`)
	case !validName(name):
		f.problem(origin, "what stands before the \"=\" is no name of a variable; systemd ignores the assignment")
	default:
		f.vars = append(f.vars, envVar(name, value, origin))
	}
}

func (f *envFile) problem(o Origin, detail string) {
	f.problems = addProblem(f.problems, Problem{Origin: o, Kind: KindSyntax, Detail: detail})
}

// value reads up to the end of an assignment. Quotes count at the beginning and
// after a quoted part; once plain text began they are part of it.
func (f *envFile) value(origin Origin) string {
	var value []byte
	kept := 0 // the length of value without the white space at its end
	plain := false
	for {
		c, ok := f.next()
		switch {
		case !ok || c == '\n':
			return string(value[:kept])
		case c == '\\':
			plain = true
			if c, ok = f.next(); ok && c != '\n' {
				value = append(value, c)
			}
			kept = len(value)
		case !plain && (c == '"' || c == '\''):
			value = f.quoted(value, c, origin)
			kept = len(value)
		case strings.IndexByte(systemdSpace, c) < 0:
			plain = true
			value = append(value, c)
			kept = len(value)
		case plain:
			value = append(value, c)
		}
	}
}

// quoted appends what stands up to the closing quote. A backslash counts
// between double quotes only, in front of one of "\`$ or a newline.
func (f *envFile) quoted(value []byte, quote byte, origin Origin) []byte {
	for {
		c, ok := f.next()
		switch {
		case !ok:
			f.problem(origin, fmt.Sprintf("the quote %q is not closed", quote))
			return value
		case c == quote:
			return value
		case c == '\\' && quote == '"':
			next, ok := f.next()
			if !ok {
				continue
			}
			if strings.IndexByte("\"\\`$\n", next) < 0 {
				value = append(value, c)
			}
			if next != '\n' {
				value = append(value, next)
			}
		default:
			value = append(value, c)
		}
	}
}
