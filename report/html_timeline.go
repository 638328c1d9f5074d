package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"certaudit/audit"
)

// htmlTimeline shows when what expires. Places are percentages, so that texts
// and marks keep their size on a page of any width.
type htmlTimeline struct {
	// Now is where the audit stands; the part before it is the past.
	Now   string
	Ticks []htmlTick
	Lanes []htmlLane
	// Outages are the days on which connections break; nil where no forecast was made.
	Outages []htmlOutage
	// MoreOutages counts those that are too many for the page.
	MoreOutages int
	// Undated counts the certificates that are not there to have a date.
	Undated int

	axis timeAxis
}

// htmlOutage is a day on which connections break.
type htmlOutage struct {
	X, Day string
	// When says how far away it is, and by when to renew.
	When  string
	Nodes string
	Level level
	// Stops are what people notice, the worst first.
	Stops []string
}

// Title is what the mark says.
func (o htmlOutage) Title() string { return o.Day + ", " + o.When + ": " + o.Stops[0] }

// htmlTick is a point of the axis.
type htmlTick struct {
	X, Label, Date string
	// Minor ticks are left out where there is little room.
	Minor bool
}

// htmlLane holds the certificates of one role.
type htmlLane struct {
	Role  string
	Count int
	// First is the earliest to expire, Worst the first with the worst status.
	First, Worst htmlRow
	Marks        []htmlMark
	// Start and End bound the line through the marks.
	Start, End string
}

// htmlMark is one certificate, or several that expire at about the same time.
type htmlMark struct {
	X     string
	Row   htmlRow
	Level level
	CA    bool
	// Expired is shown of one certificate; of several, the place shows it.
	Expired bool
	Count   int
	// Bad counts those of several that are not ok; nil where all are alike.
	Bad   *htmlBad
	Title string
}

// htmlBad is the small count at the corner of a larger one.
type htmlBad struct {
	Level level
	Count int
	// Left is where its frame begins, Width how wide it is, in pixels.
	Left, Width int
}

// Middle is where the number stands.
func (b htmlBad) Middle() int { return b.Left + b.Width/2 }

// Width is that of the frame around the count, in pixels.
func (m htmlMark) Width() int { return frameWidth(m.Count, 8) }

// Half is how far the frame stands to the left.
func (m htmlMark) Half() int { return -m.Width() / 2 }

func frameWidth(count, padding int) int { return padding + 7*len(strconv.Itoa(count)) }

// timeAxis maps times to percent of the width. It is nearly linear for the
// days around now and logarithmic beyond: leaves end within a year, CAs within
// ten or a hundred.
type timeAxis struct {
	now         time.Time
	first, last float64
}

const (
	// linearDays is where the axis begins to bend.
	linearDays = 7
	// edge is the margin at both ends, in percent.
	edge = 5
)

// bend maps days from now to the axis.
func bend(days float64) float64 { return math.Copysign(math.Log1p(math.Abs(days)/linearDays), days) }

// newTimeAxis covers the expiries of rows, and a month at least.
func newTimeAxis(now time.Time, rows []htmlRow) timeAxis {
	a := timeAxis{now: now, last: bend(31)}
	for _, r := range rows {
		if !r.NotAfter.IsZero() {
			x := bend(a.days(r.NotAfter))
			a.first, a.last = min(a.first, x), max(a.last, x)
		}
	}
	if a.first < 0 {
		a.first = min(a.first, bend(-7))
	}
	return a
}

// days from now to t.
func (a timeAxis) days(t time.Time) float64 { return float64(secondsBetween(a.now, t)) / secondsPerDay }

func (a timeAxis) at(days float64) float64 {
	return edge + (100-2*edge)*(bend(days)-a.first)/(a.last-a.first)
}

func percent(x float64) string { return fmt.Sprintf("%.2f%%", x) }

// axisPoints are candidates for ticks, in days.
var axisPoints = []struct {
	days  int
	label string
}{
	{7, "7 days"}, {30, "30 days"}, {90, "90 days"}, {182, "6 months"}, {365, "1 year"}, {731, "2 years"}, {1096, "3 years"},
	{1826, "5 years"}, {3652, "10 years"}, {7305, "20 years"}, {18262, "50 years"}, {36524, "100 years"}, {365242, "1000 years"},
}

// Room that a tick's label needs, in percent of a wide page and of a phone's.
const tickRoom, tickRoomNarrow = 9, 17

