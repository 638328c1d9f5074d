package inventory

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	fastjson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"certaudit/parsers"
)

// SnapshotSchema names the form of a snapshot. Within one major version fields are added
// and never renamed or removed, so that every later program reads it.
const SnapshotSchema = snapshotPrefix + "1"

const snapshotPrefix = "certaudit-inventory/v"

// maxSnapshot bounds the JSON of one snapshot, in bytes: that of a node has a tenth of a
// mebibyte, and one with all files of a large folder some dozens.
const maxSnapshot = 64 << 20

// snapshot is an inventory as it is kept: each certificate once, by its SHA-256.
type snapshot struct {
	Schema  string `json:"schema"`
	Program string `json:"program"`
	// Certificates are DER, by the SHA-256 under which the inventory refers to them.
	Certificates map[string][]byte `json:"certificates"`
	Inventory    *Inventory        `json:"inventory"`
}

// WriteSnapshot writes an inventory as one line of JSON, which [SnapshotReader] reads:
// public material alone, and the same bytes for the same inventory. program is what the
// writer calls itself, with its version.
func WriteSnapshot(w io.Writer, program string, inv *Inventory) error {
	s := snapshot{Schema: SnapshotSchema, Program: program, Certificates: map[string][]byte{}, Inventory: inv}
	add := func(certs []parsers.Certificate) {
		for _, c := range certs {
			s.Certificates[c.SHA256()] = c.Raw
		}
	}
	for _, m := range inv.Materials {
		add(m.Certificates)
	}
	for m := range inv.embedded() {
		add(m.Certificates)
	}
	for _, served := range inv.Served {
		add(served.Certificates)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(s)
}

// embedded yields the material of every field.
func (inv *Inventory) embedded() iter.Seq[*parsers.Material] {
	return func(yield func(*parsers.Material) bool) {
		for i := range inv.References {
			if m := inv.References[i].Embedded; m != nil && !yield(m) {
				return
			}
		}
		clusters := func(all []parsers.KubeCluster) bool {
			for i := range all {
				if !yield(&all[i].CAData.Material) {
					return false
				}
			}
			return true
		}
		for _, k := range inv.Kubeconfigs {
			if !clusters(k.Clusters) {
				return
			}
			for i := range k.Users {
				if !yield(&k.Users[i].CertificateData.Material) || !yield(&k.Users[i].KeyData.Material) {
					return
				}
			}
		}
		for i := range inv.Objects {
			if !clusters(inv.Objects[i].Clusters) {
				return
			}
		}
	}
}

// SnapshotReader reads snapshots that follow one another. Equal certificates of all are
// decoded once.
type SnapshotReader struct {
	in    *meter
	lines *bufio.Reader
	// text is what is in memory and was not read; in and lines are nil then.
	text []byte
	// decoder reads what is not one snapshot a line; nil until such comes.
	decoder *json.Decoder
	known   *pool
}

// NewSnapshotReader returns a reader of what [WriteSnapshot] wrote, once or often.
func NewSnapshotReader(r io.Reader) *SnapshotReader { return newSnapshotReader(r, newPool()) }

func newSnapshotReader(r io.Reader, known *pool) *SnapshotReader {
	in := &meter{r: r}
	return &SnapshotReader{in: in, lines: bufio.NewReaderSize(in, 4<<10), known: known}
}

// snapshotsIn is [NewSnapshotReader] for a text of at most [MaxFileBytes].
func snapshotsIn(text []byte, known *pool) *SnapshotReader {
	return &SnapshotReader{text: text, known: known}
}

// Next returns the next snapshot, and io.EOF behind the last. After any other error
// nothing more can be read.
func (r *SnapshotReader) Next() (*Inventory, error) {
	text, err := r.next()
	if err != nil {
		return nil, err
	}
	return decodeSnapshot(text, r.known)
}

// next returns the text of the next snapshot.
func (r *SnapshotReader) next() ([]byte, error) {
	if r.in != nil {
		r.in.left = maxSnapshot
	}
	for r.decoder == nil {
		line, err := r.line()
		text := bytes.TrimSpace(line)
		switch {
		case len(text) == 0 && err == nil:
			continue
		case len(text) == 0 && errors.Is(err, io.EOF):
			return nil, io.EOF
		case isOneValue(text):
			return text, nil
		}
		var rest io.Reader = bytes.NewReader(r.text)
		if r.lines != nil {
			rest = r.lines
		}
		r.decoder = json.NewDecoder(io.MultiReader(bytes.NewReader(line), rest))
	}
	var text json.RawMessage
	switch err := r.decoder.Decode(&text); {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("is cut off in the middle of a snapshot")
	case err != nil:
		return nil, fmt.Errorf("is no snapshot: %w", err)
	}
	return text, nil
}

// line returns what there is up to the next line break, with an error where there is none.
func (r *SnapshotReader) line() ([]byte, error) {
	if r.lines != nil {
		return r.lines.ReadBytes('\n')
	}
	end := bytes.IndexByte(r.text, '\n') + 1
	if end == 0 {
		line := r.text
		r.text = nil
		return line, io.EOF
	}
	line := r.text[:end]
	r.text = r.text[end:]
	return line, nil
}

// isOneValue reports whether a text begins with the brace that its last byte closes: it is one
// JSON value or none, and what decodes it tells which.
func isOneValue(text []byte) bool {
	if len(text) == 0 || text[0] != '{' {
		return false
	}
	depth := 0
	for {
		quote := bytes.IndexByte(text, '"')
		outside := text
		if quote >= 0 {
			outside = text[:quote]
		}
		for i, c := range outside {
			switch c {
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return quote < 0 && i == len(outside)-1
				}
			}
		}
		if quote < 0 {
			return false
		}
		text = text[quote+1:]
		if text = behindQuote(text); text == nil {
			return false
		}
	}
}

