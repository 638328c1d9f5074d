{{- define "certaudit.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "certaudit.selector" -}}
app.kubernetes.io/name: certaudit
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "certaudit.labels" -}}
{{ include "certaudit.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "certaudit.web" -}}
{{- if and .Values.tls.secretName .Values.tls.webConfigSecretName }}{{ fail "tls.secretName and tls.webConfigSecretName are both given; one is expected" }}{{ end -}}
{{- if or .Values.tls.secretName .Values.tls.webConfigSecretName }}yes{{ end -}}
{{- end }}

{{- define "certaudit.probe" -}}
{{- if .root.Values.tls.webConfigSecretName -}}
tcpSocket: {port: metrics}
{{- else if .root.Values.tls.secretName -}}
httpGet: {path: {{ .path }}, port: metrics, scheme: HTTPS}
{{- else -}}
httpGet: {path: {{ .path }}, port: metrics}
{{- end -}}
{{- end }}

{{- define "certaudit.endpoint" -}}
- port: metrics
  interval: {{ .monitor.interval }}
  # "node" is the node that a certificate lies on, whatever the target is labelled with.
  honorLabels: true
  {{- if include "certaudit.web" .root }}
  scheme: https
  {{- end }}
  {{- with .monitor.tlsConfig }}
  tlsConfig: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .monitor.basicAuth }}
  basicAuth: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
