package parsers

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// EnvVar is one variable of a pod's or a unit's environment. Value's origin is
// the place of the assignment.
type EnvVar struct {
	Name  string `json:"name"`
	Value Text   `json:"value"`
}

// Flag is one flag of a command line. Name has no dashes in front and "-" for
// every "_"; a flag that stands alone has the value "true".
type Flag struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin Origin `json:"origin,omitzero"`
	// Spelling is how a command line has the flag, with its dashes; "" where that
	// is "--" and Name, for a single letter, and for what is no flag of a command
	// line.
	Spelling string `json:"spelling,omitempty"`
	// Apart: the value is the next word, and does not stand behind "=".
	Apart bool `json:"apart,omitempty"`
}

// Written is how a command line has the flag, with its dashes.
func (f Flag) Written() string {
	if f.Spelling != "" {
		return f.Spelling
	}
	return "--" + f.Name
}

// Command is one program and the flags it is started with, in their order.
type Command struct {
	// Program is the base name of the program, and empty where the words begin
	// with a flag because the image's entry point names the program.
	Program string `json:"program"`
	Flags   []Flag `json:"flags,omitempty"`
	// Args are the words that are neither flags nor values of flags, in order.
	Args []Text `json:"args,omitempty"`
	// Scripted says that a shell script holds the command, which may run it or not.
	Scripted bool `json:"scripted,omitempty"`
}

// Flag returns the value in effect, which is the last one given, or the zero
// Text where the flag is absent.
func (c Command) Flag(name string) Text {
	all := c.FlagAll(name)
	if len(all) == 0 {
		return Text{}
	}
	return all[len(all)-1]
}

// FlagAll returns every value given to the flag, in order; nil if there is none.
func (c Command) FlagAll(name string) []Text {
	var all []Text
	for _, f := range c.Flags {
		if f.Name == name {
			all = append(all, Text{Value: f.Value, Origin: f.Origin})
		}
	}
	return all
}

// The limits of one command line. Both hold for the words given and again for
// all that expansion makes of them, since a variable can double itself.
const (
	maxWords        = 10_000
	maxCommandBytes = 4 << 20
)

// The limits of one shell script. Every nesting of the shell's grammar needs
// one of the signs that [scriptOpeners] counts, so their number bounds the
// recursion of the parser.
const (
	maxScriptBytes   = 64 << 10
	maxScriptOpeners = 2_000
	maxShellsNested  = 4
)

// shells are the programs whose -c option takes a script.
var shells = map[string]bool{"sh": true, "bash": true, "dash": true, "ash": true}

// printers are commands of the shell that read no flag of a component, so that
// an expansion among their words hides nothing.
var printers = map[string]bool{
	"[": true, "cd": true, "echo": true, "exit": true, "kill": true, "mkdir": true, "printf": true,
	"return": true, "set": true, "sleep": true, "test": true, "trap": true, "wait": true,
}

// Grammar is what has to be known of programs to read their command lines.
type Grammar struct {
	// Wrappers are the programs that run the rest of their command line, by name.
	Wrappers map[string]Wrapper
	// Switches are the flags that take no value from the next word.
	Switches map[string]bool
	// Programs are those to be looked for among the words of a program that is
	// none of the wrappers, each with flags by which it is known.
	Programs map[string]map[string]bool
	// Mentions are programs that speak of others and start none of them.
	Mentions map[string]bool
}

// Wrapper describes a program that runs the rest of its command line.
type Wrapper struct {
	// Valued are the options whose value is the next word.
	Valued []string
	// Operands is the number of words between the options and the program.
	Operands int
	// Assignments: words of the form NAME=value may precede the program.
	Assignments bool
}