// behindQuote returns what follows the end of a string; nil where it does not end.
func behindQuote(text []byte) []byte {
	for from := 0; ; {
		end := bytes.IndexByte(text[from:], '"')
		if end < 0 {
			return nil
		}
		inside := text[from : from+end]
		escapes := len(inside) - len(bytes.TrimRight(inside, `\`))
		if from += end + 1; escapes%2 == 0 {
			return text[from:]
		}
	}
}

// decodeSnapshot returns the inventory of a snapshot's text.
func decodeSnapshot(text []byte, known *pool) (*Inventory, error) {
	room := known.rooms.Get().(*snapshotRoom)
	defer known.rooms.Put(room)
	defer room.clear()
	switch s, err := room.unmarshalled(text); {
	case err != nil:
		return nil, fmt.Errorf("is no snapshot: %w", parsers.JSONError(err))
	case !strings.HasPrefix(s.Schema, snapshotPrefix):
		return nil, fmt.Errorf("is no snapshot: its schema is %q", s.Schema)
	case s.Schema != SnapshotSchema:
		return nil, fmt.Errorf("has the schema %q, and this program reads %s; take the version that wrote it, %q, or a later one", s.Schema, SnapshotSchema, s.Program)
	case s.Inventory == nil:
		return nil, errors.New("is a snapshot without an inventory")
	case s.Inventory.named() > maxNamed:
		return nil, fmt.Errorf("is a snapshot of components that name more than %d files, which is no node's", maxNamed)
	default:
		return s.Inventory, s.resolve(known)
	}
}

// unmarshalled is what encoding/json makes of a text, in a third of its time for one that is
// as [WriteSnapshot] writes it. What has unknown names, a name twice or any fault is
// encoding/json's own to judge.
//
// The result is in the room until it is cleared: what is to last has to be copied.
func (room *snapshotRoom) unmarshalled(text []byte) (s snapshot, err error) {
	into := struct {
		Schema       string            `json:"schema"`
		Program      string            `json:"program"`
		Certificates map[string][]byte `json:"certificates"`
		Inventory    *snapshotRoom     `json:"inventory"`
	}{Certificates: room.certificates, Inventory: room}
	if fastjson.Unmarshal(text, &into, fastjson.RejectUnknownMembers(true)) == nil {
		return snapshot{into.Schema, into.Program, into.Certificates, room.inventory}, nil
	}
	err = json.Unmarshal(text, &s)
	return s, err
}

// snapshotRoom is room for what most of a snapshot consists of. One snapshot after another is
// decoded into it, and it grows to what the largest takes.
type snapshotRoom struct {
	certificates map[string][]byte
	files        map[string]File
	materials    map[string]parsers.Material
	references   []Reference
	// inventory is what was decoded, in the room; nil for none.
	inventory *Inventory
}

func newSnapshotRoom() any {
	return &snapshotRoom{certificates: map[string][]byte{}, files: map[string]File{}, materials: map[string]parsers.Material{}}
}

// UnmarshalJSONFrom decodes an inventory into the room.
func (room *snapshotRoom) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	room.inventory = &Inventory{Files: room.files, Materials: room.materials, References: room.references}
	err := fastjson.UnmarshalDecode(d, room.inventory)
	room.references = room.inventory.References
	return err
}

// clear makes room for the next.
func (room *snapshotRoom) clear() {
	clear(room.certificates)
	clear(room.files)
	clear(room.materials)
	clear(room.references)
	room.references, room.inventory = room.references[:0], nil
}

// maxNamed bounds the references of components in a snapshot, each of which is held
// against all: those of a node are some dozens.
const maxNamed = 5000

// named counts the references that are not of files which nothing names.
func (inv *Inventory) named() int {
	count := 0
	for _, ref := range inv.References {
		if ref.Component != ComponentFile {
			count++
		}
	}
	return count
}

// resolve puts the certificates in that an inventory refers to. One that crypto/x509 of
// this program refuses is a problem where it stands, as if its file were read here.
func (s *snapshot) resolve(known *pool) error {
	p := placer{certs: map[string]*x509.Certificate{}, refused: map[string]error{}}
	for sum, der := range s.Certificates {
		c := known.known(sum)
		if c == nil {
			var err error
			if c, err = x509.ParseCertificate(der); err != nil {
				p.refused[sum] = err
				continue
			}
			if parsers.Fingerprint(c) != sum {
				return fmt.Errorf("is a snapshot that was changed: a certificate has not the SHA-256 %q", sum)
			}
			parsers.ShareIDs(c)
			c = known.shared(sum, c)
		}
		p.certs[sum] = c
	}
	for name, m := range s.Inventory.Materials {
		s.Inventory.Materials[name] = p.placed(m)
	}
	for m := range s.Inventory.embedded() {
		*m = p.placed(*m)
	}
	for i, served := range s.Inventory.Served {
		s.Inventory.Served[i].Certificates = p.placed(parsers.Material{Certificates: served.Certificates}).Certificates
	}
	known.compact(s.Inventory)
	return p.err
}

// placer puts certificates where their SHA-256 stands.
type placer struct {
	certs   map[string]*x509.Certificate
	refused map[string]error
	// err is about the first certificate that is not there.
	err error
}

func (p *placer) placed(m parsers.Material) parsers.Material {
	var kept []parsers.Certificate
	for _, c := range m.Certificates {
		sum := c.SHA256()
		if why := p.refused[sum]; why != nil {
			m.Problems = append(m.Problems, parsers.Problem{Origin: c.Origin, Kind: parsers.KindCertificate, Detail: why.Error()})
		} else if cert := p.certs[sum]; cert != nil {
			kept = append(kept, parsers.CertificateOf(c.Origin, c.Index, cert, sum))
		} else {
			p.err = cmp.Or(p.err, fmt.Errorf("is a snapshot that lacks the certificate %q", sum))
		}
	}
	m.Certificates = kept
	return m
}

// meter lets so many bytes through, and then fails.
type meter struct {
	r    io.Reader
	left int
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, fmt.Errorf("it is larger than %d MiB", maxSnapshot>>20)
	}
	n, err := m.r.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// IsSnapshot reports whether data begins as a snapshot does.
func IsSnapshot(data []byte) bool {
	text := data[:min(len(data), 512)]
	for _, token := range []string{"{", `"schema"`, ":", `"` + snapshotPrefix} {
		rest, ok := bytes.CutPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte(token))
		if !ok {
			return false
		}
		text = rest
	}
	return true
}
