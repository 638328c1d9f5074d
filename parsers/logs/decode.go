package logs

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// decoder turns UTF-16 with a byte order mark, as PowerShell redirects output, into UTF-8.
// Anything else passes, without the mark that it may have.
type decoder struct {
	begun bool
	// head is what is there of the first bytes.
	head []byte
	// order is that of UTF-16; nil for UTF-8.
	order binary.ByteOrder
	// left is half a unit, and first the first half of a pair.
	left  []byte
	first rune
	out   []byte
}

// decode returns what p is in UTF-8, valid until the next call.
func (d *decoder) decode(p []byte) []byte {
	if !d.begun {
		if len(d.head)+len(p) < 3 {
			d.head = append(d.head, p...)
			return nil
		}
		if len(d.head) > 0 {
			p = append(d.head, p...)
			d.head = nil
		}
		p = d.begin(p)
	}
	if d.order == nil {
		return p
	}
	d.out = d.out[:0]
	if len(d.left) > 0 {
		p = append(d.left, p...)
		d.left = nil
	}
	for ; len(p) > 1; p = p[2:] {
		d.add(rune(d.order.Uint16(p)))
	}
	if len(p) > 0 {
		d.left = bytes.Clone(p)
	}
	return d.out
}

// begin reads the byte order mark.
func (d *decoder) begin(p []byte) []byte {
	d.begun = true
	switch {
	case bytes.HasPrefix(p, []byte("\xff\xfe")):
		d.order = binary.LittleEndian
		return p[2:]
	case bytes.HasPrefix(p, []byte("\xfe\xff")):
		d.order = binary.BigEndian
		return p[2:]
	}
	return bytes.TrimPrefix(p, []byte("\ufeff"))
}

// add takes a unit in.
func (d *decoder) add(r rune) {
	if d.first != 0 {
		pair := utf16.DecodeRune(d.first, r)
		d.first = 0
		d.out = utf8.AppendRune(d.out, pair)
		if pair != utf8.RuneError {
			return
		}
	}
	if r >= 0xd800 && r < 0xdc00 {
		d.first = r
		return
	}
	d.out = utf8.AppendRune(d.out, r)
}

// end returns what is left.
func (d *decoder) end() []byte {
	d.out = d.out[:0]
	if !d.begun {
		d.out = append(d.out, d.head...)
		d.head = nil
	}
	if len(d.left) > 0 || d.first != 0 {
		d.out = utf8.AppendRune(d.out, utf8.RuneError)
		d.left, d.first = nil, 0
	}
	return d.out
}