// ParseCommand reads argv words, such as a container's command and args or the
// words of an ExecStart, into the commands they start: one, or all the simple
// commands of the script where a shell runs it, in order. Wrappers are left out,
// and so is any program that starts one of g.Programs; see [Grammar.start].
//
// References of the form $(VAR) are expanded from env as Kubernetes does, where
// later entries win. Each flag has the path and the line of its word, with the
// flag as the field. No words give nil, nil.
func (g Grammar) ParseCommand(words []Text, env []EnvVar) ([]Command, []Problem) {
	if len(words) == 0 {
		return nil, nil
	}
	p := commandParser{Grammar: g, env: environment(env), budget: budget{words: maxWords, bytes: maxCommandBytes}}
	argv := make([]word, 0, min(len(words), maxWords))
	for _, w := range words {
		value, ok := expandReferences(w.Value, p.env, &p.budget)
		if !ok {
			return nil, []Problem{commandLimit(w.Origin)}
		}
		if clean, found := BlankKeys([]byte(value)); found {
			value = string(clean)
			p.problem(w.Origin, KindUnsupported, "a private key stands in a command line; it was not read")
		}
		argv = append(argv, word{Text: Text{Value: value, Origin: w.Origin}})
	}
	p.budget = budget{words: maxWords, bytes: maxCommandBytes}
	p.command(argv, 0)
	return p.commands, p.problems
}

func commandLimit(o Origin) Problem {
	return Problem{Origin: o, Kind: KindLimit, Detail: fmt.Sprintf(
		"the command line has more than %d words or %d bytes", maxWords, maxCommandBytes)}
}

// budget is what may still be produced.
type budget struct{ words, bytes int }

func (b *budget) take(words, bytes int) bool {
	if b.words < words || b.bytes < bytes {
		b.words, b.bytes = 0, 0
		return false
	}
	b.words -= words
	b.bytes -= bytes
	return true
}

// environment is the lookup of env, whose later entries win.
func environment(env []EnvVar) map[string]Text {
	vars := make(map[string]Text, len(env))
	for _, v := range env {
		vars[v.Name] = v.Value
	}
	return vars
}

// expandReferences expands $(VAR) and the escape $$ the way Kubernetes does
// (k8s.io/kubernetes/third_party/forked/golang/expansion): a reference to an
// unknown variable stays as it is. It reports false where b does not suffice.
func expandReferences(s string, vars map[string]Text, b *budget) (string, bool) {
	if !b.take(1, len(s)) {
		return "", false
	}
	return b.expand(s, "$(", ')', func(name string) (string, bool) {
		v, known := vars[name]
		return v.Value, known
	})
}

// expand replaces the references of a text, each from open to end around a name,
// by what value returns of the name, and $$ by $. A reference of which value
// reports false stays as it is. It reports false itself where b does not suffice.
func (b *budget) expand(s, open string, end byte, value func(name string) (string, bool)) (string, bool) {
	last := strings.LastIndexByte(s, end) // beyond it no reference is complete
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		rest := s[i:]
		switch {
		case strings.HasPrefix(rest, "$$"):
			out.WriteByte('$')
			i++
		case strings.HasPrefix(rest, open) && i < last:
			closer := strings.IndexByte(rest, end)
			expansion, known := value(rest[len(open):closer])
			if !known {
				expansion = rest[:closer+1]
			}
			if !b.take(0, len(expansion)) {
				return "", false
			}
			out.WriteString(expansion)
			i += closer
		default:
			out.WriteByte(s[i])
		}
	}
	return out.String(), true
}

// word is one word of a command line. unknown is the expansion in it whose
// value is not known here, and empty for the others.
type word struct {
	Text
	unknown string
}

type commandParser struct {
	Grammar
	env      map[string]Text // the variables; a script's assignments change it
	whole    bool            // env has all that are set: any other is ""
	budget   budget
	commands []Command
	problems []Problem
}

func (p *commandParser) problem(o Origin, kind Kind, format string, args ...any) {
	p.problems = addProblem(p.problems, Problem{Origin: o, Kind: kind, Detail: fmt.Sprintf(format, args...)})
}

// command appends what words start; shells counts the scripts around them.
func (p *commandParser) command(words []word, shells int) {
	words = p.start(words)
	if len(words) == 0 {
		return
	}
	if script, parameters, ok := p.scriptOf(words); ok {
		p.script(script, parameters, shells+1)
		return
	}
	c := Command{Scripted: shells > 0}
	if !strings.HasPrefix(words[0].Value, "-") {
		c.Program = baseName(words[0].Value)
		if strings.ContainsAny(c.Program, "$`") && words[0].unknown != "" {
			p.unknown(words[0].Origin, words[0].unknown)
		}
		words = words[1:]
	}
	c.Flags, c.Args = p.flags(words, printers[c.Program])
	p.commands = append(p.commands, c)
}