// ticks returns those candidates that fit, from the past to the future.
func (a timeAxis) ticks() []htmlTick {
	type point struct {
		days  int
		label string
	}
	var points []point
	for _, p := range slices.Backward(axisPoints) {
		points = append(points, point{-p.days, p.label + " ago"})
	}
	points = append(points, point{0, "now"})
	for _, p := range axisPoints {
		points = append(points, point{p.days, p.label})
	}
	var out []htmlTick
	now, wide, narrow := a.at(0), -100.0, -100.0
	for _, p := range points {
		x := a.at(float64(p.days))
		clash := func(room, last float64) bool { return x-last < room || p.days < 0 && now-x < room }
		if x < 0 || x > 100 || p.days != 0 && clash(tickRoom, wide) {
			continue
		}
		wide = x
		t := htmlTick{X: percent(x), Label: p.label, Date: day(a.now.AddDate(0, 0, p.days)), Minor: p.days != 0 && clash(tickRoomNarrow, narrow)}
		if !t.Minor {
			narrow = x
		}
		out = append(out, t)
	}
	return out
}

// newTimeline places rows on lanes, one for each role in the order in which they
// come.
func newTimeline(r audit.Result, rows []htmlRow) htmlTimeline {
	axis := newTimeAxis(r.At, rows)
	t := htmlTimeline{Now: percent(axis.at(0)), Ticks: axis.ticks(), axis: axis}
	members := map[string][]htmlRow{}
	var roles []string
	for _, row := range rows {
		switch {
		case row.NotAfter.IsZero():
			t.Undated++
			continue
		case members[row.Role] == nil:
			roles = append(roles, row.Role)
		}
		members[row.Role] = append(members[row.Role], row)
	}
	for _, role := range roles {
		t.Lanes = append(t.Lanes, axis.lane(role, members[role]))
	}
	return t
}

// maxOutages are as many as a page shows.
const maxOutages = 100

// addOutages marks the days on which connections break, by a forecast; nil for none.
func (t *htmlTimeline) addOutages(f *audit.Forecast) {
	if f == nil {
		return
	}
	axis, all := t.axis, outages(*f)
	t.MoreOutages = max(0, len(all)-maxOutages)
	for _, g := range all[:len(all)-t.MoreOutages] {
		o := htmlOutage{X: percent(axis.at(axis.days(g.first()))), Day: g.day, When: outageWhen(g, *f), Nodes: someOf(nonEmpty(g.nodes...), maxListed), Level: outageLevel(g)}
		for _, s := range g.stops() {
			o.Stops = append(o.Stops, s.what)
		}
		t.Outages = append(t.Outages, o)
	}
}

// markRoom is how much of the width one mark takes, in percent.
const markRoom = 2

// lane puts rows on one line. Those that would stand on each other share a mark.
func (a timeAxis) lane(role string, rows []htmlRow) htmlLane {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(x, y htmlRow) int { return x.NotAfter.Compare(y.NotAfter) })
	l := htmlLane{Role: role, Count: len(rows), First: rows[0], Worst: rows[0]}
	begin, low, high := 0, a.at(0), a.at(0)
	for i, row := range rows {
		x := a.at(a.days(row.NotAfter))
		low, high = min(low, x), max(high, x)
		if row.Rank() > l.Worst.Rank() {
			l.Worst = row
		}
		if x-a.at(a.days(rows[begin].NotAfter)) >= markRoom {
			l.Marks = append(l.Marks, a.mark(rows[begin:i]))
			begin = i
		}
	}
	l.Marks = append(l.Marks, a.mark(rows[begin:]))
	l.Start, l.End = percent(low), percent(high)
	return l
}

// mark is that of rows which expire at about the same time, the first of them
// first. Several are shown in the colour of the sound ones, if there are any.
func (a timeAxis) mark(rows []htmlRow) htmlMark {
	first := rows[0]
	m := htmlMark{X: percent(a.at(a.days(first.NotAfter))), Row: first, CA: first.IsCA(), Expired: isPast(first.NotAfter, a.now), Count: len(rows)}
	worst, bad := first, 0
	for _, row := range rows {
		if row.Level != levelOK {
			bad++
		}
		if row.Rank() > worst.Rank() {
			worst = row
		}
	}
	m.Level, m.Title = worst.Level, fmt.Sprintf("%s, %s, %s", brief(first.Role), brief(first.Path), worst.Level)
	if len(rows) > 1 {
		m.Title = fmt.Sprintf("%s of %s, %d not ok; the first", plural(len(rows), "certificate"), brief(first.Role), bad)
	}
	if 0 < bad && bad < len(rows) {
		m.Level, m.Bad = levelOK, &htmlBad{worst.Level, bad, m.Width()/2 - 4, frameWidth(bad, 6)}
	}
	m.Title += fmt.Sprintf(": %s (%s)", minute(first.NotAfter), first.Remaining())
	return m
}
