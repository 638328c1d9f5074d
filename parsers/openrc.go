package parsers

import (
	"regexp"
	"strings"
)

// sourced matches the lines of a script that read another one: ". /etc/x".
var sourced = regexp.MustCompile(`(?m)^[ \t]*(?:if [^;\n]*;[ \t]*then[ \t]+)?(?:\.|source)[ \t]+"?(/[^\s;"]+)`)

// SourcedFiles returns the files that a shell script reads as scripts, in order.
func SourcedFiles(script []byte) []string {
	var files []string
	for _, m := range sourced.FindAllSubmatch(script, -1) {
		files = append(files, string(m[1]))
	}
	return files
}

// IsOpenRC reports whether a script is a service of OpenRC (openrc-run(8)).
func IsOpenRC(script []byte) bool {
	first, _, _ := strings.Cut(string(script[:min(len(script), 256)]), "\n")
	return strings.HasPrefix(first, "#!") && (strings.HasSuffix(first, "openrc-run") || strings.HasSuffix(first, "runscript"))
}

// ParseOpenRC returns the words with which a service of OpenRC starts its command, as
// its variables say it: command, command_args and their like (openrc-run(8)). name is
// that of the service, and scripts are its own, after those that are read before it; of
// a variable that none of them sets the value is "". All words have the origin. Without
// a command it returns nil, and what the script's own functions start, in commands.
func (g Grammar) ParseOpenRC(name string, at Origin, scripts ...[]byte) (words []Text, commands []Command, problems []Problem) {
	p := commandParser{Grammar: g, env: map[string]Text{"RC_SVCNAME": {Value: name}, "SVCNAME": {Value: name}}, whole: true,
		budget: budget{words: maxWords, bytes: maxCommandBytes}}
	for _, script := range scripts {
		clean, found := BlankKeys(script)
		if found {
			p.problem(at, KindUnsupported, "a private key stands in a script; it was not read")
		}
		p.script(word{Text: Text{Value: string(clean), Origin: at}}, nil, 1)
	}
	start := p.env["command"].Value
	if start == "" {
		return nil, p.commands, p.problems
	}
	for _, variable := range []string{"command_args", "command_args_background", "command_args_foreground"} {
		start += " " + p.env[variable].Value
	}
	for start != "" {
		w, ok := nextWord(&start, false)
		if !ok || strings.ContainsAny(w.text[:min(len(w.text), 2)], "><&|;") {
			break // what becomes of its output
		}
		if !p.budget.take(1, len(w.text)) {
			return nil, nil, []Problem{commandLimit(at)}
		}
		words = append(words, Text{Value: w.text, Origin: at})
	}
	return words, nil, nil
}