func (p *commandParser) unknown(o Origin, expansion string) {
	p.problem(o, KindUnsupported, "the value of %q is not known before the shell runs", Clip(expansion, maxShown))
}

// baseName is the name of a program without its path.
func baseName(program string) string { return program[strings.LastIndexByte(program, '/')+1:] }

// start returns the words from the program on that they start: behind the
// wrappers, or where one of g.Programs is named by the words of a program that is
// not known.
func (g Grammar) start(words []word) []word {
	own := g.unwrap(words)
	if len(own) > 0 && (g.flagsOf(own[0].Value) != nil || isShell(own)) {
		return own
	}
	i := g.named(words)
	if i == 0 {
		return own
	}
	found := g.unwrap(words[i:])
	end := slices.IndexFunc(found, func(w word) bool { return w.Value == "--" })
	if flags := g.flagsOf(found[0].Value); flags != nil && end > 0 && !hasFlag(found[1:end], flags) {
		return append(found[:1:1], found[end+1:]...) // what is before "--" is for who starts it
	}
	return found
}

// maxCandidates is how many words of one command may be looked at as the program.
const maxCandidates = 64

// named returns where words name a program of g.Programs that the first of them
// is to start, or 0: behind "--", or before a flag that is the program's own. A
// name that is the value of a flag, as in "--name etcd", is none.
func (g Grammar) named(words []word) int {
	candidates := 0
	for i := range words {
		flags := g.flagsOf(words[i].Value)
		if g.Mentions[baseName(words[i].Value)] && !isOption(words[i].Value) || candidates == maxCandidates {
			return 0
		}
		if i == 0 || flags == nil && words[i].Value != "--" {
			continue
		}
		candidates++
		behind := g.unwrap(words[i+1:])
		switch {
		case words[i].Value == "--":
			if len(behind) > 0 && (g.flagsOf(behind[0].Value) != nil || isShell(behind)) {
				return i + 1
			}
		case !namesOthers(words[i-1].Value) && hasFlag(words[i+1:], flags):
			return i
		}
	}
	return 0
}

// flagsOf returns the flags of the program of g.Programs that a word is; nil for
// none. The path of a folder of that name, as /etc/etcd, is none.
func (g Grammar) flagsOf(word string) map[string]bool {
	flags := g.Programs[baseName(word)]
	if isOption(word) {
		return nil
	}
	if flags == nil || strings.HasSuffix(path.Dir(word), "bin") || !dataFolder.MatchString(word) {
		return flags
	}
	return nil
}

// isOption reports whether a word is a flag or an assignment, whatever its value.
func isOption(word string) bool { return strings.HasPrefix(word, "-") || strings.Contains(word, "=") }

// dataFolder matches what lies where programs keep their files (hier(7)).
var dataFolder = regexp.MustCompile(`^/(etc|var|srv|run|tmp|mnt|data|home)/`)

// namesOthers reports whether a word is a flag whose value, the next word, is
// the name of somebody or something.
func namesOthers(flag string) bool {
	name, _, hasValue := splitFlag(flag)
	if name == "" || hasValue {
		return false
	}
	return slices.ContainsFunc([]string{"name", "user", "group", "uid", "gid", "unit", "service", "component", "app", "id", "tag", "label", "target", "process"},
		func(word string) bool { return strings.HasSuffix(name, word) }) || slices.Contains([]string{"u", "g", "n", "a"}, name)
}

// hasFlag reports whether the first of words is a flag, and one of them one of
// the flags given.
func hasFlag(words []word, flags map[string]bool) bool {
	return len(words) > 0 && strings.HasPrefix(words[0].Value, "-") && slices.ContainsFunc(words, func(w word) bool {
		name, _, _ := splitFlag(w.Value)
		return flags[name]
	})
}

// unwrap strips the wrappers from the front of words.
func (g Grammar) unwrap(words []word) []word {
	for len(words) > 0 {
		w, ok := g.Wrappers[baseName(words[0].Value)]
		if !ok {
			break
		}
		words = w.strip(words[1:])
	}
	return words
}

