package report

import (
	"cmp"
	"fmt"
	"slices"

	"certaudit/audit"
)

// htmlGraph draws connections from clients on the left to servers on the
// right. Every edge has a slot of its own at both ends, so that none lies on
// another. Lengths are in pixels.
type htmlGraph struct {
	Width, Height    int
	Clients, Servers []htmlBox
	Edges            []htmlEdge
	// Left counts the edges that are not drawn.
	Left int
}

// htmlBox is one end of connections.
type htmlBox struct {
	Name                string
	X, Y, Width, Height int
}

// TextX and TextY are where the name begins.
func (b htmlBox) TextX() int { return b.X + 10 }
func (b htmlBox) TextY() int { return b.Y + b.Height/2 + 4 }

// Short is the name as far as it fits.
func (b htmlBox) Short() string {
	name := []rune(brief(b.Name))
	if room := float64(b.Width-20) / letterWidth; float64(len(name)) > room {
		return string(name[:int(room)-1]) + "…"
	}
	return string(name)
}

// htmlEdge is one or more connections between the same two ends.
type htmlEdge struct {
	Client, Server string
	Status         string
	Level          level
	Count          int
	// Path is the curve, X and Y where the status is written.
	Path string
	X, Y int
}

// The drawing: a column of clients, the words, the curves, a column of servers.
const (
	graphWidth  = 1000
	clientWidth = 360
	serverX     = 740
	slotHeight  = 26
	boxGap      = 8
	// letterWidth is what a letter takes on average.
	letterWidth = 6.5
	// maxEdges are drawn; nobody can read a picture of more.
	maxEdges = 60
)

func newGraph(connections []audit.Connection) htmlGraph {
	edges := mergeEdges(connections)
	g := htmlGraph{Width: graphWidth, Left: max(0, len(edges)-maxEdges)}
	if g.Left > 0 {
		slices.SortStableFunc(edges, func(a, b htmlEdge) int { return cmp.Compare(connectionRank(b.Status), connectionRank(a.Status)) })
		edges = edges[:maxEdges]
	}
	clients := newGraphSide(edges, 0, clientWidth, func(e htmlEdge) string { return e.Client })
	servers := newGraphSide(edges, serverX, graphWidth-serverX, func(e htmlEdge) string { return e.Server })
	g.Height = max(clients.height, servers.height)
	clients.center(g.Height)
	servers.center(g.Height)
	g.Clients, g.Servers = clients.boxes, servers.boxes
	for _, e := range edges {
		y1, y2 := clients.slot(e.Client), servers.slot(e.Server)
		e.X, e.Y = clientWidth+10, y1+4
		start, middle := clientWidth+90, (clientWidth+90+serverX)/2
		e.Path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", start, y1, middle, y1, middle, y2, serverX-8, y2)
		g.Edges = append(g.Edges, e)
	}
	return g
}

// mergeEdges makes one edge of all connections between the same two ends, with
// the worst of their statuses.
func mergeEdges(connections []audit.Connection) []htmlEdge {
	type ends struct{ client, server string }
	index := map[ends]int{}
	var edges []htmlEdge
	for _, c := range connections {
		i, ok := index[ends{c.Client, c.Server}]
		if !ok {
			i, index[ends{c.Client, c.Server}] = len(edges), len(edges)
			edges = append(edges, htmlEdge{Client: c.Client, Server: c.Server, Status: c.Status})
		}
		edges[i].Count++
		if connectionRank(c.Status) > connectionRank(edges[i].Status) {
			edges[i].Status = c.Status
		}
		edges[i].Level = connectionLevel(edges[i].Status)
	}
	return edges
}

// graphSide is one of the two columns.
type graphSide struct {
	boxes  []htmlBox
	height int
	index  map[string]int
	// taken counts the slots of each box that have an edge.
	taken []int
}

// newGraphSide stacks one box for each end, in the order they come, as high as
// it has edges.
func newGraphSide(edges []htmlEdge, x, width int, end func(htmlEdge) string) *graphSide {
	s := &graphSide{index: map[string]int{}}
	for _, e := range edges {
		i, ok := s.index[end(e)]
		if !ok {
			i, s.index[end(e)] = len(s.boxes), len(s.boxes)
			s.boxes = append(s.boxes, htmlBox{Name: end(e), X: x, Width: width})
		}
		s.boxes[i].Height += slotHeight
	}
	for i := range s.boxes {
		s.boxes[i].Y = s.height + boxGap/2
		s.height += s.boxes[i].Height + boxGap
	}
	s.taken = make([]int, len(s.boxes))
	return s
}

// center moves the boxes to the middle of a drawing.
func (s *graphSide) center(height int) {
	for i := range s.boxes {
		s.boxes[i].Y += (height - s.height) / 2
	}
}

// slot takes the next slot of an end and returns its height.
func (s *graphSide) slot(end string) int {
	i := s.index[end]
	s.taken[i]++
	return s.boxes[i].Y + s.taken[i]*slotHeight - slotHeight/2
}
