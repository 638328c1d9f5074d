package report

import "certaudit/audit"

// htmlRequests is the table of requests.
type htmlRequests struct {
	Titles []string
	Rows   []htmlRequest
}

// htmlRequest is one request: its cells under the titles, in words.
type htmlRequest struct {
	Level level
	Cells []htmlRequestCell
}

type htmlRequestCell struct{ Title, Text string }

func newHTMLRequests(r audit.Result) htmlRequests {
	g := requestGrid(r, requestColumns)
	t := htmlRequests{Titles: g.titles}
	for i, cells := range g.rows {
		row := htmlRequest{Level: requestLevel(r.Requests[i].Verdict)}
		for j, c := range cells {
			row.Cells = append(row.Cells, htmlRequestCell{g.titles[j], c.String()})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
