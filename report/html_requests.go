package report

import "certaudit/audit"

// htmlRequests is the table of requests, as the table format has it.
type htmlRequests struct {
	Titles []string
	Rows   []htmlRequest
}

// htmlRequest is one request: its cells under the titles, in words.
type htmlRequest struct {
	Level string
	Cells []htmlRequestCell
}

type htmlRequestCell struct{ Title, Text string }

// verdictLevels are the levels of the page for the verdicts on a request.
var verdictLevels = map[string]string{audit.VerdictSound: levelOK, audit.VerdictDoubtful: string(audit.Warning), audit.VerdictUnfit: string(audit.Critical)}

func newHTMLRequests(r audit.Result) htmlRequests {
	var t htmlRequests
	for _, c := range requestColumns {
		t.Titles = append(t.Titles, c.title)
	}
	for _, q := range r.Requests {
		row := htmlRequest{Level: verdictLevels[q.Verdict]}
		if row.Level == "" {
			row.Level = levelUnknown
		}
		for _, c := range requestColumns {
			row.Cells = append(row.Cells, htmlRequestCell{c.title, c.cell(q, r.At).String()})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
