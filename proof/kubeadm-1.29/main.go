// Command kubeadm-1.29 is a kubeadm that reads configurations of v1beta3 alone, as
// Kubernetes builds it, for the test that plans fix what they are for.
package main

import (
	"k8s.io/kubernetes/cmd/kubeadm/app"
	"k8s.io/kubernetes/cmd/kubeadm/app/util"
)

func main() { util.CheckErr(app.Run()) }