// strip returns what follows the wrapper's own words.
func (w Wrapper) strip(words []word) []word {
	for len(words) > 0 {
		value := words[0].Value
		switch {
		case value == "--":
			return words[min(1+w.Operands, len(words)):]
		case slices.Contains(w.Valued, value):
			words = words[min(2, len(words)):]
		case strings.HasPrefix(value, "-"), w.Assignments && strings.Contains(value, "="):
			words = words[1:]
		default:
			return words[min(w.Operands, len(words)):]
		}
	}
	return nil
}

func isShell(words []word) bool { return shells[baseName(words[0].Value)] }

// scriptOf returns the script that words run, and its positional parameters: that of a
// shell, or, of a program that is not known and has an option -c, one that names one of
// g.Programs, as "su -c SCRIPT".
func (g Grammar) scriptOf(words []word) (script word, parameters []word, ok bool) {
	program := baseName(words[0].Value)
	if isShell(words) {
		return shellScript(words)
	}
	if g.Programs[program] != nil || g.Mentions[program] {
		return word{}, nil, false
	}
	for i := 2; i < len(words); i++ {
		option := words[i-1].Value
		short := strings.HasPrefix(option, "-") && !strings.HasPrefix(option, "--") && strings.HasSuffix(option, "c")
		if (short || option == "--command") && slices.ContainsFunc(strings.Fields(words[i].Value), func(w string) bool { return g.Programs[baseName(w)] != nil }) {
			return words[i], nil, true
		}
	}
	return word{}, nil, false
}

// shellScript returns the script where words are a shell with the option -c,
// alone or among others ("-ec"), and the words behind it and its name. A "o" in the
// options takes the next word, the name of an option ("-euo pipefail -c").
func shellScript(words []word) (script word, parameters []word, ok bool) {
	command := false
	for i := 1; i < len(words); i++ {
		option := words[i].Value
		switch {
		case option == "--":
		case strings.HasPrefix(option, "--"):
		case len(option) > 1 && (option[0] == '-' || option[0] == '+'):
			command = command || strings.Contains(option, "c")
			if strings.Contains(option, "o") {
				i++
			}
		default:
			return words[i], words[min(i+2, len(words)):], command
		}
	}
	return word{}, nil, false
}

// flags separates the flags among words from the rest. quiet says that an
// unknown expansion in a word that is no flag does not matter.
func (p *commandParser) flags(words []word, quiet bool) (flags []Flag, args []Text) {
	for i := 0; i < len(words) && words[i].Value != "--"; i++ {
		w := words[i]
		name, value, hasValue := splitFlag(w.Value)
		if name == "" {
			if w.unknown != "" && strings.HasPrefix(w.Value, w.unknown) && !quiet {
				p.unknown(w.Origin, w.unknown)
			}
			args = append(args, w.Text)
			continue
		}
		unknown, apart := w.unknown, false
		switch {
		case hasValue:
		case p.Switches[name] || i+1 == len(words) || strings.HasPrefix(words[i+1].Value, "-"):
			value = "true"
		default:
			i++
			value, unknown, apart = words[i].Value, words[i].unknown, true
		}
		f := Flag{Name: name, Origin: w.Origin, Apart: apart}
		f.Origin.Field = "--" + name
		if written, _, _ := strings.Cut(w.Value, "="); written != f.Origin.Field && len(name) > 1 {
			f.Spelling = written
		}
		if unknown != "" {
			p.unknown(f.Origin, unknown)
		}
		if inner, quoted := unquote(value); quoted {
			p.problem(f.Origin, KindSyntax, "the quotes are part of the value %q: no shell removes them", Clip(value, maxShown))
			value = inner
		}
		f.Value = value
		flags = append(flags, f)
	}
	return flags, args
}

// splitFlag splits "--name=value", with one dash or two. The name is empty
// where s is no flag. "_" becomes "-" as in the components
// (k8s.io/component-base/cli/flag, WordSepNormalizeFunc).
func splitFlag(s string) (name, value string, hasValue bool) {
	name, ok := strings.CutPrefix(s, "-")
	if !ok {
		return "", "", false
	}
	name, value, hasValue = strings.Cut(strings.TrimPrefix(name, "-"), "=")
	name = strings.ReplaceAll(name, "_", "-")
	if strings.HasPrefix(name, "-") {
		return "", "", false
	}
	return name, value, hasValue
}

