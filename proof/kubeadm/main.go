// Command kubeadm is kubeadm as Kubernetes builds it, for the test that plans fix
// what they are for. It is a module of its own, so that the modules of Kubernetes are
// none of certaudit's.
package main

import (
	"k8s.io/kubernetes/cmd/kubeadm/app"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/errors"
)

func main() { errors.HandleError(app.Run()) }
