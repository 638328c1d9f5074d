// Package proof holds the test that what certaudit plan prints fixes what an audit
// found. It runs the scripts on nodes of their own, with a real kubeadm and a real
// openssl, and audits before, after each command, and after the last.
package proof
