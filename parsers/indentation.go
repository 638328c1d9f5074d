package parsers

import (
	"bytes"
	"fmt"
	"strings"
)

// indentationFault names the line of a text that YAML refuses because of its
// indentation, counted from 1, and says what is wrong with it. It is asked of
// texts that the parser has refused with a message, which names neither tabs nor,
// in many cases, the line. ok is false where the fault is another.
func indentationFault(text []byte, message string) (line int, why string, ok bool) {
	w := indentation{noKey: strings.HasPrefix(message, "could not find expected ':'")}
	for l := range bytes.Lines(text) {
		w.line++
		if why := w.next(strings.TrimRight(string(l), "\r\n")); why != "" {
			return w.line, why, true
		}
	}
	return 0, "", false
}

// column is where the keys of an open mapping or the dashes of an open list
// stand.
type column struct {
	at   int
	list bool
}

// indentation follows the indentation of YAML in block style (YAML 1.2.2,
// chapter 8), as far as it takes to find the line that breaks it.
type indentation struct {
	line int
	// noKey: the parser misses a key, so that a line without one is at fault.
	noKey bool
	open  []column
	// opened: the line before ends with a key or a dash that has no value yet.
	opened bool
	// scalar is set in a block scalar, of which every line is indented deeper
	// than inside, and at least as deep as the first one, text; 0 before that.
	scalar       bool
	inside, text int
	// quote is the mark that ends a quoted text over several lines, 0 for none,
	// and flow how many braces and brackets are open.
	quote byte
	flow  int
}

// next moves past a line, and says what is wrong with its indentation, "" for
// nothing.
func (w *indentation) next(text string) string {
	body := strings.TrimLeft(text, " ")
	indent := len(text) - len(body)
	switch {
	case w.quote != 0 || w.flow > 0:
		w.value(text)
		return ""
	case w.scalar && (strings.TrimSpace(body) == "" || indent > w.inside):
		return w.scalarLine(indent, body)
	case strings.HasPrefix(body, "\t"):
		return w.tab(indent, body)
	case body == "" || strings.ContainsRune("#%", rune(body[0])) || isMarker([]byte(body), "---") || isMarker([]byte(body), "..."):
		return ""
	}
	w.scalar = false
	if why := w.place(indent, body); why != "" {
		return why
	}
	for isMarker([]byte(body), "-") {
		w.push(column{indent, true})
		rest := strings.TrimLeft(body[1:], " ")
		indent += len(body) - len(rest)
		body, w.opened = rest, rest == ""
	}
	if key, value, isKey := cutKey(body); isKey {
		w.push(column{indent, false})
		w.opened = isOpen(value)
		w.inside, w.text = indent, 0
		if w.scalar = strings.HasPrefix(value, "|") || strings.HasPrefix(value, ">"); w.scalar && strings.ContainsAny(value, "123456789") {
			w.text = indent + 1 // the column is given
		}
		w.value(strings.TrimPrefix(body, key))
	} else if body != "" {
		w.opened = false
		w.value(body)
	}
	return ""
}

func (w *indentation) scalarLine(indent int, body string) string {
	switch {
	case strings.TrimSpace(body) == "":
	case w.text == 0:
		w.text = indent
	case indent < w.text:
		return misplaced
	}
	return ""
}

func (w *indentation) tab(indent int, body string) string {
	switch {
	case strings.TrimSpace(body) == "" && !w.opened:
		return ""
	case indent == 0:
		return "begins with a tab; YAML wants spaces"
	}
	return "has a tab in its indentation; YAML wants spaces"
}

const misplaced = "is not indented as the line above; YAML wants spaces"

// place holds a line against the columns that are open, and closes those that it
// ends.
func (w *indentation) place(indent int, body string) string {
	_, _, isKey := cutKey(body)
	isDash := isMarker([]byte(body), "-")
	closed := false
	for len(w.open) > 0 && w.open[len(w.open)-1].at > indent {
		w.open, closed = w.open[:len(w.open)-1], true
	}
	if n := len(w.open); n > 0 && w.open[n-1] == (column{indent, true}) && !isDash {
		w.open, closed = w.open[:n-1], true // a list stands in the column of its key, too
	}
	if len(w.open) == 0 {
		if w.line > 1 && closed {
			return misplaced
		}
		return ""
	}
	switch top := w.open[len(w.open)-1]; {
	case w.noKey && top.at == indent && !top.list && !isKey && !isDash && !w.opened:
		return misplaced // the text of the line before goes on too far to the left
	case top.at < indent && closed:
		return misplaced
	case top.at < indent && !w.opened && isKey:
		return misplaced // deeper than a line that has its value already
	}
	return ""
}

// push opens a column, unless it is the innermost one.
func (w *indentation) push(c column) {
	if n := len(w.open); n == 0 || w.open[n-1] != c {
		w.open = append(w.open, c)
	}
}

// cutKey cuts a line behind the key that it begins with.
func cutKey(body string) (key, value string, ok bool) {
	if body == "" || strings.ContainsRune("{[#&*!|>%@`", rune(body[0])) {
		return "", "", false
	}
	at := strings.Index(body, ": ")
	if strings.HasSuffix(body, ":") && at < 0 {
		at = len(body) - 1
	}
	if at < 0 {
		return "", "", false
	}
	return body[:at+1], strings.TrimSpace(body[at+1:]), true
}

// isOpen reports whether a key has no value on its line: nothing but an anchor, a
// tag or a comment.
func isOpen(value string) bool {
	for word := range strings.FieldsSeq(value) {
		if word[0] == '#' {
			break
		}
		if word[0] != '&' && word[0] != '!' {
			return false
		}
	}
	return true
}

// value moves past a value, or a part of one, that may be quoted or in braces
// and brackets over several lines.
func (w *indentation) value(text string) {
	text = strings.TrimLeft(text, " ")
	if w.flow == 0 && w.quote == 0 && (text == "" || !strings.ContainsRune(`"'{[`, rune(text[0]))) {
		return // a plain text: quotes and braces in it mean nothing
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case w.quote == '"' && c == '\\':
			i++
		case w.quote != 0:
			if c == w.quote {
				w.quote = 0
			}
		case c == '"' || c == '\'':
			w.quote = c
		case c == '{' || c == '[':
			w.flow++
		case (c == '}' || c == ']') && w.flow > 0:
			w.flow--
		}
	}
}

// withIndentation adds to what the YAML parser says of a piece what is wrong with
// its indentation, and where.
func (p piece) withIndentation(line int, message string) (int, string) {
	if at, why, ok := indentationFault(p.text, message); ok {
		return at, fmt.Sprintf("%s; line %d %s", message, p.before+at, why)
	}
	lines := bytes.SplitN(p.text, []byte("\n"), line+1)
	if strings.HasSuffix(message, "cannot start any token") && line > 0 && line <= len(lines) && bytes.Contains(lines[line-1], []byte("\t")) {
		message += fmt.Sprintf("; line %d holds a tab where YAML wants spaces", p.before+line)
	}
	return line, message
}
