// Program certaudit audits the certificates of Kubernetes nodes.
package main

import (
	"os"

	"certaudit/cmd"
)

func main() { os.Exit(cmd.Run(os.Args[0], os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
