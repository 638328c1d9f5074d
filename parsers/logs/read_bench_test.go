package logs

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// carriedBy are logs of some lines, by what carries them; every tenth line of matching ones
// tells of a failure.
var carriedBy = []struct {
	name, file string
	line       func(i int) string
}{
	{"klog", "kube-apiserver.log", klogLine},
	{"klog/stdin", "-", klogLine},
	{"journal", "-", func(i int) string {
		return fmt.Sprintf("Nov 26 01:54:%02d node-%d %s[%d]: %s", i%60, i%3, []string{"kubelet", "containerd", "etcd"}[i%3], 700+i%3, klogLine(i))
	}},
	{"journal-json", "-", func(i int) string {
		return fmt.Sprintf(`{"__CURSOR":"s=8d5a;i=%x;b=6c1e","__REALTIME_TIMESTAMP":"17641209%08d","__MONOTONIC_TIMESTAMP":"88991","_TRANSPORT":"stdout","PRIORITY":"6","SYSLOG_FACILITY":"3","_UID":"0","_SYSTEMD_SLICE":"system.slice","_HOSTNAME":"node-1","SYSLOG_IDENTIFIER":"%s","_SYSTEMD_UNIT":"%[3]s.service","MESSAGE":%q}`, i, i, []string{"kubelet", "containerd"}[i%2], klogLine(i))
	}},
	{"journal-export", "-", func(i int) string {
		return fmt.Sprintf("__CURSOR=s=8d5a;i=%x\n__REALTIME_TIMESTAMP=17641209%08d\n_HOSTNAME=node-1\nPRIORITY=6\nSYSLOG_IDENTIFIER=kubelet\n_SYSTEMD_UNIT=kubelet.service\nMESSAGE=%s\n", i, i, klogLine(i))
	}},
	{"cri", "/var/log/pods/kube-system_kube-apiserver-cp1_1f3a5c7e9b2d4f60/kube-apiserver/0.log", func(i int) string {
		return fmt.Sprintf("2026-11-26T01:54:%02d.%09dZ stderr F %s", i%60, i, klogLine(i))
	}},
	{"json-file", "-", func(i int) string {
		return fmt.Sprintf(`{"log":%q,"stream":"stderr","time":"2026-11-26T01:54:%02d.%09dZ"}`, klogLine(i)+"\n", i%60, i)
	}},
	{"zap", "-", func(i int) string {
		if strings.Contains(klogLine(i), "x509") {
			return fmt.Sprintf(`{"level":"warn","ts":"2026-11-26T01:54:%02d.%06dZ","caller":"embed/config_logging.go:169","msg":"rejected connection","remote-addr":"10.0.0.7:%d","server-name":"","error":"x509: certificate signed by unknown authority"}`, i%60, i, 32768+i)
		}
		return fmt.Sprintf(`{"level":"info","ts":"2026-11-26T01:54:%02d.%06dZ","caller":"mvcc/hash.go:137","msg":"storing new hash","hash":%d,"revision":%d,"compact-revision":%d}`, i%60, i, i*7919, i, i-1)
	}},
}

// every is how many lines there are for each that tells of a failure; 0 for none.
var every int

func klogLine(i int) string {
	if every > 0 && i%every == 0 {
		return fmt.Sprintf(`E1126 01:54:58.%06d   12783 reflector.go:125] failed to list *v1.Pod: Get "https://10.0.0.7:6443/api/v1/pods?resourceVersion=%d": x509: certificate signed by unknown authority`, i, i)
	}
	return fmt.Sprintf(`I1126 01:54:58.%06d   12783 handler.go:309] Adding GroupVersion apiextensions.k8s.io v%d to ResourceManager`, i, i)
}

func linesOf(line func(int) string, lines int) []byte {
	var out bytes.Buffer
	for i := range lines {
		out.WriteString(line(i))
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// now is when the logs of these tests are read.
var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func BenchmarkRead(b *testing.B) {
	for _, e := range []int{0, 10} {
		for _, log := range carriedBy {
			every = e
			text := linesOf(log.line, 20000)
			every = 0
			b.Run(fmt.Sprintf("%s/every=%d", log.name, e), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					r := NewReader(Options{Now: now})
					r.Read(log.file, bytes.NewReader(text))
					if d := r.Digest(); (len(d.Groups) > 0) != (e > 0) || d.Sources[0].Lines < 20000 {
						b.Fatal(d)
					}
				}
			})
		}
	}
}

// BenchmarkFloor reads the same log and counts its lines.
func BenchmarkFloor(b *testing.B) {
	text := linesOf(klogLine, 20000)
	b.SetBytes(int64(len(text)))
	block := make([]byte, blockSize)
	for b.Loop() {
		in, lines := bytes.NewReader(text), 0
		for {
			n, err := in.Read(block)
			for rest := block[:n]; ; lines++ {
				i := bytes.IndexByte(rest, '\n')
				if i < 0 {
					break
				}
				rest = rest[i+1:]
			}
			if err == io.EOF {
				break
			}
		}
		if lines != 20000 {
			b.Fatal(lines)
		}
	}
}
