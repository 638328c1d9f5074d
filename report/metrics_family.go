package report

import (
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// families collects series. A series is added once: Prometheus refuses a whole
// scrape in which one occurs twice.
type families struct {
	order  []*dto.MetricFamily
	byName map[string]*dto.MetricFamily
	series map[string]*dto.Metric
	// labels are those that occur again and again.
	labels map[[2]string]*dto.LabelPair
	names  map[string]*string
	host   Host
	key    strings.Builder
}

func newFamilies(roster []Metric) *families {
	m := &families{byName: map[string]*dto.MetricFamily{}, series: map[string]*dto.Metric{}, labels: map[[2]string]*dto.LabelPair{}, names: map[string]*string{}}
	for _, d := range roster {
		kind := dto.MetricType_GAUGE
		if d.Type == "counter" {
			kind = dto.MetricType_COUNTER
		}
		f := &dto.MetricFamily{Name: &d.Name, Help: &d.Help, Type: &kind}
		m.order = append(m.order, f)
		m.byName[d.Name] = f
	}
	return m
}

// list returns the families that have a series.
func (m *families) list() []*dto.MetricFamily {
	var out []*dto.MetricFamily
	for _, f := range m.order {
		if len(f.Metric) > 0 {
			out = append(out, f)
		}
	}
	return out
}

func (m *families) size(name string) int { return len(m.byName[name].Metric) }

// add adds a series. Of two with the same labels the lower value stays: of two
// certificates with the same labels the one that ends first.
func (m *families) add(name string, value float64, labels ...[]*dto.LabelPair) {
	v, fresh := m.value(name, labels)
	if fresh || value < *v {
		*v = value
	}
}

// count adds one to a series.
func (m *families) count(name string, labels ...[]*dto.LabelPair) {
	v, _ := m.value(name, labels)
	*v++
}

// zero makes sure that there is a series.
func (m *families) zero(name string, labels ...[]*dto.LabelPair) { m.value(name, labels) }

// value returns where the value of a series is kept, and whether the series was
// made just now.
func (m *families) value(name string, labels [][]*dto.LabelPair) (v *float64, fresh bool) {
	m.key.Reset()
	m.key.WriteString(name)
	n := 0
	for _, ps := range labels {
		n += len(ps)
		for _, p := range ps {
			m.key.WriteByte(0xff) // in no valid UTF-8
			m.key.WriteString(*p.Name)
			m.key.WriteByte(0xff)
			m.key.WriteString(*p.Value)
		}
	}
	metric, ok := m.series[m.key.String()]
	if !ok {
		metric = &dto.Metric{}
		if len(labels) == 1 {
			metric.Label = labels[0] // shared between the series of a certificate
		} else if n > 0 {
			metric.Label = make([]*dto.LabelPair, 0, n)
			for _, ps := range labels {
				metric.Label = append(metric.Label, ps...)
			}
		}
		f := m.byName[name]
		if f.GetType() == dto.MetricType_COUNTER {
			metric.Counter = &dto.Counter{Value: new(float64)}
		} else {
			metric.Gauge = &dto.Gauge{Value: new(float64)}
		}
		f.Metric = append(f.Metric, metric)
		m.series[m.key.String()] = metric
	}
	if metric.Counter != nil {
		return metric.Counter.Value, !ok
	}
	return metric.Gauge.Value, !ok
}

// pairs makes labels of names and values by turns. An empty value is no label.
func (m *families) pairs(namesAndValues ...string) []*dto.LabelPair {
	out := make([]*dto.LabelPair, 0, len(namesAndValues)/2)
	for i := 0; i < len(namesAndValues); i += 2 {
		if value := labelValue(namesAndValues[i+1]); value != "" {
			out = append(out, m.pair(namesAndValues[i], value))
		}
	}
	return out
}

// unshared are the labels that nearly every series has another value of.
var unshared = map[string]bool{"path": true, "filepath": true, "filename": true, "serial": true, "serial_number": true, "sha256": true,
	"subject": true, "subject_CN": true, "sans": true}

// pair makes a label, or returns the one that was made before.
func (m *families) pair(name, value string) *dto.LabelPair {
	if unshared[name] {
		return &dto.LabelPair{Name: m.name(name), Value: &value}
	}
	key := [2]string{name, value}
	p, ok := m.labels[key]
	if !ok {
		p = &dto.LabelPair{Name: m.name(name), Value: &value}
		m.labels[key] = p
	}
	return p
}

func (m *families) name(name string) *string {
	p, ok := m.names[name]
	if !ok {
		p = &name
		m.names[name] = p
	}
	return p
}

// labelValue makes of any bytes a value that Prometheus takes: valid UTF-8 of
// bounded length, and nothing that a terminal would obey.
func labelValue(s string) string {
	head, left := clip(s, maxLabelValue)
	if left > 0 {
		head += "…"
	}
	return printable(head)
}