// unquote returns s without the quotes around it, if there are any.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '"' && s[0] != '\'' {
		return s, false
	}
	return s[1 : len(s)-1], true
}

// scriptOpeners counts the signs and words of a script that can begin a nested
// construct, whether quoted or not.
func scriptOpeners(script string) int {
	n := 0
	for _, sign := range []string{"(", "{", "[", "`", "!", "<<"} {
		n += strings.Count(script, sign)
	}
	notLetter := func(r rune) bool { return r < 'a' || r > 'z' }
	for name := range strings.FieldsFuncSeq(script, notLetter) {
		switch name {
		case "if", "elif", "for", "while", "until", "case", "select", "function", "time", "coproc":
			n++
		}
	}
	return n
}

// script appends the simple commands of a shell script. All of them have the
// origin of the word that holds the script, but for its parameters: where a line of a
// folded scalar stood cannot be known.
func (p *commandParser) script(text word, parameters []word, depth int) {
	switch {
	case text.unknown != "" && strings.TrimSpace(text.Value) == text.unknown:
		p.unknown(text.Origin, text.unknown)
		return
	case len(text.Value) > maxScriptBytes:
		p.problem(text.Origin, KindLimit, "the shell script has more than %d bytes", maxScriptBytes)
		return
	case scriptOpeners(text.Value) > maxScriptOpeners || depth > maxShellsNested:
		p.problem(text.Origin, KindLimit, "the shell script is nested too deeply")
		return
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text.Value), "")
	if err != nil {
		p.problem(text.Origin, KindSyntax, "the shell script cannot be parsed: %v", err)
		return
	}
	s := script{commandParser: p, source: text, parameters: parameters, depth: depth}
	syntax.Walk(file, s.visit)
	if s.exhausted {
		p.problems = addProblem(p.problems, commandLimit(text.Origin))
	}
}

// script is the walk over one shell script.
type script struct {
	*commandParser
	source      word
	parameters  []word
	depth       int
	open        []bool // for each node around: does it run its parts always, and once, in this shell?
	conditional int    // the number of those that do not
	exhausted   bool   // the budget was
}

func (s *script) visit(node syntax.Node) bool {
	if node == nil {
		last := len(s.open) - 1
		if s.open[last] {
			s.conditional--
		}
		s.open = s.open[:last]
		return false
	}
	if s.exhausted {
		return false
	}
	conditional := false
	switch n := node.(type) {
	case *syntax.IfClause, *syntax.WhileClause, *syntax.ForClause, *syntax.CaseClause, *syntax.FuncDecl,
		*syntax.Subshell, *syntax.CmdSubst, *syntax.ProcSubst, *syntax.BinaryCmd, *syntax.CoprocClause:
		conditional = true
	case *syntax.WordIter:
		delete(s.env, n.Name.Value)
	case *syntax.DeclClause:
		s.assign(n.Args)
	case *syntax.CallExpr:
		if len(n.Args) == 0 {
			s.assign(n.Assigns)
		} else {
			s.call(n)
		}
	}
	s.open = append(s.open, conditional)
	if conditional {
		s.conditional++
	}
	return true
}

// assign sets the variables that are given a value known here, and forgets the
// others: what a branch assigns is known only when the script runs.
func (s *script) assign(assigns []*syntax.Assign) {
	for _, a := range assigns {
		if a.Name == nil || a.Naked {
			continue
		}
		value, known := s.value(a)
		if !known || s.conditional > 0 {
			delete(s.env, a.Name.Value)
			continue
		}
		s.env[a.Name.Value] = Text{Value: value, Origin: s.source.Origin}
	}
}

// value is the value that a simple assignment gives.
func (s *script) value(a *syntax.Assign) (string, bool) {
	if a.Append || a.Index != nil || a.Array != nil {
		return "", false
	}
	if a.Value == nil {
		return "", true
	}
	var f fields
	s.parts(&f, a.Value.Parts, true)
	return f.current.String(), f.unknown == ""
}

