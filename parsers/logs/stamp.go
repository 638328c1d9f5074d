package logs

import (
	"bytes"
	"strconv"
	"time"
)

// stamp is a time as a line has it, not yet read: most lines are only counted.
type stamp struct {
	text []byte
	form form
}

// form says how the time of a line is written.
type form uint8

const (
	noTime form = iota
	// isoTime is 2006-01-02T15:04:05.999 with "T" or a space, with a zone or without.
	isoTime
	// slashTime is 2006/01/02 15:04:05, of Go's package log.
	slashTime
	// monthTime is Jan _2 15:04:05, of RFC 3164 and journalctl.
	monthTime
	// klogTime is 0102 15:04:05.999999.
	klogTime
	// unixTime is seconds since 1970, with a fraction or without.
	unixTime
	// microTime is microseconds since 1970.
	microTime
)

// clock is a time that was read, and what of it the line said.
type clock struct {
	time.Time
	zone, year bool
}

// better reports whether a clock of an outer layer is to be preferred to one of an inner:
// one with a zone, then one with a year, then the outer.
func (c clock) better(inner clock) bool {
	if c.zone != inner.zone {
		return c.zone
	}
	if c.year != inner.year {
		return c.year
	}
	return true
}

// read reads a stamp. now says which year is meant where there is none.
func (s stamp) read(now time.Time) (clock, bool) {
	switch s.form {
	case isoTime, slashTime:
		return isoClock(s.text)
	case monthTime:
		month, ok := monthOf(s.text)
		if !ok {
			return clock{}, false
		}
		day, rest, ok := digits(bytes.TrimLeft(s.text[3:], " "), 1, 2)
		if !ok || len(rest) == 0 {
			return clock{}, false
		}
		return withoutYear(month, day, rest[1:], now)
	case klogTime:
		if len(s.text) < 5 {
			return clock{}, false
		}
		month, ok1 := number(s.text[:2])
		day, ok2 := number(s.text[2:4])
		if !ok1 || !ok2 {
			return clock{}, false
		}
		return withoutYear(time.Month(month), day, s.text[5:], now)
	case unixTime:
		return unixClock(s.text)
	case microTime:
		n, err := strconv.ParseInt(string(s.text), 10, 64)
		return clock{time.UnixMicro(n).UTC(), true, true}, err == nil
	}
	return clock{}, false
}

// unixClock reads seconds, which may have a fraction and an exponent.
func unixClock(text []byte) (clock, bool) {
	whole, fraction, _ := bytes.Cut(text, []byte("."))
	if n, err := strconv.ParseInt(string(whole), 10, 64); err == nil && len(whole) < 12 {
		if ns, rest := nanoseconds(fraction); len(rest) == 0 {
			return clock{time.Unix(n, ns).UTC(), true, true}, true
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(f > 0 && f < 1e15) {
		return clock{}, false
	}
	if f > 1e11 { // milliseconds, as klog and others have them
		return clock{time.UnixMicro(int64(f * 1e3)).UTC(), true, true}, true
	}
	return clock{time.UnixMicro(int64(f * 1e6)).UTC(), true, true}, true
}

// isoClock reads year, month, day, time of day and zone, whatever is between them.
func isoClock(b []byte) (clock, bool) {
	year, rest, ok := digits(b, 4, 4)
	if !ok || len(rest) < 7 {
		return clock{}, false
	}
	month, ok1 := number(rest[1:3])
	day, ok2 := number(rest[4:6])
	if !ok1 || !ok2 {
		return clock{}, false
	}
	h, m, s, ns, zone, ok := timeOfDay(rest[7:])
	if !ok || !isDate(year, month, day) {
		return clock{}, false
	}
	offset, known := offsetOf(zone)
	at := time.Date(year, time.Month(month), day, h, m, s, int(ns), time.UTC)
	return clock{at.Add(-offset), known, true}, true
}

func isDate(year, month, day int) bool {
	return month >= 1 && month <= 12 && day >= 1 && day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// withoutYear is the last time of that date before a day from now, which is for clocks
// that are ahead and for zones.
func withoutYear(month time.Month, day int, rest []byte, now time.Time) (clock, bool) {
	h, m, s, ns, _, ok := timeOfDay(rest)
	if !ok {
		return clock{}, false
	}
	last := now.UTC().Add(24 * time.Hour)
	for year := last.Year(); year > last.Year()-9; year-- { // 29 February may be eight years ago
		if !isDate(year, int(month), day) {
			continue
		}
		if at := time.Date(year, month, day, h, m, s, int(ns), time.UTC); !at.After(last) {
			return clock{Time: at}, true
		}
	}
	return clock{}, false
}

// timeOfDay reads 15:04:05 and a fraction behind "." or ",".
func timeOfDay(b []byte) (h, m, s int, ns int64, rest []byte, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, 0, 0, 0, nil, false
	}
	h, ok1 := number(b[:2])
	m, ok2 := number(b[3:5])
	s, ok3 := number(b[6:8])
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || s > 60 {
		return 0, 0, 0, 0, nil, false
	}
	rest = b[8:]
	if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') {
		ns, rest = nanoseconds(rest[1:])
	}
	return h, m, s, ns, rest, true
}

// nanoseconds reads the digits of a fraction; those behind the ninth do not count.
func nanoseconds(b []byte) (ns int64, rest []byte) {
	scale := int64(time.Second)
	for len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		scale /= 10
		ns += int64(b[0]-'0') * scale
		b = b[1:]
	}
	return ns, b
}

