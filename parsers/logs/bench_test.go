package logs

import "testing"

// BenchmarkEventOf is the cost of lines that have a trigger. Those without one, which are
// nearly all, never come here.
func BenchmarkEventOf(b *testing.B) {
	plain := Line{Component: "kube-apiserver", Text: `"Trace[1234567]: \"List\" accept:application/json, */*,user-agent:kube-controller-manager/v1.34.0 (linux/amd64) kubernetes/abcdef,audit-id:0a0a0a0a-1111-2222-3333-444444444444,client:10.0.0.1,api-group:certificates.k8s.io (01-Jan-2026 00:00:00.000) (total time: 512ms)"`}
	failing := Line{Component: "kube-controller-manager", Text: kinds[1].Examples[0].Text}
	for _, of := range []struct {
		name  string
		plain int
	}{{"failures alone", 0}, {"one failure in ten lines that are looked at", 9}} {
		b.Run(of.name, func(b *testing.B) {
			b.SetBytes(int64(of.plain*len(plain.Text) + len(failing.Text)))
			b.ReportAllocs()
			for b.Loop() {
				if e, _, _ := eventOf(failing); e == nil {
					b.Fatal("no event")
				}
				for range of.plain {
					if e, _, suspect := eventOf(plain); e != nil || suspect {
						b.Fatal("not nothing")
					}
				}
			}
		})
	}
}