// call appends the command that n runs.
func (s *script) call(n *syntax.CallExpr) {
	var f fields
	for _, arg := range n.Args {
		s.parts(&f, arg.Parts, false)
		f.flush()
	}
	for i := range f.words {
		if f.words[i].Origin == (Origin{}) {
			f.words[i].Origin = s.source.Origin
		}
		if !s.budget.take(1, len(f.words[i].Value)) {
			s.exhausted = true
			return
		}
	}
	s.command(f.words, s.depth)
}

// fields collects the words that the shell makes of one word, which are more
// than one where the value of an unquoted variable holds white space.
type fields struct {
	words   []word
	current strings.Builder
	started bool // there is a current word, be it empty
	unknown string
}

func (f *fields) write(s string) {
	f.current.WriteString(s)
	f.started = true
}

func (f *fields) flush() {
	if f.started {
		f.words = append(f.words, word{Text: Text{Value: f.current.String()}, unknown: f.unknown})
	}
	f.current.Reset()
	f.started, f.unknown = false, ""
}

// split writes the value of an unquoted variable.
func (f *fields) split(value string) {
	const space = " \t\n"
	for {
		trimmed := strings.TrimLeft(value, space)
		if len(trimmed) < len(value) {
			f.flush()
		}
		if trimmed == "" {
			return
		}
		end := strings.IndexAny(trimmed, space)
		if end < 0 {
			end = len(trimmed)
		}
		f.write(trimmed[:end])
		value = trimmed[end:]
	}
}

// parts writes the parts of a word. quoted says that variables are not split.
func (s *script) parts(f *fields, parts []syntax.WordPart, quoted bool) {
	for _, part := range parts {
		switch part := part.(type) {
		case *syntax.Lit:
			f.write(unescapeShell(part.Value, ""))
		case *syntax.SglQuoted:
			f.write(part.Value)
			if part.Dollar && strings.Contains(part.Value, `\`) {
				f.unknown = part.Value
			}
		case *syntax.DblQuoted:
			f.write("")
			s.quotedParts(f, part.Parts)
		default:
			s.expansion(f, part, quoted)
		}
	}
}

// quotedParts writes what stands between double quotes.
func (s *script) quotedParts(f *fields, parts []syntax.WordPart) {
	for _, part := range parts {
		if lit, ok := part.(*syntax.Lit); ok {
			f.write(unescapeShell(lit.Value, "$`\"\\"))
		} else {
			s.expansion(f, part, true)
		}
	}
}

// expansion writes the value of a variable, or the text of an expansion whose
// value is not known.
func (s *script) expansion(f *fields, part syntax.WordPart, quoted bool) {
	if param, ok := part.(*syntax.ParamExp); ok && simple(param) {
		if v, known := s.env[param.Param.Value]; known || s.whole {
			if !s.budget.take(0, len(v.Value)) {
				s.exhausted = true
				return
			}
			if quoted {
				f.write(v.Value)
			} else {
				f.split(v.Value)
			}
			return
		}
	}
	if param, ok := part.(*syntax.ParamExp); ok && simple(param) && param.Param.Value == "@" && f.current.Len() == 0 {
		s.all(f)
		return
	}
	text := s.source.Value[part.Pos().Offset():part.End().Offset()]
	f.write(text)
	f.unknown = text
}

// all writes the positional parameters as "$@" does, a word each.
func (s *script) all(f *fields) {
	f.started = false // no parameters are no word, be they quoted
	for _, p := range s.parameters {
		if !s.budget.take(1, len(p.Value)) {
			s.exhausted = true
			return
		}
		f.write(p.Value)
		f.flush()
		last := &f.words[len(f.words)-1]
		last.Origin, last.unknown = p.Origin, p.unknown
	}
}

// simple reports whether p is $NAME or ${NAME}.
func simple(p *syntax.ParamExp) bool {
	return p.Param != nil && !p.Excl && !p.Length && !p.Width && p.Index == nil &&
		p.Slice == nil && p.Repl == nil && p.Names == 0 && p.Exp == nil
}

// unescapeShell removes the backslashes of s that quote one of the signs
// special, or any sign if that is empty.
func unescapeShell(s, special string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (special == "" || strings.IndexByte(special, s[i+1]) >= 0) {
			i++
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