// zones are the names of zones that one offset has today, in hours, as tzdata has them.
// Those of several (CST, IST, PST) are none: nothing says which is meant.
var zones = map[string]float64{
	"Z": 0, "z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
	"WAT": 1, "CAT": 2, "SAST": 2, "EAT": 3, "PKT": 5, "WIB": 7, "HKT": 8, "AWST": 8, "JST": 9, "KST": 9,
	"ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
	"EST": -5, "EDT": -4, "MST": -7, "MDT": -6, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10,
}

// offsetOf reads a zone: a name that is known, +01:00, +0100 or +01.
func offsetOf(b []byte) (time.Duration, bool) {
	b = bytes.TrimSpace(b)
	if hours, ok := zones[string(b)]; ok {
		return time.Duration(hours * float64(time.Hour)), true
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	h, ok := number(b[1:3])
	rest := bytes.TrimPrefix(b[3:], []byte(":"))
	m := 0
	if ok && len(rest) > 0 {
		m, ok = number(rest)
	}
	if !ok || len(rest) != 0 && len(rest) != 2 || h > 14 || m > 59 {
		return 0, false
	}
	offset := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if b[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// number reads digits and nothing else.
func number(b []byte) (int, bool) {
	n, rest, ok := digits(b, 1, 9)
	return n, ok && len(rest) == 0
}

// digits cuts a number of least to most digits off b.
func digits(b []byte, least, most int) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(b) && i < most && b[i] >= '0' && b[i] <= '9' {
		n = n*10 + int(b[i]-'0')
		i++
	}
	return n, b[i:], i >= least
}

// months are the names of the months, as C has them.
const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// monthOf reads the month that text begins with.
func monthOf(text []byte) (time.Month, bool) {
	if len(text) < 3 {
		return 0, false
	}
	for i := 0; i < len(months); i += 3 {
		if string(text[:3]) == months[i:i+3] {
			return time.Month(i/3 + 1), true
		}
	}
	return 0, false
}

// isoLength is how many bytes of b are a time as [isoTime] has it, and whether date and
// time are joined by "T", and a zone is with them; 0 for none.
func isoLength(b []byte) (n int, t, zone bool) {
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return 0, false, false
	}
	n = 19
	if n < len(b) && (b[n] == '.' || b[n] == ',') {
		for n++; n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
		}
	}
	if n < len(b) && (b[n] == 'Z' || b[n] == '+' || b[n] == '-') {
		zone = true
		for n++; n < len(b) && (b[n] >= '0' && b[n] <= '9' || b[n] == ':'); n++ {
		}
	}
	return n, b[10] == 'T', zone
}

// clockLength is how many bytes of b are 15:04:05 with a fraction or without; 0 for none.
func clockLength(b []byte) int {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' || b[0] < '0' || b[0] > '2' {
		return 0
	}
	n := 8
	if n < len(b) && b[n] == '.' {
		for n++; n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
		}
	}
	return n
}
